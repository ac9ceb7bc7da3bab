//! What somebody meets who never saw the program: the card, the tour, the glossary, the sum of a network, themes and panes.

use convlens::graph::figures::grouped;
use convlens::tui::screens::Which;
use convlens::tui::shell::overlay::Overlay;
use convlens::tui::shell::remembered::Remembered;
use convlens::tui::shell::{Msg, State, draw};
use convlens::tui::theme;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Position;

use crate::explorer::{SIZES, painted, press, send, state, text};

fn screen(state: &State) -> String {
    text(&painted(state))
}

#[test]
fn the_card_of_the_first_start_leads_to_the_tour_or_away() {
    for (width, height) in SIZES {
        let mut state = state(width, height, theme::dark());
        state.overlay = Some(Overlay::Welcome);
        insta::assert_snapshot!(format!("welcome-{width}x{height}"), screen(&state));
        press(&mut state, "<esc>");
        assert!(state.overlay.is_none());
        assert_eq!(state.screen, Which::Layers);
    }
    // Any other key closes it and does what it does anyway, as the card promises of 1 to 6, ? and !.
    let mut state = state(80, 24, theme::dark());
    state.overlay = Some(Overlay::Welcome);
    press(&mut state, "3");
    assert!(state.overlay.is_none());
    assert_eq!(state.screen, Which::Compare);
}

#[test]
fn the_tour_walks_over_five_screens_and_any_key_leaves_it() {
    let mut state = state(80, 24, theme::dark());
    state.overlay = Some(Overlay::Welcome);
    press(&mut state, "<enter>");
    let screens = [Which::Layers, Which::Field, Which::Compare, Which::Edit, Which::Forward];
    for (at, which) in screens.into_iter().enumerate() {
        assert_eq!(state.screen, which);
        let shown = screen(&state);
        assert!(shown.contains(&format!(" {}/5 ", at + 1)), "{shown}");
        press(&mut state, "<enter>");
    }
    assert!(state.overlay.is_none(), "past the last stop one explores");
    // It is a command like any other, and a key that is none of its own ends it.
    press(&mut state, ":tour<enter>");
    assert!(screen(&state).contains(" 1/5 "), "{}", screen(&state));
    press(&mut state, "<enter>h");
    assert!(screen(&state).contains(" 1/5 "));
    press(&mut state, "x");
    assert!(state.overlay.is_none());
}

#[test]
fn the_total_is_worked_out_at_every_size_and_kept_in_sight() {
    let total = grouped(138_357_544u64);
    for (width, height) in [(160, 50), (120, 40), (80, 24), (40, 12)] {
        let mut state = state(width, height, theme::dark());
        assert!(screen(&state).contains(&total), "{}", screen(&state));
        // With all layers open and at the last of them too.
        press(&mut state, "+G");
        let shown = screen(&state);
        assert!(shown.contains(&total), "{shown}");
        if width >= 120 {
            let working = "38,720 + 221,440 + 1,475,328 + 5,899,776 + 7,079,424 + 123,642,856 = 138,357,544";
            assert!(shown.contains(working), "{shown}");
        }
    }
}

#[test]
fn the_selected_rows_working_names_what_its_numbers_are() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "+/block1.conv1<enter>");
    let shown = screen(&state);
    for formula in [
        "(in − kernel + 2·padding)/stride + 1 = (224 − 3 + 2·1)/1 + 1 = 224",
        "kernel·kernel·in·out + out = 3·3·3·64 + 64 = 1,792",
        "vgg16 › block1 › conv1",
    ] {
        assert!(shown.contains(formula), "{formula}: {shown}");
    }
}

#[test]
fn the_glossary_says_what_every_mark_means_at_the_selected_layer() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/block3.conv2<enter>!");
    assert_eq!(state.screen, Which::Glossary);
    let shown = screen(&state);
    for term in ["k s p", "field", "jump", "share", "MACs", "params", "dead channel", "!"] {
        assert!(shown.contains(term), "{term}: {shown}");
    }
    // With the layer's own number.
    press(&mut state, "j");
    let before = screen(&state);
    press(&mut state, "k");
    assert_ne!(before, screen(&state));
    press(&mut state, "<backspace>");
    assert_eq!(state.screen, Which::Layers);
    for (width, height) in SIZES {
        send(&mut state, Msg::Resize(width, height));
        press(&mut state, "!");
        insta::assert_snapshot!(format!("glossary-{width}x{height}"), screen(&state));
        press(&mut state, "<backspace>");
    }
}

#[test]
fn a_theme_is_chosen_live_kept_and_given_up() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, ":theme<enter><down>");
    assert_eq!(state.theme.name, "light", "seen as it is chosen");
    press(&mut state, "<esc>");
    assert_eq!(state.theme.name, "dark");
    assert_eq!(Remembered::of(&state).theme, None);
    press(&mut state, ":theme<enter><down><enter>");
    assert_eq!(Remembered::of(&state).theme.as_deref(), Some("light"));
    // From then on the terminal's background is not asked.
    send(&mut state, Msg::Background { light: false });
    assert_eq!(state.theme.name, "light");
}

#[test]
fn panes_are_zoomed_one_after_the_other_and_the_list_is_hidden() {
    for (width, height) in [(120, 40), (80, 24)] {
        // On screen 6 both charts are one pane until there is a run.
        for number in 1..=5 {
            let mut state = state(width, height, theme::dark());
            press(&mut state, &number.to_string());
            let whole = screen(&state);
            let mut seen = vec![whole.clone()];
            loop {
                press(&mut state, "z");
                // What was told goes away by itself.
                state.toasts.clear();
                let shown = screen(&state);
                if state.zoomed.is_none() {
                    assert_eq!(shown, whole);
                    break;
                }
                assert!(!seen.contains(&shown), "screen {number} zooms to the same pane twice: {shown}");
                seen.push(shown);
                assert!(seen.len() < 9, "screen {number} never comes back");
            }
            assert!(seen.len() > 1, "screen {number} has no pane to zoom");
            press(&mut state, "z<esc>");
            state.toasts.clear();
            assert_eq!(screen(&state), whole);
            // The list, hidden and back, which a start after it finds too.
            if width == 120 {
                press(&mut state, "\\");
                assert!(!screen(&state).contains("Architectures"));
                assert!(Remembered::of(&state).hides_list);
                press(&mut state, "\\");
                assert_eq!(screen(&state), whole);
            }
        }
    }
}

#[test]
fn an_action_that_is_not_possible_stays_in_sight_and_says_why() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "1:stop after");
    let shown = screen(&state);
    assert!(shown.contains("no run is training"), "{shown}");
    press(&mut state, "<esc>");
    // What another screen does is had by name from anywhere.
    press(&mut state, "1:measure the effective<enter>");
    assert_eq!(state.screen, Which::Field);
    press(&mut state, "1");
    // An exact name goes before what only begins with it, and before what holds its letters.
    press(&mut state, ":vgg16");
    let shown = screen(&state);
    let line = |words: &str| shown.lines().position(|line| line.contains(words));
    let (exact, longer) = (line("│ vgg16 "), line("vgg16_bn"));
    assert!(exact < longer || longer.is_none(), "{shown}");
    press(&mut state, "<enter>");
    assert_eq!(state.entry().expect("selected").id, "vgg16");
}

#[test]
fn help_is_filtered_as_one_types_and_does_what_is_chosen() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "?zoom");
    let shown = screen(&state);
    assert!(shown.contains("give a pane the whole screen") && !shown.contains("reload the file"), "{shown}");
    let before = screen(&state);
    press(&mut state, "<enter>");
    assert!(state.overlay.is_none());
    assert_ne!(screen(&state), before);
}

#[test]
fn options_are_a_form_with_their_defaults() {
    for number in [5, 6] {
        let mut state = state(120, 40, theme::dark());
        press(&mut state, &format!("{number}o"));
        assert!(matches!(state.overlay, Some(Overlay::Menu(_))), "screen {number}: {}", screen(&state));
        press(&mut state, "<esc>");
        assert!(state.overlay.is_none());
    }
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "6o");
    let shown = screen(&state);
    assert!(shown.contains("epochs") && shown.contains("optimizer"), "the recipe with its defaults: {shown}");
}

#[test]
fn what_is_drawn_as_a_key_a_tab_or_a_head_can_be_clicked() {
    let mut state = state(120, 40, theme::dark());
    // Of what lies over each other the last that was drawn is meant.
    let click = |state: &mut State, words: &str| {
        let mut terminal = Terminal::new(TestBackend::new(state.width, state.height)).expect("a terminal");
        let mut places = Vec::new();
        terminal.draw(|frame| places = draw(state, frame)).expect("painted");
        let shown = text(terminal.backend().buffer());
        let (y, line) = shown.lines().enumerate().find(|(_, line)| line.contains(words)).expect("shown");
        let before: &str = &line[..line.find(words).expect("there")];
        let at = Position { x: before.chars().count() as u16, y: y as u16 };
        let place = places.iter().rev().find(|place| place.area.contains(at)).expect("something to click");
        send(state, Msg::Click(place.action.clone()))
    };
    click(&mut state, "3 Compare");
    assert_eq!(state.screen, Which::Compare);
    click(&mut state, "1 Layers");
    // A column's head sorts by it.
    let before = screen(&state);
    click(&mut state, "params");
    assert_ne!(screen(&state), before);
    click(&mut state, "? help");
    assert!(matches!(state.overlay, Some(Overlay::Help(_))), "{}", screen(&state));
}

#[test]
fn what_a_prompt_offers_gives_way_to_typing_and_its_past_lines_come_back() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "5w");
    press(&mut state, "first.safetensors<enter>");
    press(&mut state, "w");
    // The offered line is replaced by what is typed; the past one is a key away.
    press(&mut state, "second.st");
    assert!(screen(&state).contains("second.st") && !screen(&state).contains("first.safetensorssecond"));
    press(&mut state, "<ctrl-u><up>");
    assert!(screen(&state).contains("first.safetensors"), "{}", screen(&state));
    // Words, as readline has them.
    press(&mut state, "<ctrl-u>one third<alt-b>big <end><ctrl-w>");
    assert!(screen(&state).contains("one big "), "{}", screen(&state));
    assert!(!screen(&state).contains("third"), "{}", screen(&state));
    press(&mut state, "<esc>");
    let typed = Remembered::of(&state).typed;
    assert!(typed.iter().any(|(_, line)| line == "first.safetensors"), "{typed:?}");
}
