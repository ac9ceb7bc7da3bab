//! What the keys of the shell stand for, and every row of every screen beside them.

use crate::tui::input::keymap::{Bound, Gone};
use crate::tui::input::{Binding, Group, Key, KeyMap, Motion, Together, bind};
use crate::tui::screens::{self, Screens, Which};
use crate::tui::widgets::line::Edit;

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
    /// A stop of the guided tour.
    Tour(usize),
    /// Asks for a theme.
    Themes,
    /// Gives the next pane of the screen all the room, then all of them theirs again.
    Zoom,
    HideList,
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
    Edit(Edit),
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

const fn edit(edit: Edit) -> Action {
    A::Overlay(O::Edit(edit))
}

const BINDINGS: &[Binding<Action>] = &[
    bind("moving", "up", "up k", A::Move(Motion::Up), "one row up", ""),
    bind("moving", "down", "down j", A::Move(Motion::Down), "one row down", "move"),
    bind("moving", "page-up", "pageup ctrl-b", A::Move(Motion::PageUp), "a page up", ""),
    bind("moving", "page-down", "pagedown ctrl-f", A::Move(Motion::PageDown), "a page down", ""),
    bind("moving", "first", "home g", A::Move(Motion::First), "to the first", ""),
    bind("moving", "last", "end G", A::Move(Motion::Last), "to the last", ""),
    bind("architectures", "look", "enter right l", A::List(List::Look), "open it", "open"),
    bind("architectures", "back", "left h", A::List(List::Back), "back to the screen", ""),
    bind("architectures", "mark", "c space", A::List(List::Mark), "mark to compare, or unmark", "mark"),
    bind("architectures", "copy", "y", A::List(List::Copy), "copy the name and totals", "copy"),
    bind("everywhere", "type", "e", window(W::Edit), "edit the YAML", "edit"),
    bind("everywhere", "switch", "tab backtab", window(W::SwitchPane), "switch between list and screen", "list"),
    bind("everywhere", "find", "/", window(W::Find), "search layers and architectures", "find"),
    bind("everywhere", "find-next", "n", window(W::FindNext), "next match", ""),
    bind("everywhere", "find-previous", "N", window(W::FindPrevious), "previous match", ""),
    bind("everywhere", "commands", ": ctrl-p", window(W::Palette), "commands and architectures by name", ""),
    bind("everywhere", "stop", "esc", window(W::Stop), "stop what is running; show all panes; leave the glossary", ""),
    bind("everywhere", "reload", "r", window(W::Reload), "reload the file", ""),
    bind("everywhere", "export", "X", window(W::Export), "export as a picture, a page or LaTeX", ""),
    bind("everywhere", "zoom", "z", window(W::Zoom), "give a pane the whole screen; again for the next pane", "zoom"),
    bind("everywhere", "hide-list", "\\", window(W::HideList), "hide or show the list of architectures", ""),
    bind("everywhere", "mouse", "m", window(W::Mouse), "turn the mouse off (to select text) or on", ""),
    bind("everywhere", "keys", "?", window(W::Help), "all keys, and what the words mean", "help"),
    bind(
        "everywhere",
        "glossary",
        "!",
        window(W::Show(Which::Glossary)),
        "glossary: what the words and marks mean",
        "",
    ),
    bind("everywhere", "tour", "", window(W::Tour(0)), "guided tour of five stops, two minutes", ""),
    bind("everywhere", "theme", "", window(W::Themes), "choose a theme, seen as you choose", ""),
    bind("everywhere", "repaint", "ctrl-l", window(W::Repaint), "repaint", ""),
    bind("everywhere", "suspend", "ctrl-z", window(W::Suspend), "suspend", ""),
    bind("everywhere", "quit", "q ctrl-c", window(W::Quit), "quit", "quit"),
    bind("finding", "stay", "enter down", A::Overlay(O::Accept), "stay here", "stay"),
    bind("finding", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "go back", "back"),
    bind("prompt", "accept", "enter", A::Overlay(O::Accept), "accept", "accept"),
    bind("prompt", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "cancel", "cancel"),
    bind("prompt", "switch", "tab", A::Overlay(O::Switch), "complete the path, or switch the option below", ""),
    bind("prompt", "earlier", "up", A::Overlay(O::Up), "earlier entry", ""),
    bind("prompt", "later", "down", A::Overlay(O::Down), "later entry", ""),
    bind("commands", "run", "enter", A::Overlay(O::Accept), "accept", "accept"),
    bind("commands", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "close", "close"),
    bind("commands", "up", "up", A::Overlay(O::Up), "previous", ""),
    bind("commands", "down", "down tab", A::Overlay(O::Down), "next", "choose"),
    bind("line", "left", "left ctrl-b", edit(Edit::Left), "a letter to the left", ""),
    bind("line", "right", "right", edit(Edit::Right), "a letter to the right", ""),
    bind("line", "word-left", "ctrl-left alt-b", edit(Edit::WordLeft), "a word to the left", ""),
    bind("line", "word-right", "ctrl-right alt-f", edit(Edit::WordRight), "a word to the right", ""),
    bind("line", "start", "home ctrl-a", edit(Edit::Start), "to the start", ""),
    bind("line", "end", "end ctrl-e", edit(Edit::End), "to the end", ""),
    bind("line", "delete", "backspace", edit(Edit::DeleteLeft), "delete the letter before", ""),
    bind("line", "delete-right", "delete ctrl-d", edit(Edit::DeleteRight), "delete the letter after", ""),
    bind("line", "delete-word", "ctrl-w alt-backspace", edit(Edit::DeleteWordLeft), "delete the word before", ""),
    bind("line", "delete-word-right", "alt-d", edit(Edit::DeleteWordRight), "delete the word after", ""),
    bind("line", "delete-to-end", "ctrl-k", edit(Edit::DeleteToEnd), "delete to the end", ""),
    bind("line", "delete-all", "ctrl-u", edit(Edit::DeleteAll), "delete all", ""),
    bind("question", "answer", "enter", A::Overlay(O::Accept), "choose the selected answer", "answer"),
    bind("question", "up", "up k left h", A::Overlay(O::Up), "previous answer", ""),
    bind("question", "down", "down j right l tab", A::Overlay(O::Down), "next answer", "choose"),
    bind("question", "cancel", "esc ctrl-c", A::Overlay(O::Cancel), "cancel", "cancel"),
    bind("tour", "next", "enter space right l", A::Overlay(O::Down), "next stop", "next"),
    bind("tour", "back", "left h backspace", A::Overlay(O::Up), "previous stop", "back"),
    bind("tour", "leave", "esc", A::Overlay(O::Cancel), "leave the tour; any other key does too", "leave"),
    bind("welcome", "tour", "enter", window(W::Tour(0)), "take the tour", "tour"),
    bind("welcome", "explore", "esc space", A::Overlay(O::Cancel), "explore", "explore"),
    bind("menu", "choose", "enter space", A::Overlay(O::Accept), "change it", "change"),
    bind("menu", "up", "up k", A::Overlay(O::Up), "previous line", ""),
    bind("menu", "down", "down j tab", A::Overlay(O::Down), "next line", "move"),
    bind("menu", "close", "esc q o ctrl-c", A::Overlay(O::Cancel), "close", "close"),
    bind("overview", "do", "enter", A::Overlay(O::Accept), "do the selected action", "do it"),
    bind("overview", "close", "esc ctrl-c", A::Overlay(O::Cancel), "close", "close"),
    bind("overview", "glossary", "tab", A::Overlay(O::Switch), "to the glossary", "glossary"),
    bind("overview", "down", "down", A::Overlay(O::Down), "next key", ""),
    bind("overview", "up", "up", A::Overlay(O::Up), "previous key", ""),
    bind("overview", "page-down", "pagedown", A::Overlay(O::PageDown), "a page down", ""),
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
    Group::typed("line"),
    Group::of("question"),
    Group::of("menu"),
    Group::of("tour"),
    Group::of("welcome"),
    Group::typed("overview"),
];

pub const IN_LIST: Together = &["architectures", "moving", "everywhere"];

/// Where keys went that had names of their own.
const GONE: &[Gone] = &[
    ("forward", "labels", "under `forward.options` (o)"),
    ("forward", "class", "under `forward.options` (o)"),
    ("forward", "batch", "under `forward.options` (o)"),
    ("forward", "runs", "under `forward.options` (o)"),
    ("forward", "threads", "under `forward.options` (o)"),
    ("forward", "seed", "under `forward.options` (o)"),
    ("train", "log-scale", "under `next.options` (o)"),
    ("train", "smooth", "under `next.options` (o)"),
    ("next", "recipe", "under `next.options` (o)"),
    ("finding", "delete", "`line.delete`"),
    ("finding", "delete-all", "`line.delete-all`"),
    ("prompt", "delete", "`line.delete`"),
    ("prompt", "delete-all", "`line.delete-all`"),
    ("commands", "delete", "`line.delete`"),
    ("commands", "delete-all", "`line.delete-all`"),
];

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
    let alone: [Together; 9] = [
        IN_LIST,
        &["finding", "line"],
        &["prompt", "line"],
        &["commands", "line"],
        &["question"],
        &["menu"],
        &["tour"],
        &["welcome"],
        &["overview", "line"],
    ];
    let together = [Screens::all_together().as_slice(), &alone].concat();
    let digits = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let tabs = Which::tabs().zip(digits).map(|(which, digit)| Bound {
        group: "everywhere",
        name: which.key(),
        words: which.about(),
        footer: "",
        keys: Key::parse(digit).into_iter().collect(),
        action: window(Window::Show(which)),
    });
    KeyMap::new(of_screens.chain(tabs).chain(own).collect(), groups, together, GONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_read_and_means_one_thing_where_it_applies() {
        for group in table().groups() {
            // Only these have no key, and are had by name.
            let without =
                table().rows(group.name).filter(|row| row.keys.is_empty()).map(|row| row.name).collect::<Vec<_>>();
            assert!(without.is_empty() || without == ["tour", "theme"], "{group:?} {without:?}");
        }
        let map = table();
        let twice = map.twice().into_iter().map(|(one, other, key)| format!("{key}: {one} and {other}"));
        assert_eq!(twice.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn a_letter_means_the_same_wherever_it_means_something() {
        let meanings = [
            ("c", &["mark"][..]),
            ("s", &["sort"]),
            ("y", &["copy"]),
            ("Y", &["copy"]),
            ("e", &["edit"]),
            ("z", &["whole screen"]),
            ("n", &["next match"]),
            ("x", &["stop", "unmark", "close"]),
            ("o", &["choose columns", "compare", "recipe", "options", "batch", "close"]),
            ("v", &["next"]),
            ("f", &["measure"]),
            ("i", &["choose", "vary", "type"]),
            ("w", &["weights"]),
            ("r", &["reload"]),
            ("d", &["differ", "front"]),
            ("t", &["learning rate"]),
        ];
        let map = table();
        let rows = map.groups().iter().flat_map(|group| map.rows(group.name));
        for row in rows.filter(|row| !map.is_typed_in(row.group)) {
            for (key, words) in meanings {
                let key = Key::parse(key).expect("a key");
                if row.keys.contains(&key) {
                    let said = format!("{} {}", row.name, row.words);
                    assert!(words.iter().any(|word| said.contains(word)), "{key} is `{said}` in {}", row.group);
                }
            }
        }
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
        assert!(said("forward: {batch: b}\n").contains("it is under `forward.options` (o) now"));
        assert!(said("layers: {sort: ctrl-alt-nothing}\n").contains("is not a key"));
        assert!(said("typing: {save: s}\n").contains("s is text where `typing` applies"));
        assert!(said("- a\n").contains("is not a table of keys"));
        assert!(said("a: [\n").contains("this is not YAML"));
    }
}
