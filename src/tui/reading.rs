//! Reading architectures in threads of their own: those that the first frame does without, and all of them again when a file
//! changed. What is read comes as a [`Msg`].

use std::io;
use std::time::Duration;

use rayon::prelude::*;

use super::model::{Opened, open};
use super::shell::Msg;
use super::work::{Cancel, Worker};
use crate::spec::{Library, Origin};

/// The thread that reads architectures for the first time: all that are read within a moment at once, then the large ones, each as
/// it is done.
pub fn first(
    library: &Library,
    sets: &[(String, String)],
    send: impl Fn(Msg) + Clone + Send + 'static,
) -> io::Result<Worker<Vec<Origin>>> {
    let (library, sets, told) = (library.clone(), sets.to_vec(), send.clone());
    let run = move |origins: Vec<Origin>, cancel: &Cancel| {
        let read = |origin: Origin| {
            let (text, opened) = open::open_quickly(&library, &origin, &sets);
            (origin, text, opened)
        };
        let read: Vec<_> = origins.into_par_iter().map(read).collect();
        let (large, read): (Vec<_>, Vec<_>) =
            read.into_iter().partition(|(_, _, opened)| matches!(opened, Opened::Unread { .. }));
        send(Msg::Read(read));
        for (origin, ..) in large {
            if cancel.is_asked() {
                break;
            }
            let (text, opened) = open::open(&library, &origin, &sets);
            send(Msg::Read(vec![(origin, text, opened)]));
        }
    };
    Worker::start("first read", run, move |why| told(broke_off(&why)))
}

/// The thread that reads every file again when something changed in the folders.
pub fn again(
    library: &Library,
    outside: Option<Origin>,
    sets: &[(String, String)],
    send: impl Fn(Msg) + Clone + Send + 'static,
) -> io::Result<Worker<()>> {
    let (library, sets, told) = (library.clone(), sets.to_vec(), send.clone());
    let run = move |(), _: &Cancel| {
        // An editor that saves through a new name leaves the old one gone for a moment.
        std::thread::sleep(Duration::from_millis(50));
        let mut origins = library.list();
        origins.extend(outside.clone().filter(|outside| !origins.contains(outside)));
        let found = origins.into_iter().map(|origin| {
            let (text, opened) = open::open(&library, &origin, &sets);
            (origin, text, opened)
        });
        send(Msg::Listed(found.collect()));
    };
    Worker::start("files", run, move |why| told(broke_off(&why)))
}

fn broke_off(why: &str) -> Msg {
    Msg::Complain(format!("the architectures could not be read; {why}"))
}
