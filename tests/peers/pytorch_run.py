"""Runs what `convlens export --to pytorch` writes, beside convlens itself and the fixtures' own numbers.

    python pytorch_run.py CONVLENS PROJECT [NAME ...]

Needs torch and safetensors. Every bundled network: the same logits, the same number of parameters. Every fixture: PyTorch's logits,
loss, gradients and the losses of three steps, from the fixture's weights. One network also through `torch.compile`.
"""

import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

convlens, project = sys.argv[1], pathlib.Path(sys.argv[2])
wrong = []


def run(*arguments):
    done = subprocess.run([convlens, *map(str, arguments)], capture_output=True, text=True, cwd=project)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def module(folder):
    spec = importlib.util.spec_from_file_location(f"model_{abs(hash(str(folder)))}", folder / "model.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def judge(name, what, own, other, allowed):
    error = (own - other).abs().max().item() / max(other.abs().max().item(), 1e-9)
    if not error < allowed:
        wrong.append(f"{name}: {what} is off by {error:.1e}")
    return error


def network(name, folder):
    sets = []
    shown = json.loads(run("show", name, "--format", "json"))
    if any(layer["name"] == "classifier.linear1" for layer in shown["layers"]) and shown["totals"]["params"] > 9e7:
        sets = ["--set", "classifier.linear1.out=24", "--set", "classifier.linear2.out=16"]
        shown = json.loads(run("show", name, "--format", "json", *sets))
    run("export", name, "--to", "pytorch", "--seed", 1, "--out", folder, *sets)
    values = torch.randn(2, *shown["input"])
    save_file({"input": values}, folder / "input.safetensors")
    told = run("forward", name, "--seed", 1, "--input", folder / "input.safetensors", "--logits", "--format", "json", *sets)
    own = module(folder).load(str(folder / "weights.safetensors"))
    with torch.no_grad():
        theirs = own(values).flatten(1)
    error = judge(name, "a logit", theirs, torch.tensor(json.loads(told)["logits"]), 1e-5)
    params = sum(parameter.numel() for parameter in own.parameters())
    if params != shown["totals"]["params"]:
        wrong.append(f"{name}: {params} parameters, {shown['totals']['params']} by convlens")
    print(f"{name}: {error:.1e}", flush=True)
    return own, values


def fixture(path, folder):
    held = load_file(path)
    params = {key.removeprefix("param."): value for key, value in held.items() if key.startswith("param.")}
    save_file(params, folder / "weights.of.safetensors")
    run("export", path.with_suffix(".yaml"), "--to", "pytorch", "--weights", folder / "weights.of.safetensors", "--out", folder)
    own = module(folder).load(str(folder / "weights.safetensors"))
    judge(path.stem, "a logit", own(held["input"]), held["eval_logits"], 1e-4)

    def grad_of(parameter):
        return next(held[f"grad.{key}"] for key, value in params.items() if torch.equal(value, parameter))

    wanted = {name: grad_of(parameter) for name, parameter in own.named_parameters()}
    own.train()
    for part in own.modules():
        if isinstance(part, torch.nn.modules.dropout._DropoutNd):
            part.p = 0.0
    drop, F.dropout = F.dropout, lambda x, *_: x
    steps = torch.optim.SGD(own.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    for step in range(3):
        loss = F.cross_entropy(own(held["input"]).flatten(1), held["labels"])
        judge(path.stem, f"the loss of step {step + 1}", loss.detach(), held["step_losses"][step], 1e-4)
        steps.zero_grad()
        loss.backward()
        if step == 0:
            for name, parameter in own.named_parameters():
                difference = (parameter.grad - wanted[name]).norm() / max(wanted[name].norm().item(), 1e-2)
                if not difference < 1e-3:
                    wrong.append(f"{path.stem}: the gradient of {name} is off by {difference:.1e}")
        steps.step()
    F.dropout = drop
    print(f"{path.stem}: logits, losses, gradients", flush=True)


with tempfile.TemporaryDirectory() as place:
    torch.manual_seed(0)
    place = pathlib.Path(place)
    names = sys.argv[3:] or [own["id"] for own in json.loads(run("list", "--format", "json"))["architectures"]]
    if not sys.argv[3:]:
        names += [f"tests/architectures/{name}.yaml" for name in ("valid/every-kind", "valid/branches", "formats/corners")]
    for at, name in enumerate(names):
        own, values = network(name, place / str(at))
        if name == "resnet20-cifar":
            with torch.no_grad():
                judge(name, "a logit of what is compiled", torch.compile(own)(values), own(values), 1e-5)
    if not sys.argv[3:]:
        for path in sorted((project / "tests/fixtures").glob("*.safetensors")):
            folder = place / path.stem
            folder.mkdir()
            fixture(path, folder)
print("\n".join(wrong) or "all the same")
sys.exit(bool(wrong))
