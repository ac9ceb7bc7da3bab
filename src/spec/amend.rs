//! A field of a layer changed in a text: as a line of `override:`, which leaves all else as it was written.

use super::kinds::TOP_LEVEL;

/// Fields of layers and what they are to be, in the words of a file.
pub type Changes = Vec<(String, Vec<(String, String)>)>;

/// The lines of `override:` for some changes, without the key itself.
pub fn lines(changes: &Changes) -> String {
    let line = |(layer, fields): &(String, Vec<(String, String)>)| {
        let fields: Vec<String> = fields.iter().map(|(field, value)| format!("{field}: {value}")).collect();
        format!("  {layer}: {{{}}}\n", fields.join(", "))
    };
    changes.iter().map(line).collect()
}

/// `layer.field = value` pairs as changes, one for each layer; nothing where a key is none of a layer.
pub fn of_sets(sets: &[(String, String)]) -> Option<Changes> {
    let mut changes = Changes::new();
    for (key, value) in sets {
        if TOP_LEVEL.contains(&key.split('.').next().unwrap_or(key)) {
            return None;
        }
        let (layer, field) = key.rsplit_once('.')?;
        add(&mut changes, layer, field, value);
    }
    Some(changes)
}

fn add(changes: &mut Changes, layer: &str, field: &str, value: &str) {
    let own = match changes.iter().position(|(own, _)| own == layer) {
        Some(at) => at,
        None => {
            changes.push((layer.to_string(), Vec::new()));
            changes.len() - 1
        }
    };
    let fields = &mut changes[own].1;
    match fields.iter_mut().find(|(own, _)| own == field) {
        Some((_, there)) => *there = value.to_string(),
        None => fields.push((field.to_string(), value.to_string())),
    }
}

/// The text with changes in its `override:`, which is put at its end where it has none. Nothing where the one it has is not a line
/// for each layer, as this writes it.
pub fn with(text: &str, changes: &Changes) -> Option<String> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut written: Vec<String> = text.lines().map(str::to_string).collect();
    let Some(start) = written.iter().position(|line| line.starts_with("override:")) else {
        while written.last().is_some_and(|line| line.trim().is_empty()) {
            written.pop();
        }
        written.push("override:".into());
        written.extend(lines(changes).lines().map(str::to_string));
        return Some(written.join(newline) + newline);
    };
    if written[start].split('#').next().unwrap_or_default().trim() != "override:" {
        return None;
    }
    let is_inside = |line: &String| line.starts_with(' ') || line.trim().is_empty() || line.starts_with('#');
    let mut end = start + 1 + written[start + 1..].iter().take_while(|line| is_inside(line)).count();
    while end > start + 1 && !written[end - 1].starts_with(' ') {
        end -= 1;
    }
    let (mut known, mut places): (Changes, Vec<usize>) = (Changes::new(), Vec::new());
    for (at, line) in written.iter().enumerate().take(end).skip(start + 1) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (layer, rest) = line.split_once(':')?;
        let inside = rest.trim().strip_prefix('{')?.strip_suffix('}')?;
        if inside.contains(['{', '[', '#', '"', '\'']) {
            return None;
        }
        known.push((layer.trim().to_string(), Vec::new()));
        places.push(at);
        for field in inside.split(',').filter(|own| !own.trim().is_empty()) {
            let (field, value) = field.split_once(':')?;
            add(&mut known, layer.trim(), field.trim(), value.trim());
        }
    }
    let before = known.len();
    for (layer, fields) in changes {
        fields.iter().for_each(|(field, value)| add(&mut known, layer, field, value));
    }
    for (change, place) in known.iter().zip(&places) {
        written[*place] = lines(&vec![change.clone()]).trim_end().to_string();
    }
    let new = lines(&known[before..].to_vec());
    written.splice(end..end, new.lines().map(str::to_string));
    Some(written.join(newline) + newline)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(layer: &str, field: &str, value: &str) -> Changes {
        vec![(layer.to_string(), vec![(field.to_string(), value.to_string())])]
    }

    #[test]
    fn a_change_is_a_line_and_changes_that_line_again() {
        let text = "input: [3, 8, 8]\n# why\nlayers: [conv3-8]\n";
        let once = with(text, &change("conv1", "kernel", "5")).expect("written");
        assert_eq!(once, "input: [3, 8, 8]\n# why\nlayers: [conv3-8]\noverride:\n  conv1: {kernel: 5}\n");
        let twice = with(&once, &change("conv1", "out", "16")).expect("written");
        assert!(twice.ends_with("override:\n  conv1: {kernel: 5, out: 16}\n"), "{twice}");
        let again = with(&twice, &change("conv1", "kernel", "7")).expect("written");
        assert!(again.ends_with("override:\n  conv1: {kernel: 7, out: 16}\n"), "{again}");
        let between = "override:\n  a: {out: 3}\n\nname: x\n";
        let changed = with(between, &change("b", "out", "4")).expect("written");
        assert_eq!(changed, "override:\n  a: {out: 3}\n  b: {out: 4}\n\nname: x\n");
        assert_eq!(with("override: {a: {out: 3}}\n", &change("b", "out", "4")), None);
        assert_eq!(with("override:\n  a:\n    out: 3\n", &change("b", "out", "4")), None);
        assert!(with("a: 1\r\n", &change("b", "out", "4")).expect("written").ends_with("\r\n  b: {out: 4}\r\n"));
    }

    #[test]
    fn only_fields_of_layers_are_changes() {
        let pair = |key: &str| (key.to_string(), "5".to_string());
        assert_eq!(of_sets(&[pair("block1.conv1.kernel")]), Some(change("block1.conv1", "kernel", "5")));
        assert_eq!(of_sets(&[pair("train.lr")]), None);
    }
}
