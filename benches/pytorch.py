#!/usr/bin/env python3
"""PyTorch's times for the convolutions of convolution.rs, to put beside them in the same minutes.

Set up once:  python3 -m venv torch-env && torch-env/bin/pip install torch
Use:          torch-env/bin/python benches/pytorch.py [THREADS]
Prints a line for each: milliseconds forward, and backward (weights and input), medians.
"""
import sys

import torch

from median import median_ms

CASES = [
    ("block1.conv1", 1, 3, 64, 224, 3, 1, 1, 1), ("block1.conv2", 1, 64, 64, 224, 3, 1, 1, 1),
    ("block2.conv1", 1, 64, 128, 112, 3, 1, 1, 1), ("block2.conv2", 1, 128, 128, 112, 3, 1, 1, 1),
    ("block3.conv1", 1, 128, 256, 56, 3, 1, 1, 1), ("block3.conv2", 1, 256, 256, 56, 3, 1, 1, 1),
    ("block4.conv1", 1, 256, 512, 28, 3, 1, 1, 1), ("block4.conv2", 1, 512, 512, 28, 3, 1, 1, 1),
    ("block5.conv1", 1, 512, 512, 14, 3, 1, 1, 1),
    ("5x5, 64 at 56", 8, 64, 64, 56, 5, 1, 2, 1), ("5x5, 128 at 28", 8, 128, 128, 28, 5, 1, 2, 1),
    ("7x7, 64 at 56", 8, 64, 64, 56, 7, 1, 3, 1), ("7x7 stride 2, 3 at 224", 8, 3, 64, 224, 7, 2, 3, 1),
    ("1x1, 256 at 28", 8, 256, 256, 28, 1, 1, 0, 1), ("11x11 stride 4, 3 at 224", 8, 3, 64, 224, 11, 4, 2, 1),
    ("depthwise 3x3, 64 at 56", 8, 64, 64, 56, 3, 1, 1, 64), ("depthwise 5x5, 128 at 28", 8, 128, 128, 28, 5, 1, 2, 128),
]


torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
print("PyTorch", torch.__version__)
for name, images, inputs, outputs, size, kernel, stride, padding, groups in CASES:
    x = torch.randn(images, inputs, size, size, requires_grad=True)
    conv = torch.nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
    with torch.inference_mode():
        forward = median_ms(lambda: conv(x))
    y = conv(x)
    upstream = torch.randn_like(y)
    backward = median_ms(lambda: torch.autograd.grad(y, [x, conv.weight, conv.bias], upstream, retain_graph=True))
    print(f"{name:26} forward {forward:8.3f}  backward {backward:8.3f}")
