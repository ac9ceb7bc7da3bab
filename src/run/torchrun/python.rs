//! The Python that PyTorch runs in.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::error::EngineError;
use crate::reason::Reason;

/// A Python that has all that is needed.
#[derive(Debug, Clone)]
pub struct Python {
    pub path: PathBuf,
    /// PyTorch's version.
    pub torch: String,
    pub gpus: usize,
    /// Whether it opens pictures.
    pub pillow: bool,
}

/// What stands in for PyTorch's import, which takes seconds, where there is none.
const ASK: &str = "
import importlib.util, json
missing = [name for name in ('torch', 'safetensors', 'numpy') if importlib.util.find_spec(name) is None]
answer = {'missing': missing}
if not missing:
    import torch
    answer |= {'pillow': importlib.util.find_spec('PIL') is not None}
    answer |= {'torch': torch.__version__, 'gpus': torch.cuda.device_count(), 'together': torch.distributed.is_available()}
print(json.dumps(answer))
";

#[derive(Deserialize)]
struct Answer {
    missing: Vec<String>,
    torch: Option<String>,
    gpus: Option<usize>,
    together: Option<bool>,
    pillow: Option<bool>,
}

impl Python {
    /// The one that is named, or the first that a shell would find.
    pub fn find(named: Option<&Path>) -> Result<Python, EngineError> {
        let names = match named {
            Some(path) => vec![path.to_path_buf()],
            None => ["python3", "python"].map(PathBuf::from).to_vec(),
        };
        let mut first = None;
        for path in names {
            match ask(&path) {
                Ok(answer) => return told(path, answer),
                Err(reason) => first = first.or(Some((path, reason))),
            }
        }
        let (path, reason) = first.map_or_else(Default::default, |(path, Reason(reason))| (path, reason));
        Err(EngineError::NoPython { path: path.display().to_string(), reason })
    }
}

fn ask(path: &Path) -> Result<Answer, Reason> {
    let asked = Command::new(path).args(["-c", ASK]).stdin(Stdio::null()).output();
    let output = asked.map_err(|error| crate::files::reason(&error))?;
    let last = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().lines().next_back().unwrap_or_default().to_string();
    // What modules print on their way in stands before the answer.
    serde_json::from_str(&last(&output.stdout)).map_err(|_| match last(&output.stderr) {
        words if words.is_empty() => "it does not answer as a Python does".into(),
        words => words.into(),
    })
}

fn told(path: PathBuf, answer: Answer) -> Result<Python, EngineError> {
    if !answer.missing.is_empty() {
        let (path, missing) = (path.display().to_string(), answer.missing.join(", "));
        return Err(EngineError::Missing { path, missing });
    }
    if answer.together == Some(false) {
        return Err(EngineError::Alone { path: path.display().to_string() });
    }
    let pillow = answer.pillow == Some(true);
    Ok(Python { pillow, path, torch: answer.torch.unwrap_or_default(), gpus: answer.gpus.unwrap_or(0) })
}
