//! Mean cross-entropy of logits against class indices: −1/N Σ log softmax(x) at the label, through dfdx's own loss, which
//! subtracts the largest logit before it exponentiates.

use dfdx::losses::cross_entropy_with_logits_loss;
use dfdx::prelude::*;

use super::Values;
use crate::network::kernels::view;

/// `logits` is `[N, classes, 1, 1]`; every label is below `classes`. With `smoothing` ε a label's target is 1 − ε + ε/K and
/// every other class's ε/K (Szegedy et al. 2016; PyTorch's `label_smoothing`). With `mixed`, a second label of each image and how
/// much the first counts, a target is so much of the one and the rest of the other.
pub fn cross_entropy<T: Tape<f32, Cpu>>(
    logits: Values<T>,
    labels: &[usize],
    mixed: Option<(&[usize], f64)>,
    smoothing: f64,
) -> Tensor<Rank0, f32, Cpu, T> {
    let (images, classes, _, _) = *logits.shape();
    let others = smoothing / classes as f64;
    let mut targets = vec![others as f32; images * classes];
    let (partners, own) = mixed.unwrap_or((&[], 1.0));
    for (image, label) in labels.iter().enumerate() {
        targets[image * classes + label] = ((1.0 - smoothing) * own + others) as f32;
        if let Some(partner) = partners.get(image) {
            targets[image * classes + partner] += ((1.0 - smoothing) * (1.0 - own)) as f32;
        }
    }
    let targets = view::tensor(logits.device(), targets, (images, classes));
    cross_entropy_with_logits_loss(logits.reshape_like(&(images, classes)), targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loss_of_even_logits_is_the_logarithm_of_the_number_of_classes() {
        let logits: Values = view::tensor(&Cpu::default(), vec![3.0; 2 * 10], (2, 10, 1, 1));
        assert!((cross_entropy(logits, &[4, 9], None, 0.0).array() - 10f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn huge_logits_give_a_finite_loss_and_the_gradient_softmax_minus_target() {
        let logits: Values = view::tensor(&Cpu::default(), vec![1e4, 0.0, -1e4], (1, 3, 1, 1));
        let loss = cross_entropy(logits.leaky_trace(), &[1], None, 0.0);
        assert_eq!(loss.array(), 1e4);
        let mut gradients = loss.backward();
        assert_eq!(gradients.get_or_alloc_mut(&logits).unwrap().to_vec(), [1.0, -1.0, 0.0]);
    }

    #[test]
    fn two_labels_of_an_image_count_as_much_as_they_are_mixed() {
        // −log softmax of (1, 2, 4) is 3.16985, 2.16985, 0.16985.
        let loss = |labels: &[usize], partners: &[usize]| {
            let logits: Values = view::tensor(&Cpu::default(), vec![1.0, 2.0, 4.0], (1, 3, 1, 1));
            cross_entropy(logits, labels, Some((partners, 0.7)), 0.0).array()
        };
        assert!((loss(&[2], &[0]) - (0.7 * 0.169_846 + 0.3 * 3.169_846)).abs() < 1e-5);
        assert!((loss(&[1], &[1]) - 2.169_846).abs() < 1e-5, "mixed with one of its own class");
    }

    #[test]
    fn smoothed_labels_are_pytorchs() {
        // F.cross_entropy(torch.tensor([[1., 2., 4.]]), torch.tensor([2]), label_smoothing=0.3):
        // the log-probabilities are −3.16985, −2.16985, −0.16985, weighted by 0.1, 0.1 and 0.8.
        let logits: Values = view::tensor(&Cpu::default(), vec![1.0, 2.0, 4.0], (1, 3, 1, 1));
        let expected = 0.1 * 3.169_846 + 0.1 * 2.169_846 + 0.8 * 0.169_846;
        assert!((cross_entropy(logits, &[2], None, 0.3).array() - expected).abs() < 1e-5);
    }
}
