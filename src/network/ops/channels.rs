//! Channels taken, moved and added: a branch's share, ShuffleNet's shuffle, zeros around.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::record;
use super::{Dims, Values, count};
use crate::network::kernels::view;

/// Channel `c` of the output is channel `source(c)` of the input, at every `stride`th row and column; zeros where there is none.
fn gather<T: Tape<f32, Cpu>>(
    input: Values<T>,
    (channels, rows, columns): (usize, usize, usize),
    stride: (usize, usize),
    source: impl Fn(usize) -> Option<usize> + Sync + 'static,
) -> Values<T> {
    let (images, inputs, height, width) = *input.shape();
    let dims: Dims = (images, channels, rows, columns);
    let (input, tape) = input.split_tape();
    let mut values = vec![0.0; count(dims)];
    {
        let x = view::values(&input);
        values.par_chunks_exact_mut(rows * columns).enumerate().for_each(|(plane, out)| {
            let (image, channel) = (plane / channels, plane % channels);
            let Some(from) = source(channel) else { return };
            let plane = &x[(image * inputs + from) * height * width..][..height * width];
            match stride {
                (1, 1) => out.copy_from_slice(plane),
                _ => out.iter_mut().enumerate().for_each(|(at, out)| {
                    *out = plane[at / columns * stride.0 * width + at % columns * stride.1];
                }),
            }
        });
    }
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        // No two channels of the output come from one of the input.
        let targets: Vec<Option<usize>> = {
            let mut targets = vec![None; inputs];
            for channel in 0..channels {
                if let Some(from) = source(channel) {
                    targets[from] = Some(channel);
                }
            }
            targets
        };
        pass.to_input.par_chunks_exact_mut(height * width).enumerate().for_each(|(plane, sums)| {
            let (image, channel) = (plane / inputs, plane % inputs);
            let Some(to) = targets[channel] else { return };
            let upstream = &pass.upstream[(image * channels + to) * rows * columns..][..rows * columns];
            for (at, dy) in upstream.iter().enumerate() {
                sums[at / columns * stride.0 * width + at % columns * stride.1] += dy;
            }
        });
    })
}

/// `channels` channels from `first` on.
pub fn slice<T: Tape<f32, Cpu>>(input: Values<T>, first: usize, channels: usize) -> Values<T> {
    let (_, _, height, width) = *input.shape();
    gather(input, (channels, height, width), (1, 1), move |channel| Some(first + channel))
}

/// Zhang et al. 2018: channels stand in `groups` rows and are read column by column.
pub fn channel_shuffle<T: Tape<f32, Cpu>>(input: Values<T>, groups: usize) -> Values<T> {
    let (_, channels, height, width) = *input.shape();
    let each = channels / groups;
    gather(input, (channels, height, width), (1, 1), move |channel| Some(channel % groups * each + channel / groups))
}

/// He et al. 2015, option A: every `stride`th row and column, with `before` channels of zeros in front and the rest behind.
pub fn pad_channels<T: Tape<f32, Cpu>>(
    input: Values<T>,
    output: (usize, usize, usize),
    stride: (usize, usize),
    before: usize,
) -> Values<T> {
    let (_, inputs, _, _) = *input.shape();
    gather(input, output, stride, move |channel| channel.checked_sub(before).filter(|&from| from < inputs))
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_share_of_the_channels_is_taken() {
        check::against(
            (2, 5, 2, 3),
            &[],
            |input, _| slice(input, 1, 3),
            |input, _| input.chunks(30).flat_map(|image| image[6..24].to_vec()).collect(),
        );
    }

    #[test]
    fn channels_are_dealt_out_as_pytorch_deals_them() {
        // nn.ChannelShuffle(2) on channels 0…5 gives 0, 3, 1, 4, 2, 5.
        check::against(
            (2, 6, 1, 2),
            &[],
            |input, _| channel_shuffle(input, 2),
            |input, _| {
                let image = |image: &[f64]| {
                    [0, 3, 1, 4, 2, 5].iter().flat_map(|c| image[c * 2..][..2].to_vec()).collect::<Vec<_>>()
                };
                input.chunks(12).flat_map(image).collect()
            },
        );
    }

    #[test]
    fn zeros_stand_around_every_second_row_and_column() {
        check::against(
            (2, 2, 5, 4),
            &[],
            |input, _| pad_channels(input, (5, 3, 2), (2, 2), 1),
            |input, _| {
                let plane =
                    |plane: &[f64]| [(0, 0), (0, 2), (2, 0), (2, 2), (4, 0), (4, 2)].map(|(y, x)| plane[y * 4 + x]);
                let image = |image: &[f64]| {
                    let (one, other) = (plane(&image[..20]), plane(&image[20..]));
                    [&[0.0; 6][..], &one, &other, &[0.0; 12]].concat()
                };
                input.chunks(40).flat_map(image).collect()
            },
        );
    }
}
