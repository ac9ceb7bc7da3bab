//! Training by PyTorch instead of by us: the network as a module, in several processes under torchrun, on GPUs and machines that we
//! know nothing of.
//!
//! A run is prepared as any other, and its first checkpoint written; from then on `train.py` reads and writes its folder, and the
//! folder is all that both sides share: what is told here is what `metrics.jsonl` says. A line on standard input, or its end, asks the
//! processes to stop.

pub mod error;
mod failure;
mod python;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use safetensors::tensor::{Dtype, TensorView};

use error::{EngineError, LOG};
pub use python::Python;

use super::data::{DataSet, Sets, Source};
use super::evaluate::Evaluation;
use super::runs::{self, Following, Line, Status};
use super::session::{Over, Session, SessionError};
use super::train::{Control, Event};
use crate::exchange::pytorch;
use crate::files::write::{self, Links};
use crate::network::Compiled;
use crate::spec::recipe::Recipe as Given;

/// The module and what trains it, in the run's folder.
const MODULE: &str = "pytorch";

/// The machines that train together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines {
    pub count: usize,
    /// This one's number, from 0.
    pub own: usize,
    /// Where the first one is found.
    pub host: String,
    pub port: u16,
}

/// How PyTorch is started.
#[derive(Debug, Clone)]
pub struct Launch {
    pub python: Python,
    /// Processes on this machine.
    pub processes: usize,
    /// None for this machine alone.
    pub machines: Option<Machines>,
    /// Mixed precision.
    pub amp: bool,
    pub threads: usize,
}

impl Launch {
    /// Those of all machines.
    pub fn all_processes(&self) -> usize {
        self.processes * self.machines.as_ref().map_or(1, |machines| machines.count)
    }

    /// In a sentence.
    pub fn words(&self) -> String {
        let many = |count: usize, one: &str, more: &str| format!("{count} {}", if count == 1 { one } else { more });
        let processes = many(self.processes, "process", "processes");
        let on = match self.python.gpus {
            gpus if gpus >= self.processes => "one GPU each, over NCCL".to_string(),
            0 => format!("{} a process, over gloo", many(self.threads_each(), "thread", "threads")),
            gpus => format!("there are {gpus} GPUs only: on the CPU, over gloo"),
        };
        let machines = self.machines.as_ref().map_or_else(String::new, |own| {
            format!(" on machine {} of {}, meeting at {}:{}", own.own, own.count, own.host, own.port)
        });
        format!("PyTorch {} trains in {processes}{machines} ({on})", self.python.torch)
    }

    fn threads_each(&self) -> usize {
        (self.threads / self.processes.max(1)).max(1)
    }

    /// Refuses data for which its Python has no reader, before anything is made.
    pub fn check_pictures(&self, data: &Source, recipe: &Given) -> Result<(), EngineError> {
        let jitters = recipe.augment.iter().flatten().any(|word| word == "jitter");
        if self.python.pillow || !(matches!(data, Source::Folder(_)) || jitters) {
            return Ok(());
        }
        let (path, missing) = (self.python.path.display().to_string(), "pillow, which opens pictures".to_string());
        Err(EngineError::Missing { path, missing })
    }

    /// Whether this machine keeps the run's folder.
    pub fn is_first(&self) -> bool {
        self.machines.as_ref().is_none_or(|machines| machines.own == 0)
    }
}

/// Gets what was learned.
pub type Trained<'a> = &'a mut dyn FnMut(&Compiled) -> Result<(), SessionError>;

/// Trains a run to its end, or until it is told to stop. `trained` gets what was learned.
pub fn run(
    session: Session,
    launch: &Launch,
    control: &Control,
    on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    trained: Option<Trained>,
) -> Result<Over, SessionError> {
    let handed = session.hand_over()?;
    // Where another machine keeps the run, this one has the module only.
    let own = tempfile::tempdir().map_err(|error| EngineError::Start(crate::files::reason(&error)))?;
    let folder = handed.folder.as_deref().map(|folder| std::path::absolute(folder).unwrap_or_else(|_| folder.into()));
    let place = folder.as_deref().unwrap_or(own.path());
    let module = place.join(MODULE);
    let told = pytorch::Told { architecture: &handed.architecture, recipe: &handed.recipe.given() };
    pytorch::write(&handed.network, None, told, &module).map_err(EngineError::from)?;
    let source = match &handed.source {
        Source::Synthetic(_) => {
            let path = module.join("data.safetensors");
            write_sets(&handed.sets, &path)?;
            Source::Tensors(path)
        }
        other => other.clone(),
    };
    let plan = serde_json::json!({"data": handed.source.to_string(), "recipe": handed.recipe.given()});
    let path = module.join("plan.json");
    write::write_text(&path, &plan.to_string()).map_err(|error| unwritable(&path, &error))?;
    let mut following = folder.as_deref().map(Following::from_end).transpose()?;
    let log = place.join(LOG);
    let mut child = start(launch, control, &module, folder.as_deref(), &source, (&log, own.path()))?;
    let ended = follow(&mut child, following.as_mut(), control, handed.recipe.batch, on);
    let reason = || {
        let said = crate::files::read::bytes(&log, LARGEST_LOG).unwrap_or_default();
        failure::reason(&String::from_utf8_lossy(&said), launch.all_processes())
            .unwrap_or_else(|| format!("torchrun ended: {}", ended.words()))
    };
    let Some(folder) = folder else {
        return match ended.is_sound() {
            true => Ok(Over::elsewhere()),
            false => Err(EngineError::Ended { reason: reason(), folder: None }.into()),
        };
    };
    let summary = runs::Summary::read(&folder)?;
    if !ended.is_sound() || matches!(summary.status, Status::Running | Status::Failed) {
        let reason = reason();
        runs::say_failed(&folder, &reason)?;
        return Err(
            EngineError::Ended { reason, folder: handed.folder.map(|folder| folder.display().to_string()) }.into()
        );
    }
    if let Some(trained) = trained {
        let checkpoint = runs::checkpoint::Checkpoint::open(&folder)?;
        trained(&checkpoint.judged(&folder, &handed.network, handed.how()?)?)?;
    }
    let over = Over::of(summary, handed.recipe.patience_stop, ended.looked, handed.folder);
    Ok(Over { left_out: ended.left_out, ..over })
}

/// Most of a log that is read.
const LARGEST_LOG: u64 = 64 << 20;

fn unwritable(path: &Path, error: &std::io::Error) -> EngineError {
    EngineError::Start(format!("cannot write {}: {}", path.display(), crate::files::reason(error)))
}

/// Data that only we can make, for PyTorch to read.
fn write_sets(sets: &Sets, path: &Path) -> Result<(), EngineError> {
    let failed = |reason: String| EngineError::Start(format!("cannot write {}: {reason}", path.display()));
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>, Dtype)> = Vec::new();
    // As they are before they are split, which follows from the recipe.
    let second = sets.test.as_ref().or(sets.validation.as_ref());
    for (prefix, set) in [("", Some(&sets.train)), ("second_", second)] {
        let Some((values, labels, sizes)) = set.and_then(DataSet::ready) else { continue };
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let shape = [&[labels.len()][..], &sizes].concat();
        tensors.push((format!("{prefix}input"), shape, bytes(values), Dtype::F32));
        let numbers = labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect();
        tensors.push((format!("{prefix}labels"), vec![labels.len()], numbers, Dtype::I64));
    }
    let views = tensors.iter().map(|(name, shape, bytes, dtype)| {
        TensorView::new(*dtype, shape.clone(), bytes).map(|view| (name.clone(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
    write::write_as(path, Links::Replaced, |beside| {
        safetensors::serialize_to_file(views, None, beside).map_err(|error| std::io::Error::other(error.to_string()))
    })
    .map_err(|error| failed(crate::files::reason(&error)))
}

/// Starts torchrun in a group of its own, so that a terminal's Ctrl-C reaches us alone.
fn start(
    launch: &Launch,
    control: &Control,
    module: &Path,
    folder: Option<&Path>,
    source: &Source,
    (log, scratch): (&Path, &Path),
) -> Result<Child, EngineError> {
    let failed = |error: std::io::Error| EngineError::Start(crate::files::reason(&error));
    let output = write::open_to_append(log).map_err(failed)?;
    output.set_len(0).map_err(failed)?;
    let mut command = Command::new(&launch.python.path);
    command.args(["-m", "torch.distributed.run", "--nproc-per-node", &launch.processes.to_string()]);
    command.arg("--log-dir").arg(scratch);
    match &launch.machines {
        None => command.arg("--standalone"),
        Some(own) => command.args([
            format!("--nnodes={}", own.count),
            format!("--node-rank={}", own.own),
            format!("--master-addr={}", own.host),
            format!("--master-port={}", own.port),
        ]),
    };
    command.arg(module.join("train.py")).args(["--data", &source.absolute().to_string()]);
    if let Some(folder) = folder {
        command.arg("--handed-over").arg(folder);
    }
    if launch.amp {
        command.arg("--amp");
    }
    if let Some(until) = control.until {
        let left = until.saturating_duration_since(Instant::now()).as_secs_f64() / 60.0;
        command.args(["--max-minutes", &left.to_string()]);
    }
    command.env("OMP_NUM_THREADS", launch.threads_each().to_string());
    command.env("CONVLENS_STDIN", "1").env("PYTHONUNBUFFERED", "1");
    command.stdin(Stdio::piped()).stderr(output.try_clone().map_err(failed)?).stdout(output);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn().map_err(failed)
}

struct Ended {
    /// None where the system does not say.
    status: Option<ExitStatus>,
    looked: [Option<Evaluation>; 2],
    /// Images that could not be read.
    left_out: usize,
}

impl Ended {
    fn is_sound(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    fn words(&self) -> String {
        self.status.map_or_else(|| "the system does not say how".to_string(), |status| status.to_string())
    }
}

/// How often it is looked what there is to tell.
const LOOK: Duration = Duration::from_millis(50);

/// Tells what the metrics say until the processes have ended.
fn follow(
    child: &mut Child,
    mut following: Option<&mut Following>,
    control: &Control,
    batch: usize,
    on: &mut dyn FnMut(Event) -> ControlFlow<()>,
) -> Ended {
    let (mut looked, mut left_out) = ([None, None], 0);
    let mut input = child.stdin.take();
    loop {
        // Asked before what it has told is read: nothing comes after its end.
        let status = child.try_wait();
        let mut stops = control.stops();
        if let Some(following) = &mut following {
            for line in following.more() {
                if let Line::Finish { looked: own } = line {
                    looked = own;
                }
                if let Line::Warning { text, .. } = &line {
                    left_out += usize::from(text.ends_with("; it is left out"));
                }
                stops |= following.event(line, batch).is_some_and(|event| on(event).is_break());
            }
        }
        match status {
            Ok(None) => {}
            Ok(Some(status)) => return Ended { status: Some(status), looked, left_out },
            Err(_) => return Ended { status: None, looked, left_out },
        }
        if stops && let Some(mut input) = input.take() {
            let _ = input.write_all(b"stop\n");
        }
        std::thread::sleep(LOOK);
    }
}
