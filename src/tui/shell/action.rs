//! What the keys of the shell stand for, and every row of every screen beside them.

use crate::tui::input::keymap::Bound;
use crate::tui::input::{Binding, Group, KeyMap, Motion, Together, bind};
use crate::tui::screens::{self, Screens, Which};

/// What a key or a click does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Screen(screens::Action),
    Move(Motion),
    Window(Window),
    List(List),
    Overlay(Overlay),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Show(Which),
    /// To the editor, typing.
    Edit,
    SwitchPane,
    Find,
    FindNext,
    FindPrevious,
    Palette,
    /// Stops the work under way.
    Stop,
    Reload,
    /// Asks where to write the network as a picture, a page or tables.
    Export,
    Mouse,
    Help,
    Suspend,
    Repaint,
    /// Leaves, asking where something would be lost.
    Quit,
    /// Leaves; texts that are not saved are kept for the next start.
    QuitNow,
    /// Leaves, and drops them.
    QuitDropping,
}

/// In the list of architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    Look,
    Back,
    Mark,
    Copy,
    /// One that was clicked.
    At(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    Accept,
    Cancel,
    DeleteLast,
    DeleteAll,
    Up,
    Down,
    PageUp,
    PageDown,
    /// Switches what the overlay can switch.
    Switch,
    /// A line that was clicked.
    Line(usize),
}

use Action as A;
use Overlay as O;
use Window as W;

const fn window(window: Window) -> Action {
    A::Window(window)
}

const BINDINGS: &[Binding<Action>] = &[
    bind("moving", "up", "up k", A::Move(Motion::Up), "one up", ""),
    bind("moving", "down", "down j", A::Move(Motion::Down), "one down", "move"),
    bind("moving", "page-up", "pageup ctrl-b", A::Move(Motion::PageUp), "a page up", ""),
    bind("moving", "page-down", "pagedown ctrl-f", A::Move(Motion::PageDown), "a page down", ""),
    bind("moving", "first", "home g", A::Move(Motion::First), "to the first", ""),
    bind("moving", "last", "end G", A::Move(Motion::Last), "to the last", ""),
    bind("architectures", "look", "enter right l", A::List(List::Look), "look at it", "look"),
    bind("architectures", "back", "left h", A::List(List::Back), "back to the right side", ""),
    bind("architectures", "mark", "c space", A::List(List::Mark), "mark to compare, or take the mark away", "mark"),
    bind("architectures", "copy", "y", A::List(List::Copy), "copy the name and totals", "copy"),
    bind("everywhere", "layers", "1", window(W::Show(Which::Layers)), "the layer table", ""),
    bind("everywhere", "field", "2", window(W::Show(Which::Field)), "what a unit sees of the input", ""),
    bind("everywhere", "compare", "3", window(W::Show(Which::Compare)), "architectures side by side", ""),
    bind("everywhere", "edit", "4", window(W::Show(Which::Edit)), "the YAML and what it comes to", ""),
    bind("everywhere", "forward", "5", window(W::Show(Which::Forward)), "the network run for real", ""),
    bind("everywhere", "train", "6", window(W::Show(Which::Train)), "the network trained, live", ""),
    bind("everywhere", "type", "e", window(W::Edit), "edit the YAML", "edit"),
    bind("everywhere", "switch", "tab backtab", window(W::SwitchPane), "between the list and the right side", "list"),
    bind("everywhere", "find", "/", window(W::Find), "find a layer or an architecture", "find"),
    bind("everywhere", "find-next", "n", window(W::FindNext), "find the next", ""),
    bind("everywhere", "find-previous", "N", window(W::FindPrevious), "find the one before", ""),
    bind("everywhere", "commands", ": ctrl-p", window(W::Palette), "commands and architectures, by name", ""),
    bind("everywhere", "stop", "esc", window(W::Stop), "stop the timing, measuring or run under way", ""),
    bind("everywhere", "reload", "r", window(W::Reload), "read the file again", ""),
    bind("everywhere", "export", "X", window(W::Export), "export: a picture, a page, tables for a paper", ""),
    bind("everywhere", "mouse", "m", window(W::Mouse), "mouse off, to select text, and on again", ""),
    bind("everywhere", "keys", "?", window(W::Help), "all keys", "keys"),
    bind("everywhere", "repaint", "ctrl-l", window(W::Repaint), "paint again", ""),
    bind("everywhere", "suspend", "ctrl-z", window(W::Suspend), "suspend", ""),
    bind("everywhere", "quit", "q ctrl-c", window(W::Quit), "quit", "quit"),
    bind("finding", "stay", "enter down", A::Overlay(O::Accept), "stay at what was found", "stay there"),
    bind("finding", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "go back", "back"),
    bind("finding", "delete", "backspace", A::Overlay(O::DeleteLast), "delete a letter", ""),
    bind("finding", "delete-all", "ctrl-u", A::Overlay(O::DeleteAll), "delete all", ""),
    bind("prompt", "accept", "enter", A::Overlay(O::Accept), "do it", "do it"),
    bind("prompt", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "leave it", "leave it"),
    bind("prompt", "switch", "tab", A::Overlay(O::Switch), "complete a path, or switch what the line below offers", ""),
    bind("prompt", "delete", "backspace", A::Overlay(O::DeleteLast), "delete a letter", ""),
    bind("prompt", "delete-all", "ctrl-u", A::Overlay(O::DeleteAll), "delete all", ""),
    bind("commands", "run", "enter", A::Overlay(O::Accept), "do it", "do it"),
    bind("commands", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "close", "close"),
    bind("commands", "up", "up ctrl-k", A::Overlay(O::Up), "the one above", ""),
    bind("commands", "down", "down ctrl-j tab", A::Overlay(O::Down), "the one below", "choose"),
    bind("commands", "delete", "backspace", A::Overlay(O::DeleteLast), "delete a letter", ""),
    bind("commands", "delete-all", "ctrl-u", A::Overlay(O::DeleteAll), "delete all", ""),
    bind("question", "answer", "enter", A::Overlay(O::Accept), "the marked answer", "answer"),
    bind("question", "up", "up k left h", A::Overlay(O::Up), "the answer above", ""),
    bind("question", "down", "down j right l tab", A::Overlay(O::Down), "the answer below", "choose"),
    bind("question", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "nothing of this", "nothing"),
    bind("overview", "close", "esc q ? enter ctrl-c", A::Overlay(O::Cancel), "close", "close"),
    bind("overview", "down", "down j", A::Overlay(O::Down), "scroll down", "scroll"),
    bind("overview", "up", "up k", A::Overlay(O::Up), "scroll up", ""),
    bind("overview", "page-down", "pagedown space", A::Overlay(O::PageDown), "a page down", "page"),
    bind("overview", "page-up", "pageup", A::Overlay(O::PageUp), "a page up", ""),
    bind("overview", "suspend", "ctrl-z", window(W::Suspend), "suspend", ""),
];

/// Groups that the shell has, those that apply under any screen first.
const FIRST: &[Group] = &[Group::of("moving")];
const LAST: &[Group] = &[
    Group::of("architectures"),
    Group::of("everywhere"),
    Group::typed("finding"),
    Group::typed("prompt"),
    Group::typed("commands"),
    Group::of("question"),
    Group::of("overview"),
];

pub const IN_LIST: Together = &["architectures", "moving", "everywhere"];

/// Every key of the explorer.
pub fn table() -> KeyMap<Action> {
    let own = BINDINGS.iter().map(|binding| Bound::of(binding, |action| action));
    let of_screens = Screens::rows().into_iter().map(|row| Bound {
        group: row.group,
        name: row.name,
        words: row.words,
        footer: row.footer,
        keys: row.keys,
        action: Action::Screen(row.action),
    });
    let groups = [FIRST, &Screens::all_groups(), LAST].concat();
    let alone: [Together; 6] = [IN_LIST, &["finding"], &["prompt"], &["commands"], &["question"], &["overview"]];
    let together = [Screens::all_together().as_slice(), &alone].concat();
    KeyMap::new(of_screens.chain(own).collect(), groups, together)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::input::Key;

    #[test]
    fn every_key_can_be_read_and_means_one_thing_where_it_applies() {
        for group in table().groups() {
            assert!(table().rows(group.name).all(|row| !row.keys.is_empty()), "{group:?}");
        }
        let map = table();
        let twice = map.twice().into_iter().map(|(one, other, key)| format!("{key}: {one} and {other}"));
        assert_eq!(twice.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn every_row_has_a_name_of_its_own_in_its_context() {
        for group in table().groups() {
            let map = table();
            let mut names: Vec<&str> = map.rows(group.name).map(|bound| bound.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert!(count > 0 && names.len() == count, "{group:?}");
        }
    }

    #[test]
    fn a_users_file_changes_keys_and_frees_the_old_ones() {
        let map = table()
            .changed("everywhere:\n  quit: [ctrl-q]\nlayers: {sort: q, copy: []}\n", "keys.yaml")
            .expect("sound");
        let action = |key: &str, contexts: &[&str]| map.action(Key::parse(key).expect("a key"), contexts);
        let layers = &["layers", "moving", "everywhere"][..];
        assert_eq!(action("q", layers), Some(Action::Screen(screens::Action::Layers(screens::layers::Action::Sort))));
        assert_eq!(action("ctrl-q", layers), Some(Action::Window(Window::Quit)));
        assert_eq!(action("y", layers), None);
        assert_eq!(table().changed("# nothing yet\n", "keys.yaml").expect("sound").twice(), []);
    }

    #[test]
    fn a_conflict_is_refused_by_both_names_and_its_place() {
        let said = |text: &str| table().changed(text, "keys.yaml").expect_err("refused").to_string();
        let conflict = said("layers:\n  sort: q\n");
        assert!(conflict.starts_with("keys.yaml:2:9: "), "{conflict}");
        assert!(conflict.contains("q would be both `layers.sort` and `everywhere.quit`"), "{conflict}");
        assert!(said("layer: {}\n").contains("did you mean `layers`?"));
        assert!(said("layers: {srot: a}\n").contains("did you mean `sort`?"));
        assert!(said("layers: {sort: ctrl-alt-nothing}\n").contains("is not a key"));
        assert!(said("typing: {save: s}\n").contains("s is text where `typing` applies"));
        assert!(said("- a\n").contains("is not a table of keys"));
        assert!(said("a: [\n").contains("this is not YAML"));
    }
}
