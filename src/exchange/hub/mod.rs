//! Published weights: found in the Hugging Face hub's own cache, where Python's tools keep what they fetched, or fetched into it.
//!
//! Nothing is used before its SHA-256 was checked, and nothing whose SHA-256 is another is left behind. A fetch that breaks off
//! is taken up again where it was.

mod cache;
mod client;

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

pub use cache::Cache;
use client::{Client, Head};

use crate::spec::describe::Published;
use crate::visible::visible;

/// Who says what a file's SHA-256 is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifiedBy {
    /// The architecture file.
    File,
    /// Only the hub that the file came from.
    Server,
}

impl VerifiedBy {
    pub fn word(self) -> &'static str {
        match self {
            VerifiedBy::File => "file",
            VerifiedBy::Server => "server",
        }
    }
}

/// A file that is there and is what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub path: PathBuf,
    pub bytes: u64,
    pub sha256: String,
    pub verified_by: VerifiedBy,
    /// Whether it was there before.
    pub was_there: bool,
}

/// How far a fetch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The server is asked, or another process that fetches the same is waited for.
    Asking,
    Fetching {
        done: u64,
        of: u64,
    },
    /// The SHA-256 is worked out.
    Checking {
        done: u64,
        of: u64,
    },
}

/// Why published weights are not there.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error(
        "no published weights are known for {0}; `weights: {{hub: OWNER/NAME, …}}` in its file says where some are"
    )]
    NoneKnown(String),
    #[error("there is no folder for what is fetched; HF_HOME names one")]
    NoCache,
    #[error("{what} is not in {cache}, and HF_HUB_OFFLINE is set")]
    Offline { what: String, cache: String },
    #[error("{url}: {reason}")]
    Server { url: String, reason: String },
    #[error("cannot write {path}: {reason}")]
    Disk { path: String, reason: String },
    #[error("{what} has SHA-256 {found} instead of {wanted}; {then}")]
    WrongHash { what: String, found: String, wanted: String, then: &'static str },
    #[error("stopped; what was fetched is kept, and taken up again the next time")]
    Stopped,
}

/// Where to ask and where to keep.
pub struct Hub {
    client: Client,
    cache: Cache,
    offline: bool,
}

/// Times that a fetch is begun again without a byte more.
const TRIES: u32 = 5;

impl Hub {
    /// As the environment says: `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_HUB_OFFLINE`, `HF_TOKEN`.
    pub fn from_environment() -> Result<Hub, HubError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let is_set =
            |name: &str| variable(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no" | "off"));
        Ok(Hub {
            client: Client::new(variable("HF_ENDPOINT"), cache::token(variable)),
            cache: Cache::from_environment(variable).ok_or(HubError::NoCache)?,
            offline: is_set("HF_HUB_OFFLINE"),
        })
    }

    /// The file where it is in the cache already; its content is not looked at.
    pub fn cached(&self, published: &Published) -> Option<PathBuf> {
        self.cache.find(published.hub.as_deref()?, &published.revision, &published.file)
    }

    /// Bytes of the file, if the server says so; of one in the cache, its own.
    pub fn size(&self, published: &Published) -> Result<Option<u64>, HubError> {
        let hub = repository(published)?;
        match self.cached(published).and_then(|path| path.metadata().ok()) {
            Some(there) => Ok(Some(there.len())),
            None if self.offline => Err(self.missing_offline(published)),
            None => Ok(self.client.head(hub, &published.revision, &published.file)?.size),
        }
    }

    /// The file, from the cache or fetched into it, with its SHA-256 checked. `on` hears how far it is, and can stop it.
    pub fn get(
        &self,
        published: &Published,
        on: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Fetched, HubError> {
        let hub = repository(published)?;
        if let Some(path) = self.cached(published) {
            let wanted = published.sha256.clone().or_else(|| cache::hash_in_name(&path));
            let by = if published.sha256.is_some() { VerifiedBy::File } else { VerifiedBy::Server };
            if let Some(wanted) = wanted {
                let (found, bytes) = cache::sha256(&path, on)?;
                if found == wanted {
                    return Ok(Fetched { path, bytes, sha256: found, verified_by: by, was_there: true });
                }
                if self.offline {
                    let then = "delete it, and fetch it again where there is a network";
                    return Err(HubError::WrongHash { what: shown(&path), found, wanted, then });
                }
                // What is not what it is called is of no use to anybody.
                self.cache.remove(&path)?;
            }
        }
        if self.offline {
            return Err(self.missing_offline(published));
        }
        self.fetch(hub, published, on)
    }

    fn fetch(
        &self,
        hub: &str,
        published: &Published,
        on: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Fetched, HubError> {
        go_on(on, Progress::Asking)?;
        let head = self.client.head(hub, &published.revision, &published.file)?;
        let what = format!("{hub}/{}", published.file);
        let server = |reason: String| HubError::Server { url: what.clone(), reason };
        let (wanted, by) = match (&published.sha256, &head.sha256) {
            (Some(own), Some(theirs)) if own != theirs => {
                let then = "the hub has another file than the architecture names; nothing was fetched";
                return Err(HubError::WrongHash { what, found: theirs.clone(), wanted: own.clone(), then });
            }
            (Some(own), _) => (own.clone(), VerifiedBy::File),
            (None, Some(theirs)) => (theirs.clone(), VerifiedBy::Server),
            (None, None) => {
                return Err(server(
                    "the server gives no SHA-256, and the architecture none; `sha256:` in its file is needed".into(),
                ));
            }
        };
        let place = self.cache.place(hub, &head.commit, &wanted);
        let _lock = self.cache.lock(&place, &mut || go_on(on, Progress::Asking))?;
        // Another process may have fetched it meanwhile.
        if !place.blob.is_file() {
            self.fill(&head, &what, &place.incomplete, on)?;
            let (found, _) = cache::sha256(&place.incomplete, on)?;
            if found != wanted {
                cache::forget(&place.incomplete);
                let then = "it was thrown away";
                return Err(HubError::WrongHash { what, found, wanted, then });
            }
            cache::finished(&place.incomplete, &place.blob)?;
        }
        let (found, bytes) = cache::sha256(&place.blob, on)?;
        if found != wanted {
            cache::forget(&place.blob);
            return Err(HubError::WrongHash { what, found, wanted, then: "it was thrown away" });
        }
        let path = self.cache.link(&place, &published.revision, &published.file)?;
        Ok(Fetched { path, bytes, sha256: found, verified_by: by, was_there: false })
    }

    /// Fetches what is missing of a file, again and again as long as something comes.
    fn fill(
        &self,
        head: &Head,
        what: &str,
        incomplete: &std::path::Path,
        on: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<(), HubError> {
        let mut file = cache::open_to_append(incomplete)?;
        let mut done = file.metadata().map_err(|error| disk(incomplete, &error))?.len();
        let mut tries = 0;
        loop {
            if head.size.is_some_and(|size| done > size) {
                // It is of another file.
                file.set_len(0).map_err(|error| disk(incomplete, &error))?;
                done = 0;
            }
            if head.size == Some(done) && done > 0 {
                return file.sync_all().map_err(|error| disk(incomplete, &error));
            }
            let before = done;
            let reason = match self.client.fetch(head, done, incomplete, &mut file, on) {
                Ok(now) => {
                    done = now;
                    if head.size.is_none_or(|size| size == done) {
                        return file.sync_all().map_err(|error| disk(incomplete, &error));
                    }
                    "the connection was cut".to_string()
                }
                Err(HubError::Server { reason, .. }) => {
                    done = file.metadata().map_err(|error| disk(incomplete, &error))?.len();
                    reason
                }
                Err(error) => return Err(error),
            };
            tries = if done > before { 0 } else { tries + 1 };
            if tries >= TRIES {
                let reason = format!("{reason}; {done} bytes are kept, and taken up again the next time");
                return Err(HubError::Server { url: what.to_string(), reason });
            }
            for _ in 0..1u32 << tries {
                go_on(on, Progress::Fetching { done, of: head.size.unwrap_or(done) })?;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn missing_offline(&self, published: &Published) -> HubError {
        let what = format!("{}/{}", published.hub.as_deref().unwrap_or_default(), published.file);
        HubError::Offline { what, cache: shown(self.cache.folder()) }
    }
}

fn repository(published: &Published) -> Result<&str, HubError> {
    published.hub.as_deref().ok_or_else(|| HubError::NoneKnown("this architecture".into()))
}

fn go_on(on: &mut dyn FnMut(Progress) -> ControlFlow<()>, progress: Progress) -> Result<(), HubError> {
    if on(progress).is_break() { Err(HubError::Stopped) } else { Ok(()) }
}

fn shown(path: &std::path::Path) -> String {
    visible(&path.display().to_string()).into_owned()
}

fn disk(path: &std::path::Path, error: &io::Error) -> HubError {
    HubError::Disk { path: shown(path), reason: crate::files::reason(error) }
}
