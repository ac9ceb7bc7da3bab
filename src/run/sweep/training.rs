//! One variant trained, in a run's folder of its own, and taken up again where that was ended.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::{Base, How, SweepError, Variant};
use crate::reason::Reason;
use crate::run::data::Source;
use crate::run::runs::{ARCHITECTURE, Found, Status, Summary};
use crate::run::session::{self, Begin, Change, Out, Session, SessionError};
use crate::run::train::{Control, Observed, TrainError};
use crate::spec::recipe::RunRecipe;
use crate::spec::{Library, LoadError, Origin};

pub struct Trainer<'a> {
    pub library: &'a Library,
    pub recipe: &'a RunRecipe,
    pub how: &'a How,
    /// Where the folder `runs` lies.
    pub folder: Option<&'a Path>,
}

/// Part of the images that is kept aside where the data has none for it.
const ASIDE: f64 = 0.1;

/// What a training came to.
#[derive(Debug, Default)]
pub struct Trained {
    pub accuracy: Option<f64>,
    /// Why it could not be trained; another variant may be.
    pub trouble: Option<String>,
    /// What one should know of it.
    pub notes: Vec<String>,
}

impl Trainer<'_> {
    /// The accuracy that training came to, with what one should know of it; none where it was ended before.
    pub fn train(
        &self,
        base: &Base,
        variant: &Variant,
        sets: &[(String, String)],
    ) -> Result<Option<Trained>, SweepError> {
        // A folder that cannot be written stops the sweep; all else is this variant's own.
        let failed = |error: SessionError| match error {
            SessionError::Run(error) => Err(SweepError::Run(error)),
            error => Ok(Some(Trained { trouble: Some(why(&error)), ..Trained::default() })),
        };
        let folder = self.folder.map(|folder| folder.join("runs").join(variant.number.to_string()));
        let there = folder.as_deref().filter(|folder| folder.join(ARCHITECTURE).is_file()).map(Found::open);
        if let Some(Ok(summary)) = there.as_ref().map(|own| &own.summary)
            && summary.status == Status::Finished
        {
            return Ok(Some(Trained { accuracy: accuracy(summary), ..Trained::default() }));
        }
        let session = match (&there, &folder) {
            (Some(_), Some(folder)) => {
                let change = Change { force: self.how.force, processes: 1, ..Change::default() };
                session::resume(folder, &change)
            }
            _ => self.begin(base, variant, sets, folder.as_deref()),
        };
        let session = match session {
            Ok(session) => session,
            Err(error) => return failed(error),
        };
        let notes = session.notes.iter().map(|note| format!("variant {}: {note}", variant.number)).collect();
        let on = &mut |_| ControlFlow::Continue(());
        let control = Control { stop: Arc::clone(&self.how.stop), commands: None, until: self.how.until };
        let over = match session.run(&control, Observed::default(), on, &mut |_| Ok(())) {
            Ok(over) => over,
            Err(error) => return failed(error),
        };
        if !over.end.is_finished() {
            return Ok(None);
        }
        let of_run = over.summary.as_ref().and_then(accuracy);
        let judged = over.validation.or(over.test).map(|own| own.accuracy);
        Ok(Some(Trained { accuracy: of_run.or(judged), trouble: None, notes }))
    }

    fn begin(
        &self,
        base: &Base,
        variant: &Variant,
        sets: &[(String, String)],
        folder: Option<&Path>,
    ) -> Result<Session, SessionError> {
        let loaded = self.library.load_text(&base.origin, base.text.clone(), sets)?;
        let mut recipe = self.recipe.train.clone().over(&loaded.architecture.train);
        if recipe.epochs.is_none() && recipe.steps.is_none() {
            recipe.epochs = Some(1);
        }
        let data: Source = self
            .recipe
            .data
            .parse()
            .map_err(|Reason(reason)| LoadError::Unreadable { path: "the data".into(), reason })?;
        if recipe.val_split.is_none() && matches!(data, Source::Tensors(_)) {
            recipe.val_split = Some(ASIDE);
        }
        // The base stands as a file beside the book, where a run's own words are read again.
        let origin = match self.folder {
            Some(folder) => Origin::File(folder.join(format!("{}.yaml", crate::files::name::safe(&base.id)))),
            None => base.origin.clone(),
        };
        let wanted = Begin {
            origin,
            sets: sets.to_vec(),
            data,
            recipe,
            weights: None,
            partial: false,
            out: folder.map_or(Out::Nowhere, |folder| Out::Folder(folder.to_path_buf())),
            id: Some(format!("{}-{}", base.id, variant.number)),
            force: self.how.force,
            processes: 1,
        };
        session::begin(self.library, &wanted)
    }
}

/// Without advice on flags that only `train` has.
fn why(error: &SessionError) -> String {
    match error {
        SessionError::Load(error) => super::first_problem(error),
        SessionError::Train(TrainError::NotFinite { step, loss, place }) => {
            let place = place.as_ref().map_or_else(String::new, |place| format!(": {place}"));
            format!("the loss is {loss} at step {step}{place}")
        }
        SessionError::Train(TrainError::Rubbish { step, layer }) => {
            format!("`{layer}` has parameters that are not finite after step {step}")
        }
        other => other.to_string(),
    }
}

/// The best that was reached on validation images, else on test images, else while learning.
fn accuracy(summary: &Summary) -> Option<f64> {
    summary.best_val_accuracy.or(summary.val_accuracy).or(summary.test_accuracy).or(summary.train_accuracy)
}
