//! A sentence that says why, where there is nothing more to tell apart: whoever asked puts it behind what was asked.

/// Why something is not so. Its words go on after what it is about: "`x` cannot be read: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[error("{0}")]
pub struct Reason(pub String);

impl Reason {
    /// What anything that says why says.
    pub fn of(error: impl std::fmt::Display) -> Reason {
        Reason(error.to_string())
    }
}

impl From<String> for Reason {
    fn from(words: String) -> Reason {
        Reason(words)
    }
}

impl From<&str> for Reason {
    fn from(words: &str) -> Reason {
        Reason(words.to_string())
    }
}
