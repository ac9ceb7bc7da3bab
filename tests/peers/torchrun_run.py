"""Trains with PyTorch under torchrun, beside convlens's own engine.

    python torchrun_run.py CONVLENS PROJECT

Needs torch, safetensors, numpy and pillow. From the same weights, data and order: the same losses, for several recipes, on one process
and on two, on two machines (of one address), gone on with by the other engine. Processes killed at random; a run that goes on
after that ends with the bits of one that was never killed.
"""

import gzip
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

from PIL import Image

convlens, project = sys.argv[1], pathlib.Path(sys.argv[2])
PLAIN = """
name: Plain
input: [1, 28, 28]
classes: 10
defaults: {conv: {activation: relu}}
layers: [conv3-8, maxpool, conv3-16, maxpool, flatten, linear: {out: 32, activation: relu}, linear: classes]
"""
NORMS = """
name: Norms
input: [3, 24, 24]
classes: 4
preprocess: {resize: 28, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}
defaults: {conv: {activation: relu, norm: batch, bias: false}}
layers: [conv3-8, maxpool, residual: [conv3-8], conv3-16/2, global_avgpool, flatten, linear: classes]
"""
wrong = []


def command(*arguments):
    return [convlens, "train", *map(str, arguments), "-q"]


def with_torch(processes):
    return ["--engine", "torchrun", "--nproc", processes, "--python", sys.executable]


def run(*arguments, fails=False):
    done = subprocess.run(command(*arguments), capture_output=True, text=True)
    if (done.returncode != 0) != fails:
        raise RuntimeError(f"{arguments}: {done.stderr}")
    return done.stderr


def told(folder):
    """The losses of a run by step, and its epochs, as far as they count."""
    steps, epochs = {}, {}
    for line in open(folder / "metrics.jsonl"):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if event["event"] == "resume":
            steps = {step: loss for step, loss in steps.items() if step <= event["step"]}
        if event["event"] == "step":
            steps[event["step"]] = event["loss"]
        if event["event"] == "epoch":
            epochs[event["epoch"]] = (event["train_loss"], event["val_loss"], event["val_accuracy"])
    return steps, epochs


def judge(name, own, other, allowed=1e-4, looks=True):
    (steps, epochs), (ours, our_epochs) = told(own), told(other)
    if sorted(steps) != sorted(ours) or sorted(epochs) != sorted(our_epochs):
        wrong.append(f"{name}: {len(steps)} steps and {len(epochs)} epochs, {len(ours)} and {len(our_epochs)} by convlens")
        return
    worst = max(abs(steps[step] - loss) / loss for step, loss in ours.items())
    for epoch, figures in our_epochs.items() if looks else []:
        worst = max([worst] + [abs(a - b) / b for a, b in zip(epochs[epoch], figures) if b])
    if not worst < allowed:
        wrong.append(f"{name}: off by {worst:.1e}")
    print(f"{name}: {len(ours)} steps, {worst:.1e}", flush=True)


def idx(folder):
    """Images of the MNIST family: squares at places that their class says, in noise."""
    folder.mkdir()
    draw = random.Random(1)
    for name, count in (("train", 600), ("t10k", 100)):
        labels = bytes(draw.randrange(10) for _ in range(count))
        pixels = bytearray(draw.randrange(90) for _ in range(count * 784))
        for image, label in enumerate(labels):
            for row in range(8):
                at = image * 784 + (2 + 9 * (label // 4) + row) * 28 + 6 * (label % 4)
                pixels[at : at + 6] = b"\xe0" * 6
        with gzip.open(folder / f"{name}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28) + pixels)
        with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">4BI", 0, 0, 8, 1, count) + labels)


def pictures(folder):
    draw = random.Random(2)
    for part, count in (("train", 24), ("val", 6)):
        for label in range(4):
            (folder / part / f"class{label}").mkdir(parents=True)
            for at in range(count):
                image = Image.new("RGB", (30 + draw.randrange(40), 30 + draw.randrange(40)), tuple(draw.randrange(256) for _ in range(3)))
                image.paste((255 * (label & 1), 255 * (label >> 1), 128), (5, 5, 20, 20 + label))
                image.save(folder / part / f"class{label}" / f"{at}.png")


def step_of(folder):
    try:
        return max(told(folder)[0], default=0)
    except FileNotFoundError:
        return 0


def workers(folder):
    listed = subprocess.run(["pgrep", "-f", f"python.* -u {folder}/pytorch/train.py"], capture_output=True, text=True).stdout
    return [int(own) for own in listed.split()]


def killed(folder, begin, how, step):
    """Starts a run, ends it by `how` after a step, and gives its exit status and what it said."""
    with subprocess.Popen(begin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while step_of(folder) < step and time.monotonic() < until and process.poll() is None:
            time.sleep(0.05)
        how(process)
        said = process.stderr.read()
        return process.wait(), said


with tempfile.TemporaryDirectory() as place:
    place = pathlib.Path(place)
    idx(place / "idx")
    pictures(place / "pictures")
    (place / "plain.yaml").write_text(PLAIN)
    (place / "norms.yaml").write_text(NORMS)
    plain, norms = place / "plain.yaml", place / "norms.yaml"
    digits, photos = ["--data", f"idx:{place}/idx"], ["--data", f"folder:{place}/pictures"]
    cases = {
        "generated data, two processes": (2, [plain, "--steps", 40]),
        "every image changed": (2, [plain, *digits, "--epochs", 2, "--batch", 30, "--val-split", 0.1, "--augment", "flip,crop,erase"]),
        "cosine, smoothing, clipping": (3, [plain, *digits, "--steps", 15, "--schedule", "cosine", "--warmup", 3, "--label-smoothing", 0.1, "--clip", 1]),
        "adam, averages": (2, [plain, *digits, "--epochs", 2, "--batch", 50, "--optimizer", "adam", "--ema", 0.9, "--flip-test"]),
        "adamw": (2, [plain, *digits, "--steps", 10, "--optimizer", "adamw", "--limit", 150]),
        "some layers still": (2, [plain, "--steps", 10, "--freeze", "conv*", "--nesterov"]),
        "norms, one process, pictures": (1, [norms, *photos, "--epochs", 2, "--augment", "jitter,flip"]),
        "norms, halves of a mini-batch": (2, [norms, *photos, "--epochs", 1, "--batch", 32, "--micro-batch", 16]),
        "divided on a plateau": (2, [plain, *digits, "--epochs", 5, "--limit", 60, "--schedule", "plateau", "--patience", 1]),
    }
    for at, (name, (processes, recipe)) in enumerate(cases.items()):
        run(*recipe, "--out", place / f"ours{at}")
        run(*recipe, "--out", place / f"torch{at}", *with_torch(processes))
        # DistributedDataParallel keeps the running statistics of the first process's half, we those of both.
        judge(name, place / f"torch{at}", place / f"ours{at}", looks="halves" not in name)

    run(plain, "--steps", 20, "--out", place / "there")
    run("--resume", place / "there", "--steps", 40, *with_torch(2))
    judge("begun by convlens, ended by PyTorch", place / "there", place / "ours0")
    run(plain, "--steps", 20, "--out", place / "back", *with_torch(2))
    run("--resume", place / "back", "--steps", 40)
    judge("begun by PyTorch, ended by convlens", place / "back", place / "ours0")

    machines = [*with_torch(1), "--nnodes", 2, "--rdzv", "127.0.0.1:29531", "--node-rank"]
    with subprocess.Popen(command(plain, "--steps", 40, *machines, 1)) as other:
        run(plain, "--steps", 40, "--out", place / "machines", *machines, 0)
        if other.wait():
            wrong.append("the second machine failed")
    judge("two machines", place / "machines", place / "ours0")

    long = [plain, *digits, "--epochs", 12, "--batch", 8, "--checkpoint-every", 10]
    run(*long, "--out", place / "whole", *with_torch(2))
    ends = {
        "a process": lambda _: os.kill(random.choice(workers(place / "cut")), signal.SIGKILL),
        "Ctrl-C": lambda process: process.send_signal(signal.SIGINT),
        "convlens itself": lambda process: process.kill(),
    }
    begin, step = command(*long, "--out", place / "cut", *with_torch(2)), 30
    for name, how in ends.items():
        status, said = killed(place / "cut", begin, how, step)
        print(f"{name} ended at step {step_of(place / 'cut')}: {status}, {said.strip()}", flush=True)
        expected = {"a process": (1, "was killed by SIGKILL"), "Ctrl-C": (130, ""), "convlens itself": (-9, "")}[name]
        if status != expected[0] or expected[1] not in said:
            wrong.append(f"{name}: {status}, {said}")
        until = time.monotonic() + 30
        while workers(place / "cut") and time.monotonic() < until:
            time.sleep(0.1)
        if workers(place / "cut"):
            wrong.append(f"{name}: processes are left")
        begin, step = command("--resume", place / "cut", *with_torch(2)), step_of(place / "cut") + 60
    subprocess.run(begin, capture_output=True)
    if (place / "cut/best.safetensors").read_bytes() != (place / "whole/best.safetensors").read_bytes():
        wrong.append("a run that was killed and went on has other weights")
    judge("killed and gone on with", place / "cut", place / "whole", 1e-12)

print("\n".join(wrong) or "all the same")
sys.exit(bool(wrong))
