//! A variant of an architecture as a file that extends it and holds only what differs.

use super::library::Library;
use super::origin::Origin;

/// A file that extends `base` and gives `text`, the base's own text `base_text` changed: the keys at the top whose lines
/// differ. Nothing where that does not come to the same architecture, as when a key was taken away.
pub fn extending(library: &Library, base: &Origin, base_text: &str, target: &Origin, text: &str) -> Option<String> {
    let (before, after) = (sections(base_text), sections(text));
    let mut lines = vec![format!("extends: {}", base.id())];
    // What a file that extends another does not take over need not be taken away.
    let differs = |key: &str| {
        let of = |all: &[(String, String)]| {
            all.iter().find(|(own, _)| own == key).map(|(_, text)| text.trim_end().to_string())
        };
        of(&before) != of(&after)
    };
    let has_other_layers = ["layers", "defaults", "override"].into_iter().any(differs);
    let stays_behind = |key: &str| key == "aliases" || key == "weights" && has_other_layers;
    if before.iter().any(|(key, _)| !after.iter().any(|(own, _)| own == key) && !stays_behind(key)) {
        return None;
    }
    for (key, content) in &after {
        let same = before.iter().any(|(own, there)| own == key && there.trim_end() == content.trim_end());
        if !same {
            lines.push(content.trim_end().to_string());
        }
    }
    let short = lines.join("\n") + "\n";
    let load = |text: &str| library.load_text(target, text.to_string(), &[]).map(|loaded| loaded.architecture);
    // A text with problems has no meaning yet that could be kept.
    let same = load(&short).ok()?.says_the_same(&load(text).ok()?);
    (same && base != target).then_some(short)
}

/// The keys at the top with their lines; comments go with the key after them.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut waiting = String::new();
    for line in text.lines() {
        let starts =
            line.chars().next().is_some_and(|first| !first.is_whitespace() && !matches!(first, '#' | '-' | ']' | '}'));
        match (line.split_once(':'), starts) {
            (Some((key, _)), true) => {
                let content = std::mem::take(&mut waiting) + line + "\n";
                sections.push((key.trim().to_string(), content));
            }
            _ if line.starts_with('#') => waiting += &format!("{line}\n"),
            _ => match sections.last_mut() {
                Some((_, content)) => *content += &format!("{}{line}\n", std::mem::take(&mut waiting)),
                None => waiting += &format!("{line}\n"),
            },
        }
    }
    if let Some((_, content)) = sections.last_mut() {
        *content += &waiting;
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::bundled;

    fn variant(change: impl Fn(&str) -> String) -> Option<String> {
        let text = bundled::text("vgg16").expect("bundled");
        let (base, target) = (Origin::Bundled("vgg16"), Origin::File("mine.yaml".into()));
        extending(&Library::new(None), &base, text, &target, &change(text))
    }

    #[test]
    fn only_what_differs_is_written() {
        let short = variant(|text| text.replace("classes: 1000", "classes: 10")).expect("a variant");
        assert_eq!(short, "extends: vgg16\nclasses: 10\n");
        let same = variant(str::to_string).expect("a variant");
        assert_eq!(same, "extends: vgg16\n");
    }

    #[test]
    fn what_extends_cannot_say_is_not_said() {
        // Without its defaults the base's would come back.
        let without = |text: &str| {
            let kept = text.lines().filter(|line| !line.starts_with("summary"));
            kept.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(variant(without), None);
    }
}
