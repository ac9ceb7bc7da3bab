//! Layers that are not learned, named by patterns: `block*`, `block1`, `conv*`, `layer4_1.conv1`.

use super::{Graph, Layer};

/// A pattern that names no layer with something to be learned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no layer that learns")]
pub struct NamesNone(pub String);

/// For each layer whether one of the patterns names it and it has something to be learned or followed. `*` stands for any text, `?`
/// for any character; the path of a block names all in it, a layer's own name all that are called so. The error is the first pattern that names no such layer.
pub fn frozen(network: &Graph, patterns: &[String]) -> Result<Vec<bool>, NamesNone> {
    let mut frozen = vec![false; network.layers.len()];
    for pattern in patterns {
        let mut names_any = false;
        for layer in network.layers.iter().filter(|layer| layer.params() > 0 || layer.buffers > 0) {
            if paths(layer).into_iter().any(|path| fits(pattern, path)) {
                frozen[layer.index] = true;
                names_any = true;
            }
        }
        if !names_any {
            return Err(NamesNone(pattern.clone()));
        }
    }
    Ok(frozen)
}

/// All that a pattern may call a layer: its path, its own name, what it was brought along by, the blocks around it.
pub fn paths(layer: &Layer) -> Vec<&str> {
    let around = layer.name.match_indices('.').map(|(at, _)| &layer.name[..at]);
    // What a conv brings along goes with it by its own name, too.
    let blocks = layer.blocks.last().map_or(0, |block| block.len() + 1);
    let own = layer.name.get(blocks..).unwrap_or(&layer.name);
    let brought_by = own.split('.').next().unwrap_or(own);
    [layer.name.as_str(), own, brought_by].into_iter().chain(around).collect()
}

/// Whether a text is what a pattern stands for. Steps back to the last `*` where it is not, so that no pattern takes long.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(&own) if own == '?' || own == text[place] => (at, place) = (at + 1, place + 1),
            _ => {
                let Some((before, from)) = star else { return false };
                star = Some((before, from + 1));
                (at, place) = (before + 1, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|own| *own == '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    #[test]
    fn a_pattern_stands_for_what_a_shells_does() {
        for (pattern, text, is) in [
            ("block*", "block1.conv2", true),
            ("*.conv1", "block1.conv1", true),
            ("*.conv1", "block1.conv12", false),
            ("block?.conv1", "block1.conv1", true),
            ("block?.conv1", "block10.conv1", false),
            ("*a*b", "aabab", true),
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
        ] {
            assert_eq!(fits(pattern, text), is, "{pattern} {text}");
        }
        assert!(!fits(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn blocks_are_frozen_with_all_in_them() {
        let loaded = Library::new(None).load("vgg11_bn", &[]).expect("bundled");
        let network = graph::analyse(&loaded).expect("fits");
        let frozen = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|own| own.to_string()).collect();
            let frozen = frozen(&network, &patterns).map_err(|NamesNone(pattern)| pattern)?;
            let names = network.layers.iter().filter(|layer| frozen[layer.index]).map(|layer| layer.name.clone());
            Ok::<Vec<String>, String>(names.collect())
        };
        assert_eq!(frozen(&["block1"]).expect("there"), ["block1.conv1", "block1.conv1.batch_norm"]);
        assert_eq!(frozen(&["classifier.linear[3]"]), Err("classifier.linear[3]".into()));
        assert_eq!(frozen(&["block*"]).expect("there").len(), 16);
        assert_eq!(frozen(&["conv2"]).expect("there").len(), 3 * 2);
        // A pool has nothing to be learned.
        assert_eq!(frozen(&["*.maxpool1"]), Err("*.maxpool1".into()));
        assert_eq!(frozen(&[]).expect("nothing").len(), 0);
    }
}
