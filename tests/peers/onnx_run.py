"""Checks ONNX files in full and runs them with ONNX Runtime.

Reads a job a line as JSON from standard input: {"model": PATH, "input": PATH of little-endian f32 or null, "shape": [N, C, H, W]}.
Writes for each {"model", "output": [...] or null, "dims": [...]}, or {"model", "error"}.
"""

import json
import sys

import numpy
import onnx
import onnxruntime

for line in sys.stdin:
    job = json.loads(line)
    told = {"model": job["model"]}
    try:
        onnx.checker.check_model(job["model"], full_check=True)
        told["dims"] = [
            [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
            for value in onnx.load(job["model"]).graph.output
        ][0]
        if job["input"] is not None:
            session = onnxruntime.InferenceSession(job["model"], providers=["CPUExecutionProvider"])
            values = numpy.fromfile(job["input"], dtype="<f4").reshape(job["shape"])
            told["output"] = session.run(None, {"input": values})[0].ravel().tolist()
    except Exception as error:  # Whatever is wrong is told of this model, and the rest go on.
        told["error"] = str(error)
    print(json.dumps(told), flush=True)
