//! The explorer's screens, driven by key scripts through the real key table; nothing sleeps.

use std::rc::Rc;

use convlens::model;
use convlens::spec::bundled::BUNDLED;
use convlens::spec::{Library, LoadError, Origin};
use convlens::tui::draw::draw;
use convlens::tui::keys;
use convlens::tui::msg::{Effect, Msg, Target};
use convlens::tui::state::{Entry, Opened, State};
use convlens::tui::theme::{self, Theme};
use convlens::tui::update::update;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (40, 12)];

fn entry(origin: Origin, text: Option<&str>) -> Entry {
    let library = Library::new(None);
    let loaded = match text {
        Some(text) => library.load_text(&origin, text.to_string(), &[]),
        None => library.load_origin(&origin, &[]),
    };
    let opened = match loaded.and_then(|loaded| model::analyse(&loaded).map_err(LoadError::Invalid)) {
        Ok(network) => Opened::Network(Rc::new(network)),
        Err(LoadError::Invalid(report)) => Opened::Problems(report),
        Err(error) => Opened::Unreadable(error.to_string()),
    };
    Entry::new(origin, opened)
}

/// The bundled architectures and one broken file of the user's.
fn state(width: u16, height: u16, theme: Theme) -> State {
    let mut entries: Vec<Entry> = BUNDLED.iter().map(|(id, _)| entry(Origin::Bundled(id), None)).collect();
    let broken = "input: [3, 8, 8]\nlayers: [conv3-8, maxpol, linear: 4]\n";
    entries.push(entry(Origin::File("my-net.yaml".into()), Some(broken)));
    let vgg16 = entries.iter().position(|entry| entry.id == "vgg16").expect("bundled");
    let mut state = State::new(entries, vgg16, theme);
    update(&mut state, Msg::Resize(width, height));
    state
}

fn press(state: &mut State, script: &str) -> Vec<Effect> {
    let keys = keys::script(script).expect("a readable script");
    keys.into_iter().flat_map(|key| update(state, Msg::Key(key))).collect()
}

fn painted(state: &State) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(state.width, state.height)).expect("a terminal");
    terminal.draw(|frame| drop(draw(state, frame))).expect("painted");
    terminal.backend().buffer().clone()
}

fn text(buffer: &Buffer) -> String {
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
        let mut state = state(width, height, theme::DARK);
        press(&mut state, "jj");
        insta::assert_snapshot!(format!("layers-{width}x{height}"), text(&painted(&state)));
    }
}

#[test]
fn folding_finding_and_the_overview_of_keys() {
    let mut state = state(120, 40, theme::DARK);
    press(&mut state, "z");
    insta::assert_snapshot!("all-blocks-closed", text(&painted(&state)));
    press(&mut state, "/block4.conv2<enter>l");
    insta::assert_snapshot!("found-and-opened", text(&painted(&state)));
    press(&mut state, "?");
    insta::assert_snapshot!("overview-of-keys", text(&painted(&state)));
}

#[test]
fn a_broken_file_shows_its_problems_and_the_others_stay_usable() {
    let mut state = state(80, 24, theme::DARK);
    press(&mut state, "<tab>Gl");
    insta::assert_snapshot!("broken-file", text(&painted(&state)));
    press(&mut state, "<tab>kl");
    assert!(text(&painted(&state)).contains("AlexNet"));
}

#[test]
fn the_field_screen_at_three_sizes() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::DARK);
        // To the third conv of block4, then its unit up and left until the field reaches over the input's edge.
        press(&mut state, "/block4.conv3<enter>2KKKKhhhhhhhhhhh");
        insta::assert_snapshot!(format!("field-{width}x{height}"), text(&painted(&state)));
    }
}

#[test]
fn the_unit_stays_in_its_place_from_layer_to_layer_and_can_be_clicked() {
    let mut state = state(120, 40, theme::DARK);
    let copied = |state: &mut State| match press(state, "y").as_slice() {
        [Effect::Copy(copied)] => copied.clone(),
        other => panic!("{other:?}"),
    };
    press(&mut state, "/block5.conv3<enter>2");
    // 196 pixels of unit 7: its centre is at 7.5 + 16·7 = 119.5, so it reaches from 22 to 217 (Araujo et al. 2019).
    let middle = copied(&mut state);
    assert!(middle.contains("row 7, column 7 of 14×14") && middle.contains("rows 22 to 217"), "{middle}");
    // From unit 0 of 14 to the map before it: still in the first half of its first unit's part.
    press(&mut state, "hhhhhhhhhKKKKKKKKK");
    let corner = copied(&mut state);
    assert!(corner.contains("row 0, column 0") && corner.contains("90 above, 90 left"), "{corner}");
    press(&mut state, "/block1.conv1<enter>");
    assert!(copied(&mut state).contains("row 8, column 8 of 224×224"));
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).expect("a terminal");
    let mut regions = Vec::new();
    terminal.draw(|frame| regions = draw(&state, frame)).expect("painted");
    let unit = regions.iter().rev().find(|region| matches!(region.target, Target::Unit(..))).expect("drawn");
    update(&mut state, Msg::Click(unit.target));
    let Target::Unit(row, column) = unit.target else { unreachable!() };
    assert!(row > 200 && column > 200);
    assert!(copied(&mut state).contains(&format!("row {row}, column {column} of 224×224")));
    press(&mut state, "c1");
    assert!(text(&painted(&state)).contains("3·3·3·64 + 64 = 1,792"));
}

#[test]
fn every_theme_styles_the_same_screen() {
    for theme in theme::ALL {
        let mut state = state(80, 24, theme);
        press(&mut state, "j");
        insta::assert_snapshot!(format!("styles-{}", theme.name), styles(&painted(&state), 0..5));
    }
}

#[test]
fn keys_move_fold_and_leave() {
    let mut state = state(120, 40, theme::DARK);
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
    assert_eq!(press(&mut state, "q"), [Effect::Quit]);
    assert_eq!(press(&mut state, "<ctrl-z>"), [Effect::Suspend]);
    assert_eq!(press(&mut state, "m"), [Effect::Mouse(false)]);
}

#[test]
fn finding_goes_back_when_it_is_given_up() {
    let mut state = state(120, 40, theme::DARK);
    press(&mut state, "jj/linear3");
    let entry = state.entry().expect("selected");
    let row = &entry.rows()[entry.cursor];
    assert_eq!(row.path(entry.network().expect("a network")), "classifier.linear3");
    press(&mut state, "<esc>");
    assert_eq!(state.entry().expect("selected").cursor, 2);
    press(&mut state, "/alex<enter>");
    assert_eq!(state.entry().expect("selected").id, "alexnet");
    // q is a letter while typing.
    assert_eq!(press(&mut state, "/q"), []);
}

#[test]
fn the_copied_row_carries_its_working() {
    let mut state = state(80, 24, theme::DARK);
    let effects = press(&mut state, "jjy");
    let [Effect::Copy(copied)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(copied.contains("block1.conv2") && copied.contains("3·3·64·64 + 64 = 36,928"), "{copied}");
}

#[test]
fn the_copied_table_is_markdown_as_folded_with_the_papers_totals() {
    let mut state = state(80, 24, theme::DARK);
    let effects = press(&mut state, "zY");
    let [Effect::Copy(copied)] = effects.as_slice() else { panic!("{effects:?}") };
    let lines: Vec<&str> = copied.lines().collect();
    assert_eq!(lines[2], "| block1 | block | 64×112×112 | 38,720 | 1,936,392,192 | 6 |");
    assert_eq!(*lines.last().expect("lines"), "| total | | | 138,357,544 | 15,470,264,320 | |");
    assert!(lines.iter().all(|line| line.matches('|').count() == 7), "{copied}");
}

#[test]
fn what_is_worth_a_look_is_marked_at_its_layer_and_at_a_block_that_hides_it() {
    let mut state = state(120, 40, theme::PLAIN);
    press(&mut state, "/linear1<enter>");
    let screen = text(&painted(&state));
    assert!(screen.contains("74% of all parameters are in this layer"), "{screen}");
    let marked =
        |screen: &str| screen.lines().filter(|line| line.contains("! ")).map(str::to_string).collect::<Vec<_>>();
    assert!(marked(&screen)[0].contains("linear1"), "{screen}");
    press(&mut state, "z");
    let screen = text(&painted(&state));
    assert!(marked(&screen)[0].contains("classifier"), "{screen}");
    press(&mut state, "g");
    assert_eq!(marked(&text(&painted(&state))).len(), 1);
}

#[test]
fn a_click_selects_what_was_drawn_there() {
    let mut state = state(120, 40, theme::DARK);
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).expect("a terminal");
    let mut regions = Vec::new();
    terminal.draw(|frame| regions = draw(&state, frame)).expect("painted");
    let row = regions.iter().find(|region| region.target == Target::Row(3)).expect("drawn");
    let line: String = (0..120).map(|x| terminal.backend().buffer()[(x, row.area.y)].symbol().to_string()).collect();
    assert!(line.contains("maxpool1"), "{line}");
    update(&mut state, Msg::Click(row.target));
    assert_eq!(state.entry().expect("selected").cursor, 3);
}

#[test]
fn every_size_can_be_drawn() {
    for theme in [theme::DARK, theme::PLAIN] {
        let mut state = state(80, 24, theme);
        for script in ["", "<tab>", "G<enter>", "2", "/flatten<enter>", "/alex<enter>2", "?"] {
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
