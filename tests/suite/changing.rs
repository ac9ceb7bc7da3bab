//! From a table to the text: a layer's fields are changed where its numbers stand.

use convlens::tui::shell::Task;
use convlens::tui::theme;

use crate::explorer::{painted, press, run, spawned, state, text};

#[test]
fn a_field_that_is_changed_in_the_table_becomes_a_line_of_the_text() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/block3.conv2<enter>=");
    assert!(text(&painted(&state)).contains("out=256 kernel=3"), "{}", text(&painted(&state)));
    // As it is said in a sentence, or in YAML.
    let spawn = spawned(press(&mut state, "<ctrl-u>kernel 5, out: 128<enter>"));
    for task in run(&mut state, spawn) {
        if let Task::Spawn(analysis) = task {
            run(&mut state, analysis);
        }
    }
    let shown = text(&painted(&state));
    assert!(shown.contains("unsaved edits") && shown.contains("Changed block3.conv2"), "{shown}");
    let written = state.entry().and_then(|entry| Some(entry.editor.as_ref()?.text())).expect("an editor");
    let last = written.lines().last().expect("a line");
    assert!(last.contains("block3.conv2") && last.contains("kernel: 5") && last.contains("out: 128"), "{written}");
    // 5·5·256·128 + 128, and the text where it was changed.
    assert!(shown.contains("819,328"), "{shown}");
    press(&mut state, "4");
    assert!(text(&painted(&state)).contains("block3.conv2: {"), "{}", text(&painted(&state)));
    // One undo takes it back.
    press(&mut state, "u");
    assert!(!state.entry().expect("selected").is_edited());
}

#[test]
fn two_sides_are_taken_as_the_form_offers_them_and_as_yaml_has_them() {
    for typed in ["kernel=3x5", "kernel: [3, 5]", "kernel [3,5]"] {
        let mut state = state(120, 40, theme::dark());
        press(&mut state, "/block3.conv2<enter>=");
        let spawn = spawned(press(&mut state, &format!("<ctrl-u>{typed}<enter>")));
        run(&mut state, spawn);
        let written = state.entry().and_then(|entry| Some(entry.editor.as_ref()?.text())).expect(typed);
        assert!(written.ends_with("  block3.conv2: {kernel: [3, 5]}\n"), "{typed}: {written}");
    }
}

#[test]
fn what_would_give_no_network_is_refused_and_changes_nothing() {
    let mut state = state(120, 40, theme::dark());
    press(&mut state, "/block3.conv2<enter>=");
    assert!(press(&mut state, "<ctrl-u>kernel<enter>").is_empty());
    assert!(text(&painted(&state)).contains("expected field=value, not `kernel`"), "it stays to be mended");
    let spawn = spawned(press(&mut state, "<ctrl-u>kernel=4000 padding=0<enter>"));
    run(&mut state, spawn);
    assert!(text(&painted(&state)).contains("block3.conv2 stays as it is"), "{}", text(&painted(&state)));
    assert!(!state.entry().expect("selected").is_edited());
}

#[test]
fn four_side_by_side_keep_names_and_numbers_apart() {
    for (width, height) in [(80, 24), (100, 30), (120, 40), (160, 50)] {
        let mut state = state(width, height, theme::dark());
        press(&mut state, "/vgg13<enter>c/vgg19<enter>c/resnet50<enter>c/densenet121<enter>c3");
        for _ in 0..2 {
            let shown = text(&painted(&state));
            // A kernel that runs into a number would be read as another kernel.
            for (at, _) in shown.match_indices('×') {
                let kernel: String = shown[at..].chars().skip(1).take_while(|own| !own.is_whitespace()).collect();
                assert!(kernel.parse::<u64>().is_ok_and(|side| side < 20) || kernel.is_empty(), "{kernel}: {shown}");
            }
            press(&mut state, "o");
        }
    }
}
