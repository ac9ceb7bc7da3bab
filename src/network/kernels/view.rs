//! A tensor's values as a slice, without a copy.

use std::borrow::Cow;

use dfdx::prelude::*;

/// The values of a contiguous tensor in row-major order; of any other (permuted, broadcast), a copy.
///
/// dfdx 0.13 lends no slice, only single elements (`Index`) and copies; VGG-16's parameters alone are 553 MB.
pub fn values<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Cow<'_, [f32]> {
    let sizes = tensor.shape().concrete();
    let length = tensor.shape().num_elements();
    if length == 0 {
        return Cow::Owned(Vec::new());
    }
    let mut index = S::Concrete::default();
    let first: *const f32 = &tensor[index];
    // Contiguous means: one step along an axis moves by the product of the sizes behind it.
    let mut expected = length;
    let mut contiguous = true;
    for (axis, size) in sizes.into_iter().enumerate() {
        expected /= size;
        if size > 1 {
            index[axis] = 1;
            let step: *const f32 = &tensor[index];
            index[axis] = 0;
            contiguous &= (step as usize).wrapping_sub(first as usize) == expected * size_of::<f32>();
        }
    }
    if !contiguous {
        return Cow::Owned(tensor.as_vec());
    }
    // SAFETY: dfdx keeps a Cpu tensor's values in one `Vec<f32>`. Every axis has the row-major stride, so the element
    // of index 0 and the `length − 1` after it are inside that vector (indexing the last would be in bounds). They
    // live and stay unchanged as long as the tensor is borrowed.
    Cow::Borrowed(unsafe { std::slice::from_raw_parts(first, length) })
}

/// The values of a contiguous tensor to change in place. dfdx copies them first if another tensor shares them; of a
/// tensor that is not contiguous, `None`.
pub fn values_mut<S: Shape>(tensor: &mut Tensor<S, f32, Cpu>) -> Option<&mut [f32]> {
    let length = tensor.shape().num_elements();
    if length == 0 || matches!(values(tensor), Cow::Owned(_)) {
        return None;
    }
    let first: *mut f32 = &mut tensor[S::Concrete::default()];
    // SAFETY: as in `values`, the `length` elements from the first one on are the tensor's own vector, in order. The
    // mutable index made the tensor its only owner, and the tensor is borrowed mutably as long as the slice lives.
    Some(unsafe { std::slice::from_raw_parts_mut(first, length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changing_in_place_leaves_a_sharing_tensor_alone() {
        let device = Cpu::default();
        let mut tensor = device.tensor_from_vec(vec![1.0, 2.0, 3.0], (3usize,));
        let shared = tensor.clone();
        values_mut(&mut tensor).expect("contiguous").iter_mut().for_each(|value| *value *= 2.0);
        assert_eq!(values(&tensor).as_ref(), [2.0, 4.0, 6.0]);
        assert_eq!(values(&shared).as_ref(), [1.0, 2.0, 3.0]);
        let matrix = device.tensor_from_vec(vec![0.0; 6], (2usize, 3usize));
        let mut turned: Tensor<(usize, usize), f32, Cpu> = matrix.permute::<_, Axes2<1, 0>>();
        assert!(values_mut(&mut turned).is_none());
    }

    #[test]
    fn a_contiguous_tensor_is_lent_and_a_permuted_one_copied_in_its_own_order() {
        let device = Cpu::default();
        let tensor = device.tensor_from_vec((0..6).map(|value| value as f32).collect(), (2usize, 3usize));
        let lent = values(&tensor);
        assert!(matches!(lent, Cow::Borrowed(_)));
        assert_eq!(lent.as_ref(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let turned: Tensor<(usize, usize), f32, Cpu> = tensor.permute::<_, Axes2<1, 0>>();
        let copied = values(&turned);
        assert!(matches!(copied, Cow::Owned(_)));
        assert_eq!(copied.as_ref(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
