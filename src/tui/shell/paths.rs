//! Paths completed as they are typed into a line.

use std::path::{MAIN_SEPARATOR, Path};

use crate::tui::model::expanded;

/// What can follow a text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Completion {
    /// The text with all that is common to what can follow.
    pub text: String,
    /// The names that can follow, folders with a separator at their end; none where there is only one.
    pub names: Vec<String>,
}

/// Names that are listed at most.
const MOST: usize = 40;

/// Completes a path, or the path of `KIND:PATH`, by what there is on the disk.
pub fn complete(text: &str) -> Completion {
    let kinds = ["idx:", "cifar10:", "folder:", "tensors:"];
    let kind = kinds.iter().find(|kind| text.starts_with(**kind)).copied().unwrap_or_default();
    let path = &text[kind.len()..];
    let cut = path.rfind(['/', MAIN_SEPARATOR]).map_or(0, |at| at + 1);
    let (folder, begun) = path.split_at(cut);
    let place = if folder.is_empty() {
        Path::new(".").to_path_buf()
    } else {
        expanded(folder, etcetera::home_dir().ok().as_deref())
    };
    let mut names: Vec<String> = std::fs::read_dir(place)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            // What is hidden is not meant unless its dot is typed.
            let fits = name.starts_with(begun) && (!name.starts_with('.') || begun.starts_with('.'));
            let kind = entry.file_type().ok().filter(|_| fits)?;
            // Only where a link leads has to be asked for.
            let is_folder = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
            Some(if is_folder { name + "/" } else { name })
        })
        .collect();
    names.sort();
    let Some(first) = names.first() else { return Completion { text: text.to_string(), names } };
    let common = names.iter().skip(1).fold(first.as_str(), |common, name| {
        let same = common.char_indices().zip(name.chars()).find(|((_, one), other)| one != other);
        let shorter = common.len().min(name.len());
        &common[..same.map_or(shorter, |((at, _), _)| at)]
    });
    let text = format!("{kind}{folder}{common}");
    if names.len() == 1 {
        names.clear();
    }
    names.truncate(MOST);
    Completion { text, names }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_completed_as_far_as_it_can_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["koala_1.jpeg", "koala_2.jpeg", "kübel.png", ".hidden"] {
            std::fs::write(at(name), "").expect("written");
        }
        std::fs::create_dir(at("train")).expect("made");
        let complete = |begun: &str| {
            let own = complete(&format!("{}/{begun}", folder.path().display()));
            (own.text.rsplit('/').next().unwrap_or_default().to_string(), own.names)
        };
        assert_eq!(complete("ko"), ("koala_".into(), vec!["koala_1.jpeg".into(), "koala_2.jpeg".into()]));
        assert_eq!(complete("koala_1"), ("koala_1.jpeg".into(), vec![]));
        assert_eq!(complete("k").0, "k");
        assert_eq!(complete("kü").0, "kübel.png");
        assert_eq!(complete(".h").0, ".hidden");
        assert_eq!(complete("x"), ("x".into(), vec![]));
        assert_eq!(complete("").1.len(), 4, "what is hidden is not offered");
        let train = super::complete(&format!("folder:{}/tr", folder.path().display()));
        assert_eq!(train.text, format!("folder:{}/train/", folder.path().display()));
    }
}
