//! What stands several times in a row, said once.

use super::yaml::Yaml;

/// An entry of a list, and what it was made of.
pub struct Entry {
    pub yaml: Yaml,
    /// What the file calls the weights in it.
    pub called: Option<String>,
    /// With its strides taken for 1, and where they are not: the place among the convs, and the stride.
    pub even: Option<(Yaml, Vec<(usize, Yaml)>)>,
    /// Whether it is a residual with a projection.
    pub projected: bool,
    /// Of a conv: itself with stride 1, and its stride where that is another.
    pub conv: Option<(Yaml, Option<Yaml>)>,
}

impl Entry {
    pub fn plain(yaml: Yaml) -> Entry {
        Entry { yaml, called: None, even: None, projected: false, conv: None }
    }
}

pub fn is_container(fields: &[(String, Yaml)]) -> bool {
    fields.first().is_some_and(|(kind, _)| {
        matches!(kind.as_str(), "residual" | "concat" | "split" | "gate" | "squeeze_excite" | "block")
    })
}

/// The field that a container's bare value sets.
pub fn main_field(kind: &str) -> &'static str {
    match kind {
        "concat" | "split" => "branches",
        "squeeze_excite" => "out",
        _ => "layers",
    }
}

/// A container so many times.
pub fn repeated(yaml: Yaml, count: usize) -> Yaml {
    let Yaml::Map(mut fields) = yaml else { return yaml };
    let (kind, inside) = fields.remove(0);
    let main = main_field(&kind);
    let mut inside = match inside {
        Yaml::Map(inside) => inside,
        list => vec![(main.to_string(), list)],
    };
    inside.insert(0, ("repeat".into(), Yaml::text(count)));
    Yaml::one(&kind, Yaml::Map(inside))
}

/// Blocks of which the first alone has other strides, and projects: said once, with the strides of the first.
pub fn varied(entries: &[Entry]) -> Option<(Yaml, usize)> {
    let (first, rest) = entries.split_first()?;
    let (even, strides) = first.even.as_ref()?;
    let next = rest.first()?;
    let same = rest.iter().take_while(|own| own.yaml == next.yaml).count();
    let (plain, none) = next.even.as_ref()?;
    if even != plain || !none.is_empty() {
        return None;
    }
    let projects = first.projected;
    let said = match &first.yaml {
        Yaml::Map(fields) => match &fields[0].1 {
            Yaml::Map(inside) => inside.iter().find(|(key, _)| key == "shortcut").cloned(),
            _ => None,
        },
        _ => None,
    };
    if strides.is_empty() && !projects {
        return None;
    }
    let Yaml::Map(mut fields) = plain.clone() else { return None };
    let (kind, inside) = fields.remove(0);
    let mut inside = match inside {
        Yaml::Map(inside) => inside,
        list => vec![(main_field(&kind).to_string(), list)],
    };
    inside.extend(said);
    if !strides.is_empty() {
        let each = |(at, stride): &(usize, Yaml)| (format!("conv{at}"), Yaml::one("stride", stride.clone()));
        inside.push(("first".into(), Yaml::Map(strides.iter().map(each).collect())));
    }
    Some((Yaml::one(&kind, Yaml::Map(inside)), same + 1))
}

/// Several entries in a row that stand several times, the shortest and of those the most often.
pub fn period(entries: &[Entry]) -> Option<(usize, usize)> {
    const LONGEST: usize = 6;
    (2..=LONGEST.min(entries.len() / 2)).find_map(|length| {
        let is_same = |at: usize| entries[at].yaml == entries[at % length].yaml;
        let count = (length..entries.len()).take_while(|&at| is_same(at)).count() / length + 1;
        let has_container =
            entries[..length].iter().any(|own| matches!(&own.yaml, Yaml::Map(fields) if is_container(fields)));
        (count > 1 && (has_container || length * count >= 6)).then_some((length, count))
    })
}

/// Whether the same repetition begins with a container one entry later.
pub fn begins_later(entries: &[Entry], (length, count): (usize, usize)) -> bool {
    let is_block = |own: &Entry| matches!(&own.yaml, Yaml::Map(fields) if is_container(fields));
    !is_block(&entries[0])
        && entries.get(1).is_some_and(is_block)
        && period(&entries[1..]).is_some_and(|(other, times)| other == length && times >= count)
}

/// What all names begin with, up to a dot, or what repetitions of one block are called without their numbers.
pub fn common<'a>(names: impl Iterator<Item = Option<&'a str>>) -> Option<String> {
    let names: Vec<&str> = names.flatten().collect();
    let first = names.first()?;
    let parts: Vec<&str> = first.split('.').collect();
    let shared = (0..parts.len()).take_while(|&at| names.iter().all(|name| name.split('.').nth(at) == Some(parts[at])));
    let length = shared.count();
    if length > 0 {
        return Some(parts[..length].join("."));
    }
    let bare = |name: &str| {
        let (word, number) = name.split('.').next()?.rsplit_once('_')?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.to_string())
    };
    bare(first).filter(|word| names.iter().all(|name| bare(name).as_ref() == Some(word)))
}

/// Names that rows get by themselves: `conv1`, `residual2`.
pub fn taken_by_kinds(name: &str) -> bool {
    let word = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    word.len() < name.len()
        && (crate::spec::kinds::kind(word).is_some() || crate::spec::kinds::container(word).is_some())
}
