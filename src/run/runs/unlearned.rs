//! A run that was ended before its first checkpoint: what its folder holds is enough to begin it anew.

use std::path::Path;

use super::lock::contents;
use super::{ARCHITECTURE, CLASSES, LOCK, METRICS, RECIPE, RunError, SUMMARY, file, history};
use crate::files::read;
use crate::spec::recipe::RunRecipe;

/// Whether a folder holds a run that was ended before it had learned anything: some of its files and no checkpoint.
pub fn is_unlearned(folder: &Path) -> bool {
    const OWN: [&str; 5] = [ARCHITECTURE, RECIPE, METRICS, SUMMARY, CLASSES];
    let Ok(names) = contents(folder) else { return false };
    let told = || history::read_all(folder).is_ok_and(|told| told.steps.is_empty());
    // Where there is no lock, somebody else's files are only called so.
    file(folder, LOCK).exists()
        && names.iter().all(|name| OWN.iter().any(|own| name == own))
        && (!file(folder, METRICS).exists() || told())
}

/// The recipe of a run that was ended before it had learned anything, and so begins anew.
pub fn unlearned(folder: &Path) -> Result<Option<RunRecipe>, RunError> {
    match file(folder, RECIPE).exists() && is_unlearned(folder) {
        true => recipe_of(folder).map(Some),
        false => Ok(None),
    }
}

/// What a run's `recipe.yaml` says.
pub fn recipe_of(folder: &Path) -> Result<RunRecipe, RunError> {
    let path = file(folder, RECIPE);
    let text = read::text(&path, read::SMALL).map_err(|error| RunError::NoRun {
        path: folder.display().to_string(),
        reason: match is_unlearned(folder) && !path.exists() {
            true => "it was ended while its folder was being made; `train` with the same `--out` begins it".into(),
            false => format!("{RECIPE}: {error}"),
        },
    })?;
    RunRecipe::read(&text).map_err(|reason| RunError::Damaged { path: path.display().to_string(), reason: reason.0 })
}
