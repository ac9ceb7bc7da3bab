//! A tensor's values as a slice, without a copy.
//!
//! dfdx 0.13 lends single elements (`Index`) and makes copies, but no slice, and VGG-16's parameters alone are 553 MB. A
//! reference to one element may be used for that element only, so a slice cannot be made of it. What may be used for all of
//! them is the pointer of the `Vec` that a tensor is made of: it is exposed here, when [`tensor`] makes the tensor, and found
//! again by its address as long as the tensor keeps that buffer ([`std::ptr::with_exposed_provenance`]). dfdx moves the `Vec`
//! into the tensor as it is. It makes a buffer of its own only where one tensor is changed while another shares it
//! ([`values_mut`] and [`keep_exposed`] see to that), so every tensor of this project is made here; `clippy.toml` holds it.

#![allow(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]

use std::borrow::Cow;

use dfdx::prelude::*;

/// A tensor of these values in row-major order, without a copy.
pub fn tensor<S: Shape>(device: &Cpu, mut values: Vec<f32>, shape: S) -> Tensor<S, f32, Cpu> {
    let _ = values.as_mut_ptr().expose_provenance();
    device.tensor_from_vec(values, shape)
}

/// The address of the first value; none where there is no value.
fn address<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Option<usize> {
    (tensor.shape().num_elements() > 0).then(|| std::ptr::from_ref(&tensor[S::Concrete::default()]).addr())
}

/// Whether the values stand in row-major order without gaps.
fn is_contiguous<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>, first: usize) -> bool {
    let mut index = S::Concrete::default();
    // One step along an axis moves by the product of the sizes behind it.
    let mut expected = tensor.shape().num_elements();
    for (axis, size) in tensor.shape().concrete().into_iter().enumerate() {
        expected /= size;
        if size > 1 {
            index[axis] = 1;
            let step = std::ptr::from_ref(&tensor[index]).addr();
            index[axis] = 0;
            if step.wrapping_sub(first) != expected * size_of::<f32>() {
                return false;
            }
        }
    }
    true
}

/// The values of a contiguous tensor in row-major order; of any other (permuted, broadcast), a copy. The tensor, or the one
/// it was reshaped from, is one that [`tensor`] made.
pub fn values<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Cow<'_, [f32]> {
    let Some(first) = address(tensor) else { return Cow::Owned(Vec::new()) };
    if !is_contiguous(tensor, first) {
        return Cow::Owned(tensor.as_vec());
    }
    let length = tensor.shape().num_elements();
    // SAFETY: the tensor's values are one `Vec<f32>` whose pointer was exposed when the tensor was made, and that lives as long
    // as the tensor is borrowed. Every axis has the row-major stride, so the element of index 0 and the `length − 1` after it
    // are inside it (indexing the last would be in bounds). Nobody writes to them meanwhile: that takes `&mut` of the tensor.
    Cow::Borrowed(unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(first), length) })
}

/// The values of a contiguous tensor to change in place; of any other, `None`. If another tensor shares them they are copied
/// first, and the tensor then is a new one to a tape.
pub fn values_mut<S: Shape>(tensor: &mut Tensor<S, f32, Cpu>) -> Option<&mut [f32]> {
    let before = address(tensor)?;
    if !is_contiguous(tensor, before) {
        return None;
    }
    let length = tensor.shape().num_elements();
    // The mutable index makes the tensor its only owner, by a copy if need be.
    let _ = &mut tensor[S::Concrete::default()];
    keep_exposed(tensor, before);
    let first = address(tensor)?;
    // SAFETY: as in `values`, the `length` elements from the first one on are the tensor's own exposed vector, in order. No
    // other tensor shares it, and this one is borrowed mutably as long as the slice lives.
    Some(unsafe { std::slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(first), length) })
}

/// To be called after dfdx has changed a tensor in place. Where it had to copy the values first, the copy is put into a buffer
/// that [`values`] can lend.
pub fn keep_exposed<S: Shape>(tensor: &mut Tensor<S, f32, Cpu>, before: usize) {
    if address(tensor).is_some_and(|now| now != before) {
        *tensor = self::tensor(tensor.device(), tensor.as_vec(), *tensor.shape());
    }
}

/// Where a tensor's values stand, to be handed to [`keep_exposed`].
pub fn place_of<S: Shape>(tensor: &Tensor<S, f32, Cpu>) -> usize {
    address(tensor).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changing_in_place_leaves_a_sharing_tensor_alone() {
        let device = Cpu::default();
        let mut own = tensor(&device, vec![1.0, 2.0, 3.0], (3usize,));
        let shared = own.clone();
        values_mut(&mut own).expect("contiguous").iter_mut().for_each(|value| *value *= 2.0);
        assert_eq!(values(&own).as_ref(), [2.0, 4.0, 6.0]);
        assert_eq!(values(&shared).as_ref(), [1.0, 2.0, 3.0]);
        // As an optimizer of dfdx's changes it.
        let before = place_of(&own);
        let other = own.clone();
        own[[1]] = 9.0;
        let copied = place_of(&own);
        keep_exposed(&mut own, before);
        assert_ne!(place_of(&own), copied, "dfdx's own copy cannot be lent");
        assert_eq!((values(&own).as_ref(), values(&other).as_ref()), (&[2.0, 9.0, 6.0][..], &[2.0, 4.0, 6.0][..]));
        let matrix = tensor(&device, vec![0.0; 6], (2usize, 3usize));
        let mut turned: Tensor<(usize, usize), f32, Cpu> = matrix.permute::<_, Axes2<1, 0>>();
        assert!(values_mut(&mut turned).is_none());
    }

    #[test]
    fn a_contiguous_tensor_is_lent_and_a_permuted_one_copied_in_its_own_order() {
        let device = Cpu::default();
        let own = tensor(&device, (0..6).map(|value| value as f32).collect(), (2usize, 3usize));
        let lent = values(&own);
        assert!(matches!(lent, Cow::Borrowed(_)));
        assert_eq!(lent.as_ref(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let turned: Tensor<(usize, usize), f32, Cpu> = own.permute::<_, Axes2<1, 0>>();
        let copied = values(&turned);
        assert!(matches!(copied, Cow::Owned(_)));
        assert_eq!(copied.as_ref(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
