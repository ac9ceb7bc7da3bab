"""Writes ONNX's own conformance cases for single operators to a folder: model.onnx, input.f32, output.f32 each.

Of several inputs all but the first become initializers: they are weights, where networks are meant.
"""

import pathlib
import sys
import warnings

import numpy
import onnx

warnings.filterwarnings("ignore")
from onnx.backend.test.case.node import collect_testcases  # noqa: E402

root = pathlib.Path(sys.argv[1])

# Operators on single values, whose cases are given as three dimensions: one more in front makes images of them.
SINGLE = {"Relu", "LeakyRelu", "Elu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Mish", "Gelu", "Clip", "PRelu"}


def stored():
    """The cases that come as files: small networks, and modules as PyTorch's first exporter wrote them."""
    data = pathlib.Path(onnx.__path__[0]) / "backend/test/data"
    for model in sorted(data.glob("*/*/model.onnx")):
        folder = model.parent / "test_data_set_0"

        def values(kind):
            tensors = [onnx.load_tensor(str(path)) for path in sorted(folder.glob(f"{kind}_*.pb"))]
            return [onnx.numpy_helper.to_array(tensor) for tensor in tensors]

        try:
            yield f"{model.parent.parent.name}_{model.parent.name}", onnx.load(str(model)), values("input"), values("output")
        except Exception:  # Sequences and the like are no tensors.
            continue


def single():
    for case in collect_testcases(None):
        if case.model is not None and case.data_sets:
            yield case.name, case.model, *case.data_sets[0]


for name, model, inputs, outputs in [*single(), *stored()]:
    if not inputs or any(not isinstance(value, numpy.ndarray) for value in [*inputs, *outputs]):
        continue
    graph = model.graph
    if len(outputs) != 1 or inputs[0].dtype != numpy.float32 or outputs[0].dtype != numpy.float32:
        continue
    known = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in known]
    for weight, value in list(zip(names, inputs))[1:]:
        graph.initializer.append(onnx.numpy_helper.from_array(value, weight))
    if inputs[0].ndim == 3 and inputs[0].shape == outputs[0].shape and graph.node[0].op_type in SINGLE:
        for value in [graph.input[0], graph.output[0]]:
            value.type.tensor_type.shape.dim.insert(0, onnx.TensorShapeProto.Dimension(dim_value=1))
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    inputs[0].astype("<f4").tofile(folder / "input.f32")
    outputs[0].astype("<f4").tofile(folder / "output.f32")
