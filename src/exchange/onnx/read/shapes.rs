//! Channels joined and shared out, values in other sizes and orders.

use super::attributes::{int, ints};
use super::constant::{Constant, sizes};
use super::fold;
use super::net::{Part, What};
use super::translate::{Known, Reading, Said};
use crate::graph::Operation;

impl Reading<'_, '_> {
    pub fn concat(&mut self) -> Said {
        let axis = self.axis(int(self.node, "axis").unwrap_or(1));
        let values = self.values().ok_or("some of what it joins is known beforehand")?;
        if let [_] = values[..] {
            return self.passed();
        }
        if axis != 1 {
            return Err(format!("only channels are joined, and this joins axis {axis}").into());
        }
        let mut shape = self.shape();
        shape[1] = 0;
        for value in &values {
            let own = self.translator.net.shape(*value);
            let fits = own.len() == shape.len() && (0..own.len()).all(|at| at == 1 || own[at] == shape[at]);
            if !fits {
                return Err("what it joins has different sizes".into());
            }
            shape[1] = shape[1].saturating_add(own[1]);
        }
        Ok(vec![self.push_of(What::Is(Operation::Concat), values, shape, Vec::new(), None)?])
    }

    pub fn split(&mut self) -> Said {
        let [channels, height, width] = self.map()?;
        if self.axis(int(self.node, "axis").unwrap_or(0)) != 1 {
            return Err("only channels are split".into());
        }
        let parts = self.node.output.len() as u64;
        let even = || vec![channels.div_ceil(parts.max(1)) as i64; parts as usize];
        let counts = self.whole(1, "split").unwrap_or_else(even);
        let (mut first, mut given) = (0, Vec::new());
        for count in sizes(&counts)? {
            let count = count.min(channels - first);
            let shape = vec![self.shape()[0], count, height, width];
            given.push(self.push_of(What::Is(Operation::Slice { first }), vec![self.x], shape, Vec::new(), None)?);
            first += count;
        }
        Ok(given)
    }

    pub fn slice(&mut self) -> Said {
        let (mut shape, rank) = (self.shape(), self.shape().len());
        let starts = self.whole(1, "starts").ok_or("where it starts is computed")?;
        let ends = self.whole(2, "ends").ok_or("where it ends is computed")?;
        let axes = self.whole(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.whole(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err("its bounds do not fit".into());
        }
        let (mut channels, mut strides) = (None, [1; 2]);
        for at in 0..starts.len() {
            let axis =
                usize::try_from(self.axis(axes[at])).ok().filter(|&axis| axis < rank).ok_or("it has no such axis")?;
            let length = shape[axis] as i64;
            let place = |bound: i64| (if bound < 0 { bound.saturating_add(length) } else { bound }).clamp(0, length);
            let (start, end, step) = (place(starts[at]), place(ends[at]), steps[at]);
            match (axis, step) {
                (_, 1) if start == 0 && end == length => {}
                (1, 1) if start < end => channels = Some((start as u64, (end - start) as u64)),
                (2 | 3, step) if step > 0 && start == 0 && end == length => {
                    strides[axis - 2] = step as u64;
                    shape[axis] = (length as u64).div_ceil(step as u64);
                }
                _ => return Err("only channels are taken, or every so many rows and columns".into()),
            }
        }
        match (channels, strides) {
            (None, [1, 1]) => self.passed(),
            (None, strides) => self.part(Part::Strided(strides), shape),
            (Some((first, count)), [1, 1]) => {
                shape[1] = count;
                self.push(What::Is(Operation::Slice { first }), shape, Vec::new())
            }
            _ => Err("channels and rows are taken at once".into()),
        }
    }

    pub fn shape_known(&mut self) -> Said {
        let shape: Vec<i64> = self.shape().into_iter().map(|size| size as i64).collect();
        let place = |bound: i64| {
            let length = shape.len() as i64;
            (if bound < 0 { bound + length } else { bound }).clamp(0, length) as usize
        };
        let (start, end) =
            (place(int(self.node, "start").unwrap_or(0)), place(int(self.node, "end").unwrap_or(i64::MAX)));
        Ok(vec![Known::Constant(Constant::whole(shape.get(start..end).unwrap_or_default().to_vec()))])
    }

    pub fn reshape(&mut self) -> Said {
        let from = self.shape();
        let axes = || self.whole(1, "axes");
        let to = match self.node.op_type.as_str() {
            "Flatten" => {
                let axis = self.axis(int(self.node, "axis").unwrap_or(1)).clamp(0, from.len() as i64) as usize;
                let product = |sizes: &[u64]| sizes.iter().product::<u64>();
                vec![product(&from[..axis]), product(&from[axis..])]
            }
            "Squeeze" => fold::squeezed_dims(&from, axes().as_deref())?,
            "Unsqueeze" => fold::unsqueezed_dims(&from, &axes().ok_or("its axes are computed")?)?,
            _ => {
                let to = self.whole(1, "shape").ok_or("its sizes are computed")?;
                fold::shape_to(&from, &to, int(self.node, "allowzero") == Some(1))?
            }
        };
        match to == from {
            true => self.passed(),
            false => self.part(Part::Reshape, to),
        }
    }

    pub fn transpose(&mut self) -> Said {
        let from = self.shape();
        let turned: Vec<i64> = (0..from.len() as i64).rev().collect();
        let perm: Option<Vec<usize>> =
            ints(self.node, "perm").unwrap_or(&turned).iter().map(|&at| usize::try_from(at).ok()).collect();
        let perm = perm.ok_or("its axes do not fit")?;
        let mut sorted = perm.clone();
        sorted.sort_unstable();
        if sorted != (0..from.len()).collect::<Vec<_>>() {
            return Err("its axes do not fit".into());
        }
        let to = perm.iter().map(|&at| from[at]).collect();
        // Where only sizes of 1 change their places, no value does; but turns of channels are looked for in pairs.
        let is_turn = matches!(perm[..], [0, 2, 3, 1] | [0, 3, 1, 2]);
        let moving: Vec<usize> = perm.iter().copied().filter(|&at| from[at] != 1).collect();
        if moving.is_sorted() && !is_turn {
            return self.part(Part::Reshape, to);
        }
        self.part(Part::Transpose(perm), to)
    }

    /// A value spread over positions, which what it is multiplied with does by itself.
    pub fn expand(&mut self) -> Said {
        let from = self.shape();
        let to = sizes(&self.whole(1, "shape").ok_or("its sizes are computed")?)?;
        let fits = to.len() == from.len() && (0..to.len()).all(|at| to[at] == from[at] || to[at] == 1 || from[at] == 1);
        if !fits {
            return Err("it spreads a value over more dimensions".into());
        }
        let to: Vec<u64> = (0..to.len()).map(|at| to[at].max(from[at])).collect();
        if to == from { self.passed() } else { self.part(Part::Expand, to) }
    }
}
