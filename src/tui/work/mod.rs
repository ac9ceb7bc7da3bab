//! Work in threads of its own: one slot each, where the newest work takes the place of what waits.

pub mod job;

pub use job::{Done, Job, Lane, Note, Outlet};

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Asks work to stop; looked at between layers.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for work that looks at one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Default)]
struct Slot<W> {
    waiting: Option<W>,
    under_way: Option<Cancel>,
    closed: bool,
}

/// A thread that does one piece of work after the other. Dropping it asks the work to stop.
pub struct Worker<W> {
    shared: Arc<(Mutex<Slot<W>>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl<W: Send + 'static> Worker<W> {
    /// `run` does a piece of work and looks at its token in between. Where it panics, `broke_off` hears why, and the thread goes
    /// on with the next.
    pub fn start(
        name: &str,
        mut run: impl FnMut(W, &Cancel) + Send + 'static,
        broke_off: impl Fn(String) + Send + 'static,
    ) -> std::io::Result<Self> {
        let slot = Slot { waiting: None, under_way: None, closed: false };
        let shared = Arc::new((Mutex::new(slot), Condvar::new()));
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name(name.to_string()).spawn(move || {
            while let Some((work, cancel)) = next(&own) {
                let ended = catch_unwind(AssertUnwindSafe(|| run(work, &cancel)));
                locked(&own.0).under_way = None;
                if let Err(panic) = ended {
                    broke_off(reason(&*panic));
                }
            }
        })?;
        Ok(Worker { shared, thread: Some(thread) })
    }

    /// Gives it work: what waits is dropped, what is under way is asked to stop.
    pub fn give(&self, work: W) {
        let mut slot = locked(&self.shared.0);
        slot.waiting = Some(work);
        if let Some(cancel) = &slot.under_way {
            cancel.ask();
        }
        self.shared.1.notify_one();
    }

    /// Stops what is under way, and drops what waits.
    pub fn stop(&self) {
        let mut slot = locked(&self.shared.0);
        slot.waiting = None;
        if let Some(cancel) = &slot.under_way {
            cancel.ask();
        }
    }

    pub fn is_busy(&self) -> bool {
        let slot = locked(&self.shared.0);
        slot.under_way.is_some() || slot.waiting.is_some()
    }

    /// Asks what is under way to stop, drops what waits, and waits for the thread to end.
    pub fn finish(mut self) {
        self.stop();
        self.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<W> Worker<W> {
    fn close(&self) {
        let mut slot = locked(&self.shared.0);
        slot.closed = true;
        if let Some(cancel) = &slot.under_way {
            cancel.ask();
        }
        self.shared.1.notify_one();
    }
}

impl<W> Drop for Worker<W> {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a panic says.
pub fn reason(panic: &(dyn Any + Send)) -> String {
    let words =
        panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|own| own.to_string()));
    format!("this is a bug in convlens: {}", words.unwrap_or_else(|| "it broke off without a reason".into()))
}

/// A panic in the work leaves the slot as it was, which is sound.
fn locked<W>(slot: &Mutex<Slot<W>>) -> MutexGuard<'_, Slot<W>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn next<W>((slot, changed): &(Mutex<Slot<W>>, Condvar)) -> Option<(W, Cancel)> {
    let mut slot = locked(slot);
    loop {
        if slot.closed {
            return None;
        }
        if let Some(work) = slot.waiting.take() {
            let cancel = Cancel::default();
            slot.under_way = Some(cancel.clone());
            return Some((work, cancel));
        }
        slot = changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn work_that_panics_is_told_of_and_the_next_is_done() {
        let (told, heard) = channel();
        let (done, results) = channel();
        let work = move |work: u32, _: &Cancel| {
            assert!(work != 1, "one is too few");
            done.send(work).expect("heard");
        };
        let worker = Worker::start("test", work, move |why| told.send(why).expect("heard")).expect("a thread");
        worker.give(1);
        let why = heard.recv().expect("told");
        assert!(why.contains("a bug in convlens: one is too few"), "{why}");
        worker.give(2);
        assert_eq!(results.recv().expect("done"), 2);
    }

    #[test]
    fn the_newest_work_takes_the_place_of_what_waits() {
        let (done, results) = channel();
        let (go, gate) = channel::<()>();
        let worker = Worker::start(
            "test",
            move |work: u32, cancel| {
                // The first piece stays until it is let go.
                gate.recv().expect("let go");
                done.send((work, cancel.is_asked())).expect("heard");
            },
            |_| {},
        )
        .expect("a thread");
        worker.give(1);
        while locked(&worker.shared.0).waiting.is_some() {
            std::thread::yield_now();
        }
        worker.give(2);
        worker.give(3);
        go.send(()).expect("there");
        go.send(()).expect("there");
        assert_eq!(results.recv().expect("done"), (1, true), "asked to stop by what came");
        assert_eq!(results.recv().expect("done"), (3, false), "the second was never begun");
    }
}
