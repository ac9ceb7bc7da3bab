//! What comments and screens promise, each held by a test that notices when it stops being so.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use convlens::exchange::weights::{self, Rest};
use convlens::graph::memory::{self, OptimizerState};
use convlens::graph::{self, Graph, compare};
use convlens::network::init::Init;
use convlens::network::kernels::conv::Algorithm;
use convlens::network::kernels::view;
use convlens::network::ops::cross_entropy::cross_entropy;
use convlens::network::optimizer::{self, Optimizer};
use convlens::network::parameters::row;
use convlens::network::{Compiled, Mode};
use convlens::run::attention::{Method, look};
use convlens::run::runs::{Found, History, Status, Summary};
use convlens::run::session::{self, Begin, Change, Out};
use convlens::run::train::{Control, End, Event, Observed};
use convlens::spec::recipe::Recipe;
use convlens::spec::{Library, Origin};
use convlens::tui::screens::train::{About, News as TrainNews, Shown};
use convlens::tui::screens::{self, News, Which, layers};
use convlens::tui::shell::action::{Action, Overlay, Window};
use convlens::tui::shell::{Msg, State};
use convlens::tui::theme;
use dfdx::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

use crate::explorer::{painted, press, state, text, update};

fn network(text: &str) -> Graph {
    let origin = Origin::File("net.yaml".into());
    let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]);
    graph::analyse(&loaded.unwrap_or_else(|error| panic!("{error}"))).unwrap_or_else(|report| panic!("{report}"))
}

fn go_on(_: usize, _: &convlens::network::Values) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn logits(network: &mut Compiled, values: &[f32]) -> Vec<f32> {
    let batch = network.batch(values.to_vec());
    let output = network.forward(batch, Mode::Evaluate, false, go_on).expect("not stopped");
    view::values(&output).to_vec()
}

#[test]
fn a_step_is_seen_by_the_next_evaluation_whatever_was_kept_of_the_weights_before() {
    let small = network("input: [4, 12, 12]\nlayers: [conv3-8, relu, conv3-8, flatten, linear: 3]\n");
    let mut own = Compiled::initialised(&small, Init::Kaiming, 1);
    own.conv_algorithm = Some(Algorithm::Winograd);
    let values: Vec<f32> = (0..2 * 4 * 144).map(|at| ((at * 7919) % 101) as f32 / 101.0).collect();
    // The transformed weights are kept from here on.
    let before = logits(&mut own, &values);
    let mut sgd =
        Optimizer::new(optimizer::Algorithm::Sgd { momentum: 0.9, nesterov: false }, 0.0, &own).expect("memory");
    let batch = own.batch(values.clone());
    let output = own.forward(batch.leaky_trace(), Mode::Train { dropout_seed: None }, false, go_on).expect("run");
    let mut gradients = cross_entropy(output, &[0, 2], None, 0.0).backward();
    sgd.step(&mut own, &mut gradients, 0.5).expect("a step");
    let after = logits(&mut own, &values);
    assert_ne!(before, after);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    weights::write(&own, Default::default(), &path).expect("written");
    let mut fresh = weights::read(&small, &path, Rest::Refused).expect("read").compiled;
    fresh.conv_algorithm = Some(Algorithm::Winograd);
    assert_eq!(after, logits(&mut fresh, &values));
}

#[test]
fn an_output_that_nobody_reads_any_more_gives_its_place_to_the_next() {
    let own = network("input: [2, 6, 6]\nlayers: [conv1-3, relu, tanh, relu, maxpool, flatten, linear: 2]\n");
    let mut compiled = Compiled::initialised(&own, Init::Kaiming, 1);
    let batch = compiled.batch(vec![0.5; 72]);
    let mut places = Vec::new();
    compiled.forward(batch, Mode::Evaluate, false, |_, output| {
        places.push(view::place_of(output));
        ControlFlow::Continue(())
    });
    // Activations work in place where they are the last that read their input; the others make a place of their own.
    assert!(places[..4].windows(2).all(|pair| pair[0] == pair[1]), "{places:x?}");
    assert_ne!(places[3], places[4]);
}

#[test]
fn memory_is_what_an_operation_keeps_and_no_more() {
    // 4 bytes a value: the conv keeps its input (16 values), ReLU a bit for each of 32, max-pooling an index for each of 8,
    // the linear layer its input: the pool's 8, which flatten hands on.
    let own = network("input: [1, 4, 4]\nlayers: [conv: {out: 2, activation: relu}, maxpool, flatten, linear: 3]\n");
    assert_eq!(memory::kept_bytes(&own), 4 * 16 + 32 / 8 + 4 * 8 + 4 * 8);
    // The largest pair is ReLU's: 32 values in, 32 out. Parameters: 1·9·2 + 2 and 8·3 + 3.
    let parameters = 4 * (20 + 27);
    assert_eq!(memory::inference(&own, 2), parameters + 2 * (4 * 16 + 4 * 64));
    let step = memory::training(&own, 3, OptimizerState::Adam);
    assert_eq!(step.total(), 4 * parameters + 3 * (132 + 256));
    // Batch norm and GELU keep their inputs (8 values each), average pooling nothing, softmax its output.
    let smooth = "input: [1, 2, 2]\nlayers: [conv: {out: 2, norm: batch, activation: gelu}, avgpool, flatten, linear: 2, softmax]\n";
    assert_eq!(memory::kept_bytes(&network(smooth)), 4 * (4 + 8 + 8 + 2 + 2));
    // Softmax keeps its output, and so does the linear layer behind flatten: the same values, once.
    let shared = network("input: [2, 2, 2]\nlayers: [softmax, flatten, linear: 2]\n");
    assert_eq!(memory::kept_bytes(&shared), 4 * (8 + 8));
    // Two layers that read the same values keep them once.
    let twice = network("input: [1, 2, 2]\nlayers: [conv: {out: 2, activation: gelu}, batch_norm]\n");
    assert_eq!(memory::kept_bytes(&twice), 4 * (4 + 8 + 8));
}

#[test]
fn layers_are_compared_with_those_of_their_shape() {
    let one =
        network("input: [3, 8, 8]\nlayers: [block: {name: b, layers: [conv3-8, conv3-16]}, flatten, linear: 2]\n");
    let other =
        "input: [3, 8, 8]\nlayers: [block: {name: b, layers: [conv3-8, conv3-12, conv3-16]}, flatten, linear: 2]\n";
    let rows = compare::rows(&[&one, &network(other)]);
    let names = |row: &compare::Row| {
        let name = |cell: &Option<compare::Cell>| cell.as_ref().map_or("–".to_string(), |cell| cell.name.clone());
        row.cells.iter().map(name).collect::<Vec<_>>().join(" | ")
    };
    let rows: Vec<String> = rows.iter().map(names).collect();
    let expected =
        ["b.conv1 | b.conv1", "– | b.conv2", "b.conv2 | b.conv3", "flatten1 | flatten1", "linear1 | linear1"];
    assert_eq!(rows, expected);
}

/// A network of one 1×1 conv with weight 1, whose class 0 counts the map against itself and class 1 for itself.
fn for_and_against(folder: &Path) -> Compiled {
    let own = network("input: [1, 4, 4]\nlayers: [conv1-1, global_avgpool, flatten, linear: 2]\n");
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let tensors = [
        ("conv1.weight", vec![1, 1, 1, 1], bytes(&[1.0])),
        ("conv1.bias", vec![1], bytes(&[0.0])),
        ("linear1.weight", vec![2, 1], bytes(&[-1.0, 1.0])),
        ("linear1.bias", vec![2], bytes(&[0.0, 0.0])),
    ];
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("sound")));
    let path = folder.join("w.safetensors");
    safetensors::serialize_to_file(views, None, &path).expect("written");
    weights::read(&own, &path, Rest::Refused).expect("read").compiled
}

#[test]
fn grad_cam_shows_what_speaks_for_a_class_and_nothing_of_what_speaks_against_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut own = for_and_against(folder.path());
    let input: Vec<f32> = (1..=16).map(|value| value as f32).collect();
    let against = look(&mut own, input.clone(), 0, Method::GradCam).expect("a class");
    assert!(against.values.iter().all(|&value| value == 0.0), "{against:?}");
    let speaks = look(&mut own, input, 1, Method::GradCam).expect("a class");
    assert!(speaks.values.windows(2).all(|pair| pair[0] <= pair[1]) && speaks.values[15] > 0.0, "{speaks:?}");
}

#[test]
fn a_projecting_shortcut_takes_the_stride_of_its_path_where_several_would_fit() {
    // From 4 rows to 2 both strides 2 and 3 lead; the path takes 3.
    let own = network("input: [2, 4, 4]\nlayers:\n  - residual: {shortcut: project, layers: [conv3-4/3]}\n");
    let shortcut = own.layers.iter().find(|layer| layer.name == "residual1.shortcut.conv1").expect("there");
    assert_eq!(shortcut.operation.window().expect("a conv").stride.to_array(), [3, 3]);
    assert!(own.layers.last().expect("layers").field.is_some(), "both look at the same pixels");
}

#[test]
fn what_nobody_reads_is_told() {
    let own = network("input: [2, 8, 8]\nlayers: [conv3-8, conv3-16, concat: [from: conv1, from: conv1]]\n");
    let codes: Vec<(&str, String)> =
        graph::lints::lints(&own).into_iter().map(|lint| (lint.code, lint.layer)).collect();
    assert!(codes.contains(&("output-unread", "conv2".into())), "{codes:?}");
}

#[test]
fn gradients_lead_back_to_a_layer_over_all_ways_that_begin_there() {
    let conv = "conv: {out: 1, kernel: 1, bias: false}";
    let own = network(&format!("input: [1, 2, 2]\nlayers: [{conv}, residual: [{conv}], flatten]\n"));
    let mut compiled = Compiled::initialised(&own, Init::Kaiming, 1);
    for (parameter, weight) in compiled.parameters.iter_mut().zip([5.0, 2.0]) {
        parameter.values = row(&compiled.device, vec![weight]);
    }
    // y = 5x, then y + 2y: behind the first conv a value counts three times, behind the second once.
    for (from, gradient) in [(0, 3.0), (1, 1.0)] {
        let input = compiled.batch(vec![1.0, 2.0, 3.0, 4.0]);
        let ran = compiled.forward_from(from, own.layers.len(), input, Mode::Evaluate, go_on).expect("not stopped");
        let (start, output) = ran;
        assert_eq!(view::values(&output).as_ref(), [15.0, 30.0, 45.0, 60.0]);
        let gradients = output.sum::<Rank0, _>().backward();
        assert_eq!(gradients.get(&start).as_vec(), [gradient; 4], "from layer {from}");
    }
}

const NET: &str = "name: Small\ninput: [1, 8, 8]\nclasses: 3\ndefaults:\n  conv: {norm: batch, activation: relu}\n\
                   layers: [conv3-6, maxpool, conv3-8, flatten, fc-classes]\n";

/// Images of three classes in folders, and a run on them that is wanted.
fn wanted(folder: &Path, more: Recipe) -> Begin {
    for part in ["train", "val"] {
        for class in 0..3u8 {
            let place = folder.join(format!("data/{part}/{class}"));
            std::fs::create_dir_all(&place).expect("made");
            for image in 0..4u8 {
                let pixel =
                    |x: u32, y: u32| image::Luma([(x as u8 * (class * 9 + 1)).wrapping_add(y as u8 * image * 5)]);
                image::GrayImage::from_fn(8, 8, pixel).save(place.join(format!("{image}.png"))).expect("written");
            }
        }
    }
    std::fs::write(folder.join("net.yaml"), NET).expect("written");
    Begin {
        origin: Origin::File(folder.join("net.yaml")),
        sets: Vec::new(),
        data: format!("folder:{}", folder.join("data").display()).parse().expect("a source"),
        recipe: Recipe { epochs: Some(2), batch: Some(6), seed: Some(1), ..more },
        weights: None,
        partial: false,
        out: Out::Folder(folder.join("run")),
        id: None,
        force: true,
        processes: 1,
    }
}

fn control() -> Control {
    Control { stop: Arc::new(AtomicBool::new(false)), commands: None, until: None }
}

fn events(session: session::Session, control: &Control, mut see: impl FnMut(&Event)) -> (End, Vec<Event>) {
    let mut events = Vec::new();
    let mut on = |event: Event| {
        see(&event);
        events.push(event);
        ControlFlow::Continue(())
    };
    let over = session.run(control, Observed::default(), &mut on, &mut |_| Ok(())).expect("trained");
    (over.end, events)
}

#[test]
fn the_accuracy_of_a_step_is_of_its_whole_mini_batch_in_whatever_parts_it_goes_through() {
    let first = |micro_batch: Option<u64>| {
        let folder = tempfile::tempdir().expect("a folder");
        let plain = NET.replace("norm: batch, ", "");
        let mut begin = wanted(folder.path(), Recipe { micro_batch, batch: Some(12), ..Recipe::default() });
        begin.recipe.batch = Some(12);
        std::fs::write(folder.path().join("net.yaml"), plain).expect("written");
        let session = session::begin(&Library::new(None), &begin).expect("begun");
        let (_, events) = events(session, &control(), |_| {});
        let step = events.into_iter().find_map(|event| if let Event::Step(step) = event { Some(step) } else { None });
        let step = step.expect("a step");
        (step.accuracy, step.loss, step.images)
    };
    let (whole, parts) = (first(None), first(Some(5)));
    // Twelve images go through as five, five and two.
    assert!((whole.0 - parts.0).abs() < 1e-9 && (whole.1 - parts.1).abs() < 1e-5, "{whole:?} {parts:?}");
    assert_eq!((whole.2, parts.2), (12, 12));
}

#[test]
fn a_look_at_an_epochs_end_that_was_cut_short_is_taken_when_the_run_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = wanted(folder.path(), Recipe::default());
    let session = session::begin(&Library::new(None), &begin).expect("begun");
    let control = control();
    let (end, before) = events(session, &control, |event| {
        if matches!(event, Event::Validating { .. }) {
            control.stop.store(true, Ordering::Relaxed);
        }
    });
    assert_eq!(end, End::Stopped);
    let epochs = |events: &[Event]| {
        let own = events.iter().filter_map(|event| if let Event::Epoch(epoch) = event { Some(*epoch) } else { None });
        own.map(|epoch| (epoch.epoch, epoch.validation.is_some())).collect::<Vec<_>>()
    };
    assert_eq!(epochs(&before), [], "the first epoch's look was cut short");
    let session = session::resume(&folder.path().join("run"), &Change::default()).expect("resumed");
    let (end, after) = events(session, &self::control(), |_| {});
    assert_eq!((end, epochs(&after)), (End::Finished, vec![(1, true), (2, true)]));
    let told = History::read(&folder.path().join("run")).expect("metrics");
    assert_eq!(told.epochs.len(), 2);
}

#[test]
fn another_learning_rate_is_in_the_checkpoint_before_a_step_is_taken_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = wanted(folder.path(), Recipe::default());
    events(session::begin(&Library::new(None), &begin).expect("begun"), &control(), |_| {});
    let run = folder.path().join("run");
    let first = |change: &Change| {
        let (_, events) = events(session::resume(&run, change).expect("resumed"), &control(), |_| {});
        events.into_iter().find(|event| matches!(event, Event::Checkpoint { .. } | Event::Step(_))).expect("an event")
    };
    let slower = Change { epochs: Some(3), lr: Some(0.001), ..Change::default() };
    assert!(matches!(first(&slower), Event::Checkpoint { step: 4, .. }), "a kill after it goes on with this rate");
}

#[test]
fn a_run_does_not_go_on_with_other_validation_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = wanted(folder.path(), Recipe::default());
    let session = session::begin(&Library::new(None), &begin).expect("begun");
    events(session, &control(), |_| {});
    let other = folder.path().join("data/val/0");
    std::fs::rename(other.join("0.png"), other.join("9.png")).expect("renamed");
    let longer = Change { epochs: Some(3), ..Change::default() };
    let refused = session::resume(&folder.path().join("run"), &longer).err().expect("other data").to_string();
    assert!(refused.contains("the validation data is not what"), "{refused}");
    std::fs::rename(other.join("9.png"), other.join("0.png")).expect("renamed");
    assert!(session::resume(&folder.path().join("run"), &longer).is_ok());
}

#[test]
fn a_bit_that_changes_anywhere_in_a_checkpoint_is_noticed() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = wanted(folder.path(), Recipe::default());
    let session = session::begin(&Library::new(None), &begin).expect("begun");
    events(session, &control(), |_| {});
    let run = folder.path().join("run");
    let path = run.join("checkpoint.safetensors");
    let sound = std::fs::read(&path).expect("read");
    let header = 8 + u64::from_le_bytes(*sound.first_chunk().expect("a length")) as usize;
    let tensors = safetensors::SafeTensors::deserialize(&sound).expect("whole");
    let places = tensors.tensors().into_iter().map(|(name, view)| {
        let start = view.data().as_ptr() as usize - sound.as_ptr() as usize;
        (name, start + view.data().len() / 2)
    });
    let longer = Change { epochs: Some(3), ..Change::default() };
    let refused = |what: &str| {
        let error = session::resume(&run, &longer).err().unwrap_or_else(|| panic!("{what} changed unnoticed"));
        assert!(error.to_string().contains("checksum"), "{what}: {error}");
    };
    let mut kinds = 0;
    for (name, at) in places {
        assert!(at >= header);
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        refused(&name);
        kinds += u32::from(name.ends_with("running_mean")) + u32::from(name.starts_with("optimizer."));
    }
    assert!(kinds > 4, "running statistics and moments are among them");
    // The recipe and the architecture stand in the header, under the same checksum.
    for (from, to) in [("lr: 0.01", "lr: 0.03"), ("conv3-6", "conv3-6 ")] {
        let text = String::from_utf8_lossy(&sound[..header]).into_owned();
        assert!(text.contains(from), "{text}");
        let mut changed = text.replacen(from, to, 1).into_bytes();
        changed.extend_from_slice(&sound[header..]);
        let grown = (changed.len() - sound.len()) as u64;
        let length = u64::from_le_bytes(*sound.first_chunk().expect("a length")) + grown;
        changed[..8].copy_from_slice(&length.to_le_bytes());
        std::fs::write(&path, changed).expect("written");
        refused(from);
    }
    std::fs::write(&path, sound).expect("written");
    // The files beside it are copies: one that changed is told of, and written again.
    for (name, from, to) in [("recipe.yaml", "lr: 0.01", "lr: 0.03"), ("architecture.yaml", "conv3-6", "conv5-6")] {
        let text = std::fs::read_to_string(run.join(name)).expect("read");
        assert!(text.contains(from), "{text}");
        std::fs::write(run.join(name), text.replace(from, to)).expect("written");
        let session = session::resume(&run, &longer).expect("the checkpoint is sound");
        assert!(
            session.notes.iter().any(|note| note.contains(name) && note.contains("differs from")),
            "{:?}",
            session.notes
        );
        drop(session);
        let again = std::fs::read_to_string(run.join(name)).expect("read");
        assert!(again.contains(from) && !again.contains(to), "{again}");
    }
}

#[test]
fn the_row_with_the_cursor_is_always_seen() {
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "/vgg19<enter>1");
        for key in ["j", "<pagedown>", "<end>", "k", "<pageup>", "<home>"] {
            for _ in 0..30 {
                press(&mut state, key);
                let entry = state.entry().expect("selected");
                let (row, network) = (entry.row().expect("a row"), entry.network().expect("sound"));
                let last = row.path(network).rsplit('.').next().unwrap_or_default().to_string();
                // Of its own name alone many a row has the same; together with the sign of the cursor only one.
                let (cursor, offset) = (entry.cursor, entry.offset);
                let shown = text(&painted(&state));
                let heads = if height == 12 { 1 } else { 2 };
                let line = shown.lines().nth(heads + 1 + cursor - offset).unwrap_or_default();
                let seen: String = last.chars().take(9).collect();
                assert!(line.contains(&seen), "{last} after {key} at {width}×{height}:\n{shown}");
            }
        }
    }
}

#[test]
fn a_second_click_folds_and_a_click_beside_an_overlay_only_closes_it() {
    let mut state = state(120, 40, theme::dark());
    let rows = |state: &State| state.entry().expect("selected").rows().len();
    let row = || Action::Screen(screens::Action::Layers(layers::Action::Row(2)));
    let before = rows(&state);
    update(&mut state, Msg::Click(row()));
    assert_eq!((rows(&state), state.entry().expect("selected").cursor), (before, 2), "the first click only goes there");
    update(&mut state, Msg::Click(row()));
    let folded = rows(&state);
    assert!(folded != before, "the second folds or opens");
    update(&mut state, Msg::Click(row()));
    assert_eq!(rows(&state), before);
    press(&mut state, ":");
    assert!(state.overlay.is_some());
    let screen = state.screen;
    update(&mut state, Msg::Click(Action::Window(Window::Show(Which::Train))));
    assert!(state.overlay.is_none() && state.screen == screen, "what lies below does not hear it");
    update(&mut state, Msg::Click(Action::Window(Window::Show(Which::Train))));
    assert_eq!(state.screen, Which::Train);
    // A click on a line of the palette is the command.
    press(&mut state, "1:what a unit sees");
    update(&mut state, Msg::Click(Action::Overlay(Overlay::Line(0))));
    assert!(state.overlay.is_none());
    assert_eq!(state.screen, Which::Field, "the only offer for these words");
}

#[test]
fn what_is_told_goes_away_by_itself() {
    let mut state = state(120, 40, theme::dark());
    update(&mut state, Msg::Complain("the disk is full".into()));
    update(&mut state, Msg::Tell("copied it".into()));
    assert!(text(&painted(&state)).contains("copied it"));
    let mut ticks = 0;
    while !state.toasts.is_empty() {
        update(&mut state, Msg::Tick);
        ticks += 1;
        assert!(ticks < 60, "it stays for ever");
        let shown = text(&painted(&state));
        assert_eq!(shown.contains("the disk is full"), !state.toasts.is_empty(), "what went wrong stays longest");
    }
    assert!(ticks > 3, "long enough to be read");
}

#[test]
fn a_run_that_was_read_does_not_take_the_place_of_the_one_that_is_trained() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/vgg-mini<enter>6");
    press(&mut state, "<enter>");
    let shown = |id: &str| Shown::new(Path::new("runs").join(id), History::default(), About::default());
    update(&mut state, Msg::News(News::Train(TrainNews::Began(Box::new(shown("vgg-mini-7"))))));
    let read = |over| Msg::News(News::Train(TrainNews::Read { shown: Box::new(shown("old-1")), over }));
    update(&mut state, read(false));
    let own = |state: &State| state.screens.train.shown.as_ref().map(|own| own.id.clone());
    assert_eq!(own(&state), Some("vgg-mini-7".into()));
    update(&mut state, read(true));
    assert_eq!((own(&state), state.screens.train.laid.len()), (Some("vgg-mini-7".into()), 1), "it lies over it");
    update(&mut state, Msg::News(News::Train(TrainNews::Ended(Ok("finished".into())))));
    update(&mut state, read(false));
    assert_eq!(own(&state), Some("old-1".into()));
}

#[test]
fn a_run_that_was_ended_before_it_had_learned_anything_begins_anew_in_its_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let begin = wanted(folder.path(), Recipe::default());
    let (end, _) = events(session::begin(&Library::new(None), &begin).expect("begun"), &control(), |_| {});
    assert_eq!(end, End::Finished);
    let run = folder.path().join("run");
    let learned = std::fs::read(run.join("checkpoint.safetensors")).expect("read");
    let tensors = |bytes: &[u8]| {
        let file = safetensors::SafeTensors::deserialize(bytes).expect("whole");
        let mut all: Vec<_> = file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
        all.sort();
        all
    };
    // As a kill leaves it at the latest instant before the first checkpoint.
    for gone in ["checkpoint.safetensors", "best.safetensors", "state.json"] {
        std::fs::remove_file(run.join(gone)).expect("removed");
    }
    std::fs::write(run.join("metrics.jsonl"), "{\"event\":\"start\",\"version\":1}\n{\"event\":\"sta")
        .expect("written");
    std::fs::write(run.join(".convlens-half"), "half a checkpoint").expect("written");
    let session = session::resume(&run, &Change::default()).expect("begun anew");
    assert!(session.notes[0].contains("begins anew from its recipe and seed"), "{:?}", session.notes);
    events(session, &control(), |_| {});
    assert_eq!(tensors(&std::fs::read(run.join("checkpoint.safetensors")).expect("read")), tensors(&learned));
    assert!(!run.join(".convlens-half").exists());
    let found = Found::open(&run);
    assert!(matches!(&found.summary, Ok(Summary { status: Status::Finished, .. })), "{found:?}");
    // A folder of somebody else's that only looks a little like one is left alone.
    let theirs = folder.path().join("theirs");
    std::fs::create_dir(&theirs).expect("made");
    std::fs::write(theirs.join("architecture.yaml"), "mine").expect("written");
    let taken = Begin { out: Out::Folder(theirs.clone()), ..begin };
    assert!(session::begin(&Library::new(None), &taken).is_err());
    assert_eq!(std::fs::read_dir(&theirs).expect("a folder").count(), 1);
}

#[cfg(unix)]
#[test]
fn links_in_a_runs_folder_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().expect("a folder");
    let begin = wanted(folder.path(), Recipe::default());
    events(session::begin(&Library::new(None), &begin).expect("begun"), &control(), |_| {});
    let run = folder.path().join("run");
    let outside = folder.path().join("outside");
    let longer = |epochs| Change { epochs: Some(epochs), ..Change::default() };
    for (epochs, name) in
        [(3, "state.json"), (4, "summary.json"), (5, "recipe.yaml"), (6, "architecture.yaml"), (7, "classes.txt")]
    {
        std::fs::write(&outside, "theirs").expect("written");
        std::fs::remove_file(run.join(name)).expect("removed");
        symlink(&outside, run.join(name)).expect("linked");
        events(session::resume(&run, &longer(epochs)).expect("resumed"), &control(), |_| {});
        assert_eq!(std::fs::read_to_string(&outside).expect("there"), "theirs", "{name} was followed");
        assert!(!run.join(name).is_symlink(), "{name} is a file of the run's again");
    }
    // What is added to, or locked, is refused.
    std::fs::remove_file(&outside).expect("removed");
    for name in ["lock", "metrics.jsonl"] {
        let kept = std::fs::read(run.join(name)).expect("there");
        std::fs::remove_file(run.join(name)).expect("removed");
        symlink(&outside, run.join(name)).expect("linked");
        let refused =
            session::resume(&run, &longer(9)).err().unwrap_or_else(|| panic!("{name} was followed")).to_string();
        assert!(refused.contains("a link"), "{name}: {refused}");
        assert!(!outside.exists(), "{name} made what it leads to");
        std::fs::remove_file(run.join(name)).expect("removed");
        std::fs::write(run.join(name), kept).expect("written");
    }
    // Metrics that lead to an endless device say so at once.
    std::fs::remove_file(run.join("metrics.jsonl")).expect("removed");
    symlink("/dev/zero", run.join("metrics.jsonl")).expect("linked");
    assert!(History::read(&run).expect_err("endless").to_string().contains("a device"));
}

#[test]
fn a_wrong_number_of_classes_is_told_once_and_no_option_is_dropped_in_silence() {
    let refused = |arguments: &[&str]| {
        let output = crate::common::convlens(arguments).output().expect("started");
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let text = refused(&["show", "A", "--set", "classes=0"]);
    assert_eq!(text.matches("error").count(), 1, "{text}");
    assert!(text.contains("`0` does not fit here") && text.contains("--set classes"), "{text}");
    for option in [["--memory", "16GB"], ["--batch", "8"], ["--optimizer", "adam"]] {
        for format in ["csv", "markdown"] {
            let text = refused(&["show", "tinyvgg", option[0], option[1], "--format", format]);
            assert!(text.contains(option[0]) && text.contains("--format json"), "{text}");
        }
    }
}
