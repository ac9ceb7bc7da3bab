//! The hub's cache as `huggingface_hub` lays it out, so that each finds what the other fetched:
//!
//! ```text
//! models--timm--resnet18.tv_in1k/
//!   blobs/694f67…           the file, called by its SHA-256; `….incomplete` while it is fetched
//!   refs/main               the commit that a branch stood at
//!   snapshots/a987fd…/model.safetensors -> ../../blobs/694f67…
//! .locks/models--timm--resnet18.tv_in1k/694f67….lock
//! ```

use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{HubError, Progress, disk, go_on};
use crate::files::{read, write};

/// The folder of the cache.
#[derive(Debug, Clone)]
pub struct Cache(PathBuf);

/// Where a file of a repository stands, or will.
pub struct Place {
    repository: PathBuf,
    commit: String,
    pub blob: PathBuf,
    pub incomplete: PathBuf,
    lock: PathBuf,
}

/// The hub's home folder: `HF_HOME`, else `huggingface` in the user's cache folder.
fn home(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let caches =
        || variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(etcetera::home_dir().ok()?.join(".cache")));
    variable("HF_HOME").map(PathBuf::from).or_else(|| Some(caches()?.join("huggingface")))
}

/// The user's token: `HF_TOKEN`, or what `hf auth login` keeps.
pub fn token(variable: impl Fn(&str) -> Option<String> + Copy) -> Option<String> {
    let kept = || {
        let path = variable("HF_TOKEN_PATH").map(PathBuf::from).or_else(|| Some(home(variable)?.join("token")))?;
        read::text(&path, read::SMALL).ok()
    };
    let token = variable("HF_TOKEN").or_else(kept)?.trim().to_string();
    (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())).then_some(token)
}

impl Cache {
    pub fn from_environment(variable: impl Fn(&str) -> Option<String> + Copy) -> Option<Cache> {
        let own = variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE")).map(PathBuf::from);
        own.or_else(|| Some(home(variable)?.join("hub"))).map(Cache)
    }

    pub fn folder(&self) -> &Path {
        &self.0
    }

    fn repository(&self, hub: &str) -> PathBuf {
        self.0.join(format!("models--{}", hub.replace('/', "--")))
    }

    /// A file of a revision that is there: of that commit, of the one whose first digits these are, or of the branch as it was.
    pub fn find(&self, hub: &str, revision: &str, file: &str) -> Option<PathBuf> {
        let repository = self.repository(hub);
        let snapshots = repository.join("snapshots");
        let commit = || {
            let shortened = revision.len() >= 7 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
            let names = fs::read_dir(&snapshots).into_iter().flatten().flatten();
            let mut names = names.filter_map(|entry| entry.file_name().into_string().ok());
            shortened.then(|| names.find(|name| name.starts_with(revision))).flatten()
        };
        let branch = || {
            let text = read::text(&repository.join("refs").join(revision), read::SMALL).ok()?;
            Some(text.trim().to_string()).filter(|commit| is_commit(commit))
        };
        let of = |commit: &str| Some(snapshots.join(commit).join(file)).filter(|path| path.is_file());
        of(revision).or_else(|| of(&commit()?)).or_else(|| of(&branch()?))
    }

    pub fn place(&self, hub: &str, commit: &str, sha256: &str) -> Place {
        let repository = self.repository(hub);
        let blobs = repository.join("blobs");
        let locks = self.0.join(".locks").join(repository.file_name().unwrap_or_default());
        Place {
            commit: commit.to_string(),
            blob: blobs.join(sha256),
            incomplete: blobs.join(format!("{sha256}.incomplete")),
            lock: locks.join(format!("{sha256}.lock")),
            repository,
        }
    }

    /// Waits until no other process fetches the file.
    pub fn lock(&self, place: &Place, wait: &mut dyn FnMut() -> Result<(), HubError>) -> Result<File, HubError> {
        for file in [&place.lock, &place.blob] {
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).map_err(|error| disk(folder, &error))?;
            }
        }
        let lock = write::open_lock(&place.lock).map_err(|error| disk(&place.lock, &error))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(fs::TryLockError::WouldBlock) => {
                    wait()?;
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(fs::TryLockError::Error(error)) => return Err(disk(&place.lock, &error)),
            }
        }
    }

    /// Gives the file its name under its commit, and says at which commit the branch stood. Gives the path.
    pub fn link(&self, place: &Place, revision: &str, file: &str) -> Result<PathBuf, HubError> {
        let path = place.repository.join("snapshots").join(&place.commit).join(file);
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| disk(folder, &error))?;
        let _ = fs::remove_file(&path);
        // From the file's folder up to the repository, then down.
        let up = "../".repeat(2 + file.matches('/').count());
        let blob = place.blob.file_name().unwrap_or_default().to_string_lossy();
        symlink(&format!("{up}blobs/{blob}"), &place.blob, &path).map_err(|error| disk(&path, &error))?;
        if !place.commit.starts_with(revision) {
            let branch = place.repository.join("refs").join(revision);
            let made = branch.parent().map_or(Ok(()), fs::create_dir_all);
            made.and_then(|()| write::write_text(&branch, &place.commit)).map_err(|error| disk(&branch, &error))?;
        }
        Ok(path)
    }

    /// Removes a file that is not what it should be: the name under its commit, and what it leads to.
    pub fn remove(&self, path: &Path) -> Result<(), HubError> {
        let blob =
            fs::canonicalize(path).ok().filter(|blob| fs::canonicalize(&self.0).is_ok_and(|own| blob.starts_with(own)));
        blob.iter().for_each(|blob| forget(blob));
        match fs::symlink_metadata(path) {
            Ok(_) => fs::remove_file(path).map_err(|error| disk(path, &error)),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(unix)]
fn symlink(relative: &str, _: &Path, path: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(relative, path)
}

#[cfg(not(unix))]
fn symlink(_: &str, blob: &Path, path: &Path) -> std::io::Result<()> {
    fs::hard_link(blob, path).or_else(|_| fs::copy(blob, path).map(drop))
}

/// Whether a text is a commit, and so may be a part of a path.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text is a SHA-256 in hexadecimal digits.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The SHA-256 that a file of the cache is called by.
pub fn hash_in_name(path: &Path) -> Option<String> {
    let blob = fs::canonicalize(path).ok()?;
    blob.file_name()?.to_str().filter(|name| is_sha256(name)).map(str::to_lowercase)
}

/// A file's SHA-256 and its bytes.
pub fn sha256(path: &Path, on: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Result<(String, u64), HubError> {
    const PIECE: usize = 1 << 20;
    let mut file =
        read::open(path).map_err(|error| HubError::Disk { path: super::shown(path), reason: error.to_string() })?;
    let of = file.metadata().map_err(|error| disk(path, &error))?.len();
    let (mut hash, mut bytes, mut done) = (Sha256::new(), vec![0; PIECE], 0);
    loop {
        let count = file.read(&mut bytes).map_err(|error| disk(path, &error))?;
        if count == 0 {
            break;
        }
        hash.update(&bytes[..count]);
        done += count as u64;
        go_on(on, Progress::Checking { done, of })?;
    }
    let digits = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digits, done))
}

pub fn open_to_append(path: &Path) -> Result<File, HubError> {
    write::open_to_append(path).map_err(|error| disk(path, &error))
}

pub fn finished(from: &Path, to: &Path) -> Result<(), HubError> {
    write::finish(from, to).map_err(|error| disk(to, &error))
}

/// Removes a file that must not be taken for a good one.
pub fn forget(path: &Path) {
    let _ = fs::remove_file(path);
}
