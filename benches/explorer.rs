//! How long a key press takes to reach the screen: the state's update, and painting it, on VGG-16 and on 10,000 layers.

use std::hint::black_box;

use convlens::spec::{Library, Origin};
use convlens::tui::input;
use convlens::tui::model::open::{self, Analyse};
use convlens::tui::model::{Entry, Opened};
use convlens::tui::shell::{Msg, State, draw, update};
use convlens::tui::theme;
use criterion::{Criterion, criterion_group, criterion_main};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const LAYERS: &str = "  - block: {name: b, repeat: 1666, layers: [conv3-8 x5, relu]}\n";

fn state(origin: Origin, text: Option<String>, opened: Opened) -> State {
    let mut state = State::new(vec![Entry::new(origin, text, opened)], 0, theme::dark());
    update(&mut state, Msg::Resize(120, 40));
    state
}

fn large() -> State {
    let text = format!("input: [3, 8, 8]\nlayers:\n{LAYERS}");
    let origin = Origin::File("large.yaml".into());
    let loaded = Library::new(None).load_text(&origin, text.clone(), &[]).expect("sound");
    let network = convlens::graph::analyse(&loaded).expect("shapes that fit");
    state(origin, Some(text), Opened::Graph(network.into()))
}

fn benches(criterion: &mut Criterion) {
    let library = Library::new(None);
    let vgg16 = || {
        let origin = Origin::Bundled("vgg16");
        let (text, opened) = open::open(&library, &origin, &[]);
        state(origin, text, opened)
    };
    for (name, mut state) in [("VGG-16", vgg16()), ("10,000 layers", large())] {
        let mut terminal = Terminal::new(TestBackend::new(120, 40)).expect("a terminal");
        for (screen, script) in [("layers", "1"), ("field", "2"), ("compare", "3"), ("edit", "4")] {
            for key in input::script(script).expect("keys") {
                update(&mut state, Msg::Key(key));
            }
            let there_and_back = input::script("jk").expect("keys");
            criterion.bench_function(&format!("two keys and frames, {screen}, {name}"), |bench| {
                bench.iter(|| {
                    for key in &there_and_back {
                        black_box(update(&mut state, Msg::Key(*key)));
                        terminal.draw(|frame| drop(black_box(draw(&state, frame)))).expect("painted");
                    }
                });
            });
        }
    }
    // What follows a letter typed into a file of 1,000 lines, in its own thread.
    let convs = "  - {conv: {out: 16, kernel: 3, activation: relu}}\n".repeat(1_000);
    let text = format!("input: [16, 32, 32]\nlayers:\n{convs}");
    let origin = Origin::File("typed.yaml".into());
    let work = |text: String, saved| Analyse { origin: origin.clone(), version: 1, text, saved };
    let saved = open::analyse(&library, &[], &work(text.clone(), None)).shown.map(|shown| shown.network);
    let typed = text.replacen("out: 16", "out: 17", 1);
    criterion.bench_function("analyse 1,000 lines against what is saved", |bench| {
        bench.iter(|| open::analyse(&library, &[], &work(black_box(typed.clone()), saved.clone())).rows.len());
    });
}

criterion_group!(all, benches);
criterion_main!(all);
