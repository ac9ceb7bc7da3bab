//! What the forward screen has done in a thread: runs, where they look, photos found, published weights fetched.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::state::News;
use crate::exchange::hub::{Hub, HubError, Progress};
use crate::run::attention::Method;
use crate::run::dream::Regularisers;
use crate::run::live::{Ran, Request};
use crate::run::{fetch, picture};
use crate::spec::Origin;
use crate::spec::describe::Published;
use crate::tui::model::SharedLive;
use crate::tui::work::{Cancel, Done, Job};

fn go_on(cancel: &Cancel) -> ControlFlow<()> {
    if cancel.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

pub fn run(live: SharedLive, request: Request) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let count = request.network.layers.len().max(1);
        let mut ended = 0;
        let what = format!("running {}", request.network.architecture.id);
        outlet.progress(what.clone(), 0, request.runs);
        let ran = live.lock().run(&request, |layer| {
            // News in between may be dropped, results never.
            outlet.try_news(News::Layer { first: ended % count == 0, layer: *layer });
            ended += 1;
            if ended % count == 0 {
                outlet.progress(what.clone(), ended / count, request.runs);
            }
            go_on(cancel)
        });
        let ran = ran.map_err(|why| why.to_string())?;
        Ok(ran.map_or(Done::Stopped, |ran| Done::News(News::Ran(Box::new(ran)))))
    })
}

/// Where a run looks for a class.
pub fn look(live: SharedLive, ran: Arc<Ran>, class: usize, method: Method) -> Job<News> {
    Box::new(move |_, _| {
        let heat = live.lock().look(&ran.request, ran.input.clone(), class, method);
        let heat = heat.map_err(|why| why.to_string())?;
        Ok(Done::News(News::Looked { run: ran.number, method, class, heat }))
    })
}

/// An input that maximises a channel of a layer.
pub fn dream(live: SharedLive, ran: Arc<Ran>, layer: usize, channel: usize) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let steps = Regularisers::default().steps;
        outlet.progress("maximising a channel", 0, steps);
        let made = live.lock().maximise(&ran.request, layer, channel, |done| {
            outlet.progress("maximising a channel", done, steps);
            go_on(cancel)
        });
        Ok(match made.map_err(|why| why.to_string())? {
            Some(dream) => Done::News(News::Dreamed { run: ran.number, layer, channel, dream }),
            None => Done::Stopped,
        })
    })
}

/// The photos that a path means: itself, or those of a folder.
pub fn find_photos(path: PathBuf) -> Job<News> {
    Box::new(move |_, outlet| {
        if !path.exists() {
            return Err(format!("there is no {}", path.display()));
        }
        let (found, left_out) = picture::found(&[path]).map_err(|why| why.to_string())?;
        if let Some(words) = left_out.words() {
            outlet.tell(words);
        }
        Ok(Done::News(News::Photos(found)))
    })
}

/// How large published weights are, before any of them is fetched.
pub fn ask_published(origin: Origin, published: Published) -> Job<News> {
    Box::new(move |_, _| {
        let asked =
            Hub::from_environment().and_then(|hub| Ok((hub.size(&published)?, hub.cached(&published).is_some())));
        let (bytes, is_there) = asked.map_err(|error| error.to_string())?;
        Ok(Done::News(News::Published { origin, bytes, is_there }))
    })
}

/// Fetches published weights, or checks those that are there.
pub fn fetch(origin: Origin, published: Published) -> Job<News> {
    const MEGABYTE: u64 = 1_000_000;
    Box::new(move |cancel, outlet| {
        let got = fetch::get(&published, |now| {
            let (what, done, of) = match now {
                Progress::Asking => ("asking the hub", 0, 0),
                Progress::Fetching { done, of } => ("fetching, MB", done, of),
                Progress::Checking { done, of } => ("checking, MB", done, of),
            };
            let whole = |bytes: u64| (bytes / MEGABYTE) as usize;
            outlet.progress(what, whole(done), whole(of));
            go_on(cancel)
        });
        match got {
            Ok(got) => Ok(Done::News(News::Fetched { origin, path: got.path })),
            Err(HubError::Stopped) => Ok(Done::Stopped),
            Err(error) => Err(error.to_string()),
        }
    })
}
