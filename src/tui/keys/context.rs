//! Where keys mean something.

/// Where a key means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Everywhere,
    /// Moving in any list.
    Lists,
    /// The layer table.
    Layers,
    /// The field of a unit.
    Field,
    /// Architectures side by side.
    Designs,
    /// The kernel study.
    Kernels,
    /// Variants of an architecture.
    Sweep,
    /// The forward run.
    Forward,
    /// Training.
    Train,
    /// Beginning a run.
    Begin,
    /// What the next run is begun with.
    Next,
    /// Steering the run that is under way.
    Running,
    /// The list of past runs.
    Runs,
    /// The editor's problems and numbers.
    Edit,
    /// Typing in the editor.
    Typing,
    /// Choosing what the editor completes.
    Completing,
    /// The list of architectures.
    Architectures,
    /// Typing what to find.
    Find,
    /// Typing a name or a path.
    Prompt,
    /// The list of all commands.
    Palette,
    /// Choosing columns.
    Columns,
    /// A question with its answers.
    Question,
    /// The overlay of all keys.
    Help,
}

impl Context {
    pub const ALL: [Context; 23] = [
        Context::Lists,
        Context::Layers,
        Context::Field,
        Context::Designs,
        Context::Kernels,
        Context::Sweep,
        Context::Edit,
        Context::Forward,
        Context::Train,
        Context::Begin,
        Context::Next,
        Context::Running,
        Context::Runs,
        Context::Typing,
        Context::Completing,
        Context::Architectures,
        Context::Everywhere,
        Context::Find,
        Context::Prompt,
        Context::Palette,
        Context::Columns,
        Context::Question,
        Context::Help,
    ];

    /// Its name, in the overlay and in a user's file of keys.
    pub fn name(self) -> &'static str {
        match self {
            Context::Everywhere => "everywhere",
            Context::Lists => "moving",
            Context::Layers => "layers",
            Context::Field => "field",
            Context::Designs => "compare",
            Context::Kernels => "kernels",
            Context::Sweep => "sweep",
            Context::Edit => "edit",
            Context::Forward => "forward",
            Context::Train => "train",
            Context::Begin => "begin",
            Context::Next => "next",
            Context::Running => "running",
            Context::Runs => "runs",
            Context::Typing => "typing",
            Context::Completing => "completing",
            Context::Architectures => "architectures",
            Context::Find => "finding",
            Context::Prompt => "prompt",
            Context::Palette => "commands",
            Context::Columns => "columns",
            Context::Question => "question",
            Context::Help => "overview",
        }
    }

    /// Whether characters are text in it.
    pub fn is_typed_in(self) -> bool {
        use Context::*;
        matches!(self, Typing | Completing | Find | Prompt | Palette)
    }

    /// The contexts that apply where this one is the narrowest; no key may mean two things in them.
    pub fn together(self) -> &'static [Context] {
        use Context::*;
        match self {
            Context::Everywhere => &[Context::Everywhere],
            Context::Lists => &[Context::Lists, Context::Everywhere],
            Context::Layers => &[Context::Layers, Context::Lists, Context::Everywhere],
            Context::Field => &[Context::Field, Context::Lists, Context::Everywhere],
            Context::Designs => &[Context::Designs, Context::Lists, Context::Everywhere],
            Context::Kernels => &[Context::Kernels, Context::Lists, Context::Everywhere],
            Context::Sweep => &[Context::Sweep, Context::Lists, Context::Everywhere],
            Context::Edit => &[Context::Edit, Context::Lists, Context::Everywhere],
            Context::Forward => &[Context::Forward, Context::Lists, Context::Everywhere],
            // The same keys, those that count just now first.
            Context::Begin | Context::Next | Context::Train => &[Begin, Next, Train, Lists, Everywhere],
            Context::Running => &[Running, Train, Next, Lists, Everywhere],
            Context::Runs => &[Runs, Train, Next, Lists, Everywhere],
            Context::Architectures => &[Context::Architectures, Context::Lists, Context::Everywhere],
            Context::Typing => &[Context::Typing],
            Context::Completing => &[Context::Completing],
            Context::Find => &[Context::Find],
            Context::Prompt => &[Context::Prompt],
            Context::Palette => &[Context::Palette],
            Context::Columns => &[Context::Columns],
            Context::Question => &[Context::Question],
            Context::Help => &[Context::Help],
        }
    }
}
