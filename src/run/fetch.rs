//! Published weights fetched in a thread of their own, so that whoever waits is told how far they are and can stop at once.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use crate::exchange::hub::{Fetched, Hub, HubError, Progress};
use crate::graph::Graph;
use crate::spec::describe::Published;

/// Between two askings whether to stop.
const ASK: Duration = Duration::from_millis(100);
/// A server that sends nothing for so long is given up.
const SILENT: Duration = Duration::from_secs(60);

enum News {
    Progress(Progress),
    Ended(Result<Fetched, HubError>),
}

/// The weights that are published for a network.
pub fn published(network: &Graph) -> Result<&Published, HubError> {
    let named = network.architecture.weights.as_ref().filter(|published| published.hub.is_some());
    named.ok_or_else(|| HubError::NoneKnown(network.architecture.id.clone()))
}

/// Gets published weights, from the cache or the network. `on` hears how far that is, at least ten times a second, and can stop it.
pub fn get(published: &Published, mut on: impl FnMut(Progress) -> ControlFlow<()>) -> Result<Fetched, HubError> {
    let hub = Hub::from_environment()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, news) = sync_channel(16);
    let (asked, wanted) = (Arc::clone(&stop), published.clone());
    let work = move || {
        let mut progress = |now| {
            // What finds no room is told with the next.
            let _ = tell.try_send(News::Progress(now));
            if asked.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let ended = hub.get(&wanted, &mut progress);
        let _ = tell.send(News::Ended(ended));
    };
    let failed = |reason: String| HubError::Server { url: published.file.clone(), reason };
    std::thread::Builder::new().name("fetch".into()).spawn(work).map_err(|error| failed(error.to_string()))?;
    let (mut last, mut heard) = (Progress::Asking, Instant::now());
    loop {
        match news.recv_timeout(ASK) {
            Ok(News::Ended(ended)) => return ended,
            Ok(News::Progress(now)) => (last, heard) = (now, Instant::now()),
            Err(RecvTimeoutError::Timeout) if heard.elapsed() > SILENT => {
                stop.store(true, Ordering::Relaxed);
                return Err(failed("the server sends nothing any more; what was fetched is kept".into()));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(failed("the fetch broke off".into())),
        }
        if on(last).is_break() {
            stop.store(true, Ordering::Relaxed);
            return Err(HubError::Stopped);
        }
    }
}
