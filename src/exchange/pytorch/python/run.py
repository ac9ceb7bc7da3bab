"""A run's folder, as convlens reads and writes it: recipe, metrics, checkpoints, where it stands.

The checkpoint is one safetensors file with parameters, running statistics and the optimizer's moments under convlens's names, and the
rest as JSON in its header. Moments and averages stand there as rows, those of a linear layer's matrix transposed.
"""

import fcntl
import json
import math
import os
import pathlib
import shutil
import tempfile
import time
import zlib

import torch
from safetensors import safe_open
from safetensors.torch import save_file

VERSION = 1
MOMENT, AVERAGED = "optimizer.moment", "optimizer.average."


class RunError(Exception):
    """Why a run cannot be begun, gone on with or kept, as a sentence."""


def fresh_progress():
    return {
        "step": 0, "epoch": 1, "place": 0, "loss_sum": 0.0, "right": 0.0, "seen": 0, "rate": 1.0, "best": None,
        "kept": None, "waited": 0, "drops": 0, "seconds": 0.0, "epoch_seconds": 0.0, "finished": False,
    }  # fmt: skip


def plain(value):
    """As JSON can say it: what is not finite is null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: plain(own) for key, own in value.items()}
    return [plain(own) for own in value] if isinstance(value, (list, tuple)) else value


def to_json(value, indent=None):
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)


def write_whole(path, write):
    """Whoever reads the file sees the old one or the new one, whatever ends this process."""
    with tempfile.TemporaryDirectory(prefix=".convlens-", dir=path.parent) as beside:
        own = pathlib.Path(beside) / path.name
        write(own)
        with open(own, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(own, path)


def write_text(path, text):
    write_whole(path, lambda own: own.write_text(text, encoding="utf-8"))


def recipe_text(network, data, recipe):
    """`recipe.yaml`; JSON's scalars are YAML's."""
    head = {"version": 1, "architecture": network["id"], "data": data}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    said = {key: json.dumps(value, ensure_ascii=False) for key, value in recipe.items() if value is not None}
    lines += ["train:"] + [f"  {key}: {value}" for key, value in said.items()]
    return "\n".join(lines) + "\n"


class Names:
    """What tensors are called in the network and in a run's files."""

    def __init__(self, network, model):
        own = dict(model.named_parameters())
        self.parameters = [(entry["name"], own[entry["key"]], entry["transposed"]) for entry in network["parameters"]]
        self.turned = {name for name, _, transposed in self.parameters if transposed}
        buffers = dict(model.named_buffers())
        self.running = [
            (f"{entry['name']}.{part}", buffers[f"{entry['key']}.{part}"])
            for entry in network["running"]
            for part in ("running_mean", "running_var")
        ]

    def weights(self):
        return [(name, parameter.data) for name, parameter, _ in self.parameters] + self.running

    def row(self, name, tensor):
        """As convlens keeps it in memory."""
        return (tensor.t() if name in self.turned else tensor).reshape(-1)

    def unrow(self, name, row, like):
        return row.view(*like.shape[::-1]).t() if name in self.turned else row.view(like.shape)


class Folder:
    """A run's folder, held by this process as long as it lives."""

    def __init__(self, path, wait=10.0):
        self.path = pathlib.Path(path)
        self.lock = open(self.path / "lock", "a+")
        until = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise RunError(f"another process trains in {self.path}; a run belongs to one at a time") from None
                time.sleep(0.05)
        self.metrics = open(self.path / "metrics.jsonl", "ab+")
        if self.metrics.tell() > 0:
            self.metrics.seek(-1, os.SEEK_END)
            # A kill can cut a line in the middle.
            if self.metrics.read(1) != b"\n":
                self.metrics.write(b"\n")
        self.texts, self.state, self.summary = {}, {}, {}

    @staticmethod
    def begin(path, network, data, recipe, sets, classes):
        """Makes the folder of a run that has learned nothing yet."""
        path = pathlib.Path(path)
        path.mkdir(parents=True, exist_ok=True)
        if any(own.name != "lock" for own in path.iterdir()):
            raise RunError(f"{path} is not empty; `--resume {path}` goes on with a run, or choose another `--out`")
        folder = Folder(path, 0.0)
        train, validation, _ = sets
        folder.texts = {"architecture": network["architecture"], "recipe": recipe_text(network, data, recipe), "classes": classes}
        counted = {"images": len(train), "checksum": train.fingerprint(), "val_images": 0, "val_checksum": 0}
        if validation is not None:
            counted |= {"val_images": len(validation), "val_checksum": validation.fingerprint()}
        folder.state = {"version": VERSION, "progress": fresh_progress(), "optimizer_steps": 0, "data": counted, "texts": folder.texts}
        now = int(time.time())
        folder.summary = {
            "version": VERSION, "architecture": network["id"], "name": network["name"], "data": data, "status": "running",
            "reason": None, "params": network["params"], "images": len(train), "step": 0, "total_steps": 0, "epoch": 1,
            "epochs": recipe.get("epochs"), "train_loss": None, "train_accuracy": None, "val_loss": None, "val_accuracy": None,
            "best_val_accuracy": None, "best_epoch": None, "test_loss": None, "test_accuracy": None, "seconds": 0.0,
            "started": now, "updated": now,
        }  # fmt: skip
        write_text(path / "architecture.yaml", network["architecture"])
        write_text(path / "recipe.yaml", folder.texts["recipe"])
        if classes:
            write_text(path / "classes.txt", "".join(f"{name}\n" for name in classes))
        folder.append({
            "event": "start", "version": VERSION, "arch": network["id"], "data": data, "images": len(train),
            "val_images": len(validation) if validation else None, "classes": network["classes"], "params": network["params"],
            "batch": recipe["batch"], "lr": recipe["lr"], "weight_decay": recipe["weight_decay"], "seed": recipe["seed"],
            "shuffle": recipe["shuffle"],
        })  # fmt: skip
        return folder

    @staticmethod
    def resume(path):
        """Opens the folder of a run that goes on from its last checkpoint."""
        if not (pathlib.Path(path) / "checkpoint.safetensors").exists():
            raise RunError(f"{path} is no run that can go on: there is no checkpoint.safetensors in it")
        folder = Folder(path)
        folder.read()
        return folder

    def read(self):
        with safe_open(self.path / "checkpoint.safetensors", "pt") as file:
            texts = file.metadata() or {}
        text = texts.get("convlens")
        if text is None:
            raise RunError(f"{self.path}/checkpoint.safetensors holds no state of a run")
        if texts.get("convlens_crc32", f"{zlib.crc32(text.encode()):08x}") != f"{zlib.crc32(text.encode()):08x}":
            raise RunError(f"{self.path}/checkpoint.safetensors is damaged: its state is not what was written")
        self.state = json.loads(text)
        if self.state["version"] > VERSION or not self.state.get("texts"):
            raise RunError(f"{self.path} was written by another version of convlens")
        self.texts = self.state["texts"]
        try:
            self.summary = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path}/summary.json cannot be read ({error}); `convlens train --resume` makes it again") from None
        # What a kill has left of a file that was being written.
        for own in self.path.glob(".convlens-*"):
            shutil.rmtree(own, ignore_errors=True)

    def append(self, event):
        summary = self.summary
        if event["event"] == "step":
            summary |= {"step": event["step"], "epoch": event["epoch"]}
            if event["epoch"] == 1:
                summary |= {"train_loss": event["loss"], "train_accuracy": event["accuracy"]}
        if event["event"] == "epoch":
            summary |= {key: event[key] for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")}
        self.metrics.write((to_json(event) + "\n").encode())
        self.metrics.flush()

    def summarise(self, status, reason=None):
        self.summary |= {"status": status, "reason": reason, "updated": int(time.time())}
        write_text(self.path / "summary.json", to_json(self.summary, 2) + "\n")

    def write_tensors(self, name, tensors, texts):
        tensors = {own: tensor.detach().to("cpu", torch.float32).contiguous() for own, tensor in tensors}
        texts["tensors_crc32"] = json.dumps({own: zlib.crc32(tensor.numpy()) for own, tensor in sorted(tensors.items())})
        if self.texts.get("classes"):
            classes = json.dumps(self.texts["classes"], ensure_ascii=False)
            texts |= {"classes": classes, "classes_crc32": f"{zlib.crc32(classes.encode()):08x}"}
        write_whole(self.path / name, lambda own: save_file(tensors, own, texts))

    def checkpoint(self, names, progress, moments, steps, average):
        """Writes the state; the one before it stays until this one is whole. `moments` and `average` are by name."""
        os.fsync(self.metrics.fileno())
        state = {key: self.state[key] for key in ("version", "data")} | {"progress": progress, "optimizer_steps": steps, "texts": self.texts}
        tensors = names.weights()
        for name, own in moments.items():
            tensors += [(f"{MOMENT}{at + 1}.{name}", names.row(name, tensor)) for at, tensor in enumerate(own)]
        if average is not None:
            state["average_steps"] = average.steps
            tensors += [(f"{AVERAGED}{name}", names.row(name, tensor)) for name, tensor in average.tensors.items()]
        text = to_json(state)
        self.write_tensors("checkpoint.safetensors", tensors, {"convlens": text, "convlens_crc32": f"{zlib.crc32(text.encode()):08x}"})
        self.state = state
        write_text(self.path / "state.json", to_json({key: own for key, own in state.items() if key != "texts"}, 2) + "\n")
        best = progress["best"] or [None, None]
        self.append({"event": "checkpoint", "step": progress["step"], "path": str(self.path / "checkpoint.safetensors")})
        self.summary |= {"step": progress["step"], "seconds": progress["seconds"], "best_val_accuracy": best[0], "best_epoch": best[1]}
        self.summarise("running")

    def restore(self, names, moments, average):
        """Parameters and running statistics into the network, moments and averages into what is given."""
        with safe_open(self.path / "checkpoint.safetensors", "pt") as file:
            sums = json.loads((file.metadata() or {}).get("tensors_crc32", "{}"))

            def tensor(name):
                own = file.get_tensor(name)
                if name in sums and zlib.crc32(own.contiguous().numpy()) != sums[name]:
                    raise RunError(f"{self.path}/checkpoint.safetensors is damaged: `{name}` is not what was written")
                return own

            with torch.no_grad():
                for name, own in names.weights():
                    own.copy_(tensor(name).view(own.shape))
                for name, parts in moments.items():
                    for at, own in enumerate(parts):
                        own.copy_(names.unrow(name, tensor(f"{MOMENT}{at + 1}.{name}"), own))
                if average is not None and self.state.get("average_steps") is not None:
                    average.steps = self.state["average_steps"]
                    for name, own in average.tensors.items():
                        own.copy_(names.unrow(name, tensor(f"{AVERAGED}{name}"), own))
                elif average is not None:
                    average.begin()

    def check_data(self, train, validation):
        """Refuses other data than the run has learned from."""
        then, parts = self.state["data"], {"training": ("images", "checksum", train), "validation": ("val_images", "val_checksum", validation)}
        for part, (images, checksum, own) in parts.items():
            now = (len(own), own.fingerprint()) if own is not None else (0, 0)
            if then.get(images) and now != (then[images], then[checksum]):
                raise RunError(f"the {part} data is not what {self.path} was trained with: {now[0]} images, {then[images]} then, or others")

    def fail(self, reason):
        self.append({"event": "finish", "steps": self.summary["step"], "finished": False, "reason": reason})
        self.summarise("failed", reason)

    def end(self, progress, finished, reason, validation, test):
        event = {"event": "finish", "steps": progress["step"], "finished": finished, "reason": reason}
        for part, own in (("val", validation), ("test", test)):
            event |= {f"{part}_loss": own and own[0], f"{part}_accuracy": own and own[1]}
        self.append(event)
        summary = self.summary
        summary |= {"step": progress["step"], "seconds": progress["seconds"]}
        if progress["seen"] > 0:
            summary |= {"train_loss": progress["loss_sum"] / progress["seen"], "train_accuracy": progress["right"] / progress["seen"]}
        if validation:
            summary |= {"val_loss": validation[0], "val_accuracy": validation[1]}
            if summary["best_val_accuracy"] is None or validation[1] > summary["best_val_accuracy"]:
                summary |= {"best_val_accuracy": validation[1], "best_epoch": progress["epoch"]}
        if test:
            summary |= {"test_loss": test[0], "test_accuracy": test[1]}
        self.summarise("finished" if finished else "stopped", reason)
