//! A run's curves as TensorBoard's event files, under the tags that PyTorch users write: `train/loss`, `val/accuracy`.

use std::path::{Path, PathBuf};

use tfrecord::protobuf::{Event, event::What};
use tfrecord::{EventMeta, EventWriter, EventWriterConfig};

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
    let fill = |beside: &Path| -> Result<(), tfrecord::Error> {
        let mut writer = EventWriter::create(beside, EventWriterConfig { auto_flush: false })?;
        let version = What::FileVersion("brain.Event:2".into());
        writer.write_event(Event { wall_time: started, step: 0, source_metadata: None, what: Some(version) })?;
        let mut scalar = |tag: &str, step: u64, value: f64| {
            let meta = EventMeta::new(step as i64, started + seconds * step as f64 / last);
            writer.write_scalar(tag, meta, value as f32)
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
        writer.flush()
    };
    let written = write::write_unlinked(&path, |beside| fill(beside).map_err(std::io::Error::other));
    written.map_err(|error| failed(crate::files::reason(&error)))?;
    Ok(path)
}
