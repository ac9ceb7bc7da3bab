//! A run's curves as TensorBoard's event files, under the tags that PyTorch users write: `train/loss`, `val/accuracy`.

use std::path::{Path, PathBuf};

use super::events::{self, Event, Scalar, Summary};
use super::history;
use super::{Found, RunError};
use crate::files::write;

/// Writes every step, every epoch and all norms of a run to a new event file in `folder`. Gives the file.
pub fn export(run: &Found, folder: &Path) -> Result<PathBuf, RunError> {
    let whole = history::read_all(&run.folder)?;
    let failed = |reason: String| RunError::Unwritable { path: folder.display().to_string(), reason, last: None };
    std::fs::create_dir_all(folder).map_err(|error| failed(crate::files::reason(&error)))?;
    let (started, seconds) =
        run.summary.as_ref().map_or((super::now() as f64, 0.0), |own| (own.started as f64, own.seconds));
    // TensorBoard knows an event file by this part of its name.
    let path = folder.join(format!("events.out.tfevents.{}.{}", started as u64, crate::files::name::safe(&run.id)));
    let last = whole.steps.last().map_or(1, |step| step.step).max(1) as f64;
    let fill = |beside: &Path| -> std::io::Result<()> {
        let mut file: Vec<u8> = Vec::new();
        let version = Some("brain.Event:2".into());
        events::write(&mut file, &Event { wall_time: started, file_version: version, ..Event::default() })?;
        let mut scalar = |tag: &str, step: u64, value: f64| {
            let value = Scalar { tag: tag.into(), simple_value: Some(value as f32) };
            let wall_time = started + seconds * step as f64 / last;
            let summary = Some(Summary { value: vec![value] });
            events::write(&mut file, &Event { wall_time, step: step as i64, summary, ..Event::default() })
        };
        for step in &whole.steps {
            scalar("train/loss", step.step, step.loss)?;
            scalar("train/accuracy", step.step, step.accuracy)?;
            scalar("train/learning_rate", step.step, step.lr)?;
            scalar("train/images_per_second", step.step, step.images_per_second)?;
        }
        for epoch in whole.epochs() {
            for (tag, value) in [("val/loss", epoch.val_loss), ("val/accuracy", epoch.val_accuracy)] {
                if let Some(value) = value {
                    scalar(tag, epoch.step, value)?;
                }
            }
        }
        for (step, layers) in &whole.norms {
            for own in layers {
                scalar(&format!("weight_norm/{}", own.layer), *step, own.weight)?;
                scalar(&format!("gradient_norm/{}", own.layer), *step, own.gradient)?;
                scalar(&format!("update_norm/{}", own.layer), *step, own.update)?;
            }
        }
        write::fill(beside, &file)
    };
    let written = write::write_unlinked(&path, fill);
    written.map_err(|error| failed(crate::files::reason(&error)))?;
    Ok(path)
}
