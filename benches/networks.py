#!/usr/bin/env python3
"""ONNX Runtime's and PyTorch's times for the networks of network.rs, to put beside them in the same minutes.

Set up once:  python3 -m venv torch-env && torch-env/bin/pip install torch torchvision onnx onnxruntime
Use:          torch-env/bin/python benches/networks.py [THREADS]
Prints a line for each: milliseconds of a forward pass of one 224x224 image, and of a training step of eight, medians.
"""
import os
import sys
import tempfile

import onnxruntime
import torch
import torchvision

from median import median_ms

NAMES = ["vgg16", "resnet18", "resnet50", "mobilenet_v2", "squeezenet1_1", "googlenet", "densenet121"]

threads = int(sys.argv[1]) if len(sys.argv) > 1 else 2
torch.set_num_threads(threads)
print("PyTorch", torch.__version__, "ONNX Runtime", onnxruntime.__version__)
for name in NAMES:
    options = dict(init_weights=False, aux_logits=False) if name == "googlenet" else {}
    net = getattr(torchvision.models, name)(weights=None, **options).eval()
    one = torch.randn(1, 3, 224, 224)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.onnx")
        torch.onnx.export(net, one, path, dynamo=False, opset_version=17, input_names=["x"])
        session_options = onnxruntime.SessionOptions()
        session_options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, session_options, providers=["CPUExecutionProvider"])
    ort = median_ms(lambda: session.run(None, {"x": one.numpy()}), 15)
    with torch.inference_mode():
        forward = median_ms(lambda: net(one), 15)
    net.train()
    images, labels = torch.randn(8, 3, 224, 224), torch.randint(0, 1000, (8,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(images), labels).backward()
        optimizer.step()

    print(f"{name:14} ONNX Runtime {ort:7.1f}  PyTorch {forward:7.1f}  training step {median_ms(step, 3):8.0f}", flush=True)
