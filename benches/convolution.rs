//! How long single convolutions take: the thirteen of VGG-16, and kernels of other kinds forward and backward.
//!
//! `benches/pytorch.py` times the same under the same names in PyTorch.

use convlens::graph::{Window, output_size};
use convlens::network::kernels::conv::Convolution;
use convlens::network::kernels::heap::keep_memory;
use convlens::network::kernels::im2col::Plane;
use convlens::run::forward::noise;
use convlens::spec::describe::{Pair, Sides};
use criterion::{Criterion, criterion_group, criterion_main};

struct Case {
    name: &'static str,
    images: usize,
    channels: (usize, usize),
    size: usize,
    kernel: u64,
    stride: u64,
    padding: u64,
    groups: usize,
}

const fn case(name: &'static str, images: usize, channels: (usize, usize), size: usize, window: [u64; 3]) -> Case {
    let [kernel, stride, padding] = window;
    Case { name, images, channels, size, kernel, stride, padding, groups: 1 }
}

const fn depthwise(name: &'static str, images: usize, channels: usize, size: usize, window: [u64; 3]) -> Case {
    Case { groups: channels, ..case(name, images, (channels, channels), size, window) }
}

/// The different ones among VGG-16's thirteen.
const VGG16: [Case; 9] = [
    case("block1.conv1", 1, (3, 64), 224, [3, 1, 1]),
    case("block1.conv2", 1, (64, 64), 224, [3, 1, 1]),
    case("block2.conv1", 1, (64, 128), 112, [3, 1, 1]),
    case("block2.conv2", 1, (128, 128), 112, [3, 1, 1]),
    case("block3.conv1", 1, (128, 256), 56, [3, 1, 1]),
    case("block3.conv2", 1, (256, 256), 56, [3, 1, 1]),
    case("block4.conv1", 1, (256, 512), 28, [3, 1, 1]),
    case("block4.conv2", 1, (512, 512), 28, [3, 1, 1]),
    case("block5.conv1", 1, (512, 512), 14, [3, 1, 1]),
];

const OTHERS: [Case; 8] = [
    case("5x5, 64 at 56", 8, (64, 64), 56, [5, 1, 2]),
    case("5x5, 128 at 28", 8, (128, 128), 28, [5, 1, 2]),
    case("7x7, 64 at 56", 8, (64, 64), 56, [7, 1, 3]),
    case("7x7 stride 2, 3 at 224", 8, (3, 64), 224, [7, 2, 3]),
    case("1x1, 256 at 28", 8, (256, 256), 28, [1, 1, 0]),
    case("11x11 stride 4, 3 at 224", 8, (3, 64), 224, [11, 4, 2]),
    depthwise("depthwise 3x3, 64 at 56", 8, 64, 56, [3, 1, 1]),
    depthwise("depthwise 5x5, 128 at 28", 8, 128, 28, [5, 1, 2]),
];

impl Case {
    fn sizes(&self) -> Convolution {
        let window = Window {
            kernel: Pair::square(self.kernel),
            stride: Pair::square(self.stride),
            padding: Sides::around(Pair::square(self.padding)),
            dilation: Pair::square(1),
        };
        let out = output_size(self.size as u64, self.kernel, self.stride, (self.padding, self.padding), 1, false)
            .expect("fits") as usize;
        let channels = self.channels.0 / self.groups;
        let plane = Plane { channels, height: self.size, width: self.size, out_height: out, out_width: out, window };
        Convolution { images: self.images, groups: self.groups, plane, out_channels: self.channels.1 / self.groups }
    }
}

fn benches(criterion: &mut Criterion) {
    keep_memory();
    let mut group = criterion.benchmark_group("convolution");
    group.sample_size(20);
    for (case, backward) in VGG16.iter().map(|case| (case, false)).chain(OTHERS.iter().map(|case| (case, true))) {
        let sizes = case.sizes();
        let algorithm = sizes.algorithm(None);
        let weights = case.channels.1 * sizes.plane.depth();
        let input = noise(case.images * case.groups * sizes.plane.values(), 1);
        let (weight, bias) = (noise(weights, 2), noise(case.channels.1, 3));
        let mut output = vec![0.0; case.images * case.channels.1 * sizes.plane.positions()];
        group.bench_function(format!("{}, forward", case.name), |bench| {
            bench.iter(|| sizes.forward(algorithm, &input, &weight, None, Some(&bias), &mut output));
        });
        if backward {
            let (mut to_input, mut to_weight) = (vec![0.0; input.len()], vec![0.0; weights]);
            let upstream = noise(output.len(), 4);
            group.bench_function(format!("{}, backward", case.name), |bench| {
                bench.iter(|| {
                    sizes.backward_weight(algorithm, &upstream, &input, &mut to_weight);
                    sizes.backward_input(algorithm, &upstream, &weight, &mut to_input);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
