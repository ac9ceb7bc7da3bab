//! Anything at all, from a seed: the library's readers and the explorer's state give an answer or a refusal, never a panic.
//!
//! A few seconds of it run with the suite; `cargo test --release fuzz -- --ignored` goes on for `CONVLENS_FUZZ_SECONDS` (60).

use std::path::Path;
use std::time::{Duration, Instant};

use convlens::exchange::weights::{self, Rest, TensorFile};
use convlens::graph;
use convlens::network::init::Init;
use convlens::run::data::{self, Wanted};
use convlens::run::runs::{Found, History};
use convlens::run::{labels, picture, tensors};
use convlens::spec::recipe::Recipe;
use convlens::spec::{Library, Origin};
use convlens::tui::input::{Key, script};
use convlens::tui::screen::Standing;
use convlens::tui::screens::{Action as OfScreen, Which, compare, edit, field, layers};
use convlens::tui::shell::Msg;
use convlens::tui::shell::action::{Action, List, Overlay};
use convlens::tui::theme;
use convlens::tui::work::{Lane, Note};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::common::project;
use crate::explorer::{painted, send, state};

type Dice = Xoshiro256PlusPlus;

fn seconds(of_suite: u64) -> Duration {
    let given = std::env::var("CONVLENS_FUZZ_SECONDS").ok().and_then(|value| value.parse().ok());
    Duration::from_secs(given.unwrap_or(of_suite))
}

/// Calls `one` with dice of ever other seeds until the time is over. What panics names its seed.
fn for_a_while(time: Duration, mut one: impl FnMut(&mut Dice)) -> u64 {
    let began = Instant::now();
    let mut seed = 0;
    while began.elapsed() < time || seed < 10 {
        let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            one(&mut Dice::seed_from_u64(seed));
        }));
        if let Err(panic) = tried {
            #[allow(clippy::disallowed_macros, reason = "the seed is what a person needs")]
            {
                eprintln!("seed {seed}");
            }
            std::panic::resume_unwind(panic);
        }
        seed += 1;
    }
    seed
}

/// Bytes of a sound file with some of them changed, cut out, doubled or put in.
fn mutated(sound: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for _ in 0..dice.random_range(1..8) {
        let at = dice.random_range(0..=bytes.len());
        let length = dice.random_range(0..=(bytes.len() - at).min(32));
        match dice.random_range(0..5) {
            0 if at < bytes.len() => bytes[at] = dice.random(),
            1 if at < bytes.len() => bytes[at] ^= 1 << dice.random_range(0..8),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let words: [&[u8]; 12] = [
                    b"[",
                    b"{",
                    b": ",
                    b"- ",
                    b"\n",
                    b"&a ",
                    b"*a",
                    b"\xff\xff\xff\xff",
                    b"\0",
                    b"9999999999",
                    b"-1",
                    b"\x1b",
                ];
                let word = words.choose(dice).expect("one");
                bytes.splice(at..at, word.iter().copied());
            }
        }
    }
    bytes
}

/// Words of the file's own language in any order.
fn yaml(dice: &mut Dice) -> String {
    const WORDS: [&str; 48] = [
        "input: ",
        "[3, 8, 8]",
        "layers: ",
        "- ",
        "\n",
        "  ",
        "conv",
        "conv3-8",
        ": ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "out: ",
        "8",
        "kernel: ",
        "5",
        "maxpool",
        "block: ",
        "repeat: ",
        "1000000",
        "x3",
        "name: ",
        "a",
        "flatten",
        "linear: ",
        "classes",
        "classes: ",
        "override: ",
        "block1.conv1",
        "extends: ",
        "vgg16",
        "defaults: ",
        "padding: ",
        "same",
        "stack: ",
        "M",
        "groups: ",
        "depthwise",
        "-1",
        "1e9",
        "\"",
        "'",
        "&x ",
        "*x",
        "# ",
        "train: ",
    ];
    (0..dice.random_range(1..120)).map(|_| *WORDS.choose(dice).expect("one")).collect()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn readers(time: Duration) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let library = Library::new(None);
    let texts: Vec<&str> = convlens::spec::bundled::BUNDLED.iter().map(|(_, text)| *text).collect();
    let weights_file = std::fs::read(project("tests/fixtures/strided.safetensors")).expect("a fixture");
    let network = {
        let loaded = library.load("tinyvgg", &[]).expect("bundled");
        graph::analyse(&loaded).expect("bundled")
    };
    let mut picture_bytes = Vec::new();
    for format in [image::ImageFormat::Png, image::ImageFormat::Bmp, image::ImageFormat::Gif, image::ImageFormat::WebP]
    {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let own = image::RgbImage::from_fn(9, 7, |x, y| image::Rgb([x as u8 * 20, y as u8 * 30, 7]));
        own.write_to(&mut bytes, format).expect("encoded");
        picture_bytes.push(bytes.into_inner());
    }
    let metrics = "{\"event\":\"start\",\"version\":1,\"arch\":\"a\"}\n{\"event\":\"step\",\"step\":1,\"epoch\":1,\"loss\":2.3,\
                   \"accuracy\":0.1,\"lr\":0.1,\"images_per_second\":9.0}\n{\"event\":\"resume\",\"step\":0}\n";
    let recipe = "version: 1\narchitecture: a\ndata: synthetic\ntrain: {lr: 0.1, epochs: 3}\n";
    let npy = b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 64, 64), }".to_vec();
    let idx = [&[0u8, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2][..], &[7; 8]].concat();
    let pytorch: Vec<Vec<u8>> = ["flat", "legacy", "checkpoint", "deep", "module"]
        .map(|name| std::fs::read(project(&format!("tests/pth/{name}.pth"))).expect("a fixture"))
        .to_vec();
    let tried = for_a_while(time, |dice| match dice.random_range(0..9) {
        8 => {
            let path = write(at, "w.pth", &mutated(pytorch.choose(dice).expect("one"), dice));
            if let Ok(file) = TensorFile::open(&path) {
                let small = file.entries.iter().filter(|entry| entry.elements() < 1 << 20);
                small.for_each(|entry| drop(file.read(entry)));
            }
            let _ = weights::read(&network, &path, Rest::Drawn { init: Init::Kaiming, seed: 0 });
        }
        0..3 => {
            let text = match dice.random_bool(0.5) {
                true => {
                    String::from_utf8_lossy(&mutated(texts.choose(dice).expect("one").as_bytes(), dice)).into_owned()
                }
                false => yaml(dice),
            };
            let sets = [("classes".to_string(), "7".to_string()), (yaml(dice), yaml(dice))];
            let sets = if dice.random_bool(0.2) { &sets[..] } else { &sets[..0] };
            let began = Instant::now();
            if let Ok(loaded) = library.load_text(&Origin::File(at.join("net.yaml")), text.clone(), sets) {
                let _ = graph::analyse(&loaded).map(|network| graph::lints::lints(&network).len());
            }
            assert!(began.elapsed() < Duration::from_secs(5), "slow: {text:?}");
        }
        3 => {
            let path = write(at, "w.safetensors", &mutated(&weights_file, dice));
            let _ = TensorFile::open(&path).map(|file| file.entries.len());
            let _ = weights::read(&network, &path, Rest::Drawn { init: Init::Kaiming, seed: 0 });
            let _ = tensors::read(&path, network.architecture.input);
        }
        4 => {
            let path = write(at, "picture", &mutated(picture_bytes.choose(dice).expect("one"), dice));
            let _ = picture::read(&path, 224);
        }
        5 => {
            let path = write(at, "x.npy", &mutated(&npy, dice));
            let _ = tensors::read(&path, network.architecture.input);
            let folder = at.join("idx");
            std::fs::create_dir_all(&folder).expect("made");
            write(&folder, "train-images-idx3-ubyte", &mutated(&idx, dice));
            write(&folder, "train-labels-idx1-ubyte", &mutated(&[0, 0, 8, 1, 0, 0, 0, 2, 1, 0], dice));
            let source = format!("idx:{}", folder.display()).parse().expect("a source");
            let architecture = &network.architecture;
            let _ = data::open(
                &source,
                &Wanted { architecture, classes: 2, known: None, seed: 0, limit: None, val_split: 0.0 },
            );
        }
        6 => {
            let path = write(at, "labels", &mutated(b"[\"cat\", \"dog\"]\n{\"0\": [\"n1\", \"a\"]}", dice));
            let _ = labels::read(&path, 2);
            let _ = Recipe::from_words(&String::from_utf8_lossy(&mutated(b"paper lr=0.1 augment=flip,crop", dice)));
        }
        _ => {
            let run = at.join("run");
            std::fs::create_dir_all(&run).expect("made");
            write(&run, "metrics.jsonl", &mutated(metrics.as_bytes(), dice));
            write(&run, "recipe.yaml", &mutated(recipe.as_bytes(), dice));
            write(&run, "summary.json", &mutated(b"{\"version\":1,\"status\":\"running\",\"step\":3}", dice));
            let _ = History::read(&run);
            let _ = Found::open(&run).status();
            let _ = convlens::run::runs::recipe(&run);
        }
    });
    assert!(tried >= 10);
}

/// Keys, clicks, pastes and sizes in any order, with what threads would answer.
fn explorer(time: Duration) {
    const KEYS: &str = "<up><down><left><right><enter><esc><tab><home><end><pageup><pagedown><backspace><ctrl-s><ctrl-z><space>\
                        jkhlgGqQrstuvwxyzabcdefimnop123456?:/[]+-.,;=0789<><ctrl-c>";
    let keys: Vec<Key> = script(&KEYS.replace("<>", "")).expect("keys");
    for_a_while(time, |dice| {
        let themes = [theme::dark(), theme::light(), theme::sixteen(), theme::plain()];
        let mut state = state(120, 40, themes[dice.random_range(0..4)]);
        for _ in 0..dice.random_range(20..200) {
            let msg = match dice.random_range(0..24) {
                0 => Msg::Resize(dice.random_range(0..200), dice.random_range(0..60)),
                1 => Msg::Paste(yaml(dice)),
                2 => Msg::Wheel(if dice.random_bool(0.5) { 3 } else { -3 }),
                3 => Msg::Click(match dice.random_range(0..9) {
                    0 => Action::List(List::At(dice.random_range(0..40))),
                    1 => Action::Screen(OfScreen::Layers(layers::Action::Row(dice.random_range(0..90)))),
                    2 => Action::Screen(OfScreen::Field(field::Action::Layer(dice.random_range(0..90)))),
                    3 => {
                        let unit = field::Action::Unit(dice.random_range(0..300), dice.random_range(0..300));
                        Action::Screen(OfScreen::Field(unit))
                    }
                    4 => {
                        let (line, column) = (dice.random_range(0..60), dice.random_range(0..120));
                        Action::Screen(OfScreen::Edit(edit::Action::Text { line, column }))
                    }
                    5 => Action::Screen(OfScreen::Edit(edit::Action::Problem(dice.random_range(0..9)))),
                    6 => Action::Screen(OfScreen::Compare(compare::Action::Row(dice.random_range(0..60)))),
                    7 => Action::Screen(OfScreen::Layers(layers::Action::Choose(layers::Choose::At(
                        dice.random_range(0..30),
                    )))),
                    _ => Action::Overlay(Overlay::Line(dice.random_range(0..30))),
                }),
                4 => Msg::Tick,
                5 => {
                    let of = Which::ALL.choose(dice).copied();
                    Msg::Ended { of, lane: Lane::Work, ended: Err("it broke off".into()) }
                }
                6 => Msg::Note(Note::Progress { what: "running".into(), done: 1, of: dice.random_range(0..3) }),
                7 => Msg::LookedUp { of: yaml(dice), stands: Standing::File },
                8 => Msg::Complain(yaml(dice)),
                _ => Msg::Key(*keys.choose(dice).expect("one")),
            };
            send(&mut state, msg);
            if dice.random_bool(0.3) {
                painted(&state);
            }
        }
        painted(&state);
    });
}

#[test]
fn readers_answer_or_refuse_whatever_they_are_given() {
    readers(seconds(3));
}

#[test]
fn the_explorer_bears_any_keys_clicks_and_sizes() {
    explorer(seconds(4));
}

#[test]
#[ignore = "as long as is wanted, by hand"]
fn fuzz_readers_for_long() {
    readers(seconds(60));
}

#[test]
#[ignore = "as long as is wanted, by hand"]
fn fuzz_the_explorer_for_long() {
    explorer(seconds(60));
}

#[test]
fn any_file_of_a_megabyte_is_answered_in_a_moment() {
    let library = Library::new(None);
    let many = |count: usize, part: &str| part.repeat(count);
    let listed = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
    let head = "input: [3, 8, 8]\nlayers:";
    let texts = [
        many(300_000, "["),
        many(200_000, "{a: "),
        many(500_000, "- "),
        many(500_000, "? "),
        format!("layers: [{}", many(500_000, "1,")),
        format!("name: {}", many(500_000, "a ")),
        format!("name: \"{}\"", many(170_000, "\\u1234")),
        listed(100_000, &|at| format!("k{at}: 1\n")),
        many(200_000, "a: 1\n"),
        format!("{head}\n{}", listed(90_000, &|at| format!("- cnov{at}\n"))),
        format!("{head}\n- conv: {{{}}}\n", listed(90_000, &|at| format!("k{at}: 1,"))),
        format!("{head} [conv3-4 x9000]\noverride:\n{}", listed(50_000, &|at| format!("  lay{at}: {{out: 3}}\n"))),
        format!("{head}\n{}", many(9_999, "- {conv: {out: 3, name: same}}\n")),
        format!("{head}\n- block: {{repeat: 1000000000000, layers: [{{block: {{layers: []}}}}]}}\n"),
        listed(60_000, &|at| format!("k{at}: &a{at} 1\n")) + &listed(30_000, &|at| format!("m{at}: *a{at}\n")),
        format!("{}: 1", many(900_000, "k")),
        many(1_000_000, "\t"),
        format!("{head} [{}]\nsummary: &a \"{}\"", many(20_000, "conv: {out: *a}, "), many(500_000, "x")),
        format!("summary: &a \"{}\"\n{}", many(500_000, "x"), many(20_000, "*a : 1\n")),
        format!("summary: &a \"{}\"\n{head}\n{}", many(500_000, "x"), many(9_000, "- relu: {name: *a}\n")),
        format!(
            "{head} [{}]\ndefaults: {{conv: {{{}}}}}",
            many(9_900, "conv3-4, "),
            listed(60_000, &|at| format!("a{at}: 1,"))
        ),
        format!("layers: [\"{}\"]", many(300_000, "甲")),
        many(125, " [\n") + &many(460_000, "a "),
        many(125, " [\n") + &many(230_000, "x\n \n"),
        many(125, " [\n") + &many(900_000, "a"),
    ];
    for text in texts {
        let text = &text[..text.len().min(1 << 20)];
        let began = Instant::now();
        let _ = library.load_text(&Origin::File("net.yaml".into()), text.to_string(), &[]);
        // A bound on the kind of growth, far from a timed test: what was quadratic took from five seconds to minutes.
        assert!(began.elapsed() < Duration::from_secs(4), "{:?} of {:?}…", began.elapsed(), &text[..40]);
    }
}
