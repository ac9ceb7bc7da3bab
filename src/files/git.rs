//! Files as they stand at a revision of the git repository around the current folder. git itself is asked, by plumbing that runs
//! nothing of the repository's.

use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::visible::visible;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// As it was asked for: `HEAD~1`.
    name: String,
    commit: String,
}

#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git cannot be run: {0}")]
    Missing(String),
    /// With git's own reason.
    #[error("git knows no revision `{revision}` here: {reason}")]
    NoRevision { revision: String, reason: String },
    #[error("{path} is not there at `{revision}`")]
    NoFile { path: String, revision: String },
    #[error("{path} at `{revision}` has more than {} KiB", .most / 1024)]
    TooLarge { path: String, revision: String, most: u64 },
    #[error("{path} at `{revision}` is not UTF-8 text")]
    NotText { path: String, revision: String },
    #[error("{path} lies outside of the current folder; name it from here")]
    Outside { path: String },
}

impl Revision {
    pub fn find(name: &str) -> Result<Revision, GitError> {
        let wanted = format!("{name}^{{commit}}");
        let output = git(&["rev-parse", "--verify", "--end-of-options", &wanted])?;
        let commit = String::from_utf8_lossy(&output.stdout).trim().to_string();
        if output.status.success() && !commit.is_empty() {
            return Ok(Revision { name: name.to_string(), commit });
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let reason = visible(said.lines().next().unwrap_or_default().trim_start_matches("fatal: ")).into_owned();
        Err(GitError::NoRevision { revision: name.to_string(), reason })
    }

    /// As it was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a file of at most so many bytes.
    pub fn read(&self, path: &Path, most: u64) -> Result<String, GitError> {
        let (shown, revision) = (path.display().to_string(), self.name.clone());
        let missing = GitError::NoFile { path: shown.clone(), revision: revision.clone() };
        let object = self.file(path)?.ok_or(missing)?;
        let size = asked(&["cat-file", "-s", &object])?;
        let size = size.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse::<u64>().ok());
        if size.is_none_or(|size| size > most) {
            return Err(GitError::TooLarge { path: shown, revision, most });
        }
        let bytes = asked(&["cat-file", "blob", &object])?.unwrap_or_default();
        String::from_utf8(bytes).map_err(|_| GitError::NotText { path: shown, revision })
    }

    pub fn is_file(&self, path: &Path) -> bool {
        self.file(path).is_ok_and(|own| own.is_some())
    }

    /// The object of a file: by its path from the current folder, else from the repository's top, as git's own paths count.
    fn file(&self, path: &Path) -> Result<Option<String>, GitError> {
        let from_here = self.object(path)?;
        let from_top = from_here.replacen(":./", ":", 1);
        for object in [from_here, from_top] {
            let kind = asked(&["cat-file", "-t", &object])?;
            if kind.is_some_and(|kind| kind.trim_ascii() == b"blob") {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// The files in a folder, in order; none where there is no such folder.
    pub fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let Ok(object) = self.object(folder) else { return Vec::new() };
        let listed = asked(&["ls-tree", "-z", "--name-only", &object]).ok().flatten().unwrap_or_default();
        let names = listed.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        names.map(|name| folder.join(String::from_utf8_lossy(name).as_ref())).collect()
    }

    /// `COMMIT:./path`, which git reads from the current folder on.
    fn object(&self, path: &Path) -> Result<String, GitError> {
        let outside = || GitError::Outside { path: path.display().to_string() };
        let here = std::env::current_dir().map_err(|error| GitError::Missing(error.to_string()))?;
        let relative = match path.is_absolute() {
            true => path.strip_prefix(&here).map_err(|_| outside())?,
            false => path,
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in relative.components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
                Component::ParentDir => parts.push(".."),
                Component::Normal(name) => parts.push(name.to_str().ok_or_else(outside)?),
                Component::RootDir | Component::Prefix(_) => return Err(outside()),
            }
        }
        let start = if parts.first() == Some(&"..") { "" } else { "./" };
        Ok(format!("{}:{start}{}", self.commit, parts.join("/")))
    }
}

fn git(arguments: &[&str]) -> Result<Output, GitError> {
    let output = Command::new("git").args(arguments).stdin(Stdio::null()).env("LC_ALL", "C").output();
    output.map_err(|error| GitError::Missing(super::reason(&error)))
}

/// What git says, or nothing where it says no.
fn asked(arguments: &[&str]) -> Result<Option<Vec<u8>>, GitError> {
    let output = git(arguments)?;
    Ok(output.status.success().then_some(output.stdout))
}
