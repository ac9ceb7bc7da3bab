//! YAML as a person writes it: on one line where it fits, else item by item.

/// A value of an architecture file.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// As it stands, quoted already where that is needed.
    Text(String),
    Map(Vec<(String, Yaml)>),
    List(Vec<Yaml>),
}

/// Longest line that is written.
const WIDTH: usize = 118;

impl Yaml {
    pub fn text(text: impl ToString) -> Yaml {
        Yaml::Text(text.to_string())
    }

    /// A map with one key.
    pub fn one(key: &str, value: Yaml) -> Yaml {
        Yaml::Map(vec![(key.to_string(), value)])
    }

    /// On one line.
    pub fn flow(&self) -> String {
        match self {
            Yaml::Text(text) => text.clone(),
            Yaml::Map(entries) => format!("{{{}}}", flow_entries(entries)),
            Yaml::List(items) => {
                let item = |item: &Yaml| match item {
                    Yaml::Map(entries) if entries.len() == 1 => flow_entries(entries),
                    other => other.flow(),
                };
                format!("[{}]", items.iter().map(item).collect::<Vec<_>>().join(", "))
            }
        }
    }

    /// The lines of a map, each with so many spaces before it.
    pub fn lines(entries: &[(String, Yaml)], indent: usize) -> String {
        entries.iter().map(|(key, value)| entry(key, value, indent)).collect()
    }
}

fn flow_entries(entries: &[(String, Yaml)]) -> String {
    entries.iter().map(|(key, value)| format!("{key}: {}", value.flow())).collect::<Vec<_>>().join(", ")
}

fn entry(key: &str, value: &Yaml, indent: usize) -> String {
    let (spaces, flow) = (" ".repeat(indent), value.flow());
    let fits = indent + key.len() + 2 + flow.chars().count() <= WIDTH;
    match value {
        // The layers of a network stand below one another.
        Yaml::List(items)
            if !fits
                || indent == 0
                    && !items.iter().all(|item| matches!(item, Yaml::Text(text) if text.parse::<u64>().is_ok())) =>
        {
            let items: String = items.iter().map(|own| item(own, indent + 2)).collect();
            format!("{spaces}{key}:\n{items}")
        }
        Yaml::Map(entries) if !fits || indent == 0 && entries.len() > 1 => {
            format!("{spaces}{key}:\n{}", Yaml::lines(entries, indent + 2))
        }
        _ => format!("{spaces}{key}: {flow}\n"),
    }
}

fn item(value: &Yaml, indent: usize) -> String {
    let spaces = " ".repeat(indent);
    let flow = match value {
        Yaml::Map(entries) if entries.len() == 1 => flow_entries(entries),
        other => other.flow(),
    };
    if indent + 2 + flow.chars().count() <= WIDTH {
        return format!("{spaces}- {flow}\n");
    }
    let below = match value {
        Yaml::Map(entries) => match entries.as_slice() {
            [(key, Yaml::Map(inside))] => {
                format!("{}{key}:\n{}", " ".repeat(indent + 2), Yaml::lines(inside, indent + 4))
            }
            entries => Yaml::lines(entries, indent + 2),
        },
        Yaml::List(items) => items.iter().map(|own| item(own, indent + 2)).collect(),
        Yaml::Text(text) => return format!("{spaces}- {text}\n"),
    };
    // The first line stands beside the dash.
    format!("{spaces}- {}", below.get(indent + 2..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_stands_on_a_line_and_what_does_not_below() {
        let short = Yaml::one("residual", Yaml::List(vec![Yaml::text("conv3-8"), Yaml::one("maxpool", Yaml::text(3))]));
        let list = Yaml::List(vec![short.clone(), Yaml::text("flatten")]);
        assert_eq!(entry("layers", &list, 0), "layers:\n  - residual: [conv3-8, maxpool: 3]\n  - flatten\n");
        let long = Yaml::List(vec![Yaml::text("conv3-1024"); 20]);
        let deep = Yaml::one("concat", Yaml::Map(vec![("name".into(), Yaml::text("a")), ("branches".into(), long)]));
        let text = item(&deep, 2);
        assert!(text.starts_with("  - concat:\n      name: a\n      branches:\n        - conv3-1024\n"), "{text}");
        assert_eq!(entry("input", &Yaml::List(vec![Yaml::text(3), Yaml::text(8)]), 0), "input: [3, 8]\n");
    }
}
