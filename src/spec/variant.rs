//! A variant of an architecture as a file that extends it and holds only what differs.

use super::amend::{self, Changes};
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
    // A text with problems has no meaning yet that could be kept.
    says_the_same(library, target, &short, text, &before).filter(|_| base != target)?;
    Some(short)
}

/// Whether two texts mean the same at a place; of published weights only those count that are not the base's, which were trained for
/// the base's layers.
fn says_the_same(
    library: &Library,
    target: &Origin,
    short: &str,
    text: &str,
    before: &[(String, String)],
) -> Option<()> {
    let load = |text: &str| library.load_text(target, text.to_string(), &[]).map(|loaded| loaded.architecture);
    let (mut one, mut other) = (load(short).ok()?, load(text).ok()?);
    let of = |all: &[(String, String)]| {
        all.iter().find(|(key, _)| key == "weights").map(|(_, own)| own.trim_end().to_string())
    };
    if of(before) == of(&sections(text)) {
        (one.weights, other.weights) = (None, None);
    }
    one.says_the_same(&other).then_some(())
}

/// As [`extending`], where fields of layers are all that differs of them: these as lines of `override:`.
pub fn overriding(
    library: &Library,
    base: &Origin,
    base_text: &str,
    target: &Origin,
    text: &str,
    changes: &Changes,
) -> Option<String> {
    let (before, after) = (sections(base_text), sections(text));
    let mut lines = vec![format!("extends: {}", base.id())];
    for (key, content) in after.iter().filter(|(key, _)| !["layers", "defaults", "override"].contains(&key.as_str())) {
        if !before.iter().any(|(own, there)| own == key && there.trim_end() == content.trim_end()) {
            lines.push(content.trim_end().to_string());
        }
    }
    let mut short = lines.join("\n") + "\n";
    if !changes.is_empty() {
        short += &format!("override:\n{}", amend::lines(changes));
    }
    says_the_same(library, target, &short, text, &before).filter(|_| base != target)?;
    Some(short)
}

/// The text for a file of another name: called `name` where it is still called as `base` is, and without the aliases, which are the
/// base's own.
pub fn renamed(text: &str, base: &str, name: &str) -> String {
    let of = |text: &str, key: &str| sections(text).into_iter().find(|(own, _)| own == key).map(|(_, lines)| lines);
    let (own, before) = (of(text, "name"), of(base, "name"));
    let is_plain = name.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.'));
    let is_word = is_plain && name.chars().next().is_some_and(char::is_alphabetic);
    let is_reserved =
        ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&name.to_lowercase().as_str());
    let written = match is_word && !is_reserved {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
    };
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let is_old = own.is_some() && own.as_deref().map(str::trim_end) == before.as_deref().map(str::trim_end);
    let mut kept = Vec::new();
    let mut in_aliases = false;
    for line in text.lines() {
        let starts =
            line.chars().next().is_some_and(|first| !first.is_whitespace() && !matches!(first, '#' | '-' | ']' | '}'));
        in_aliases = if starts { line.starts_with("aliases:") } else { in_aliases && !line.starts_with('#') };
        match line.starts_with("name:") && is_old {
            _ if in_aliases => {}
            true => kept.push(format!("name: {written}")),
            false => kept.push(line.to_string()),
        }
    }
    if own.is_none() {
        kept.insert(0, format!("name: {written}"));
    }
    let end = if text.ends_with('\n') { newline } else { "" };
    kept.join(newline) + end
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
    fn a_copy_has_its_own_name_and_not_the_bases_aliases() {
        let base = "# VGG\nname: VGG-16\naliases: [D, vggD]\ninput: [3, 8, 8]\nlayers: [conv3-8]\n";
        let copy = renamed(&base.replace("conv3-8", "conv5-8"), base, "mine");
        assert_eq!(copy, "# VGG\nname: mine\ninput: [3, 8, 8]\nlayers: [conv5-8]\n");
        // A name that was typed stays; one that YAML would take for something else is quoted.
        assert!(renamed(&base.replace("VGG-16", "Own"), base, "mine").contains("name: Own\n"));
        assert!(renamed(base, base, "16").contains("name: \"16\"\n") && renamed(base, base, "no").contains("\"no\""));
        assert_eq!(renamed("extends: vgg16\n", base, "mine"), "name: mine\nextends: vgg16\n");
        let list = "aliases:\n  - D\n# layers\nlayers: [relu]";
        assert_eq!(renamed(list, list, "mine"), "name: mine\n# layers\nlayers: [relu]");
    }

    #[test]
    fn fields_that_differ_are_lines_of_override() {
        let text = bundled::text("vgg16").expect("bundled");
        let (base, target) = (Origin::Bundled("vgg16"), Origin::File("mine.yaml".into()));
        let changes = vec![("block1.conv1".to_string(), vec![("kernel".to_string(), "5".to_string())])];
        let changed = amend::with(text, &changes).expect("written");
        let short = overriding(&Library::new(None), &base, text, &target, &changed, &changes).expect("a variant");
        assert_eq!(short, "extends: vgg16\noverride:\n  block1.conv1: {kernel: 5}\n");
        assert_eq!(overriding(&Library::new(None), &base, text, &target, &changed, &Changes::new()), None);
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
