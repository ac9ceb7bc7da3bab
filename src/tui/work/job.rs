//! Pieces of work that a screen spawns, and what they tell while they run.

use super::Cancel;

/// Where work is done: each lane is a thread with one slot, in which newer work takes the place of what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// What takes long enough to be watched and stopped.
    Work,
    /// What a text that is being typed comes to.
    Analysis,
    /// Reading a run.
    Reading,
    /// Listing runs.
    Listing,
    /// Training; waited for when the program ends.
    Training,
}

impl Lane {
    pub const ALL: [Lane; 5] = [Lane::Work, Lane::Analysis, Lane::Reading, Lane::Listing, Lane::Training];

    /// The name of its thread.
    pub fn name(self) -> &'static str {
        match self {
            Lane::Work => "work",
            Lane::Analysis => "analysis",
            Lane::Reading => "runs",
            Lane::Listing => "run list",
            Lane::Training => "training",
        }
    }
}

/// What work tells before it has ended.
#[derive(Debug)]
pub enum Note<N> {
    News(N),
    /// How far it is; one that is overtaken may be lost.
    Progress {
        what: String,
        done: usize,
        of: usize,
    },
    /// Something for the user.
    Tell(String),
}

impl<N> Note<N> {
    pub fn map<M>(self, wrap: impl FnOnce(N) -> M) -> Note<M> {
        match self {
            Note::News(news) => Note::News(wrap(news)),
            Note::Progress { what, done, of } => Note::Progress { what, done, of },
            Note::Tell(text) => Note::Tell(text),
        }
    }
}

/// Sends a note; with `true` it must arrive, else it is given back where there is no room for it.
type Send<'a, N> = &'a (dyn Fn(Note<N>, bool) -> Option<Note<N>> + Sync);

/// The way out of work.
pub struct Outlet<'a, N> {
    send: Send<'a, N>,
}

impl<'a, N> Outlet<'a, N> {
    pub fn new(send: Send<'a, N>) -> Self {
        Outlet { send }
    }

    /// News that must arrive; waits until there is room.
    pub fn news(&self, news: N) {
        (self.send)(Note::News(news), true);
    }

    /// News that may be lost; given back where there is no room.
    pub fn try_news(&self, news: N) -> Option<N> {
        match (self.send)(Note::News(news), false) {
            Some(Note::News(news)) => Some(news),
            _ => None,
        }
    }

    pub fn progress(&self, what: impl Into<String>, done: usize, of: usize) {
        (self.send)(Note::Progress { what: what.into(), done, of }, false);
    }

    pub fn tell(&self, text: impl Into<String>) {
        (self.send)(Note::Tell(text.into()), true);
    }
}

/// How work ended.
#[derive(Debug)]
pub enum Done<N> {
    /// With this.
    News(N),
    /// With nothing to be told.
    Silent,
    /// Because it was asked to.
    Stopped,
}

/// A piece of work; an error says what it failed of, in words for the user.
pub type Job<N> = Box<dyn FnOnce(&Cancel, &Outlet<N>) -> Result<Done<N>, String> + std::marker::Send>;

/// Work of a screen as work of all: `wrap` makes its news those of all, `unwrap` takes back what was not sent.
pub fn widen<N: 'static, M: 'static>(job: Job<N>, wrap: fn(N) -> M, unwrap: fn(M) -> Option<N>) -> Job<M> {
    Box::new(move |cancel, outlet| {
        let send = |note: Note<N>, must: bool| match (outlet.send)(note.map(wrap), must)? {
            Note::News(news) => unwrap(news).map(Note::News),
            Note::Progress { what, done, of } => Some(Note::Progress { what, done, of }),
            Note::Tell(text) => Some(Note::Tell(text)),
        };
        Ok(match job(cancel, &Outlet::new(&send))? {
            Done::News(news) => Done::News(wrap(news)),
            Done::Silent => Done::Silent,
            Done::Stopped => Done::Stopped,
        })
    })
}
