//! Writing weights under our own names, in PyTorch's layouts.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, View, serialize_to_file};

use super::{TENSORS_CRC32, WeightsError};
use crate::files::reason;
use crate::files::write::{self, Links};
use crate::network::Compiled;
use crate::network::parameters::Parameter;

/// One tensor, turned into bytes only while it is written.
enum Saved<'a> {
    Parameter(&'a Parameter),
    /// With its length.
    Row(&'a [f32], [usize; 1]),
}

impl View for Saved<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        match self {
            Saved::Parameter(own) => &own.shape,
            Saved::Row(_, length) => length,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = match self {
            Saved::Parameter(own) => own.in_pytorchs_order(),
            Saved::Row(values, _) => Cow::Borrowed(*values),
        };
        Cow::Owned(values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.shape().iter().product::<usize>()
    }
}

/// A tensor to be written beside a network's own: name and values, as a row.
pub type Extra<'a> = (String, &'a [f32]);

/// Writes every parameter and running statistic to a safetensors file, with texts in its header.
pub fn write(compiled: &Compiled, texts: HashMap<String, String>, path: &Path) -> Result<(), WeightsError> {
    write_with(compiled, &[], texts, path, Links::Followed)
}

/// As [`fn@write`], with each layer under another name.
pub fn write_renamed(compiled: &Compiled, names: &HashMap<String, String>, path: &Path) -> Result<(), WeightsError> {
    let renamed = |name: &str| -> String {
        let (layer, part) = name.rsplit_once('.').unwrap_or((name, ""));
        names.get(layer).map_or_else(|| name.to_string(), |layer| format!("{layer}.{part}"))
    };
    write_as(compiled, &[], HashMap::new(), (path, Links::Followed), renamed)
}

/// As [`fn@write`], with more tensors. Whoever reads the file sees it whole or not at all.
pub fn write_with(
    compiled: &Compiled,
    extras: &[Extra],
    texts: HashMap<String, String>,
    path: &Path,
    links: Links,
) -> Result<(), WeightsError> {
    write_as(compiled, extras, texts, (path, links), str::to_string)
}

fn write_as(
    compiled: &Compiled,
    extras: &[Extra],
    texts: HashMap<String, String>,
    (path, links): (&Path, Links),
    called: impl Fn(&str) -> String,
) -> Result<(), WeightsError> {
    let mut tensors = Vec::new();
    for parameter in &compiled.parameters {
        tensors.push((called(&parameter.name), Saved::Parameter(parameter)));
    }
    for running in &compiled.running {
        let statistics = &running.statistics;
        for (part, values) in [("running_mean", &statistics.mean), ("running_var", &statistics.variance)] {
            tensors.push((called(&format!("{}.{part}", running.name)), Saved::Row(values, [values.len()])));
        }
    }
    tensors.extend(extras.iter().map(|(name, values)| (name.clone(), Saved::Row(values, [values.len()]))));
    let sums: BTreeMap<&str, u32> =
        tensors.iter().map(|(name, saved)| (name.as_str(), crc32fast::hash(&saved.data()))).collect();
    let mut texts = texts;
    texts.insert(TENSORS_CRC32.into(), serde_json::to_string(&sums).unwrap_or_default());
    let texts = Some(texts);
    let written = write::write_as(path, links, |beside| {
        serialize_to_file(tensors, texts, beside).map_err(|error| match error {
            SafeTensorError::IoError(error) => error,
            other => io::Error::other(other.to_string()),
        })
    });
    written.map_err(|error| WeightsError::Unwritable { path: path.display().to_string(), reason: reason(&error) })
}
