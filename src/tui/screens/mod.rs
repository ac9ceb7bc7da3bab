//! The screens, one folder each, and one line below: what they are called and in which order. All else of a screen is in its
//! folder; the shell does the same with every one of them.

pub mod compare;
pub mod edit;
pub mod field;
pub mod forward;
pub mod glossary;
pub mod layers;
pub mod train;
pub mod unreadable;

use ratatui::Frame;
use serde_json::{Map, Value};

use super::input::keymap::Bound;
use super::input::{Group, Key, Together};
use super::model::Model;
use super::screen::{Canvas, Context, Place, Prompt, Question, Request, Screen, Typed, View};
use super::widgets::panes::Panes;
use super::work::job::widen;

/// What a screen asked for, as the shell takes it.
pub type Asking = (Which, Request<News, Action, Asked>);

/// What a screen acts in, before it is known which.
pub struct Setting<'a> {
    pub model: &'a mut Model,
    pub panes: Panes,
    /// Whether the keys are the screen's, and not the list's.
    pub has_keys: bool,
}

/// A screen as one of all.
trait Member: Screen {
    const WHICH: Which;

    fn action(own: Self::Action) -> Action;
    fn news(own: Self::News) -> News;
    fn own_news(news: News) -> Option<Self::News>;
    fn asked(own: Self::Asked) -> Asked;
}

/// Lets a screen act, and takes what it asks for.
fn within<S: Member>(screen: &mut S, setting: Setting, act: impl FnOnce(&mut S, &mut Context<S>)) -> Vec<Asking> {
    let mut cx = Context::new(setting.model, setting.panes, setting.has_keys);
    act(screen, &mut cx);
    let widened = cx.into_requests().into_iter().map(|request| match request {
        Request::Spawn(lane, what, job) => Request::Spawn(lane, what, widen(job, S::news, S::own_news)),
        Request::Ask(prompt) => Request::Ask(ask::<S>(prompt)),
        Request::Question(Question { words, answers, cursor }) => {
            let answers = answers.into_iter().map(|(words, action)| (words, action.map(S::action)));
            Request::Question(Question { words, answers: answers.collect(), cursor })
        }
        Request::Menu(menu) => Request::Menu(menu.map(S::action)),
        Request::Do(effect) => Request::Do(effect),
        Request::Go(go) => Request::Go(go),
    });
    widened.map(|request| (S::WHICH, request)).collect()
}

fn ask<S: Member>(prompt: Prompt<S::Asked>) -> Prompt<Asked> {
    let Prompt { asked, title, text, is_path, path, switch } = prompt;
    Prompt { asked: S::asked(asked), title, text, is_path, path, switch }
}

fn rows<S: Member>() -> impl Iterator<Item = Bound<Action>> {
    S::bindings().iter().map(|binding| Bound::of(binding, S::action))
}

fn drawn<S: Member>(screen: &S, view: &View, frame: &mut Frame) -> Vec<Place<Action>> {
    let mut canvas = Canvas::new(frame);
    screen.draw(view, &mut canvas);
    let places = canvas.places.into_iter();
    places.map(|Place { area, action }| Place { area, action: S::action(action) }).collect()
}

macro_rules! screens {
    ($($module:ident $kind:ident;)+) => {
        /// One of the screens, in the order of the keys from 1 on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Which { $($kind),+ }

        impl Which {
            pub const ALL: &'static [Which] = &[$(Which::$kind),+];

            pub fn name(self) -> &'static str {
                match self { $(Which::$kind => stringify!($kind)),+ }
            }

            /// What it is for.
            pub fn about(self) -> &'static str {
                match self { $(Which::$kind => <$module::$kind as Screen>::ABOUT),+ }
            }

            /// Whether it has a number of its own; the others are left for the screen before.
            pub fn is_tab(self) -> bool {
                match self { $(Which::$kind => <$module::$kind as Screen>::IS_TAB),+ }
            }

            /// What a file calls it.
            pub fn key(self) -> &'static str {
                match self { $(Which::$kind => stringify!($module)),+ }
            }
        }

        #[derive(Debug, Clone, PartialEq)]
        pub enum Action { $($kind(<$module::$kind as Screen>::Action)),+ }

        impl Action {
            /// Whose it is.
            pub fn which(&self) -> Which {
                match self { $(Action::$kind(_) => Which::$kind),+ }
            }

            /// What a click does so many columns from the left end of its place.
            pub fn along(self, columns: u16) -> Self {
                match self { $(Action::$kind(own) => Action::$kind($module::$kind::along(own, columns))),+ }
            }
        }

        #[derive(Debug)]
        pub enum News { $($kind(<$module::$kind as Screen>::News)),+ }

        #[derive(Debug, Clone, PartialEq)]
        pub enum Asked { $($kind(<$module::$kind as Screen>::Asked)),+ }

        $(impl Member for $module::$kind {
            const WHICH: Which = Which::$kind;

            fn action(own: Self::Action) -> Action {
                Action::$kind(own)
            }

            fn news(own: Self::News) -> News {
                News::$kind(own)
            }

            fn own_news(news: News) -> Option<Self::News> {
                match news {
                    News::$kind(own) => Some(own),
                    #[allow(unreachable_patterns, reason = "there is more than one screen")]
                    _ => None,
                }
            }

            fn asked(own: Self::Asked) -> Asked {
                Asked::$kind(own)
            }
        })+

        /// Every screen.
        #[derive(Debug, Default)]
        pub struct Screens { $(pub $module: $module::$kind),+ }

        impl Screens {
            /// The rows of every screen's keys.
            pub fn rows() -> Vec<Bound<Action>> {
                let mut all = Vec::new();
                $(all.extend(rows::<$module::$kind>());)+
                all
            }

            pub fn all_groups() -> Vec<Group> {
                [$($module::$kind::GROUPS),+].concat()
            }

            pub fn all_together() -> Vec<Together> {
                [$($module::$kind::TOGETHER),+].concat()
            }

            pub fn groups(&self, which: Which, model: &Model) -> Together {
                match which { $(Which::$kind => self.$module.groups(model)),+ }
            }

            pub fn beneath(&self, which: Which, model: &Model) -> Together {
                match which { $(Which::$kind => self.$module.beneath(model)),+ }
            }

            pub fn impossible(&self, action: &Action, model: &Model) -> Option<String> {
                match action { $(Action::$kind(own) => self.$module.impossible(own, model)),+ }
            }

            pub fn act(&mut self, action: Action, setting: Setting) -> Vec<Asking> {
                match action {
                    $(Action::$kind(own) => within(&mut self.$module, setting, |screen, cx| screen.act(own, cx))),+
                }
            }

            pub fn receive(&mut self, news: News, setting: Setting) -> Vec<Asking> {
                match news {
                    $(News::$kind(own) => within(&mut self.$module, setting, |screen, cx| screen.receive(own, cx))),+
                }
            }

            /// Hands a line that was typed to the screen that asked for it.
            pub fn answer(&mut self, asked: Asked, typed: &Typed, setting: Setting) -> Result<Vec<Asking>, String> {
                let mut answered = Ok(());
                let asking = match asked {
                    $(Asked::$kind(own) => within(&mut self.$module, setting, |screen, cx| {
                        answered = screen.answer(own, typed, cx);
                    })),+
                };
                answered.map(|()| asking)
            }

            pub fn step(&mut self, which: Which, by: isize, setting: Setting) -> Vec<Asking> {
                match which {
                    $(Which::$kind => within(&mut self.$module, setting, |screen, cx| screen.step(by, cx))),+
                }
            }

            pub fn enter(&mut self, which: Which, setting: Setting) -> Vec<Asking> {
                match which {
                    $(Which::$kind => within(&mut self.$module, setting, |screen, cx| screen.enter(cx))),+
                }
            }

            pub fn typed(&mut self, which: Which, key: Key, setting: Setting) -> Vec<Asking> {
                match which {
                    $(Which::$kind => within(&mut self.$module, setting, |screen, cx| screen.typed(key, cx))),+
                }
            }

            pub fn pasted(&mut self, which: Which, text: &str, setting: Setting) -> Vec<Asking> {
                match which {
                    $(Which::$kind => within(&mut self.$module, setting, |screen, cx| screen.pasted(text, cx))),+
                }
            }

            pub fn tick(&mut self, which: Which, setting: Setting) -> Vec<Asking> {
                match which {
                    $(Which::$kind => within(&mut self.$module, setting, |screen, cx| screen.tick(cx))),+
                }
            }

            pub fn zooms(&self, which: Which) -> &'static [&'static str] {
                match which { $(Which::$kind => self.$module.zooms()),+ }
            }

            pub fn badge(&self, which: Which) -> Option<String> {
                match which { $(Which::$kind => self.$module.badge()),+ }
            }

            pub fn watches(&self, which: Which) -> bool {
                match which { $(Which::$kind => self.$module.watches()),+ }
            }

            pub fn broke_off(&mut self, which: Which) {
                match which { $(Which::$kind => self.$module.broke_off()),+ }
            }

            pub fn refresh(&mut self, which: Which, model: &mut Model, panes: &Panes) {
                match which { $(Which::$kind => self.$module.refresh(model, panes)),+ }
            }

            pub fn prepare(&mut self, which: Which, model: &mut Model, panes: &Panes) {
                match which { $(Which::$kind => self.$module.prepare(model, panes)),+ }
            }

            pub fn draw(&self, which: Which, view: &View, frame: &mut Frame) -> Vec<Place<Action>> {
                match which { $(Which::$kind => drawn(&self.$module, view, frame)),+ }
            }

            /// What every screen remembers, by its name.
            pub fn remember(&self) -> Map<String, Value> {
                let all = [$((Which::$kind.key(), self.$module.remember())),+];
                all.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.into(), value)).collect()
            }

            pub fn restore(&mut self, mut kept: Map<String, Value>) {
                $(if let Some(own) = kept.remove(Which::$kind.key()) {
                    self.$module.restore(own);
                })+
            }
        }
    };
}

screens! {
    layers Layers;
    field Field;
    compare Compare;
    edit Edit;
    forward Forward;
    train Train;
    glossary Glossary;
}

impl Which {
    /// Those that have a number, from 1 on.
    pub fn tabs() -> impl Iterator<Item = Which> {
        Which::ALL.iter().copied().filter(|which| which.is_tab())
    }
}

impl Screens {
    /// Lets the editor act, for what the shell does to texts.
    pub fn with_editor(
        &mut self,
        setting: Setting,
        act: impl FnOnce(&mut edit::Edit, &mut Context<edit::Edit>),
    ) -> Vec<Asking> {
        within(&mut self.edit, setting, act)
    }

    /// Runs the selected architecture forward.
    pub fn run_forward(&mut self, setting: Setting) -> Vec<Asking> {
        within(&mut self.forward, setting, |forward, cx| forward.run(cx))
    }
}
