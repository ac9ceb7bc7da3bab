//! Every key of the explorer.

use super::{Context, Key};
use crate::tui::screens::Screen;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Move(Motion),
    Fold(Fold),
    Table(Table),
    Unit(Unit),
    Compare(Compare),
    Edit(Edit),
    Forward(Forward),
    Train(Train),
    Overlay(Overlay),
    Window(Window),
    /// Copies what the cursor is on, with its working.
    Copy,
    CopyTable,
    /// Copies one number: the value of the column the table is sorted by, or the parameters.
    CopyCell,
    Find,
    FindNext,
    FindPrevious,
    Reload,
    /// Adds the selected architecture to those compared, or takes it away.
    Mark,
    /// Asks where to write it as a picture, a page or tables.
    Export,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Motion {
    /// In rows, when a page has so many.
    pub fn rows(self, page: usize) -> isize {
        let page = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
        match self {
            Motion::Up => -1,
            Motion::Down => 1,
            Motion::PageUp => -page,
            Motion::PageDown => page,
            Motion::First => isize::MIN,
            Motion::Last => isize::MAX,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Open what is selected, or close it.
    Toggle,
    Open,
    Close,
    CloseAll,
    OpenAll,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    Columns,
    Sort,
    Reverse,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// By rows and columns.
    By(i8, i8),
    Middle,
    Photo,
    /// Measures the effective field.
    Effective,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    Run,
    /// Asks for a setting.
    Ask(Setting),
    /// Takes the weights that are published for the architecture.
    Published,
    /// Another photo of those that were chosen together.
    Photo(isize),
    /// Another kind of picture.
    Shows,
    NextPage,
    PreviousPage,
    Order,
    Enlarge,
}

/// What a forward run is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Input,
    Weights,
    Batch,
    Runs,
    Threads,
    Seed,
    Class,
    Labels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Train {
    /// Begins a run, or opens the run the cursor is on.
    Begin,
    /// Pauses, or goes on.
    Pause,
    /// One step, then pause.
    Step,
    /// Ends the run after its step and keeps it.
    Stop,
    LowerRate,
    Checkpoint,
    Ask(TrainSetting),
    /// Goes on with the run the cursor is on.
    Resume,
    /// Lays the run the cursor is on over the charts, or takes it away.
    LayOver,
    /// Another pane below the charts.
    Below,
    /// Takes a run's best weights to the forward screen.
    Use,
    /// Judges a run's best weights.
    Judge,
    LogScale,
    Smooth,
    CursorLeft,
    CursorRight,
}

/// What a training run is started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainSetting {
    Data,
    Recipe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Architectures, or the kernel study.
    Switch,
    /// Another number in the cells.
    Number,
    /// Only rows that differ, or all.
    Changes,
    Clear,
    Time,
    Less,
    More,
    MuchLess,
    MuchMore,
    /// Say what is varied in a sweep.
    Vary,
    /// Open a variant.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Type,
    Leave,
    Save,
    SaveVariant,
    Undo,
    Redo,
    Cut,
    /// Copies what is selected; without a selection asks to quit.
    CopyOrQuit,
    Paste,
    SelectAll,
    Search,
    SearchNext,
    Complete,
    /// Completes a word that was begun, indents elsewhere.
    Indent,
    External,
    Discard,
    GoToProblem,
    NextProblem,
    WordLeft,
    WordRight,
    TextStart,
    TextEnd,
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    Show(Screen),
    SwitchPane,
    Palette,
    /// Stops the work under way.
    Stop,
    Mouse,
    Help,
    Suspend,
    Repaint,
    Quit,
}

/// One row of the table.
#[derive(Debug)]
pub struct Binding {
    pub context: Context,
    /// What a user's file calls it.
    pub name: &'static str,
    /// In the notation of [`Key::parse`], several separated by spaces.
    pub keys: &'static str,
    pub action: Action,
    pub words: &'static str,
    /// The short form for the footer; empty where it is not shown there.
    pub footer: &'static str,
}

impl Binding {
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.split(' ').filter_map(Key::parse)
    }
}

const fn bind(
    context: Context,
    name: &'static str,
    keys: &'static str,
    action: Action,
    words: &'static str,
    footer: &'static str,
) -> Binding {
    Binding { context, name, keys, action, words, footer }
}

use Action as A;
use Context as C;

/// Every key of the explorer. Their order in a context is the order of the footer.
pub const BINDINGS: &[Binding] = &[
    bind(C::Lists, "up", "up k", A::Move(Motion::Up), "one up", ""),
    bind(C::Lists, "down", "down j", A::Move(Motion::Down), "one down", "move"),
    bind(C::Lists, "page-up", "pageup ctrl-b", A::Move(Motion::PageUp), "a page up", ""),
    bind(C::Lists, "page-down", "pagedown ctrl-f", A::Move(Motion::PageDown), "a page down", ""),
    bind(C::Lists, "first", "home g", A::Move(Motion::First), "to the first", ""),
    bind(C::Lists, "last", "end G", A::Move(Motion::Last), "to the last", ""),
    bind(
        C::Layers,
        "toggle",
        "enter space",
        A::Fold(Fold::Toggle),
        "open or close a block, or a layer's activation",
        "open",
    ),
    bind(C::Layers, "open", "right l", A::Fold(Fold::Open), "open", ""),
    bind(
        C::Layers,
        "close",
        "left h",
        A::Fold(Fold::Close),
        "close, then to the block around it, then to the list",
        "",
    ),
    bind(C::Layers, "close-all", "z", A::Fold(Fold::CloseAll), "close every block", ""),
    bind(C::Layers, "open-all", "Z", A::Fold(Fold::OpenAll), "open everything", ""),
    bind(C::Layers, "sort", "s", A::Table(Table::Sort), "sort by the next column, then as built", "sort"),
    bind(C::Layers, "reverse", "S", A::Table(Table::Reverse), "smallest first, or largest first", ""),
    bind(C::Layers, "columns", "o", A::Table(Table::Columns), "choose columns", "columns"),
    bind(C::Layers, "mark", "c", A::Mark, "mark the architecture to compare it, or take the mark away", "mark"),
    bind(C::Layers, "copy", "y", A::Copy, "copy the row and its working", ""),
    bind(C::Layers, "copy-number", "x", A::CopyCell, "copy its number: what is sorted by, or the parameters", ""),
    bind(C::Layers, "copy-table", "Y", A::CopyTable, "copy the table as it is folded, as Markdown", ""),
    bind(C::Field, "unit-right", "right l", A::Unit(Unit::By(0, 1)), "the unit to the right", "unit"),
    bind(C::Field, "unit-left", "left h", A::Unit(Unit::By(0, -1)), "the unit to the left", ""),
    bind(C::Field, "unit-below", "J", A::Unit(Unit::By(1, 0)), "the unit below", ""),
    bind(C::Field, "unit-above", "K", A::Unit(Unit::By(-1, 0)), "the unit above", ""),
    bind(C::Field, "middle", "c", A::Unit(Unit::Middle), "the unit in the middle", "middle"),
    bind(C::Field, "photo", "p", A::Unit(Unit::Photo), "over a photo, or without it again", "photo"),
    bind(C::Field, "effective", "f", A::Unit(Unit::Effective), "measure the effective field of the unit", "effective"),
    bind(C::Field, "copy", "y", A::Copy, "copy what the unit sees", "copy"),
    bind(C::Designs, "number", "s", A::Compare(Compare::Number), "parameters, MACs, output or field", "number"),
    bind(C::Designs, "changes", "d", A::Compare(Compare::Changes), "only rows that differ, or all", "differences"),
    bind(C::Designs, "kernels", "v", A::Compare(Compare::Switch), "to the kernel study", "kernels"),
    bind(C::Designs, "time", "t", A::Compare(Compare::Time), "time them, run in turn", "time"),
    bind(C::Designs, "mark", "c", A::Mark, "take the selected architecture out, or in", "mark"),
    bind(C::Designs, "clear", "x", A::Compare(Compare::Clear), "take every mark away", ""),
    bind(C::Designs, "copy", "y", A::Copy, "copy the row", ""),
    bind(C::Designs, "copy-table", "Y", A::CopyTable, "copy the table as Markdown", ""),
    bind(C::Kernels, "less", "left h", A::Compare(Compare::Less), "less of what is selected", ""),
    bind(C::Kernels, "more", "right l", A::Compare(Compare::More), "more of it", "change"),
    bind(C::Kernels, "half", "H", A::Compare(Compare::MuchLess), "half of it", ""),
    bind(C::Kernels, "double", "L", A::Compare(Compare::MuchMore), "twice of it", "double"),
    bind(C::Kernels, "designs", "v", A::Compare(Compare::Switch), "to sweeps over variants", "sweeps"),
    bind(C::Kernels, "time", "t", A::Compare(Compare::Time), "time every way, run in turn", "time"),
    bind(C::Kernels, "copy", "y", A::Copy, "copy the study as Markdown", "copy"),
    bind(C::Sweep, "vary", "a", A::Compare(Compare::Vary), "say what is varied", "vary"),
    bind(C::Sweep, "open", "enter", A::Compare(Compare::Open), "open the variant in the editor", "open"),
    bind(C::Sweep, "number", "s", A::Compare(Compare::Number), "another two figures", "figures"),
    bind(C::Sweep, "changes", "d", A::Compare(Compare::Changes), "the front alone, or all", "front"),
    bind(C::Sweep, "designs", "v", A::Compare(Compare::Switch), "to the architectures", "architectures"),
    bind(C::Sweep, "copy", "y", A::Copy, "copy the variant as an architecture file", "copy"),
    bind(
        C::Edit,
        "type",
        "enter i",
        A::Edit(Edit::GoToProblem),
        "type, at the selected problem if there is one",
        "type",
    ),
    bind(C::Edit, "save", "ctrl-s", A::Edit(Edit::Save), "save", "save"),
    bind(C::Edit, "save-variant", "ctrl-t", A::Edit(Edit::SaveVariant), "save as a new variant", "variant"),
    bind(C::Edit, "undo", "u ctrl-u", A::Edit(Edit::Undo), "undo", ""),
    bind(C::Edit, "redo", "ctrl-r", A::Edit(Edit::Redo), "redo", ""),
    bind(C::Edit, "external", "E ctrl-e", A::Edit(Edit::External), "open in $EDITOR", "$EDITOR"),
    bind(C::Edit, "discard", "D", A::Edit(Edit::Discard), "go back to what was saved", ""),
    bind(C::Edit, "copy", "y", A::Copy, "copy the changed numbers", ""),
    bind(C::Forward, "run", "enter", A::Forward(Forward::Run), "run the network", "run"),
    bind(
        C::Forward,
        "input",
        "i",
        A::Forward(Forward::Ask(Setting::Input)),
        "a photo to run, a folder of them, a file of tensors, or noise",
        "photo",
    ),
    bind(C::Forward, "next-photo", "]", A::Forward(Forward::Photo(1)), "the next photo of the folder", ""),
    bind(C::Forward, "previous-photo", "[", A::Forward(Forward::Photo(-1)), "the photo before", ""),
    bind(C::Forward, "fold", "space", A::Fold(Fold::Toggle), "open or close a block, or a layer's activation", ""),
    bind(C::Forward, "labels", "L", A::Forward(Forward::Ask(Setting::Labels)), "a file of class names", ""),
    bind(
        C::Forward,
        "weights",
        "w",
        A::Forward(Forward::Ask(Setting::Weights)),
        "a file of weights, or random ones",
        "weights",
    ),
    bind(
        C::Forward,
        "published",
        "P",
        A::Forward(Forward::Published),
        "the weights that are published for it, fetched if need be",
        "pretrained",
    ),
    bind(C::Forward, "pictures", "v", A::Forward(Forward::Shows), "maps, filters, input, where it looks", "pictures"),
    bind(C::Forward, "next-page", "right l", A::Forward(Forward::NextPage), "the next maps", "page"),
    bind(C::Forward, "previous-page", "left h", A::Forward(Forward::PreviousPage), "the maps before", ""),
    bind(C::Forward, "order", "s", A::Forward(Forward::Order), "the most active maps first, or in order", ""),
    bind(C::Forward, "enlarge", "z", A::Forward(Forward::Enlarge), "one map as large as can be, or many", ""),
    bind(C::Forward, "class", "c", A::Forward(Forward::Ask(Setting::Class)), "the class that is looked for", ""),
    bind(C::Forward, "batch", "b", A::Forward(Forward::Ask(Setting::Batch)), "images in the mini-batch", ""),
    bind(C::Forward, "runs", "u", A::Forward(Forward::Ask(Setting::Runs)), "how often it is run", ""),
    bind(C::Forward, "threads", "t", A::Forward(Forward::Ask(Setting::Threads)), "on how many threads", ""),
    bind(
        C::Forward,
        "seed",
        "d",
        A::Forward(Forward::Ask(Setting::Seed)),
        "the seed of random weights and of noise",
        "",
    ),
    bind(C::Forward, "copy", "y", A::Copy, "copy the layer's numbers", ""),
    bind(C::Forward, "copy-table", "Y", A::CopyTable, "copy every layer's times as Markdown", ""),
    bind(C::Begin, "begin", "enter", A::Train(Train::Begin), "begin a run", "begin"),
    bind(C::Train, "pane", "v", A::Train(Train::Below), "layers, validation images, runs, or notes below", "pane"),
    bind(C::Begin, "resume", "f", A::Train(Train::Resume), "go on with the run on the charts", "go on"),
    bind(C::Next, "data", "i", A::Train(Train::Ask(TrainSetting::Data)), "the data to train on", "data"),
    bind(C::Next, "recipe", "o", A::Train(Train::Ask(TrainSetting::Recipe)), "the recipe", "recipe"),
    bind(
        C::Train,
        "lay-over",
        "a",
        A::Train(Train::LayOver),
        "lay a run's curves over the charts, or take them away",
        "lay over",
    ),
    bind(C::Train, "use", "u", A::Train(Train::Use), "run its best weights on a photo (5)", ""),
    bind(C::Train, "judge", "J", A::Train(Train::Judge), "judge its best weights, class by class", ""),
    bind(C::Train, "log-scale", "L", A::Train(Train::LogScale), "the loss on a logarithmic scale, or not", ""),
    bind(C::Train, "smooth", "S", A::Train(Train::Smooth), "a smoothed line, or not", ""),
    bind(C::Train, "cursor-left", "left h", A::Train(Train::CursorLeft), "read off the values of a column before", ""),
    bind(
        C::Train,
        "cursor-right",
        "right l",
        A::Train(Train::CursorRight),
        "of a column after; past the last, of none",
        "",
    ),
    bind(C::Train, "copy", "y", A::Copy, "copy where the run stands", ""),
    bind(C::Train, "copy-table", "Y", A::CopyTable, "copy its epochs as Markdown", ""),
    bind(
        C::Running,
        "enter",
        "enter",
        A::Train(Train::Begin),
        "say what is to be done before another run is begun",
        "",
    ),
    bind(C::Running, "pause", "space", A::Train(Train::Pause), "pause, or go on", "pause/on"),
    bind(C::Running, "step", "s", A::Train(Train::Step), "one step, then pause", "step"),
    bind(C::Running, "stop", "x", A::Train(Train::Stop), "stop after this step and keep the run", "stop"),
    bind(C::Running, "lower-rate", "t", A::Train(Train::LowerRate), "divide the learning rate by 10 now", "lr÷10"),
    bind(C::Running, "checkpoint", "c", A::Train(Train::Checkpoint), "write a checkpoint now", "checkpoint"),
    bind(C::Runs, "open", "enter", A::Train(Train::Begin), "open the run the cursor is on", "open"),
    bind(C::Runs, "resume", "f", A::Train(Train::Resume), "go on with the run the cursor is on", "go on"),
    bind(C::Typing, "leave", "esc", A::Edit(Edit::Leave), "stop typing; then 1 to 6 change the screen", "keys"),
    bind(C::Typing, "save", "ctrl-s", A::Edit(Edit::Save), "save", "save"),
    bind(C::Typing, "save-variant", "ctrl-t", A::Edit(Edit::SaveVariant), "save as a new variant", "variant"),
    bind(C::Typing, "undo", "ctrl-u", A::Edit(Edit::Undo), "undo", "undo"),
    bind(C::Typing, "redo", "ctrl-r", A::Edit(Edit::Redo), "redo", ""),
    bind(C::Typing, "indent", "tab", A::Edit(Edit::Indent), "complete the word, or indent", "complete"),
    bind(C::Typing, "complete", "ctrl-space", A::Edit(Edit::Complete), "what may stand here", ""),
    bind(C::Typing, "next-problem", "ctrl-n", A::Edit(Edit::NextProblem), "to the next problem", "problem"),
    bind(C::Typing, "cut", "ctrl-x", A::Edit(Edit::Cut), "cut the selection (shift and arrows select)", ""),
    bind(C::Typing, "copy", "ctrl-c", A::Edit(Edit::CopyOrQuit), "copy the selection; quit without one", ""),
    bind(C::Typing, "paste", "ctrl-v", A::Edit(Edit::Paste), "paste what was cut or copied", ""),
    bind(C::Typing, "select-all", "ctrl-a", A::Edit(Edit::SelectAll), "select everything", ""),
    bind(C::Typing, "search", "ctrl-f", A::Edit(Edit::Search), "search in the text", ""),
    bind(C::Typing, "search-next", "ctrl-g", A::Edit(Edit::SearchNext), "to the next place found", ""),
    bind(C::Typing, "external", "ctrl-e", A::Edit(Edit::External), "open in $EDITOR", ""),
    bind(C::Typing, "word-left", "ctrl-left alt-b", A::Edit(Edit::WordLeft), "a word to the left", ""),
    bind(C::Typing, "word-right", "ctrl-right alt-f", A::Edit(Edit::WordRight), "a word to the right", ""),
    bind(C::Typing, "text-start", "ctrl-home", A::Edit(Edit::TextStart), "to the start of the text", ""),
    bind(C::Typing, "text-end", "ctrl-end", A::Edit(Edit::TextEnd), "to its end", ""),
    bind(C::Typing, "commands", "ctrl-p", A::Window(Window::Palette), "every command, by name", "commands"),
    bind(C::Typing, "suspend", "ctrl-z", A::Window(Window::Suspend), "suspend", ""),
    bind(C::Typing, "quit", "ctrl-q", A::Window(Window::Quit), "quit", ""),
    bind(C::Typing, "repaint", "ctrl-l", A::Window(Window::Repaint), "paint again", ""),
    bind(C::Completing, "take", "enter tab", A::Overlay(Overlay::Accept), "take it", "take"),
    bind(C::Completing, "cancel", "esc ctrl-c", A::Overlay(Overlay::Cancel), "type on", "no"),
    bind(C::Completing, "up", "up", A::Overlay(Overlay::Up), "the one above", ""),
    bind(C::Completing, "down", "down ctrl-n", A::Overlay(Overlay::Down), "the one below", "choose"),
    bind(C::Architectures, "look", "enter right l", A::Fold(Fold::Open), "look at it", "look"),
    bind(C::Architectures, "back", "left h", A::Fold(Fold::Close), "back to the right side", ""),
    bind(C::Architectures, "mark", "c space", A::Mark, "mark to compare, or take the mark away", "mark"),
    bind(C::Architectures, "copy", "y", A::Copy, "copy the name and totals", "copy"),
    bind(C::Everywhere, "layers", "1", A::Window(Window::Show(Screen::Layers)), "the layer table", ""),
    bind(C::Everywhere, "field", "2", A::Window(Window::Show(Screen::Field)), "what a unit sees of the input", ""),
    bind(C::Everywhere, "compare", "3", A::Window(Window::Show(Screen::Compare)), "architectures side by side", ""),
    bind(C::Everywhere, "edit", "4", A::Window(Window::Show(Screen::Edit)), "the YAML and what it comes to", ""),
    bind(C::Everywhere, "forward", "5", A::Window(Window::Show(Screen::Forward)), "the network run for real", ""),
    bind(C::Everywhere, "train", "6", A::Window(Window::Show(Screen::Train)), "the network trained, live", ""),
    bind(C::Everywhere, "type", "e", A::Edit(Edit::Type), "edit the YAML", "edit"),
    bind(
        C::Everywhere,
        "switch",
        "tab backtab",
        A::Window(Window::SwitchPane),
        "between the list and the right side",
        "list",
    ),
    bind(C::Everywhere, "find", "/", A::Find, "find a layer or an architecture", "find"),
    bind(C::Everywhere, "find-next", "n", A::FindNext, "find the next", ""),
    bind(C::Everywhere, "find-previous", "N", A::FindPrevious, "find the one before", ""),
    bind(C::Everywhere, "commands", ": ctrl-p", A::Window(Window::Palette), "commands and architectures, by name", ""),
    bind(C::Everywhere, "stop", "esc", A::Window(Window::Stop), "stop the timing, measuring or run under way", ""),
    bind(C::Everywhere, "reload", "r", A::Reload, "read the file again", ""),
    bind(C::Everywhere, "export", "X", A::Export, "export: a picture, a page, tables for a paper", ""),
    bind(C::Everywhere, "mouse", "m", A::Window(Window::Mouse), "mouse off, to select text, and on again", ""),
    bind(C::Everywhere, "keys", "?", A::Window(Window::Help), "all keys", "keys"),
    bind(C::Everywhere, "repaint", "ctrl-l", A::Window(Window::Repaint), "paint again", ""),
    bind(C::Everywhere, "suspend", "ctrl-z", A::Window(Window::Suspend), "suspend", ""),
    bind(C::Everywhere, "quit", "q ctrl-c", A::Window(Window::Quit), "quit", "quit"),
    bind(C::Find, "stay", "enter down", A::Overlay(Overlay::Accept), "stay at what was found", "stay there"),
    bind(C::Find, "cancel", "esc ctrl-c", A::Overlay(Overlay::Cancel), "go back", "back"),
    bind(C::Find, "delete", "backspace", A::Overlay(Overlay::DeleteLast), "delete a letter", ""),
    bind(C::Find, "delete-all", "ctrl-u", A::Overlay(Overlay::DeleteAll), "delete all", ""),
    bind(C::Prompt, "accept", "enter", A::Overlay(Overlay::Accept), "do it", "do it"),
    bind(C::Prompt, "cancel", "esc ctrl-c", A::Overlay(Overlay::Cancel), "leave it", "leave it"),
    bind(
        C::Prompt,
        "switch",
        "tab",
        A::Overlay(Overlay::Switch),
        "complete a path, or switch what the line below offers",
        "",
    ),
    bind(C::Prompt, "delete", "backspace", A::Overlay(Overlay::DeleteLast), "delete a letter", ""),
    bind(C::Prompt, "delete-all", "ctrl-u", A::Overlay(Overlay::DeleteAll), "delete all", ""),
    bind(C::Palette, "run", "enter", A::Overlay(Overlay::Accept), "do it", "do it"),
    bind(C::Palette, "cancel", "esc ctrl-c", A::Overlay(Overlay::Cancel), "close", "close"),
    bind(C::Palette, "up", "up ctrl-k", A::Overlay(Overlay::Up), "the one above", ""),
    bind(C::Palette, "down", "down ctrl-j tab", A::Overlay(Overlay::Down), "the one below", "choose"),
    bind(C::Palette, "delete", "backspace", A::Overlay(Overlay::DeleteLast), "delete a letter", ""),
    bind(C::Palette, "delete-all", "ctrl-u", A::Overlay(Overlay::DeleteAll), "delete all", ""),
    bind(C::Columns, "switch", "space enter", A::Overlay(Overlay::Switch), "show the column, or not", "show or hide"),
    bind(C::Columns, "up", "up k", A::Overlay(Overlay::Up), "the one above", ""),
    bind(C::Columns, "down", "down j", A::Overlay(Overlay::Down), "the one below", "choose"),
    bind(C::Columns, "close", "esc q o ctrl-c", A::Overlay(Overlay::Cancel), "close", "close"),
    bind(C::Question, "answer", "enter", A::Overlay(Overlay::Accept), "the marked answer", "answer"),
    bind(C::Question, "up", "up k left h", A::Overlay(Overlay::Up), "the answer above", ""),
    bind(C::Question, "down", "down j right l tab", A::Overlay(Overlay::Down), "the answer below", "choose"),
    bind(C::Question, "cancel", "esc ctrl-c", A::Overlay(Overlay::Cancel), "nothing of this", "nothing"),
    bind(C::Help, "close", "esc q ? enter ctrl-c", A::Overlay(Overlay::Cancel), "close", "close"),
    bind(C::Help, "down", "down j", A::Overlay(Overlay::Down), "scroll down", "scroll"),
    bind(C::Help, "up", "up k", A::Overlay(Overlay::Up), "scroll up", ""),
    bind(C::Help, "page-down", "pagedown space", A::Overlay(Overlay::PageDown), "a page down", "page"),
    bind(C::Help, "page-up", "pageup", A::Overlay(Overlay::PageUp), "a page up", ""),
    bind(C::Help, "suspend", "ctrl-z", A::Window(Window::Suspend), "suspend", ""),
];
