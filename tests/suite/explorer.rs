//! The explorer's screens, driven by key scripts through the real key table; nothing sleeps.

use std::sync::Arc;

use convlens::graph;
use convlens::spec::bundled::BUNDLED;
use convlens::spec::{Library, LoadError, Origin};
use convlens::tui::input;
use convlens::tui::model::{Entry, LeftOver, Opened, open};
use convlens::tui::screen::{Effect, Expected, Save, SaveError, Standing};
use convlens::tui::screens::compare::Timed;
use convlens::tui::screens::field::Photo;
use convlens::tui::screens::{self, News, compare, edit, field, forward, layers};
use convlens::tui::shell::{Action, Msg, Spawn, State, Task, draw, prepare, update as decide};
use convlens::tui::theme::{self, Theme};
use convlens::tui::work::{Cancel, Done, Lane, Note, Outlet};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

pub const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

/// What a message does, and what is made before the next painting.
pub fn update(state: &mut State, msg: Msg) -> Vec<Task> {
    let effects = decide(state, msg);
    prepare(state);
    effects
}

fn opened(origin: &Origin, text: &str) -> Opened {
    let loaded = Library::new(None).load_text(origin, text.to_string(), &[]);
    match loaded.and_then(|loaded| graph::analyse(&loaded).map_err(LoadError::Invalid)) {
        Ok(network) => Opened::Graph(Arc::new(network)),
        Err(LoadError::Invalid(report)) => Opened::Problems(report),
        Err(error) => Opened::Unreadable(error.to_string()),
    }
}

pub fn file(name: &str, text: &str) -> Entry {
    let origin = Origin::File(name.into());
    let opened = opened(&origin, text);
    Entry::new(origin, Some(text.to_string()), opened)
}

/// The bundled architectures and one broken file of the user's.
pub fn state(width: u16, height: u16, theme: Theme) -> State {
    let mut entries: Vec<Entry> = BUNDLED
        .iter()
        .map(|(id, _)| {
            let origin = Origin::Bundled(id);
            let (text, opened) = open::open(&Library::new(None), &origin, &[]);
            Entry::new(origin, text, opened)
        })
        .collect();
    let broken = "input: [3, 8, 8]\nlayers: [conv3-8, maxpol, linear: 4]\n";
    entries.push(file("my-net.yaml", broken));
    let vgg16 = entries.iter().position(|entry| entry.id == "vgg16").expect("bundled");
    let mut state = State::new(entries, vgg16, theme);
    update(&mut state, Msg::Resize(width, height));
    state
}

/// Presses keys; what is typed is analysed as the explorer's thread does it. All else that is to be done is given back.
pub fn press(state: &mut State, script: &str) -> Vec<Task> {
    let keys = input::script(script).expect("a readable script");
    keys.into_iter().flat_map(|key| send(state, Msg::Key(key))).collect()
}

pub fn send(state: &mut State, msg: Msg) -> Vec<Task> {
    let mut others = Vec::new();
    for task in update(state, msg) {
        match task {
            Task::Spawn(spawn) if spawn.lane == Lane::Analysis => others.extend(run(state, spawn)),
            Task::Do(Effect::LookUp { of, path }) => {
                let stands = match (path.is_dir(), path.exists()) {
                    (true, _) => Standing::Folder,
                    (false, true) => Standing::File,
                    _ => Standing::Nothing,
                };
                others.extend(update(state, Msg::LookedUp { of, stands }));
            }
            other => others.push(other),
        }
    }
    others
}

/// Does spawned work here and now, with all that it tells.
pub fn run(state: &mut State, spawn: Spawn) -> Vec<Task> {
    let notes = std::sync::Mutex::new(Vec::new());
    let note = |note: Note<News>, _: bool| {
        notes.lock().expect("whole").push(note);
        None
    };
    let Spawn { of, lane, job, .. } = spawn;
    let ended = job(&Cancel::default(), &Outlet::new(&note));
    let mut tasks = Vec::new();
    for note in notes.into_inner().expect("whole") {
        tasks.extend(update(state, Msg::Note(note)));
    }
    tasks.extend(update(state, Msg::Ended { of, lane, ended }));
    tasks
}

/// The one piece of work that was asked for.
pub fn spawned(tasks: Vec<Task>) -> Spawn {
    let mut tasks: Vec<Task> = tasks.into_iter().filter(|task| matches!(task, Task::Spawn(_))).collect();
    match (tasks.pop(), tasks.is_empty()) {
        (Some(Task::Spawn(spawn)), true) => spawn,
        other => panic!("{other:?} {tasks:?}"),
    }
}

/// The one thing that is to be done outside.
pub fn done(tasks: Vec<Task>) -> Effect {
    match <[Task; 1]>::try_from(tasks) {
        Ok([Task::Do(effect)]) => effect,
        other => panic!("{other:?}"),
    }
}

pub fn news(state: &mut State, news: News) -> Vec<Task> {
    send(state, Msg::Note(Note::News(news)))
}

/// The one effect that copies.
fn copied(state: &mut State, script: &str) -> String {
    match done(press(state, script)) {
        Effect::Copy(copied) => copied,
        other => panic!("{other:?}"),
    }
}

pub fn painted(state: &State) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(state.width, state.height)).expect("a terminal");
    terminal.draw(|frame| drop(draw(state, frame))).expect("painted");
    terminal.backend().buffer().clone()
}

pub fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let row = |y| (0..area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_string();
    (0..area.height).map(row).collect::<Vec<_>>().join("\n")
}

/// Runs of equal style, row by row: what the text alone does not tell.
fn styles(buffer: &Buffer, rows: std::ops::Range<u16>) -> String {
    let mut lines = Vec::new();
    for y in rows {
        let mut runs: Vec<(String, String)> = Vec::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let style = format!("{:?}/{:?} {:?}", cell.fg, cell.bg, cell.modifier);
            match runs.last_mut() {
                Some((last, text)) if *last == style => text.push_str(cell.symbol()),
                _ => runs.push((style, cell.symbol().to_string())),
            }
        }
        lines.extend(runs.iter().map(|(style, text)| format!("{y:2} {style}: {text}")));
    }
    lines.join("\n")
}

#[test]
fn the_layers_screen_at_three_sizes() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "jj");
        insta::assert_snapshot!(format!("layers-{width}x{height}"), text(&painted(&state)));
    }
}

#[test]
fn folding_finding_and_the_overview_of_keys() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "-");
    insta::assert_snapshot!("all-blocks-closed", text(&painted(&state)));
    press(&mut state, "/block4.conv2<enter>l");
    insta::assert_snapshot!("found-and-opened", text(&painted(&state)));
    press(&mut state, "?");
    insta::assert_snapshot!("overview-of-keys", text(&painted(&state)));
}

#[test]
fn a_broken_file_shows_its_problems_and_the_others_stay_usable() {
    let mut state = state(80, 24, theme::dark());
    press(&mut state, "<tab>Gl");
    insta::assert_snapshot!("broken-file", text(&painted(&state)));
    press(&mut state, "<tab>kl");
    assert!(text(&painted(&state)).contains("Two 3×3"));
}

#[test]
fn the_field_screen_at_three_sizes() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::dark());
        // To the third conv of block4, then its unit up and left until the field reaches over the input's edge.
        press(&mut state, "/block4.conv3<enter>2KKKKhhhhhhhhhhh");
        insta::assert_snapshot!(format!("field-{width}x{height}"), text(&painted(&state)));
    }
}

#[test]
fn lanes_show_which_row_feeds_which_and_a_join_what_feeds_it_at_three_sizes() {
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "/googlenet<enter>l/inception3a.concat<enter>");
        insta::assert_snapshot!(format!("lanes-{width}x{height}"), text(&painted(&state)));
    }
    // Every theme marks the rows that feed the join, without colour too.
    for theme in theme::all() {
        let mut state = state(80, 24, theme);
        press(&mut state, "/resnet18<enter>l/layer1_2.add<enter>");
        let screen = painted(&state);
        assert_eq!(text(&screen).matches('●').count(), 2, "{}", theme.name);
    }
}

#[test]
fn repetitions_are_one_row_until_they_are_opened() {
    let mut state = state(120, 50, theme::dark());
    press(&mut state, "/resnet50<enter>l");
    let rows = |state: &State| state.entry().expect("selected").rows().len();
    // conv1, maxpool1, four stages, and what comes behind.
    assert_eq!(rows(&state), 9);
    assert!(text(&painted(&state)).contains("▸ layer3 ×6"));
    // The third stage: its title says what it is, its working sums all six.
    press(&mut state, "jjjj");
    let screen = text(&painted(&state));
    assert!(screen.contains("layer3 ×6 · residual") && screen.contains("512×28×28 → 1024×14×14"), "{screen}");
    press(&mut state, "l");
    assert!(text(&painted(&state)).contains("▾ layer3_5"));
    press(&mut state, "h");
    assert_eq!(rows(&state), 9);
    // What is looked for is found inside, and all can be opened and closed at once.
    press(&mut state, "/layer3_4.conv2.relu<enter>");
    assert!(text(&painted(&state)).contains("layer3_4 › conv2 › relu"));
    press(&mut state, "-");
    assert_eq!(rows(&state), 9);
}

#[test]
fn a_joins_field_shows_its_ways_and_their_hull() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/resnet18<enter>l/layer2_1.add<enter>2");
    insta::assert_snapshot!("field-of-a-join", text(&painted(&state)));
    assert!(text(&painted(&state)).contains("hull of"));
}

#[test]
fn the_unit_stays_in_its_place_from_layer_to_layer_and_can_be_clicked() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/block5.conv3<enter>2");
    // 196 pixels of unit 7: its centre is at 7.5 + 16·7 = 119.5, so it reaches from 22 to 217 (Araujo et al. 2019).
    let middle = copied(&mut state, "y");
    assert!(middle.contains("row 7, column 7 of 14×14") && middle.contains("rows 22 to 217"), "{middle}");
    // From unit 0 of 14 to the map before it: still in the first half of its first unit's part.
    press(&mut state, "hhhhhhhhhKKKKKKKKK");
    let corner = copied(&mut state, "y");
    assert!(corner.contains("row 0, column 0") && corner.contains("90 above, 90 left"), "{corner}");
    press(&mut state, "/block1.conv1<enter>");
    assert!(copied(&mut state, "y").contains("row 8, column 8 of 224×224"));
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).expect("a terminal");
    let mut places = Vec::new();
    terminal.draw(|frame| places = draw(&state, frame)).expect("painted");
    let unit = |action: &Action| match action {
        Action::Screen(screens::Action::Field(field::Action::Unit(row, column))) => Some((*row, *column)),
        _ => None,
    };
    let place = places.iter().rev().find(|place| unit(&place.action).is_some()).expect("drawn");
    update(&mut state, Msg::Click(place.action.clone()));
    let (row, column) = unit(&place.action).expect("a unit");
    assert!(row > 200 && column > 200);
    assert!(copied(&mut state, "y").contains(&format!("row {row}, column {column} of 224×224")));
    press(&mut state, "c1");
    assert!(text(&painted(&state)).contains("3·3·3·64 + 64 = 1,792"));
}

#[test]
fn every_theme_styles_the_same_screen() {
    for theme in theme::all() {
        let mut state = state(80, 24, theme);
        press(&mut state, "j");
        insta::assert_snapshot!(format!("styles-{}", theme.name), styles(&painted(&state), 0..5));
    }
}

#[test]
fn keys_move_fold_and_leave() {
    let mut state = state(120, 40, theme::dark());
    let cursor = |state: &State| state.entry().expect("selected").cursor;
    press(&mut state, "jjjk");
    assert_eq!(cursor(&state), 2);
    // Right opens conv2 over its ReLU, left closes it, left again goes to the block, closes it, leaves to the list.
    let rows = |state: &State| state.entry().expect("selected").rows().len();
    let before = rows(&state);
    press(&mut state, "l");
    assert_eq!(rows(&state), before + 1);
    press(&mut state, "hh");
    assert_eq!((rows(&state), cursor(&state)), (before, 0));
    press(&mut state, "h");
    assert_eq!(rows(&state), before - 3);
    press(&mut state, "hj");
    assert_eq!(state.entry().expect("selected").id, "vgg19");
    press(&mut state, "<enter>G");
    assert_eq!(cursor(&state), rows(&state) - 1);
    press(&mut state, "g<pagedown>");
    assert!(cursor(&state) > 20);
    assert_eq!(done(press(&mut state, "q")), Effect::Quit);
    assert_eq!(done(press(&mut state, "<ctrl-z>")), Effect::Suspend);
    assert_eq!(done(press(&mut state, "m")), Effect::Mouse(false));
}

#[test]
fn finding_goes_back_when_it_is_given_up() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "jj/linear3");
    let entry = state.entry().expect("selected");
    let row = &entry.rows()[entry.cursor];
    assert_eq!(row.path(entry.network().expect("a network")), "classifier.linear3");
    press(&mut state, "<esc>");
    assert_eq!(state.entry().expect("selected").cursor, 2);
    press(&mut state, "/alex<enter>");
    assert_eq!(state.entry().expect("selected").id, "alexnet");
    // q is a letter while typing.
    assert!(press(&mut state, "/q").is_empty());
}

#[test]
fn the_copied_row_carries_its_working() {
    let mut state = state(80, 24, theme::dark());
    let copied = copied(&mut state, "jjy");
    assert!(copied.contains("block1.conv2") && copied.contains("3·3·64·64 + 64 = 36,928"), "{copied}");
}

#[test]
fn the_copied_table_is_markdown_as_folded_with_the_papers_totals() {
    let mut state = state(80, 24, theme::dark());
    let copied = copied(&mut state, "-Y");
    let lines: Vec<&str> = copied.lines().collect();
    assert_eq!(lines[2], "| block1 | block | 64×112×112 | 38,720 | 1,936,392,192 | 6 |");
    assert_eq!(*lines.last().expect("lines"), "| total | | | 138,357,544 | 15,470,264,320 | |");
    assert!(lines.iter().all(|line| line.matches('|').count() == 7), "{copied}");
}

#[test]
fn what_is_worth_a_look_is_marked_at_its_layer_and_at_a_block_that_hides_it() {
    let mut state = state(120, 40, theme::plain());
    press(&mut state, "/linear1<enter>");
    let screen = text(&painted(&state));
    assert!(screen.contains("74% of all parameters are in this layer"), "{screen}");
    let marked = |screen: &str| {
        screen
            .lines()
            .filter(|line| line.contains("! ") && !line.contains("worth a look"))
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    assert!(marked(&screen)[0].contains("linear1"), "{screen}");
    press(&mut state, "-");
    let screen = text(&painted(&state));
    assert!(marked(&screen)[0].contains("classifier"), "{screen}");
    press(&mut state, "g");
    assert_eq!(marked(&text(&painted(&state))).len(), 1);
}

#[test]
fn a_click_selects_what_was_drawn_there() {
    let mut state = state(120, 40, theme::dark());
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).expect("a terminal");
    let mut places = Vec::new();
    terminal.draw(|frame| places = draw(&state, frame)).expect("painted");
    let third = Action::Screen(screens::Action::Layers(layers::Action::Row(3)));
    let row = places.iter().find(|place| place.action == third).expect("drawn");
    let line: String = (0..120).map(|x| terminal.backend().buffer()[(x, row.area.y)].symbol().to_string()).collect();
    assert!(line.contains("maxpool1"), "{line}");
    update(&mut state, Msg::Click(row.action.clone()));
    assert_eq!(state.entry().expect("selected").cursor, 3);
}

#[test]
fn every_size_can_be_drawn() {
    for theme in [theme::dark(), theme::plain()] {
        let mut state = state(80, 24, theme);
        let scripts = [
            "",
            "<tab>",
            "G<enter>",
            "2",
            "/flatten<enter>",
            "/alex<enter>2",
            "/googlenet<enter>l1",
            "/inception3a.concat<enter>2",
            "/unet<enter>l1",
            "?",
            "<esc>:",
            "<esc>1o",
            "<esc>3",
            "c/vgg11<enter>c3",
            "v",
            "v4",
            "ex{<ctrl-space>",
            "<esc><esc>q",
            "<esc><ctrl-t>",
            "<esc>/my-net<enter>4",
        ];
        for script in scripts {
            press(&mut state, script);
            for height in (0..=60).step_by(if script.is_empty() { 1 } else { 7 }) {
                for width in (0..=200).step_by(if script.is_empty() { 1 } else { 9 }) {
                    update(&mut state, Msg::Resize(width, height));
                    // The terminal may have another size than the state has heard of.
                    for (wide, tall) in [(width, height), (width / 2, height / 3)] {
                        let mut terminal = Terminal::new(TestBackend::new(wide, tall)).expect("a terminal");
                        terminal.draw(|frame| drop(draw(&state, frame))).expect("painted");
                    }
                }
            }
        }
    }
}

#[test]
fn marked_architectures_stand_side_by_side_at_three_sizes() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "/vgg13<enter>c/vgg13-5x5<enter>c3o");
        insta::assert_snapshot!(format!("compare-{width}x{height}"), text(&painted(&state)));
    }
}

#[test]
fn compared_rows_carry_the_differences_of_the_paper() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/vgg13<enter>c/vgg13-5x5<enter>c3jj");
    let row = copied(&mut state, "y");
    // The second conv of block1 has no counterpart: 3·3·64·64 + 64 parameters fewer.
    assert!(
        row.contains("vgg13: block1.conv2") && row.contains("36,928") && row.contains("vgg13-5x5: nothing"),
        "{row}"
    );
    let table = copied(&mut state, "Y");
    assert!(table.lines().last().expect("a line").contains("| 156 | 133,047,848 |"), "{table}");
    // Four are the most; a mark is taken away by the same key.
    press(&mut state, "<tab>gcjcjcjcjc");
    assert_eq!(state.marked.len(), 4);
    press(&mut state, "<tab>x");
    assert!(text(&painted(&state)).contains("Unmark all 4 architectures?"), "it asks");
    press(&mut state, "<enter>1c");
    let screen = text(&painted(&state));
    assert!(state.marked.len() == 1 && screen.contains("Mark another, then press 3"), "{screen}");
}

#[test]
fn the_kernel_study_follows_its_keys_at_three_sizes() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "3vl");
        insta::assert_snapshot!(format!("kernels-{width}x{height}"), text(&painted(&state)));
    }
    let mut state = state(120, 40, theme::dark());
    // From one field to the next, no further than 15 and 3; the stack of 3×3 beats the 7×7 by 49/27.
    press(&mut state, "3vl");
    assert!(copied(&mut state, "y").contains("| 3 × 3×3 | 1,769,472 |"));
    press(&mut state, "LLLLL");
    assert_eq!(state.screens.compare.study.field, 15);
    press(&mut state, "jHjLLLLLLLLLLLLLLLLLLLLL");
    assert_eq!((state.screens.compare.study.channels, state.screens.compare.study.in_channels), (128, 65536));
}

#[test]
fn timing_is_work_that_is_watched_and_stopped() {
    let mut state = state(120, 40, theme::dark());
    let spawn = spawned(press(&mut state, "3vf"));
    assert_eq!((spawn.lane, spawn.what), (Lane::Work, "timing"));
    let own = state.screens.compare.study;
    let made = convlens::run::measure::of_study(&own, &own.candidates().expect("sound")).expect("sound");
    assert_eq!(made.len(), 4);
    send(&mut state, Msg::Note(Note::Progress { what: "timing".into(), done: 3, of: 24 }));
    assert!(text(&painted(&state)).contains("timing 3/24"));
    assert_eq!(done(press(&mut state, "<esc>")), Effect::Stop(Lane::Work));
    let timing =
        |ms| convlens::run::measure::Timing { median: std::time::Duration::from_millis(ms), ..Default::default() };
    let timed = compare::News::Timed(Timed::Study(own), [41, 42, 43, 44].map(timing).to_vec());
    news(&mut state, News::Compare(timed));
    assert!(text(&painted(&state)).contains("42.00"));
    // Times belong to the study they were taken of.
    press(&mut state, "l");
    assert!(!text(&painted(&state)).contains("42.00"));
    assert!(matches!(state.screens.compare.times, Some((Timed::Study(_), _))));
}

#[test]
fn measured_times_stand_beside_each_block_with_their_ratio() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/vgg13<enter>c/vgg13-5x5<enter>c3");
    spawned(press(&mut state, "f"));
    let networks = state.screens.compare.of.clone();
    assert_eq!(networks.len(), 2);
    let what = Timed::Designs(state.marked.clone());
    let timings = networks.iter().enumerate().map(|(at, network)| {
        // Every layer of the first takes a millisecond, every one of the second three.
        let layer = std::time::Duration::from_millis(1 + 2 * at as u64);
        let layers = vec![layer; network.layers.len()];
        convlens::run::measure::Timing { median: layer * network.layers.len() as u32, layers, ..Default::default() }
    });
    let timed = compare::News::Timed(what, timings.collect());
    news(&mut state, News::Compare(timed));
    let shown = text(&painted(&state));
    // Two convs, two activations and a pool against one conv, its activation and the pool: 5 ms against 9 ms.
    let block = shown.lines().find(|line| line.contains("block1 ")).unwrap_or_else(|| panic!("{shown}"));
    assert!(block.contains("5.00 ms") && block.contains("9.00 ms") && block.contains("1.80×"), "{block}");
}

#[test]
fn the_editor_shows_old_and_new_numbers_at_three_sizes() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "/vgg16<enter>e<ctrl-f>conv3-64<enter><right><right><right><right><delete>5");
        insta::assert_snapshot!(format!("edit-{width}x{height}"), text(&painted(&state)));
    }
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "e<ctrl-f>conv3-64<enter><right><right><right><right><delete>5<esc>");
    // 5·5·3·64 + 64 and 5·5·64·64 + 64 for 3·3.
    let numbers = copied(&mut state, "y");
    assert!(numbers.contains("block1.conv1  params 1,792 → 4,864"), "{numbers}");
    assert!(numbers.contains("block1.conv2  params 36,928 → 102,464"), "{numbers}");
    assert!(numbers.contains("params  138,357,544 → 138,426,152"), "{numbers}");
    // The other screens show the text as it stands, and undo brings everything back.
    press(&mut state, "1");
    assert!(text(&painted(&state)).contains("unsaved edits") && text(&painted(&state)).contains("107,328"));
    press(&mut state, "4uu");
    assert!(!state.entry().expect("selected").is_edited());
    press(&mut state, "1");
    assert!(text(&painted(&state)).contains("38,720"));
}

#[test]
fn problems_are_underlined_and_listed_while_the_last_sound_table_stays() {
    let mut state = state(80, 24, theme::dark());
    press(&mut state, "/vgg16-c<enter>e<ctrl-end>  - maxpol<enter>- dropuot");
    let screen = text(&painted(&state));
    assert!(screen.contains("2 problems") && screen.contains("Last valid version"), "{screen}");
    assert!(screen.contains("block1.conv1"), "{screen}");
    insta::assert_snapshot!("edit-problems-styles", styles(&painted(&state), 13..16));
    // Enter in the list jumps to the second one.
    press(&mut state, "<esc>j<enter>");
    let editor = state.editor().expect("open");
    let problem = &editor.problems[1];
    assert_eq!((editor.area.cursor().0 + 1, editor.area.cursor().1 + 1), (problem.place.line, problem.place.column));
    press(&mut state, "<delete><delete><delete><delete><delete><delete><delete>maxpool");
    assert!(text(&painted(&state)).contains("1 problem "));
}

#[test]
fn words_are_completed_from_the_schema() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/vgg16-c<enter>e<ctrl-end>  - conv: {out: 8, <ctrl-space>");
    let screen = text(&painted(&state));
    assert!(screen.contains("dilation:") && screen.contains("default same"), "{screen}");
    press(&mut state, "<down><enter>7, no<tab>ba<tab>}");
    let line = state.editor().expect("open").area.lines().last().cloned().expect("a line");
    assert_eq!(line, "  - conv: {out: 8, kernel: 7, norm: batch}");
}

#[test]
fn a_bundled_file_is_copied_before_it_is_changed() {
    let mut state = state(80, 24, theme::dark());
    press(&mut state, "e<ctrl-f>1000<enter><right><right><delete><delete>");
    press(&mut state, "<ctrl-s>");
    let screen = text(&painted(&state));
    assert!(screen.contains("architectures/vgg16-2.yaml"), "{screen}");
    let Effect::Save(Save { origin, path, expected, extending, text: written }) =
        done(press(&mut state, "<tab><enter>"))
    else {
        panic!("not saved")
    };
    assert_eq!((path.to_str(), expected), (Some("architectures/vgg16-2.yaml"), Expected::Nothing));
    assert!(extending.is_some() && written.contains("classes: 10\n") && written.starts_with("name: vgg16-2\n"));
    // Saved, the copy is the one that is selected; the bundled one is as it was.
    let short = "extends: vgg16\nclasses: 10\n".to_string();
    let saved = edit::News::Saved { origin, path: path.clone(), text: short.clone() };
    let tasks = news(&mut state, News::Edit(saved));
    assert!(tasks.iter().any(|task| matches!(task, Task::Do(Effect::Load(Origin::File(_))))));
    let target = Origin::File(path);
    send(&mut state, Msg::Loaded(target.clone(), Some(short.clone()), Box::new(opened(&target, &short))));
    assert_eq!(state.entry().expect("selected").id, "vgg16-2");
    assert!(state.entries.iter().all(|entry| !entry.is_edited()));
    press(&mut state, "<esc>1G");
    assert!(text(&painted(&state)).contains("linear3") && text(&painted(&state)).contains("40,970"));
}

#[test]
fn a_change_on_disk_is_noticed_and_never_overwritten_unasked() {
    let mut state = state(80, 24, theme::dark());
    let sound = "name: Mine\ninput: [3, 8, 8]\nlayers: [conv3-8, flatten, linear: 4]\n";
    let other = sound.replace("conv3-8", "conv3-16");
    let origin = Origin::File("architectures/mine.yaml".into());
    let listed = |text: &str| {
        let mut all: Vec<_> = BUNDLED
            .iter()
            .map(|(id, _)| {
                let origin = Origin::Bundled(id);
                let (text, opened) = open::open(&Library::new(None), &origin, &[]);
                (origin, text, opened)
            })
            .collect();
        all.push((origin.clone(), Some(text.to_string()), opened(&origin, text)));
        Msg::Listed(all)
    };
    send(&mut state, listed(sound));
    assert!(state.entries.iter().all(|entry| entry.id != "my-net"), "what is gone leaves the list");
    press(&mut state, "/mine<enter>l");
    assert!(text(&painted(&state)).contains("224"));
    send(&mut state, listed(&other));
    assert!(
        text(&painted(&state)).contains("448") && text(&painted(&state)).contains("changed on disk and was reloaded")
    );
    // While something is being typed both texts stay, and saving asks.
    press(&mut state, "e<ctrl-end># mine");
    send(&mut state, listed(sound));
    assert!(text(&painted(&state)).contains("changed by another program"));
    let Effect::Save(Save { expected, path, .. }) = done(press(&mut state, "<ctrl-s>")) else { panic!("not saved") };
    assert_eq!(expected, Expected::Text(other.clone()));
    let not_saved =
        || edit::News::NotSaved { path: path.clone(), why: SaveError::Changed("architectures/mine.yaml".into()) };
    news(&mut state, News::Edit(not_saved()));
    insta::assert_snapshot!("edit-changed-on-disk", text(&painted(&state)));
    let saved = done(press(&mut state, "<down><enter>"));
    assert!(matches!(saved, Effect::Save(Save { expected: Expected::Anything, .. })), "{saved:?}");
    // Or the other text is taken, which can be undone.
    news(&mut state, News::Edit(not_saved()));
    press(&mut state, "<down><down><enter>");
    assert_eq!(state.editor().expect("open").text(), sound);
    press(&mut state, "<ctrl-u>");
    assert!(state.editor().expect("open").text().ends_with("# mine"));
}

#[test]
fn a_file_that_breaks_while_it_is_looked_at_keeps_its_last_sound_table() {
    let mut state = state(80, 24, theme::dark());
    let sound = "name: Mine\ninput: [3, 8, 8]\nlayers: [conv3-8, flatten, linear: 4]\n";
    state.entries.push(file("mine.yaml", sound));
    press(&mut state, "/mine<enter>l");
    let origin = Origin::File("mine.yaml".into());
    let broken = sound.replace("conv3-8", "conv3-x");
    send(&mut state, Msg::Loaded(origin.clone(), Some(broken.clone()), Box::new(opened(&origin, &broken))));
    let screen = text(&painted(&state));
    assert!(
        screen.contains("last valid version") && screen.contains("224") && screen.contains("1 problem"),
        "{screen}"
    );
}

#[test]
fn quitting_with_an_unsaved_text_asks_first() {
    let mut state = state(80, 24, theme::dark());
    let kept = done(press(&mut state, "ex"));
    assert!(matches!(kept, Effect::Keep(_, Some(_))), "kept for a crash: {kept:?}");
    assert!(press(&mut state, "<esc>q").is_empty());
    insta::assert_snapshot!("quit-asks", text(&painted(&state)));
    assert!(press(&mut state, "<enter>").is_empty(), "the first answer is to stay");
    assert_eq!(done(press(&mut state, "q<down><enter>")), Effect::Quit);
    let dropped = press(&mut state, "q<down><down><enter>");
    assert!(matches!(dropped.as_slice(), [Task::Do(Effect::Keep(_, None)), Task::Do(Effect::Quit)]), "{dropped:?}");
}

#[test]
fn what_an_earlier_run_left_is_offered_back() {
    let mut state = state(80, 24, theme::dark());
    let at = state.selected;
    let left = "name: Left\ninput: [3, 8, 8]\nlayers: [flatten]\n".to_string();
    state.entries[at].left_over = Some(LeftOver { text: left, base: "what it was".into() });
    press(&mut state, "4");
    assert!(text(&painted(&state)).contains("Keep editing them"));
    press(&mut state, "<enter>");
    assert!(state.editor().expect("open").text().starts_with("name: Left"));
    press(&mut state, "u");
    assert!(state.editor().is_some());
}

#[test]
fn every_command_can_be_had_by_name() {
    let mut state = state(80, 24, theme::dark());
    press(&mut state, ":collapse every");
    insta::assert_snapshot!("palette", text(&painted(&state)));
    let before = state.entry().expect("selected").rows().len();
    press(&mut state, "<enter>");
    assert!(state.entry().expect("selected").rows().len() < before);
    press(&mut state, ":go lenet<enter>");
    assert_eq!(state.entry().expect("selected").id, "lenet5");
    press(&mut state, ":nothing of the kind<enter><esc>");
    assert!(state.overlay.is_none());
}

#[test]
fn rows_are_sorted_and_columns_chosen() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "s");
    let first = |state: &State| {
        let entry = state.entry().expect("selected");
        entry.rows()[0].path(entry.network().expect("a network")).to_string()
    };
    assert_eq!(first(&state), "classifier.linear1");
    insta::assert_snapshot!("sorted", text(&painted(&state)));
    // 102,764,544 parameters, as the paper's first fully connected layer has.
    press(&mut state, "g");
    assert_eq!(copied(&mut state, "<ctrl-y>"), "102764544");
    press(&mut state, "Sg");
    assert_ne!(first(&state), "classifier.linear1");
    press(&mut state, "ssss");
    assert_eq!(first(&state), "block1");
    press(&mut state, "o<down><space><esc>");
    assert!(text(&painted(&state)).contains("input"), "the column is there");
}

#[test]
fn the_field_can_be_shown_on_a_photo() {
    for theme in [theme::dark(), theme::plain()] {
        let mut state = state(80, 24, theme);
        press(&mut state, "/block4.conv3<enter>2i");
        assert!(text(&painted(&state)).contains("Photo: PNG, JPEG, WebP"));
        assert_eq!(spawned(press(&mut state, "photo.png<enter>")).what, "reading the photo");
        // White at the left, black at the right.
        let values = (0..300 * 200).flat_map(|at| [if at % 300 < 150 { 1.0 } else { 0.0 }; 3]).collect();
        let picture = convlens::run::picture::Picture { width: 300, height: 200, values };
        let photo = Photo { path: "photo.png".into(), picture: Arc::new(picture) };
        news(&mut state, News::Field(field::News::Photo(photo)));
        insta::assert_snapshot!(format!("field-photo-{}", theme.name), styles(&painted(&state), 4..7));
        // The same photo is run on screen 5; here it can be hidden.
        assert_eq!(state.setup.input, convlens::run::live::Input::Photo("photo.png".into()));
        press(&mut state, "v");
        assert!(state.screens.field.is_bare && state.screens.field.photo.is_some());
    }
}

#[test]
fn a_dark_theme_turns_light_when_the_terminal_says_so() {
    let mut state = state(80, 24, theme::dark());
    send(&mut state, Msg::Background { light: true });
    assert_eq!(state.theme.name, "light");
    send(&mut state, Msg::Background { light: false });
    assert_eq!(state.theme.name, "dark");
    let mut chosen = state;
    chosen.follows_background = false;
    send(&mut chosen, Msg::Background { light: true });
    assert_eq!(chosen.theme.name, "dark", "chosen by the user");
}

#[test]
fn only_a_terminal_that_answers_is_asked_for_pictures() {
    let asks = |tasks: &[Task]| tasks.iter().any(|task| matches!(task, Task::Do(Effect::AskPictures)));
    let mut mute = state(80, 24, theme::sixteen());
    assert!(!asks(&press(&mut mute, "5")));
    let effects = send(&mut mute, Msg::Background { light: false });
    assert!(asks(&effects), "its answer may come while the screen is shown");
    assert!(!asks(&press(&mut mute, "15")), "once is enough");
    let mut plain = state(80, 24, theme::plain());
    send(&mut plain, Msg::Background { light: false });
    assert!(!asks(&press(&mut plain, "5")));
}

#[test]
fn what_is_remembered_comes_back() {
    use convlens::tui::shell::remembered::Remembered;
    let mut one = state(80, 24, theme::dark());
    press(&mut one, "-jjo<space><esc>2");
    let text = serde_json::to_string(&Remembered::of(&one)).expect("JSON");
    let mut other = state(80, 24, theme::dark());
    let remembered: Remembered = serde_json::from_str(&text).expect("JSON");
    remembered.restore(&mut other);
    press(&mut other, "1");
    press(&mut one, "1");
    assert_eq!(painted(&one), painted(&other));
    // A file of another version is no obstacle.
    let odd: Remembered = serde_json::from_str(r#"{"architecture": "vgg11", "unknown": 3}"#).expect("JSON");
    assert_eq!(odd.architecture.as_deref(), Some("vgg11"));
}

#[test]
fn the_first_frame_reads_one_architecture_and_the_others_come_behind_it() {
    use convlens::tui::shell::remembered::Remembered;
    let whole = state(120, 40, theme::dark());
    let read = |origin: &Origin| {
        let (text, opened) = open::open_quickly(&Library::new(None), origin, &[]);
        (origin.clone(), text, opened)
    };
    let unread = |entry: &Entry| match entry.id == "vgg16" || entry.id == "my-net" {
        true => entry.clone(),
        false => Entry::new(entry.origin.clone(), None, Opened::Unread { is_coming: false }),
    };
    let early = || {
        let mut state = State::new(whole.entries.iter().map(unread).collect(), whole.selected, theme::dark());
        update(&mut state, Msg::Resize(120, 40));
        state
    };
    // The frame has all in its place; figures come with what is read behind it.
    let mut state = early();
    let without_figures = |state: &State| -> Vec<String> {
        text(&painted(state)).lines().map(|line| line.chars().take(15).collect()).collect()
    };
    assert_eq!(without_figures(&state), without_figures(&whole));
    assert!(text(&painted(&state)).contains('…') && !text(&painted(&state)).contains("broken"));
    let others: Vec<Origin> = BUNDLED.iter().map(|(id, _)| Origin::Bundled(id)).collect();
    assert!(send(&mut state, Msg::Read(others.iter().map(read).collect())).is_empty());
    assert_eq!(painted(&state), painted(&whole));
    // What is chosen before it was read is read at once, and the screen that was entered has it.
    let mut quick = early();
    let origin = Origin::Bundled("resnet18");
    let asked = press(&mut quick, "/resnet18<enter>4");
    let is_it = |task: &Task| matches!(task, Task::Do(Effect::LoadQuickly(own)) if *own == origin);
    assert!(!asked.is_empty() && asked.iter().all(is_it), "{asked:?}");
    assert!(quick.editor().is_none());
    send(&mut quick, Msg::Read(vec![read(&origin)]));
    assert!(quick.editor().expect("open").text().contains("ResNet-18"));
    // A second reading does not take away what was done meanwhile.
    press(&mut quick, "e# mine");
    send(&mut quick, Msg::Read(others.iter().map(read).collect()));
    assert!(quick.editor().expect("open").text().starts_with("# mine"));
    // What was folded is there once it is read.
    let mut one = state;
    press(&mut one, "/resnet18<enter>1-jj<enter>");
    let mut other = early();
    Remembered::of(&one).restore(&mut other);
    send(&mut other, Msg::Read(others.iter().map(read).collect()));
    press(&mut other, "/resnet18<enter>1");
    assert_eq!(painted(&one), painted(&other));
}

#[test]
fn the_network_runs_and_its_feature_maps_are_seen() {
    for theme in [theme::dark(), theme::plain()] {
        let mut state = state(120, 40, theme);
        press(&mut state, "/vgg-mini<enter>5");
        assert!(text(&painted(&state)).contains("run the network"));
        let spawn = spawned(press(&mut state, "<enter>"));
        run(&mut state, spawn);
        press(&mut state, "j");
        let screen = text(&painted(&state));
        assert!(
            screen.contains(" maps 0 to ")
                && screen.contains("╭ block1.conv1.relu ")
                && screen.contains("of 32, 28×28"),
            "{screen}"
        );
        assert!(screen.contains("Random weights: no real answer"), "{screen}");
        assert!(screen.contains("of 32 channels dead"), "{screen}");
        // The next page, one map alone, the filters, the input.
        press(&mut state, "Z<right>");
        assert!(text(&painted(&state)).contains("map 1 of 32"));
        press(&mut state, "v");
        assert!(text(&painted(&state)).contains("filters 0 to"));
        // What of the input each channel answers to most, and an input made for one of them.
        press(&mut state, "v");
        let screen = text(&painted(&state));
        assert!(screen.contains("strongest patches 0 to"), "{screen}");
        let spawn = spawned(press(&mut state, "v"));
        assert_eq!(spawn.what, "maximising a channel");
        run(&mut state, spawn);
        assert!(text(&painted(&state)).contains("maximises channel 0"), "{}", text(&painted(&state)));
        assert!(press(&mut state, "v<left>").is_empty());
        assert!(text(&painted(&state)).contains("input as the network takes it"));
        assert_eq!(spawned(press(&mut state, "v")).what, "computing where it looks");
        let rows = copied(&mut state, "Y");
        assert!(rows.lines().count() > 15 && rows.contains("| block1.conv1 |"), "{rows}");
        // A run belongs to the architecture it was made of.
        press(&mut state, "/lenet5<enter>l");
        assert!(text(&painted(&state)).contains("run the network"));
    }
}

#[test]
fn photos_of_a_folder_are_gone_through_and_what_fails_changes_nothing() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/vgg-mini<enter>5");
    let spawn = spawned(press(&mut state, "<enter>"));
    run(&mut state, spawn);
    assert_eq!(spawned(press(&mut state, "iphotos<enter>")).what, "looking for photos");
    use convlens::run::live::Input;
    // What is run.
    let input = |state: &State, tasks: Vec<Task>| {
        assert_eq!(spawned(tasks).what, "running");
        state.setup.input.clone()
    };
    let photo = |name: &str| Input::Photo(name.into());
    let photos = vec!["a.png".into(), "b.png".into(), "c.png".into()];
    let tasks = news(&mut state, News::Forward(forward::News::Photos(photos)));
    assert_eq!(input(&state, tasks), photo("a.png"));
    let tasks = press(&mut state, "]");
    assert_eq!(input(&state, tasks), photo("b.png"));
    press(&mut state, "[");
    let tasks = press(&mut state, "[");
    assert_eq!(input(&state, tasks), photo("c.png"));
    // It failed; what is shown is still called by what it was made of.
    let failed = |why: &str| Msg::Ended {
        of: Some(screens::Which::Forward),
        lane: Lane::Work,
        ended: Err::<Done<News>, _>(why.to_string()),
    };
    send(&mut state, failed("cannot read the image c.png"));
    let shown = text(&painted(&state));
    assert!(shown.contains("noise, seed 0 · random weights, seed 0") && shown.contains("cannot read"), "{shown}");
    send(&mut state, failed("there is no picture in nowhere"));
    assert_eq!(state.setup.photos.len(), 3, "the choice stays");
    assert!(press(&mut state, "i<ctrl-u>nowhere.npy<enter>").is_empty());
    assert!(text(&painted(&state)).contains("there is no nowhere.npy"), "it stays open to be mended");
    let folder = tempfile::tempdir().expect("a folder");
    let tensors = folder.path().join("x.npy");
    std::fs::write(&tensors, "").expect("written");
    let typed = format!("<ctrl-u>{}<enter>", tensors.display());
    let tasks = press(&mut state, &typed);
    assert_eq!(input(&state, tasks), Input::Tensors(tensors));
    // The seed that was chosen is kept for weights and noise.
    press(&mut state, "ojjj<enter>7<enter>");
    let tasks = press(&mut state, "i<ctrl-u><enter>");
    assert_eq!(input(&state, tasks), Input::Noise(7));
    press(&mut state, "ojjjj<enter>10<enter>");
    assert!(text(&painted(&state)).contains("the network has 10 classes"));
}

#[test]
fn in_a_tiny_window_pictures_take_the_tables_place() {
    let mut state = state(40, 12, theme::dark());
    press(&mut state, "/vgg-mini<enter>5");
    let spawn = spawned(press(&mut state, "<enter>"));
    run(&mut state, spawn);
    let shown = |state: &State| text(&painted(state));
    assert!(shown(&state).contains(" ms") && !shown(&state).contains("maps 0 to"));
    press(&mut state, "v");
    assert!(shown(&state).contains("maps 0 to"), "{}", shown(&state));
    press(&mut state, "v");
    assert!(shown(&state).contains("filters 0 to"), "{}", shown(&state));
    press(&mut state, "vvvvvv");
    assert!(shown(&state).contains(" ms"), "once around");
}

#[test]
fn paths_are_completed_where_one_is_typed() {
    let mut state = state(80, 24, theme::dark());
    assert_eq!(done(press(&mut state, "5wtin<tab>")), Effect::CompletePath("tin".into()));
    let names = vec!["tinyvgg.safetensors".to_string(), "tinyvgg.yaml".to_string()];
    let completion = convlens::tui::shell::paths::Completion { text: "tinyvgg.".into(), names };
    send(&mut state, Msg::Completed { of: "tin".into(), completion: completion.clone() });
    let shown = text(&painted(&state));
    assert!(shown.contains("tinyvgg.▏") && shown.contains("tinyvgg.yaml"), "{shown}");
    send(&mut state, Msg::Completed { of: "other".into(), completion });
    press(&mut state, "s");
    assert!(text(&painted(&state)).contains("tinyvgg.s▏"), "an answer to what was typed before changes nothing");
    assert!(press(&mut state, "<esc>o<enter><tab>").is_empty(), "a number has nothing to be completed by");
}

#[test]
fn layers_light_up_as_they_end_and_settings_are_checked() {
    let mut state = state(80, 24, theme::dark());
    press(&mut state, "/vgg-mini<enter>5<enter>");
    let layer = |index, nanoseconds| convlens::run::LayerRun {
        index,
        time: std::time::Duration::from_nanos(nanoseconds),
        statistics: convlens::run::Statistics::default(),
    };
    news(&mut state, News::Forward(forward::News::Layer { first: true, layer: layer(0, 1_500_000) }));
    news(&mut state, News::Forward(forward::News::Layer { first: false, layer: layer(1, 500_000) }));
    assert!(text(&painted(&state)).contains("2.000"), "conv1 with its norm or ReLU has ended");
    press(&mut state, "/lenet5<enter>l");
    assert!(!text(&painted(&state)).contains("2.000"), "another network has not");
    press(&mut state, "/vgg-mini<enter>l");
    assert!(press(&mut state, "<esc>").is_empty(), "nothing is known to run");
    send(&mut state, Msg::Note(Note::Progress { what: "running".into(), done: 0, of: 3 }));
    assert_eq!(done(press(&mut state, "<tab><esc>")), Effect::Stop(Lane::Work), "from the list too");
    press(&mut state, "<tab>o<enter>many<enter>");
    assert!(text(&painted(&state)).contains("expected a number from 1 to 4096"));
    assert_eq!(spawned(press(&mut state, "<ctrl-u>4<enter>")).what, "running");
    assert_eq!(state.request().expect("a network").batch, 4);
}

#[test]
fn the_effective_field_is_drawn_over_the_theoretical_one() {
    for theme in [theme::dark(), theme::plain()] {
        let mut state = state(80, 24, theme);
        press(&mut state, "/vgg-mini<enter>2/block2.conv2<enter>");
        let spawn = spawned(press(&mut state, "f"));
        run(&mut state, spawn);
        let screen = text(&painted(&state));
        assert!(screen.contains("hold 95% of the gradient"), "{screen}");
        // Another unit was not measured.
        press(&mut state, "l");
        assert!(!text(&painted(&state)).contains("hold 95%"));
    }
}

#[test]
fn saving_makes_the_numbers_those_of_the_saved_file() {
    let mut state = state(80, 24, theme::dark());
    let sound = "name: Mine\ninput: [3, 8, 8]\nlayers: [conv3-8, flatten, linear: 4]\n";
    state.entries.push(file("mine.yaml", sound));
    press(&mut state, "/mine<enter>e<ctrl-f>conv3-8<enter><right><right><right><right><right><right><delete>9");
    assert!(text(&painted(&state)).contains("224→252"), "{}", text(&painted(&state)));
    let Effect::Save(Save { origin, path, text: written, .. }) = done(press(&mut state, "<ctrl-s>")) else {
        panic!("not saved")
    };
    let saved = edit::News::Saved { origin: origin.clone(), path, text: written.clone() };
    news(&mut state, News::Edit(saved));
    let again = Msg::Loaded(origin.clone(), Some(written.clone()), Box::new(opened(&origin, &written)));
    send(&mut state, again);
    let screen = text(&painted(&state));
    assert!(!screen.contains('→') && screen.contains("252"), "{screen}");
}
