//! Nodes on values that are known: what exporters write to work out shapes, and weights that are turned before they are used.

use super::super::proto::{NodeProto, data_type};
use super::attributes::{int, ints, tensor};
use super::constant::{Constant, sizes};
use crate::reason::Reason;

/// Longest row of known values that is worked out here.
const MOST: u64 = 1 << 16;

/// What a node gives whose inputs are all known. `None` where it is not one of those that are worked out.
pub fn fold(node: &NodeProto, inputs: &[Option<&Constant>]) -> Option<Result<Constant, Reason>> {
    let first = inputs.first().copied().flatten();
    let rest = inputs.get(1).copied().flatten();
    let axes = || rest.and_then(Constant::ints).or_else(|| ints(node, "axes").map(<[i64]>::to_vec));
    Some(match (node.op_type.as_str(), first) {
        ("Constant", _) => constant(node),
        ("ConstantOfShape", Some(shape)) => constant_of_shape(node, shape),
        ("Identity", Some(own)) => Ok(own.clone()),
        ("Cast", Some(own)) => cast(node, own),
        ("Transpose", Some(own)) if ints(node, "perm").is_none_or(|perm| perm == [1, 0]) => {
            own.turned().ok_or_else(|| "only matrices of f32 are turned".into())
        }
        ("Reshape", Some(own)) => reshaped(own, rest?.ints()?),
        ("Unsqueeze", Some(own)) => unsqueezed(own, &axes()?),
        ("Squeeze", Some(own)) => squeezed(own, axes().as_deref()),
        ("Concat", _) => joined(inputs),
        ("Gather", Some(own)) => gathered(node, own, rest?),
        ("Slice", Some(own)) => sliced(node, own, inputs),
        ("Add" | "Sub" | "Mul" | "Div", Some(own)) => elementwise(&node.op_type, own, rest?),
        ("Neg" | "Sqrt" | "Reciprocal" | "Floor" | "Ceil", Some(own)) => unary(&node.op_type, own),
        ("Range", Some(start)) => range(start, rest?, inputs.get(2).copied().flatten()?),
        ("ReduceProd", Some(own)) => {
            let values = own.ints()?;
            let product = values.iter().try_fold(1i64, |product, &value| product.checked_mul(value));
            product.map(|product| Constant::whole(vec![product])).ok_or_else(|| "the product is too large".into())
        }
        _ => return None,
    })
}

fn small(constant: &Constant) -> Result<(), Reason> {
    match constant.count() <= MOST {
        true => Ok(()),
        false => Err(format!("{} known values are more than are worked out", constant.count()).into()),
    }
}

fn constant(node: &NodeProto) -> Result<Constant, Reason> {
    if let Some(own) = tensor(node, "value") {
        return Constant::of(own.clone());
    }
    let one = node.attribute.first().ok_or("it has no value")?;
    match one.name.as_str() {
        "value_int" => Ok(Constant::whole(vec![one.i]).shaped(Vec::new())),
        "value_ints" => Ok(Constant::whole(one.ints.clone())),
        "value_float" => Ok(Constant::floats_of(Vec::new(), vec![one.f])),
        "value_floats" => Ok(Constant::floats_of(vec![one.floats.len() as u64], one.floats.clone())),
        other => Err(format!("`{other}` is not read").into()),
    }
}

fn constant_of_shape(node: &NodeProto, shape: &Constant) -> Result<Constant, Reason> {
    let dims = sizes(&shape.ints().ok_or("its shape is not whole numbers")?)?;
    let made = Constant::missing(dims.clone());
    if dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size)).is_none_or(|count| count > MOST) {
        return Err("it makes more values than are worked out".into());
    }
    let value = tensor(node, "value").map(|own| Constant::of(own.clone())).transpose()?;
    let count = made.count() as usize;
    Ok(match value {
        Some(value) if value.is_whole() => {
            let value = value.ints().and_then(|values| values.first().copied()).unwrap_or(0);
            Constant::whole(vec![value; count]).shaped(dims)
        }
        value => {
            let value = value.and_then(|value| value.floats()?.first().copied()).unwrap_or(0.0);
            Constant::floats_of(dims, vec![value; count])
        }
    })
}

fn cast(node: &NodeProto, own: &Constant) -> Result<Constant, Reason> {
    let to = int(node, "to").unwrap_or(0) as i32;
    match to {
        data_type::FLOAT => {
            let whole = || own.ints().map(|values| values.iter().map(|&value| value as f32).collect());
            let values = own.floats().or_else(whole).ok_or("its values are not read")?;
            Ok(Constant::floats_of(own.dims.clone(), values))
        }
        data_type::INT64 | data_type::INT32 | data_type::BOOL => {
            small(own)?;
            let cut = || own.floats().map(|values| values.iter().map(|&value| value as i64).collect());
            let values = own.ints().or_else(cut).ok_or("its values are not read")?;
            Ok(Constant::whole(values).shaped(own.dims.clone()))
        }
        _ => Err("only f32 and whole numbers are worked out".into()),
    }
}

fn reshaped(own: &Constant, to: Vec<i64>) -> Result<Constant, Reason> {
    let dims = shape_to(&own.dims, &to, false)?;
    Ok(own.clone().shaped(dims))
}

/// The sizes that a reshape to `to` gives, where -1 takes what is left and 0 what is there.
pub fn shape_to(from: &[u64], to: &[i64], zero_is_size: bool) -> Result<Vec<u64>, Reason> {
    let wrong = || {
        let words = |sizes: Vec<String>| sizes.join("×");
        let from = words(from.iter().map(u64::to_string).collect());
        format!("{from} does not become {}", words(to.iter().map(i64::to_string).collect()))
    };
    let mut dims = Vec::new();
    let mut open = None;
    for (at, &size) in to.iter().enumerate() {
        dims.push(match size {
            0 if !zero_is_size => *from.get(at).ok_or_else(wrong)?,
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            size => u64::try_from(size).map_err(|_| wrong())?,
        });
    }
    let product = |sizes: &[u64]| sizes.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
    let (all, known) = (product(from).ok_or_else(wrong)?, product(&dims).ok_or_else(wrong)?);
    if let Some(at) = open {
        if known == 0 || !all.is_multiple_of(known) {
            return Err(wrong().into());
        }
        dims[at] = all / known;
    } else if all != known {
        return Err(wrong().into());
    }
    Ok(dims)
}

/// Sizes with ones put in.
pub fn unsqueezed_dims(from: &[u64], axes: &[i64]) -> Result<Vec<u64>, Reason> {
    let rank = (from.len() + axes.len()) as i64;
    let places: Vec<i64> = axes.iter().map(|&axis| if axis < 0 { axis + rank } else { axis }).collect();
    let mut rest = from.iter();
    let dims: Option<Vec<u64>> =
        (0..rank).map(|at| if places.contains(&at) { Some(1) } else { rest.next().copied() }).collect();
    dims.filter(|_| rest.next().is_none()).ok_or_else(|| "its axes do not fit".into())
}

/// Sizes with ones taken out: those of `axes`, or all.
pub fn squeezed_dims(from: &[u64], axes: Option<&[i64]>) -> Result<Vec<u64>, Reason> {
    let rank = from.len() as i64;
    let places: Option<Vec<i64>> =
        axes.map(|axes| axes.iter().map(|&axis| if axis < 0 { axis + rank } else { axis }).collect());
    let is_out = |at: usize| places.as_ref().map_or(from[at] == 1, |places| places.contains(&(at as i64)));
    if (0..from.len()).any(|at| is_out(at) && from[at] != 1) {
        return Err("an axis that is taken out has more than one value".into());
    }
    Ok((0..from.len()).filter(|&at| !is_out(at)).map(|at| from[at]).collect())
}

fn unsqueezed(own: &Constant, axes: &[i64]) -> Result<Constant, Reason> {
    unsqueezed_dims(&own.dims, axes).map(|dims| own.clone().shaped(dims))
}

fn squeezed(own: &Constant, axes: Option<&[i64]>) -> Result<Constant, Reason> {
    squeezed_dims(&own.dims, axes).map(|dims| own.clone().shaped(dims))
}

fn joined(inputs: &[Option<&Constant>]) -> Result<Constant, Reason> {
    let mut whole = Vec::new();
    for input in inputs {
        let own = input.ok_or("an input of it is missing")?;
        small(own)?;
        if own.dims.len() != 1 {
            return Err("only rows of known values are joined".into());
        }
        whole.extend(own.ints().ok_or("only whole numbers are joined")?);
    }
    Ok(Constant::whole(whole))
}

fn gathered(node: &NodeProto, own: &Constant, which: &Constant) -> Result<Constant, Reason> {
    small(own)?;
    let values = own.ints().filter(|_| own.dims.len() == 1).ok_or("only whole numbers of a row are taken")?;
    if int(node, "axis").unwrap_or(0) != 0 {
        return Err("only whole numbers of a row are taken".into());
    }
    let places = which.ints().ok_or("which ones is not known")?;
    let at = |&place: &i64| {
        let place = if place < 0 { place + values.len() as i64 } else { place };
        usize::try_from(place).ok().and_then(|place| values.get(place).copied())
    };
    let taken: Option<Vec<i64>> = places.iter().map(at).collect();
    Ok(Constant::whole(taken.ok_or("one is taken that is not there")?).shaped(which.dims.clone()))
}

fn sliced(node: &NodeProto, own: &Constant, inputs: &[Option<&Constant>]) -> Result<Constant, Reason> {
    small(own)?;
    let values = own.ints().ok_or("only whole numbers are cut")?;
    let bound = |at: usize, name: &str| {
        let given = inputs.get(at).copied().flatten().and_then(Constant::ints);
        given.or_else(|| ints(node, name).map(<[i64]>::to_vec)).and_then(|bounds| bounds.first().copied())
    };
    let axis = bound(3, "axes").unwrap_or(0);
    if let ([rows, columns], 0, Some(-1)) = (&own.dims[..], axis, bound(4, "steps")) {
        // All rows from the last to the first, as padding is turned from PyTorch's order to ONNX's.
        let all = bound(1, "starts") == Some(-1) && bound(2, "ends").is_some_and(|end| end < -(*rows as i64));
        let turned = values.chunks(*columns as usize).rev().flatten().copied().collect();
        return all
            .then(|| Constant::whole(turned).shaped(own.dims.clone()))
            .ok_or_else(|| "only all rows are turned".into());
    }
    if own.dims.len() != 1 {
        return Err("only rows of whole numbers are cut".into());
    }
    let length = values.len() as i64;
    let place = |bound: i64| (if bound < 0 { bound.saturating_add(length) } else { bound }).clamp(0, length) as usize;
    let (start, end) = (place(bound(1, "starts").unwrap_or(0)), place(bound(2, "ends").unwrap_or(i64::MAX)));
    match bound(4, "steps").unwrap_or(1) {
        1 => Ok(Constant::whole(values.get(start..end).unwrap_or_default().to_vec())),
        _ => Err("only steps of 1 are worked out".into()),
    }
}

fn range(start: &Constant, limit: &Constant, step: &Constant) -> Result<Constant, Reason> {
    let number = |own: &Constant| own.ints().filter(|values| values.len() == 1).map(|values| values[0]);
    let (Some(start), Some(limit), Some(step)) = (number(start), number(limit), number(step)) else {
        return Err("only rows of whole numbers are counted".into());
    };
    let count = (i128::from(limit) - i128::from(start)).checked_div(step.into()).unwrap_or(-1);
    if step == 0 || !(0..=i128::from(MOST)).contains(&count) {
        return Err("it counts further than is worked out".into());
    }
    let values = std::iter::successors(Some(start), |value| value.checked_add(step));
    Ok(Constant::whole(values.take_while(|&value| if step > 0 { value < limit } else { value > limit }).collect()))
}

fn elementwise(op: &str, own: &Constant, other: &Constant) -> Result<Constant, Reason> {
    small(own)?;
    small(other)?;
    let dims = if own.count() >= other.count() { own.dims.clone() } else { other.dims.clone() };
    let count = own.count().max(other.count());
    if ![own.count(), other.count()].iter().all(|&each| each == count || each == 1) {
        return Err("values of different sizes are not worked out".into());
    }
    let at = |place: usize, length: usize| if length == 1 { 0 } else { place };
    if let (Some(one), Some(two)) = (own.ints(), other.ints()) {
        let value = |place: usize| {
            let (a, b) = (one[at(place, one.len())], two[at(place, two.len())]);
            match op {
                "Add" => a.checked_add(b),
                "Sub" => a.checked_sub(b),
                "Mul" => a.checked_mul(b),
                _ => a.checked_div(b),
            }
        };
        let values: Option<Vec<i64>> = (0..count as usize).map(value).collect();
        return Ok(Constant::whole(values.ok_or("the numbers become too large")?).shaped(dims));
    }
    let (one, two) = own.floats().zip(other.floats()).ok_or("their values are not read")?;
    let value = |place: usize| {
        let (a, b) = (one[at(place, one.len())], two[at(place, two.len())]);
        match op {
            "Add" => a + b,
            "Sub" => a - b,
            "Mul" => a * b,
            _ => a / b,
        }
    };
    Ok(Constant::floats_of(dims, (0..count as usize).map(value).collect()))
}

fn unary(op: &str, own: &Constant) -> Result<Constant, Reason> {
    small(own)?;
    if let Some(values) = own.ints() {
        return match op {
            "Neg" => {
                Ok(Constant::whole(values.iter().map(|value| value.wrapping_neg()).collect()).shaped(own.dims.clone()))
            }
            "Floor" | "Ceil" => Ok(own.clone()),
            _ => Err("it is not worked out for whole numbers".into()),
        };
    }
    let values = own.floats().ok_or("its values are not read")?;
    let value = |value: f32| match op {
        "Neg" => -value,
        "Sqrt" => value.sqrt(),
        "Reciprocal" => value.recip(),
        "Floor" => value.floor(),
        _ => value.ceil(),
    };
    Ok(Constant::floats_of(own.dims.clone(), values.into_iter().map(value).collect()))
}
