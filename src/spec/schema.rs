//! The architecture file as JSON Schema (draft 7), for editors: made of the same table of kinds that files are read by. What a
//! schema cannot say, such as whether shapes fit, is left to `check`.

use serde_json::{Map, Value, json};

use super::kinds::{
    ACTIVATIONS, CONTAINERS, Field, KINDS, Kind, NORMS, PREPROCESS, SHORTCUTS, TOP_LEVEL, Takes, WEIGHTS,
};
use super::{budget, limits, recipe};

/// What the keys at the top of a file are for.
pub const ABOUT: [(&str, &str); 16] = [
    ("name", "what it is called"),
    ("summary", "one sentence on it"),
    ("source", "the paper or page that it is from"),
    ("family", "what it is listed under"),
    ("extends", "the id of another architecture, or a file beside this one; what is said here goes before it"),
    ("aliases", "other names that it is found by"),
    ("input", "[channels, height, width]"),
    ("classes", "what `classes` stands for in the layers"),
    ("defaults", "fields of every layer of a kind that does not say its own"),
    ("layers", "the layers, one after the other"),
    ("override", "fields of single layers by their path, such as block3.conv3"),
    ("preprocess", "how a photo becomes the input"),
    ("labels", "a file with the classes' names, or imagenet-1k"),
    ("weights", "where trained weights are published, and how their names follow from ours"),
    ("train", "how it is trained where no flag says otherwise"),
    ("budget", "what it may cost; `check` fails where it costs more"),
];

/// The schema.
pub fn schema() -> Value {
    let mut properties = Map::new();
    for key in TOP_LEVEL {
        let about = ABOUT.iter().find(|(name, _)| name == key).map_or("", |(_, about)| about);
        let mut own = section(key);
        own["description"] = about.into();
        properties.insert(key.to_string(), own);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "convlens architecture",
        "description": "A convolutional network as `convlens` reads it",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "anyOf": [{"required": ["input", "layers"]}, {"required": ["extends"]}],
        "definitions": definitions(),
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn map_of(properties: impl IntoIterator<Item = (String, Value)>) -> Value {
    let properties: Map<String, Value> = properties.into_iter().collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn words(words: &[&str]) -> Value {
    json!({"enum": words})
}

fn whole(least: u64, most: u64) -> Value {
    let mut own = json!({"type": "integer", "minimum": least});
    if most < u64::MAX {
        own["maximum"] = most.into();
    }
    own
}

/// A number; one that YAML's readers differ on, such as 1e-5, may come as a text.
fn number(limits: &[(&str, f64)]) -> Value {
    let mut own = json!({"type": "number"});
    limits.iter().for_each(|(key, limit)| own[*key] = (*limit).into());
    json!({"anyOf": [own, {"type": "string", "pattern": r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"}]})
}

fn any_of(all: &[Value]) -> Value {
    json!({"anyOf": all})
}

/// One, or a list of several.
fn one_or_more(own: &Value) -> Value {
    any_of(&[own.clone(), json!({"type": "array", "items": own})])
}

fn section(key: &str) -> Value {
    match key {
        "input" => json!({"type": "array", "items": reference("count"), "minItems": 3, "maxItems": 3}),
        "classes" => reference("count"),
        "aliases" => one_or_more(&reference("text")),
        "layers" => reference("layers"),
        "override" => json!({"type": "object", "additionalProperties": {"type": "object"}}),
        "defaults" => map_of(
            KINDS
                .iter()
                .chain(CONTAINERS)
                .map(|kind| (kind.name.to_string(), map_of(kind.fields.iter().map(property)))),
        ),
        "preprocess" => map_of(PREPROCESS.iter().map(|key| (key.to_string(), preprocess(key)))),
        "weights" => map_of(WEIGHTS.iter().map(|key| (key.to_string(), weights(key)))),
        "train" => map_of(recipe::KEYS.iter().map(|key| (key.to_string(), train(key)))),
        "budget" => map_of(budget::KEYS.iter().map(|key| (key.to_string(), allowance(key)))),
        "extends" => json!({"type": "string"}),
        _ => reference("text"),
    }
}

fn preprocess(key: &str) -> Value {
    match key {
        "resize" => reference("count"),
        "mean" => one_or_more(&number(&[])),
        "std" => one_or_more(&number(&[("exclusiveMinimum", 0.0)])),
        "channels" => words(&["rgb", "bgr"]),
        // What values are multiplied by.
        _ => json!({"allOf": [number(&[]), {"not": {"enum": [0, 0.0, "0"]}}]}),
    }
}

fn weights(key: &str) -> Value {
    match key {
        "hub" => json!({"type": "string", "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*$"}),
        "sha256" => json!({"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}),
        "names" => json!({"type": "object", "additionalProperties": reference("text")}),
        _ => reference("text"),
    }
}

fn train(key: &str) -> Value {
    let part = || number(&[("minimum", 0.0), ("exclusiveMaximum", 1.0)]);
    match key {
        "epochs" | "steps" | "patience" | "patience_stop" | "limit" | "checkpoint_every" => whole(1, u64::MAX),
        "batch" | "micro_batch" => reference("count"),
        "warmup" | "seed" => whole(0, u64::MAX),
        "optimizer" => words(recipe::OPTIMIZERS),
        "schedule" => words(recipe::SCHEDULES),
        "init" => words(recipe::INITS),
        "augment" => one_or_more(&words(recipe::AUGMENTS)),
        "freeze" => one_or_more(&reference("text")),
        "nesterov" | "shuffle" | "flip_test" => json!({"type": "boolean"}),
        "weight_decay" => number(&[("minimum", 0.0)]),
        "momentum" | "label_smoothing" | "val_split" | "ema" => part(),
        // lr, clip, mixup, cutmix
        _ => number(&[("exclusiveMinimum", 0.0)]),
    }
}

fn allowance(key: &str) -> Value {
    match key {
        "batch" => reference("count"),
        "ms" => number(&[("exclusiveMinimum", 0.0)]),
        "field" => json!({"type": "string", "pattern": r"^(\d+\.\.\d*|\.\.\d+)$"}),
        _ => any_of(&[
            json!({"type": "number", "minimum": 0}),
            json!({"type": "string", "pattern": r"^[\d._]+ *([kKmMgGtT]i?)?[bB]?$"}),
        ]),
    }
}

fn definitions() -> Value {
    let mut all = Map::new();
    let mut put = |name: &str, value: Value| all.insert(name.to_string(), value);
    put("text", json!({"type": ["string", "number", "boolean"]}));
    put("count", whole(1, limits::DIMENSION));
    // Letters of any language, digits, `_` and `-`: neither spaces nor other signs.
    let name = json!({"type": "string", "pattern": r"^[^\s!-,./:-@\[-^`{-~]{1,64}$"});
    put("name", any_of(&[name, json!({"type": ["number", "boolean"]})]));
    for (name, least) in [("pair", 1), ("padding_pair", 0)] {
        let one = whole(least, limits::DIMENSION);
        put(name, any_of(&[one.clone(), json!({"type": "array", "items": one, "minItems": 2, "maxItems": 2})]));
    }
    let side = whole(0, limits::DIMENSION);
    let four = json!({"type": "array", "items": side, "minItems": 4, "maxItems": 4});
    put("padding", any_of(&[reference("padding_pair"), four, words(&["same", "same_upper", "valid"])]));
    let relative = json!({"type": "string", "pattern": r"^([x×]|/)0*[1-9]\d*$"});
    put("width", any_of(&[reference("count"), relative.clone()]));
    put("width_or_classes", any_of(&[reference("count"), relative, words(&["classes"])]));
    put("activation", words(&[&["none"], ACTIVATIONS].concat()));
    let norms: Vec<&str> =
        std::iter::once("none").chain(NORMS.iter().flat_map(|(word, kind)| [*word, *kind])).collect();
    put("norm", words(&norms));
    put("layers", json!({"type": "array", "items": reference("layer"), "minItems": 1}));
    put("layer", any_of(&[reference("short"), reference("long")]));
    put("short", short());
    put("long", long());
    let from = map_of([("from".to_string(), reference("text"))]);
    let parts = any_of(&[reference("layer"), from.clone(), words(&["identity"])]);
    let several = json!({"type": "array", "items": parts, "minItems": 1});
    let branch = any_of(&[words(&["identity"]), reference("layer"), from, several]);
    put("branches", json!({"type": "array", "items": branch, "minItems": 1}));
    Value::Object(all)
}

/// `conv3-64/2 relu x2` and the names of kinds, in letters of either case.
fn short() -> Value {
    let either = |word: &str| -> String {
        let letter = |c: char| match c.is_ascii_lowercase() {
            true => format!("[{}{c}]", c.to_ascii_uppercase()),
            false => c.to_string(),
        };
        word.chars().map(letter).collect()
    };
    let of = |words: &[&str]| words.iter().map(|word| either(word)).collect::<Vec<_>>().join("|");
    // Of containers only this one may have all that it needs from `defaults`.
    let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).chain(["squeeze_excite"]).collect();
    // Numbers of at least 1.
    let n = r"0*[1-9]\d*";
    let (out, times) = (format!("({n}|[xX×]{n}|{})", either("classes")), format!("( +[xX×]{n})?"));
    let activation = of(&[&["none"], ACTIVATIONS].concat());
    let forms = [
        format!("{}({n})?(-{out})?(/{n})?( +({activation}))?", either("conv")),
        format!("{}-{out}( +({activation}))?", either("fc")),
        format!("({})({n})?(/{n})?", of(&["maxpool", "avgpool"])),
        format!("{}{n}(/{n})?( +({activation}))?", either("dw")),
        format!("{}{n}-{out}(/{n})?( +({activation}))?", either("up")),
        format!("({})( +({activation}))?", of(&["conv", "conv_transpose", "linear"])),
        of(&kinds),
    ];
    let pattern = format!("^ *({}){times} *$", forms.join("|"));
    json!({"type": "string", "pattern": pattern, "description": "a layer in short: conv3-64, conv7-64/2, maxpool3/2, dw3, up2-64, fc-4096 relu, conv3-64 x2"})
}

/// A map with exactly one kind, and maybe a name beside it.
fn long() -> Value {
    let mut properties = Map::new();
    properties.insert("name".into(), reference("name"));
    for kind in KINDS {
        properties.insert(kind.name.into(), layer(kind));
    }
    for kind in CONTAINERS {
        properties.insert(kind.name.into(), container(kind));
    }
    let stack = any_of(&[reference("count"), words(&["M", "A", "m", "a"])]);
    let about = "torchvision's list: channels of convs, M and A for pools";
    properties.insert("stack".into(), json!({"type": "array", "items": stack, "minItems": 1, "description": about}));
    let kinds: Vec<Value> =
        properties.keys().filter(|key| *key != "name").map(|key| json!({"required": [key]})).collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false, "oneOf": kinds})
}

fn layer(kind: &Kind) -> Value {
    let name = ("name".to_string(), reference("name"));
    let fields = map_of(kind.fields.iter().map(property).chain([name]));
    let mut forms = vec![fields, json!({"type": "null"})];
    forms.extend(kind.main.and_then(|main| kind.field(main)).map(takes));
    json!({"anyOf": forms, "description": kind.about})
}

fn container(kind: &Kind) -> Value {
    let main = kind.main.unwrap_or("layers");
    let body = match main {
        "branches" => reference("branches"),
        "layers" => reference("layers"),
        _ => kind.field(main).map_or_else(|| reference("text"), takes),
    };
    // Fields of layers by path, or the container's own.
    let changed = |when: &str| {
        let own: Map<String, Value> = kind.fields.iter().map(property).collect();
        json!({"type": "object", "properties": own, "additionalProperties": {"type": "object"},
            "description": format!("what differs in the {when} repetition, by path")})
    };
    let common = [
        (main.to_string(), body.clone()),
        ("name".into(), reference("name")),
        ("repeat".into(), whole(1, u64::MAX)),
        ("first".into(), changed("first")),
        ("last".into(), changed("last")),
    ];
    let mut fields = map_of(kind.fields.iter().map(property).chain(common));
    if main != "out" {
        fields["required"] = json!([main]);
    }
    let mut forms = vec![fields, body];
    // Its width may be a default.
    forms.extend((main == "out").then(|| json!({"type": "null"})));
    json!({"anyOf": forms, "description": kind.about})
}

fn property(field: &Field) -> (String, Value) {
    let mut own = takes(field);
    if !field.default.is_empty() {
        own = json!({"allOf": [own], "description": format!("default: {}", field.default)});
    }
    (field.name.to_string(), own)
}

/// What a field takes.
fn takes(field: &Field) -> Value {
    match field.takes {
        Takes::Count => reference("count"),
        Takes::Width => reference("width"),
        Takes::WidthOrClasses => reference("width_or_classes"),
        Takes::Pair => reference("pair"),
        Takes::PaddingPair => reference("padding_pair"),
        Takes::Padding => reference("padding"),
        Takes::Groups => any_of(&[reference("count"), words(&["depthwise"])]),
        Takes::Bool => json!({"type": "boolean"}),
        Takes::Number => number(&[]),
        Takes::Word(all) => words(all),
        Takes::Norm => reference("norm"),
        Takes::Activation => reference("activation"),
        Takes::Shortcut => any_of(&[words(SHORTCUTS), reference("layers")]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_at_the_top_is_told_of_once() {
        let told: Vec<&str> = ABOUT.iter().map(|(name, _)| *name).collect();
        assert_eq!(told, TOP_LEVEL);
        assert!(ABOUT.iter().all(|(_, about)| !about.is_empty()));
    }

    #[test]
    fn every_reference_leads_to_a_definition() {
        let own = schema();
        let text = own.to_string();
        for name in text.split("#/definitions/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(own["definitions"][name].is_object(), "{name}");
        }
    }
}
