//! The training screen: charts, norms, images, runs, driven by events fed by hand.

use std::sync::Arc;
use std::time::Duration;

use convlens::run::evaluate::figures::{Class, Figures, Mistake};
use convlens::run::evaluate::{Evaluation, Judged};
use convlens::run::runs::History;
use convlens::run::train::{Command, Epoch, Event, LayerNorms, Step};
use convlens::spec::{Library, Origin};
use convlens::tui::model::Opened;
use convlens::tui::screen::Effect;
use convlens::tui::screens::train::{About, News, Shown, Usable, Verdict};
use convlens::tui::screens::{self, Which, forward};
use convlens::tui::shell::{Msg, State, Task};
use convlens::tui::theme;
use convlens::tui::work::Lane;

use crate::explorer::{SIZES, done, painted, press, spawned, state, text, update};

fn news(state: &mut State, news: News) -> Vec<Task> {
    update(state, Msg::News(screens::News::Train(news)))
}

/// A run of vgg-mini that began and told `steps` steps of a falling, noisy loss, an epoch every hundred.
pub fn training(width: u16, height: u16, theme: theme::Theme, steps: u64) -> State {
    let mut state = state(width, height, theme);
    press(&mut state, "/vgg-mini<enter>6");
    let begin = state.screens.train.begin(&state.model).expect("a network");
    assert_eq!(begin.origin.id(), "vgg-mini");
    assert_eq!(spawned(press(&mut state, "<enter>")).lane, Lane::Training);
    let network = Arc::clone(state.entry().expect("selected").shared_network().expect("sound"));
    let names: Vec<String> = network.layers.iter().map(|layer| layer.name.clone()).collect();
    let about = About {
        data: "idx:/data/fashion-mnist".into(),
        recipe: "epochs 8 · batch 64 · optimizer sgd · lr 0.03 · schedule cosine".into(),
        total_steps: 800,
        epochs: Some(8),
        images: 60_000,
        names: vec!["shirt".into(), "boot".into()],
        began: None,
        notes: Vec::new(),
    };
    let shown = Shown { network: Some(network), ..Shown::new("runs/vgg-mini-1".into(), History::default(), about) };
    news(&mut state, News::Began(Box::new(shown)));
    let mut events = Vec::new();
    for step in 1..=steps {
        let noise = f64::from((step * 7919 % 13) as u32) / 13.0 - 0.5;
        let loss = if step == 250 { f32::NAN } else { (2.3 / (1.0 + step as f64 / 80.0) + 0.3 * noise) as f32 };
        let accuracy = (0.1 + 0.8 * (1.0 - 1.0 / (1.0 + step as f64 / 60.0)) + 0.08 * noise).clamp(0.0, 1.0);
        let (epoch, time) = ((step - 1) / 100 + 1, Duration::from_millis(80));
        events.push(Event::Step(Step { step, epoch, loss, accuracy, lr: 0.03, images: 64, time }));
        if step % 20 == 0 {
            let layers = [0usize, 2, 5, 7].map(|layer| LayerNorms {
                layer: names[layer].clone(),
                weight: 10.0 + layer as f64,
                gradient: 1.0 / (step as f64 + layer as f64),
                update: if layer == 7 { 4.0 } else { 0.01 },
            });
            events.push(Event::Norms { step, layers: layers.to_vec() });
        }
        if step % 100 == 0 {
            let validation = Some(Evaluation { loss: 2.0 / epoch as f64, accuracy: 0.5 + 0.05 * epoch as f64 });
            let (loss, accuracy, time) = (2.1 / epoch as f64, 0.5, Duration::from_secs(8));
            events.push(Event::Epoch(Epoch { epoch, step, loss, accuracy, validation, time }));
        }
    }
    news(&mut state, News::Events(events));
    state
}

#[test]
fn the_training_screen_at_three_sizes() {
    for (width, height) in SIZES {
        let state = training(width, height, theme::dark(), 400);
        insta::assert_snapshot!(format!("train-{width}x{height}"), text(&painted(&state)));
    }
    let mut before = state(80, 24, theme::dark());
    press(&mut before, "/vgg-mini<enter>6");
    insta::assert_snapshot!("train-before", text(&painted(&before)));
}

#[test]
fn keys_steer_the_run_and_nothing_else_does() {
    let mut state = training(120, 40, theme::dark(), 50);
    let told = |state: &mut State, keys: &str| {
        assert!(press(state, keys).is_empty(), "it is told at once");
        state.screens.train.live.as_ref().and_then(|live| live.told)
    };
    assert_eq!(told(&mut state, "<space>"), Some(Command::Pause));
    news(&mut state, News::Events(vec![Event::Paused(true)]));
    assert!(text(&painted(&state)).contains("paused"));
    assert_eq!(told(&mut state, "."), Some(Command::Step));
    assert_eq!(told(&mut state, "<space>"), Some(Command::Resume));
    // What cannot be undone by itself asks first, and can be taken back.
    assert_eq!(told(&mut state, "t"), Some(Command::Resume), "asked, not told");
    assert!(
        text(&painted(&state)).contains("Learning rate 3e-2 → 3e-3 from the next step?"),
        "{}",
        text(&painted(&state))
    );
    assert_eq!(told(&mut state, "<enter>"), Some(Command::LowerRate));
    // What is told since the last step counts already.
    press(&mut state, "T");
    assert!(text(&painted(&state)).contains("3e-3 → 3e-2"), "{}", text(&painted(&state)));
    assert_eq!(told(&mut state, "<enter>"), Some(Command::RaiseRate));
    assert_eq!(told(&mut state, "<ctrl-s>"), Some(Command::Checkpoint));
    assert!(press(&mut state, "<enter>").is_empty(), "a second run does not begin beside the first");
    assert!(press(&mut state, "q").is_empty(), "leaving asks first");
    assert!(text(&painted(&state)).contains("vgg-mini-1 is training"));
    assert_eq!(done(press(&mut state, "<down><enter>")), Effect::Quit);
    assert!(press(&mut state, "x<esc>").is_empty(), "stopping asks");
    assert_eq!(done(press(&mut state, "x<enter>")), Effect::Stop(Lane::Training));
    assert!(text(&painted(&state)).contains("stopping after this step"));
    news(&mut state, News::Ended(Ok("stopped at step 50".into())));
    let shown = text(&painted(&state));
    assert!(shown.contains("stopped at step 50") && shown.contains("Loss"), "the dashboard stays: {shown}");
    assert!(press(&mut state, "<space>").is_empty());
    assert!(text(&painted(&state)).contains("Resume vgg-mini-1?"), "{}", text(&painted(&state)));
    assert_eq!(spawned(press(&mut state, "<enter>")).lane, Lane::Training);
    let failed = news(&mut state, News::Ended(Err("the disk is full".into())));
    assert_eq!(spawned(failed).lane, Lane::Listing);
    assert!(text(&painted(&state)).contains("the disk is full"));
}

#[test]
fn what_is_not_finite_is_marked_and_a_spike_stays() {
    let mut state = training(120, 40, theme::dark(), 400);
    let spike =
        Step { step: 401, epoch: 5, loss: 40.0, accuracy: 0.1, lr: 0.03, images: 64, time: Duration::from_millis(80) };
    news(&mut state, News::Events(vec![Event::Step(spike)]));
    let shown = text(&painted(&state));
    assert!(shown.contains('✗'), "{shown}");
    assert!(shown.contains('▲') && !shown.contains(" 40.00│"), "the spike is cut, and marked: {shown}");
    press(&mut state, "ojjjj<enter><esc>");
    assert!(text(&painted(&state)).contains(" 40.00│"), "asked for, the axis reaches it: {}", text(&painted(&state)));
    press(&mut state, "ojj<enter><esc>");
    assert!(text(&painted(&state)).contains("log scale"));
}

#[test]
fn charts_run_along_steps_epochs_or_time() {
    let mut state = training(120, 40, theme::dark(), 400);
    let ends = |state: &State| {
        let shown = text(&painted(state));
        let below = shown.lines().skip_while(|line| !line.contains("└──────")).nth(1).expect("an axis").to_string();
        let words: Vec<String> = below.split(['│', ' ']).filter(|word| !word.is_empty()).map(str::to_string).collect();
        words[words.len() - 3..].to_vec()
    };
    assert_eq!(ends(&state), ["1", "200", "400"]);
    press(&mut state, "ojjjjj<enter><esc>");
    assert_eq!(ends(&state), ["0", "2", "4"], "{}", text(&painted(&state)));
    press(&mut state, "ojjjjj<enter><esc>");
    let time = ends(&state);
    assert!(time[0] == "0:00" && time[2].contains(':'), "{time:?}");
    // Before an epoch has ended only steps are known.
    let mut young = training(120, 40, theme::dark(), 60);
    press(&mut young, "ojjjjj<enter><esc>");
    assert_eq!(ends(&young)[2], "60");
}

#[test]
fn the_cursor_reads_off_values_and_goes_away_past_the_end() {
    let mut state = training(120, 40, theme::dark(), 400);
    press(&mut state, "<left>");
    assert!(text(&painted(&state)).contains("step 400  "));
    press(&mut state, "<left><left>");
    let shown = text(&painted(&state));
    assert!(shown.contains(" · val "), "{shown}");
    press(&mut state, "<right><right><right><right>");
    assert_eq!(state.screens.train.cursor, None);
}

#[test]
fn images_of_the_validation_set_carry_what_they_are_taken_for() {
    let mut state = training(120, 40, theme::plain(), 100);
    let image = |label, class| Judged { pixels: vec![0.8; 28 * 28], label, class, probability: 0.9 };
    let images = vec![image(0, 0), image(1, 0)];
    news(&mut state, News::Events(vec![Event::Samples { step: 100, images }]));
    press(&mut state, "v");
    let shown = text(&painted(&state));
    assert!(shown.contains("✓shirt") && shown.contains("✗shirt") && shown.contains(" is boot"), "{shown}");
}

#[test]
fn data_and_recipe_are_typed_and_checked() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/lenet5<enter>6oj<enter>");
    assert!(press(&mut state, "speed=3<enter>").is_empty());
    assert!(text(&painted(&state)).contains("no key `speed`"), "it stays open to be mended");
    press(&mut state, "<ctrl-u>epochs=2 lr=0.5<enter>");
    // The form says what differs from the default, and changes one field.
    press(&mut state, "o");
    let form = text(&painted(&state));
    assert!(form.contains("● lr") && form.contains("0.5") && form.contains("(default 0.01)"), "{form}");
    press(&mut state, "jjjjjjjjj<enter>16<enter>");
    assert!(text(&painted(&state)).contains("● batch"), "{}", text(&painted(&state)));
    assert_eq!(state.screens.train.words, "epochs=2 lr=0.5 batch=16");
    press(&mut state, "<esc>i");
    press(&mut state, "<ctrl-u>mnist<enter>");
    assert!(text(&painted(&state)).contains("expected `synthetic`"));
    press(&mut state, "<ctrl-u>idx:nowhere<enter>");
    assert!(text(&painted(&state)).contains("there is no nowhere"));
    press(&mut state, "<ctrl-u>idx:.<enter>");
    let begin = state.screens.train.begin(&state.model).expect("a network");
    assert_eq!((begin.recipe.epochs, begin.recipe.lr), (Some(2), Some(0.5)));
    assert_eq!(begin.data.to_string(), "idx:.");
}

/// Three images of two classes, one of them taken for the other.
fn verdict() -> Verdict {
    let class = |precision, recall, count| Class { count, precision: Some(precision), recall: Some(recall) };
    let worst =
        Mistake { at: 2, image: "val/boot/7\u{1b}.png".into(), label: 1, class: 0, probability: 0.9, of_label: 0.1 };
    let figures = Figures {
        images: 3,
        top1: 2.0 / 3.0,
        top5: 1.0,
        top: (5, 1.0),
        loss: 0.75,
        classes: vec![class(0.5, 1.0, 1), class(1.0, 0.5, 2)],
        confusion: Some(vec![vec![1, 0], vec![1, 1]]),
        worst: vec![worst],
        broken: Vec::new(),
        unsound: 0,
    };
    Verdict { figures, names: vec!["shirt".into(), "boot".into()] }
}

#[test]
fn a_run_that_has_ended_is_judged_and_its_best_weights_are_used() {
    let mut state = training(120, 40, theme::dark(), 50);
    assert!(press(&mut state, "f").is_empty(), "not while it learns");
    assert!(text(&painted(&state)).contains("once it has ended"));
    news(&mut state, News::Ended(Ok("ended".into())));
    assert_eq!(spawned(press(&mut state, "f")).what, "judging");
    let judged = News::Judged { folder: "runs/vgg-mini-1".into(), verdict: Box::new(verdict()) };
    news(&mut state, judged);
    for (width, height) in SIZES {
        update(&mut state, Msg::Resize(width, height));
        let shown = text(&painted(&state));
        assert!(shown.contains("3 images: top-1"), "{shown}");
        if width >= 80 {
            // The number of classes bounds what is among the most probable.
            assert!(shown.contains("3 images: top-1 66.67%, top-2 100.00%, loss 0.75"), "{shown}");
            assert!(shown.contains("1 boot taken for shirt"), "{shown}");
        }
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
    update(&mut state, Msg::Resize(120, 40));
    assert_eq!(spawned(press(&mut state, "w")).what, "reading the run");
    let listed = Origin::Bundled("vgg-mini");
    let usable = |text: &str| {
        let origin = Origin::File("runs/vgg-mini-1/architecture.yaml".into());
        let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]).expect("sound");
        let opened = Opened::Graph(Arc::new(convlens::graph::analyse(&loaded).expect("fits")));
        let (run, listed, weights) = ("vgg-mini-1".into(), Some(listed.clone()), "best.safetensors".into());
        let text = Some(text.to_string());
        Msg::News(screens::News::Train(News::Usable(Box::new(Usable { run, listed, origin, text, opened, weights }))))
    };
    // The network of the list as it is.
    let runs = |tasks: Vec<Task>| spawned(tasks).what == "running";
    let before = state.entries.len();
    assert!(runs(update(&mut state, usable("extends: vgg-mini\n"))));
    assert_eq!((state.entry().expect("selected").id.as_str(), state.entries.len()), ("vgg-mini", before));
    assert_eq!(state.screen, Which::Forward);
    // With other classes it is the run's own, and stays so however often it is used or the folders change.
    for _ in 0..2 {
        assert!(runs(update(&mut state, usable("extends: vgg-mini\nclasses: 3\n"))));
        let entry = state.entry().expect("selected");
        assert_eq!(
            (entry.id.as_str(), entry.network().expect("sound").layers.last().expect("one").output.elements()),
            ("vgg-mini-1", 3)
        );
        assert_eq!(state.entries.len(), before + 1);
    }
    // The folder of a run made anew under the same name is read anew.
    assert!(runs(update(&mut state, usable("extends: vgg-mini\nclasses: 4\n"))));
    let last = state.entry().and_then(|entry| entry.network()).and_then(|network| network.layers.last());
    assert_eq!(last.expect("one").output.elements(), 4);
    // What a run trained is not written over: a copy is asked for.
    let effects = press(&mut state, "e# mine<ctrl-s>");
    assert!(!effects.iter().any(|task| matches!(task, Task::Do(Effect::Save(_)))), "{effects:?}");
    assert!(text(&painted(&state)).contains("vgg-mini-1-2.yaml"), "{}", text(&painted(&state)));
}

#[test]
fn published_weights_are_fetched_once_their_size_is_known_and_wanted() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/vgg-mini<enter>5");
    assert!(press(&mut state, "P").is_empty());
    assert!(text(&painted(&state)).contains("There are no published weights for vgg-mini"));
    press(&mut state, "/resnet18<enter>5");
    assert_eq!(spawned(press(&mut state, "P")).what, "asking the hub");
    let origin = Origin::Bundled("resnet18");
    let of_forward = |news: forward::News| Msg::News(screens::News::Forward(news));
    let answer =
        |is_there| of_forward(forward::News::Published { origin: origin.clone(), bytes: Some(46_807_446), is_there });
    // Those that are there are checked without a question.
    assert_eq!(spawned(update(&mut state, answer(true))).what, "fetching");
    assert!(update(&mut state, answer(false)).is_empty());
    let shown = text(&painted(&state));
    assert!(shown.contains("46.8 MB") && shown.contains("timm/resnet18.tv_in1k"), "{shown}");
    assert!(press(&mut state, "<esc>").is_empty());
    update(&mut state, answer(false));
    assert_eq!(spawned(press(&mut state, "<enter>")).what, "fetching");
    let fetched = forward::News::Fetched { origin: origin.clone(), path: "/kept/model.safetensors".into() };
    let effects = update(&mut state, of_forward(fetched));
    assert!(!effects.is_empty() && text(&painted(&state)).contains("model.safetensors"));
}

#[test]
fn every_size_can_be_drawn_while_training() {
    for theme in [theme::dark(), theme::plain()] {
        let mut state = training(120, 40, theme, 300);
        let images = vec![Judged { pixels: vec![0.5; 28 * 28], label: 0, class: 1, probability: 0.4 }];
        news(&mut state, News::Events(vec![Event::Samples { step: 300, images }]));
        for script in ["", "v", "v", "v", "<left>"] {
            press(&mut state, script);
            for (height, width) in
                (0..=60).step_by(5).flat_map(|height| (0..=200).step_by(7).map(move |width| (height, width)))
            {
                update(&mut state, Msg::Resize(width, height));
                painted(&state);
            }
        }
    }
}

#[test]
fn a_million_steps_stay_quick_to_draw() {
    let state = training(120, 40, theme::dark(), 1_000_000);
    let shown = state.screens.train.shown.as_ref().expect("a run");
    assert!(shown.history.loss.buckets().len() <= 4096, "memory stays bounded");
    assert!(text(&painted(&state)).contains("1,000,000"));
}
