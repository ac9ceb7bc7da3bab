//! What the field screen has done in a thread: reading a photo, measuring an effective field.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::state::{Measured, News, Photo};
use crate::run::live::Request;
use crate::run::picture;
use crate::tui::model::SharedLive;
use crate::tui::work::{Done, Job};

/// The shorter side of a photo under a field: more than a terminal has pixels.
const SHOWN: u64 = 512;

/// Samples of noise that an effective field is averaged over.
const SAMPLES: usize = 8;

pub fn photo(path: PathBuf) -> Job<News> {
    Box::new(move |_, _| {
        let picture = picture::read(&path, SHOWN).map_err(|error| error.to_string())?;
        Ok(Done::News(News::Photo(Photo { path, picture: Arc::new(picture) })))
    })
}

pub fn effective(live: SharedLive, request: Request, layer: usize, unit: (u64, u64)) -> Job<News> {
    Box::new(move |cancel, outlet| {
        outlet.progress("measuring", 0, SAMPLES);
        let found = live.lock().effective(&request, layer, unit, SAMPLES, |done| {
            outlet.progress("measuring", done, SAMPLES);
            if cancel.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        Ok(match found.map_err(|why| why.to_string())? {
            Some(found) => {
                let effective = Arc::new(found);
                Done::News(News::Effective(Measured { network: request.network, layer, unit, effective }))
            }
            None => Done::Stopped,
        })
    })
}
