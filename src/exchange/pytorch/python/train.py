"""Trains the network of this folder with PyTorch, in as many processes as there are.

    torchrun --nproc-per-node 4 train.py --data folder:/data/flowers --out runs/flowers-1
    torchrun --nproc-per-node 4 train.py --resume runs/flowers-1

Each process takes its part of every mini-batch and `DistributedDataParallel` brings the gradients together: over NCCL where there is
a GPU for each process, over gloo elsewhere. The run's folder is convlens's: its explorer shows the run live, and both go on with what the
other began. SIGINT, SIGTERM or SIGUSR1 end training after a step and keep the run.
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import signal
import sys
import threading
import time
import traceback

# Threads that wait for the next layer do not keep those that read images from working.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.nn.parallel import DistributedDataParallel

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import data as images  # noqa: E402
import model as architecture  # noqa: E402
from draw import MASK, mix  # noqa: E402
from run import Folder, Names, RunError, fresh_progress, recipe_text  # noqa: E402

# Seconds between two checkpoints that nobody asked for, at the end of an epoch and within one, and between two lines of norms.
BETWEEN_EPOCHS, WITHIN_EPOCHS, BETWEEN_NORMS = 5.0, 30.0, 2.0
# Seconds between two steps that are printed.
BETWEEN_LINES = 5.0
# A checkpoint or norms take no more than one part in so many of the time.
SHARE = 100
MOST_DROPS = 3


def visible(text):
    """Text of others for a terminal: what would steer it stands as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


class TrainError(Exception):
    """Why training could not go on, as a sentence."""


class Processes:
    """This process among those that train together."""

    def __init__(self):
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.local = int(os.environ.get("LOCAL_RANK", 0))
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
        on_gpu = torch.cuda.is_available() and torch.cuda.device_count() >= beside
        self.device = torch.device("cuda", self.local) if on_gpu else torch.device("cpu")
        if on_gpu:
            torch.cuda.set_device(self.device)
            # Mini-batches are of one size; the fastest convolution is looked for once.
            torch.backends.cudnn.benchmark = True
        if self.world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if on_gpu else "gloo")

    def sums(self, *values):
        """The sums of numbers over all processes. Waited for once, however many stand on a GPU."""
        own = torch.stack([torch.as_tensor(value, dtype=torch.float64, device=self.device) for value in values])
        if self.world > 1:
            dist.all_reduce(own)
        return own.tolist()

    def lists(self, own):
        """The lists of all processes, one after the other."""
        if self.world == 1:
            return own
        all_of = [None] * self.world
        dist.all_gather_object(all_of, own)
        return [value for part in all_of for value in part]

    def from_first(self, value):
        """What the first process has."""
        if self.world == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, device=self.device)
        return box[0]

    def tensors_from_first(self, tensors):
        if self.world > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)


class Average:
    """Running averages of what is learned: step t takes d = min(decay, (1 + t)/(10 + t))."""

    def __init__(self, decay, learned):
        self.decay, self.steps, self.now = decay, 0, learned
        self.tensors = {name: own.detach().clone() for name, own in learned.items()}

    def begin(self):
        self.tensors = {name: own.detach().clone() for name, own in self.now.items()}

    def follow(self):
        self.steps += 1
        stays = min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        for name, own in self.tensors.items():
            own.mul_(stays).add_(self.now[name].detach(), alpha=1.0 - stays)

    @contextlib.contextmanager
    def in_place(self):
        """The averages in the network's place."""
        swap = [(own.detach().clone(), name) for name, own in self.now.items()]
        with torch.no_grad():
            for name, own in self.now.items():
                own.copy_(self.tensors[name])
        try:
            yield
        finally:
            with torch.no_grad():
                for own, name in swap:
                    self.now[name].copy_(own)


def optimizer_for(recipe, learned):
    lr, decay = recipe["lr"], recipe["weight_decay"]
    if recipe["optimizer"] == "sgd":
        momentum = recipe.get("momentum") or 0.0
        nesterov = bool(recipe.get("nesterov")) and momentum > 0.0
        return torch.optim.SGD(learned, lr=lr, momentum=momentum, weight_decay=decay, nesterov=nesterov)
    kind = torch.optim.Adam if recipe["optimizer"] == "adam" else torch.optim.AdamW
    return kind(learned, lr=lr, weight_decay=decay)


def rate(recipe, step, total):
    """The learning rate of a step, from 1, before what a plateau or a person takes off."""
    lr, warmup = recipe["lr"], recipe.get("warmup") or 0
    if step <= warmup:
        return lr * step / max(warmup, 1)
    part = (step - 1 - warmup) / max(total - warmup, 1)
    if recipe["schedule"] == "cosine":
        return lr * 0.5 * (1.0 + math.cos(math.pi * part))
    if recipe["schedule"] == "step":
        return lr / 100.0 if part >= 0.75 else lr / 10.0 if part >= 0.5 else lr
    return lr


class Training:
    def __init__(self, processes, network, recipe, source, amp, workers, until):
        self.processes, self.recipe, self.folder, self.until = processes, recipe, None, until
        self.sets = images.open_sets(source, network, recipe)[:3]
        self.train, self.validation, self.test = self.sets
        self.epochs = recipe.get("epochs") or math.inf
        an_epoch = -(-len(self.train) // recipe["batch"])
        self.total = min(self.epochs * an_epoch, recipe.get("steps") or math.inf)
        self.device, self.workers = processes.device, workers
        on_gpu = self.device.type == "cuda"
        self.model = getattr(architecture, network["class"])().to(self.device)
        if on_gpu:
            self.model = self.model.to(memory_format=torch.channels_last)
        self.names = Names(network, self.model)
        self.still = [own["key"] for own in network["layers"] if any(images.fits(pattern, own["paths"]) for pattern in recipe.get("freeze") or [])]
        for pattern in recipe.get("freeze") or []:
            if not any(images.fits(pattern, own["paths"]) for own in network["layers"]):
                raise TrainError(f"`--freeze {pattern}` names no layer with parameters")
        for key in self.still:
            self.model.get_submodule(key).requires_grad_(False)
        self.learned = {name: own for name, own, _ in self.names.parameters if own.requires_grad}
        if not self.learned:
            raise TrainError("there is nothing to train: every layer stays as it is")
        if self.validation is None and (recipe["schedule"] == "plateau" or recipe.get("patience_stop")):
            raise TrainError("`plateau` and `--patience-stop` follow the validation accuracy; `--val-split 0.1` keeps images aside for it")
        self.optimizer = optimizer_for(recipe, list(self.learned.values()))
        average = recipe.get("ema")
        self.average = Average(average, self.learned | dict(self.names.running)) if average is not None else None
        self.largest = max(own.numel() for own in self.model.parameters())
        # A GPU that only emulates bfloat16 is faster with float16.
        half = torch.bfloat16 if not on_gpu or torch.cuda.get_device_capability()[0] >= 8 else torch.float16
        self.precision = torch.autocast(self.device.type, dtype=half, enabled=amp)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=amp and half is torch.float16)
        self.progress = fresh_progress()
        self.optimizer_steps, self.input = 0, network["input"]
        # Who started it by hand is told what is written.
        self.told = set()
        self.prints, self.printed = os.environ.get("CONVLENS_STDIN") != "1", 0.0
        # What this process was told, and what all agreed on at the last step.
        self.stop, self.stopped, self.late = False, False, False

    def moments(self, parameter):
        """The optimizer's state of one parameter, made where there is none yet."""
        state = self.optimizer.state[parameter]
        keys = ["momentum_buffer"] if self.recipe["optimizer"] == "sgd" else ["exp_avg", "exp_avg_sq"]
        for key in keys:
            if state.get(key) is None:
                state[key] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
        if self.recipe["optimizer"] != "sgd":
            state["step"] = torch.tensor(float(self.optimizer_steps))
        return [state[key] for key in keys]

    def take_up(self, folder, is_new):
        """What the first process has, drawn or from its checkpoint, into every process."""
        self.folder = folder
        moments = {name: self.moments(own) for name, own in self.learned.items()}
        if is_new and self.average is not None:
            self.average.begin()
        if folder is not None and not is_new:
            self.folder.restore(self.names, moments, self.average)
            self.progress, self.optimizer_steps = dict(self.folder.state["progress"]), self.folder.state["optimizer_steps"]
        share = self.processes.from_first((self.progress, self.optimizer_steps, self.average and self.average.steps))
        self.progress, self.optimizer_steps = share[0], share[1]
        tensors = [own for _, own in self.names.weights()] + [own for parts in moments.values() for own in parts]
        if self.average is not None:
            self.average.steps = share[2]
            tensors += list(self.average.tensors.values())
        self.processes.tensors_from_first(tensors)
        for own in self.learned.values():
            self.moments(own)
        if self.processes.world == 1:
            self.parallel = self.model
        else:
            ids = [self.device.index] if self.device.type == "cuda" else None
            self.parallel = DistributedDataParallel(self.model, device_ids=ids)
        self.counted = self.kept = self.since = time.monotonic()
        self.keeping_took, self.next_norms, self.last = 0.0, 0.0, None
        if folder is not None:
            folder.summary["total_steps"] = int(self.total)
            folder.summarise("running")
        if is_new:
            # That it can be written at all is known before the work.
            self.keep()

    def tell(self, event):
        if self.folder is None:
            return
        self.folder.append(event)
        if self.prints and (event["event"] != "step" or time.monotonic() - self.printed > BETWEEN_LINES):
            self.printed = time.monotonic()
            figures = ((key, own) for key, own in event.items() if isinstance(own, (int, float)))
            print(event["event"], *(f"{key} {own:.6g}" for key, own in figures), visible(event.get("text", "")), flush=True)

    def keep(self):
        self.count_time()
        began = time.monotonic()
        broken = next((name for name, own in self.names.weights() if not torch.isfinite(own).all()), None)
        if broken is not None:
            raise TrainError(
                f"`{broken}` is not finite after step {self.progress['step']}, which is not kept; try a lower `--lr`, or `--clip 1`"
            )
        if self.folder is not None:
            moments = {name: self.moments(own) for name, own in self.learned.items()}
            self.folder.checkpoint(self.names, self.progress, moments, self.optimizer_steps, self.average)
        self.kept, self.keeping_took = time.monotonic(), time.monotonic() - began

    def count_time(self):
        passed, self.counted = time.monotonic() - self.counted, time.monotonic()
        self.progress["seconds"] += passed
        self.progress["epoch_seconds"] += passed

    def training_mode(self):
        self.model.train()
        for key in self.still:
            self.model.get_submodule(key).eval()

    def moved(self, values, labels):
        form = torch.channels_last if self.device.type == "cuda" else torch.contiguous_format
        return values.to(self.device, memory_format=form, non_blocking=True), labels.to(self.device, non_blocking=True)

    def pass_back(self, values, labels, own, epoch, place, total):
        """Forward and back of this process's part of a mini-batch of `total` images. Gives the sums of its losses and of its right answers, on the device."""
        recipe, world = self.recipe, self.processes.world
        seed = mix(mix(mix(recipe["seed"], MASK - 5), epoch), place * world + self.processes.rank)
        values, partners, part = images.mixed(values, labels, recipe, seed)
        parts = list(zip(values.split(recipe["micro_batch"]), labels.split(recipe["micro_batch"])))
        others = partners.split(recipe["micro_batch"]) if partners is not None else [None] * len(parts)
        loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        right = torch.zeros((), dtype=torch.float64, device=self.device)
        for at, ((values, labels), other) in enumerate(zip(parts, others)):
            last = at + 1 == len(parts)
            values, labels = self.moved(values, labels)
            other = other.to(self.device) if other is not None else None
            with contextlib.nullcontext() if last or world == 1 else self.parallel.no_sync():
                with self.precision:
                    logits = self.parallel(values).flatten(1).float()
                smoothing = recipe.get("label_smoothing") or 0.0
                loss = F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing)
                found = logits.detach().argmax(1)
                hits = (found == labels).sum().double()
                if other is not None:
                    loss = part * loss + (1.0 - part) * F.cross_entropy(logits, other, reduction="sum", label_smoothing=smoothing)
                    hits = part * hits + (1.0 - part) * (found == other).sum()
                # DistributedDataParallel takes the mean over the processes; images that only fill up do not count.
                counts = 1.0 if own else 0.0
                self.scaler.scale(loss * (counts * world / total)).backward()
                loss_sum += loss.detach().double() * counts
                right += hits * counts
        return loss_sum, right

    def step(self, batch, own, epoch, place):
        """One update. Gives what there is to tell."""
        began = time.monotonic()
        values, labels, broken = batch
        own = own if values is None else min(own, len(labels))
        if values is None:
            own = 0
        total = own
        if not torch.is_tensor(self.train.images):
            (total,) = self.processes.sums(own)
            self.leave_out(broken)
        elif self.processes.world > 1:
            # Mini-batches begin at multiples of their size.
            total = place - (place - 1) // self.recipe["batch"] * self.recipe["batch"]
        self.progress["place"] = place
        if total == 0:
            return
        if values is None:
            values, labels = torch.zeros(2, *self.input), torch.zeros(2, dtype=torch.long)
        number = self.progress["step"] + 1
        lr = rate(self.recipe, number, self.total) * self.progress["rate"]
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        torch.manual_seed(mix(mix(self.recipe["seed"], MASK), number * self.processes.world + self.processes.rank))
        self.training_mode()
        if own == 0:
            # Images that only fill up are nothing to learn from for norms either.
            self.model.eval()
        self.optimizer.zero_grad(set_to_none=True)
        loss_sum, right = self.pass_back(values, labels, own, epoch, place, total)
        observes = self.folder is not None and began >= self.next_norms and self.largest <= 1 << 24
        before = {name: parameter.detach().clone() for name, parameter in self.learned.items()} if observes else None
        self.scaler.unscale_(self.optimizer)
        if self.recipe.get("clip"):
            torch.nn.utils.clip_grad_norm_(self.learned.values(), self.recipe["clip"])
        gradients = {name: parameter.grad.detach().clone() for name, parameter in self.learned.items()} if observes else None
        late = 1.0 if self.until is not None and time.monotonic() > self.until else 0.0
        loss_sum, right, stops, late = self.processes.sums(loss_sum, right, float(self.stop), late)
        loss, accuracy = loss_sum / total, right / total
        if not math.isfinite(loss):
            raise TrainError(f"the loss is {loss} at step {number}; try a lower `--lr`, or gradient clipping (`--clip 1`)")
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        # In float16 a step whose gradients are too large is left out, and the scale goes down.
        if self.scaler.get_scale() >= scale:
            self.optimizer_steps += 1
            if self.average is not None:
                self.average.follow()
        self.progress |= {"step": number, "loss_sum": self.progress["loss_sum"] + loss_sum, "right": self.progress["right"] + right}
        self.progress["seen"] += int(total)
        if observes:
            self.tell({"event": "norms", "step": number, "layers": self.norms(before, gradients)})
            self.next_norms = time.monotonic() + max(BETWEEN_NORMS, SHARE * (time.monotonic() - began) / 10)
        speed = total / max(time.monotonic() - self.since, 1e-9)
        self.since = time.monotonic()
        self.tell({"event": "step", "step": number, "epoch": epoch, "loss": loss, "accuracy": accuracy, "lr": lr, "images_per_second": speed})
        self.stopped, self.late = stops > 0, late > 0

    def leave_out(self, broken):
        """Says, once for each image, that it cannot be read, whichever process it was."""
        (count,) = self.processes.sums(len(broken))
        if count == 0:
            return
        for why in self.processes.lists(broken):
            if why not in self.told:
                self.told.add(why)
                self.tell({"event": "warning", "step": self.progress["step"], "text": f"{why}; it is left out"})

    def norms(self, before, gradients):
        layers = {}
        for name, parameter in self.learned.items():
            own = layers.setdefault(name.rpartition(".")[0], [0.0, 0.0, 0.0])
            now = parameter.detach()
            for at, tensor in enumerate((before[name], gradients[name], now - before[name])):
                own[at] += tensor.double().square().sum().item()
        return [
            {"layer": layer, "weight": math.sqrt(w), "gradient": math.sqrt(g), "update": math.sqrt(u)}
            for layer, (w, g, u) in layers.items()
        ]

    @torch.no_grad()
    def look(self, dataset):
        """Mean loss and accuracy over a set, its images shared out among the processes."""
        self.processes.tensors_from_first([own for _, own in self.names.running])
        if self.average is not None:
            self.processes.tensors_from_first(list(self.average.tensors.values()))
        places = list(range(len(dataset)))[self.processes.rank :: self.processes.world]
        size = max(self.recipe["micro_batch"], 1)
        batches = [[(at, None) for at in places[start : start + size]] for start in range(0, len(places), size)]
        loss, right, seen, left = 0.0, 0.0, 0, []
        self.model.eval()
        with self.average.in_place() if self.average is not None else contextlib.nullcontext():
            for values, labels, broken in images.loaded(dataset, batches, self.workers, self.device.type == "cuda"):
                left += broken
                if values is None:
                    continue
                values, labels = self.moved(values, labels)
                with self.precision:
                    logs = self.model(values).flatten(1).float().double().log_softmax(1)
                    if self.recipe.get("flip_test"):
                        other = self.model(values.flip(-1)).flatten(1).float().double().log_softmax(1)
                        logs = torch.logaddexp(logs, other) - math.log(2.0)
                loss -= logs.gather(1, labels[:, None]).sum().item()
                right += (logs.argmax(1) == labels).sum().item()
                seen += len(labels)
        loss, right, seen = self.processes.sums(loss, right, seen)
        if not torch.is_tensor(dataset.images):
            self.leave_out(left)
        return (loss / seen, right / seen) if seen else None

    def is_best(self, loss, accuracy):
        """Whether a validation is better than that of the weights that are kept; of equal accuracy those of the least loss."""
        best = self.progress["best"]
        kept = self.progress["kept"] or (best and [best[0], math.inf])
        loss = loss if math.isfinite(loss) else sys.float_info.max
        is_best = kept is None or accuracy > kept[0] or accuracy == kept[0] and loss < kept[1]
        if is_best:
            self.progress["kept"] = [accuracy, loss]
        return is_best

    def keep_best(self):
        if self.folder is not None:
            with self.average.in_place() if self.average is not None else contextlib.nullcontext():
                self.folder.write_tensors("best.safetensors", self.names.weights(), {})

    def end_epoch(self):
        progress, recipe = self.progress, self.recipe
        seen = max(progress["seen"], 1)
        own = self.look(self.validation) if self.validation is not None else None
        self.count_time()
        self.tell({
            "event": "epoch", "epoch": progress["epoch"], "step": progress["step"], "train_loss": progress["loss_sum"] / seen,
            "train_accuracy": progress["right"] / seen, "val_loss": own and own[0], "val_accuracy": own and own[1],
            "seconds": progress["epoch_seconds"],
        })  # fmt: skip
        if own is not None:
            is_best = self.is_best(*own)
            self.judge(own[1])
            if is_best:
                self.keep_best()
        self.last = own
        progress |= {"epoch": progress["epoch"] + 1, "place": 0, "loss_sum": 0.0, "right": 0.0, "seen": 0, "epoch_seconds": 0.0}
        if self.is_asked() or time.monotonic() - self.kept > max(BETWEEN_EPOCHS, SHARE * self.keeping_took):
            self.keep()

    def judge(self, accuracy):
        progress = self.progress
        if progress["best"] is None or accuracy > progress["best"][0]:
            progress |= {"best": [accuracy, progress["epoch"]], "waited": 0}
            return
        progress["waited"] += 1
        patience = self.recipe.get("patience") if self.recipe["schedule"] == "plateau" else None
        if patience is not None and progress["waited"] >= patience and progress["drops"] < MOST_DROPS:
            progress |= {"drops": progress["drops"] + 1, "waited": 0, "rate": progress["rate"] / 10.0}
            self.tell({"event": "rate", "step": progress["step"], "rate": progress["rate"], "by": "plateau"})

    def is_asked(self):
        every = self.recipe.get("checkpoint_every")
        return every is not None and self.progress["step"] % every == 0

    def is_stuck(self):
        patience = self.recipe.get("patience_stop")
        best = self.progress["best"][1] if self.progress["best"] else 0
        return self.validation is not None and patience is not None and self.progress["epoch"] - 1 - best >= patience

    def epochs_left(self):
        """Trains. Gives why it ended: `finished`, `early`, `stopped` or `late`."""
        progress, processes = self.progress, self.processes
        if progress["place"] == len(self.train):
            self.end_epoch()
            if self.is_stuck():
                return "early"
        if progress["step"] >= self.total or progress["epoch"] > self.epochs:
            return "finished"
        sampler = images.Batches(len(self.train), self.recipe, progress["epoch"], progress["place"], processes.rank, processes.world)
        batches = images.loaded(self.train, sampler, self.workers, self.device.type == "cuda")
        self.since = time.monotonic()
        for batch, (epoch, place, own, _) in zip(batches, sampler.each()):
            self.step(batch, own, epoch, place)
            if place == len(self.train):
                if progress["seen"] == 0:
                    raise TrainError("no image could be read")
                self.end_epoch()
                self.since = time.monotonic()
                if self.is_stuck():
                    return "early"
            elif self.is_due():
                self.keep()
            if progress["step"] >= self.total or progress["epoch"] > self.epochs:
                return "finished"
            if self.stopped or self.late:
                return "late" if self.late else "stopped"
        return "finished"

    def is_due(self):
        due = self.is_asked() or time.monotonic() - self.kept > max(WITHIN_EPOCHS, SHARE * self.keeping_took)
        return due and self.folder is not None

    def run(self):
        progress = self.progress
        progress["finished"] = False
        end = self.epochs_left()
        done = end in ("finished", "early")
        validation, test = self.last, None
        if done and (self.test is not None or progress["place"] > 0):
            self.keep()
        if done and self.validation is not None and progress["place"] > 0:
            validation = self.look(self.validation)
            is_best = validation is not None and self.is_best(*validation)
            if validation is not None and (progress["best"] is None or validation[1] > progress["best"][0]):
                progress["best"] = [validation[1], progress["epoch"]]
            if is_best:
                self.keep_best()
        if done and self.test is not None:
            test = self.look(self.test)
        progress["finished"] = done
        self.keep()
        patience = self.recipe.get("patience_stop")
        epochs = "the last epoch" if patience == 1 else f"{patience} epochs"
        reason = {"late": "its time was over", "early": f"{epochs} brought no better validation accuracy"}.get(end)
        if self.folder is not None:
            self.folder.end(progress, done, reason, validation, test)


def obey(training):
    """What ends training after a step: signals, and for who started it a line on standard input, or its end."""
    def stop(*_):
        training.stop = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, stop)

    def listen():
        # Not by `sys.stdin`, whose lock a thread must not hold when Python ends.
        os.read(0, 1)
        stop()

    if os.environ.get("CONVLENS_STDIN") == "1" and training.processes.local == 0:
        threading.Thread(target=listen, daemon=True).start()


# What a recipe may say, and how a flag's text becomes a value.
FIELDS = {
    "epochs": int, "steps": int, "batch": int, "micro_batch": int, "optimizer": str, "lr": float, "momentum": float, "nesterov": bool,
    "weight_decay": float, "clip": float, "schedule": str, "patience": int, "warmup": int, "label_smoothing": float, "init": str,
    "augment": list, "shuffle": bool, "val_split": float, "flip_test": bool, "seed": int, "limit": int, "checkpoint_every": int,
    "freeze": list, "patience_stop": int, "ema": float, "mixup": float, "cutmix": float,
}  # fmt: skip
AUGMENTS = ["none", "flip", "crop", "jitter", "colour", "erase"]
# What may change when a run goes on.
CHANGEABLE = ["epochs", "steps", "lr", "checkpoint_every"]
# The least that a number may be, where that is not 0.
LEAST = {"epochs": 1, "steps": 1, "batch": 1, "micro_batch": 1, "patience": 1, "patience_stop": 1, "limit": 1, "checkpoint_every": 1}
OPTIMIZERS = {"sgd": {"lr": 0.01, "momentum": 0.9, "nesterov": False}, "adam": {"lr": 0.001}, "adamw": {"lr": 0.001}}
CHOICES = {"optimizer": list(OPTIMIZERS), "schedule": ["constant", "step", "plateau", "cosine"]}


def number(kind, least):
    """A number of a flag, at least so much."""
    def read(text):
        value = kind(text)
        if not least <= value < math.inf:
            raise argparse.ArgumentTypeError(f"expected a number of at least {least}")
        return value

    return read


def words(known):
    """Words of a flag with commas between them."""
    def read(text):
        own = text.split(",")
        wrong = next((word for word in own if known and word not in known), None)
        if wrong is not None:
            raise argparse.ArgumentTypeError(f"there is no `{wrong}`; expected some of {', '.join(known)}")
        return [word for word in own if word != "none"]

    return read


def arguments(network, given):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0], allow_abbrev=False)
    parser.add_argument("--data", help="idx:DIR, cifar10:DIR, folder:DIR or tensors:FILE.safetensors")
    parser.add_argument("--out", help="keep the run in this folder")
    parser.add_argument("--resume", help="go on with a run where its last checkpoint left it")
    parser.add_argument("--handed-over", help=argparse.SUPPRESS)
    parser.add_argument("--weights", default=str(HERE / "weights.safetensors"), help="what a run begins with [weights.safetensors]")
    parser.add_argument("--amp", action="store_true", help="mixed precision: bfloat16, or float16 where a GPU has no bfloat16")
    parser.add_argument("--workers", type=int, default=4, help="threads that read images, in each process [4]")
    parser.add_argument("--max-minutes", type=float, help="minutes after which training ends and keeps what it has")
    recipe = parser.add_argument_group("recipe", "as convlens takes it; in brackets what is taken without a flag")
    for key, kind in FIELDS.items():
        flag, usual = "--" + key.replace("_", "-"), network["recipe"].get(key)
        if key == "init":
            continue
        if kind is bool:
            recipe.add_argument(flag, action=argparse.BooleanOptionalAction, help=f"[{'yes' if usual else 'no'}]")
        elif kind is list:
            recipe.add_argument(flag, type=words(AUGMENTS if key == "augment" else None), help=f"[{','.join(usual or ['none'])}]")
        elif kind is str:
            recipe.add_argument(flag, type=kind, choices=CHOICES.get(key), help=f"[{usual}]")
        else:
            kind = number(kind, LEAST.get(key, 0))
            recipe.add_argument(flag, type=kind, help=f"[{'none' if usual is None else usual}]")
    return parser.parse_args(given)


def recipe_of(network, args):
    """The recipe of this folder, and what flags say otherwise."""
    flags = {key: getattr(args, key) for key in FIELDS if getattr(args, key, None) is not None}
    recipe = dict.fromkeys(FIELDS) | network["recipe"]
    if "optimizer" in flags:
        recipe |= {"momentum": None, "nesterov": None} | OPTIMIZERS[flags["optimizer"]]
    if "steps" in flags:
        recipe["epochs"] = None
    recipe |= flags
    if "micro_batch" not in flags:
        recipe["micro_batch"] = recipe["batch"]
    return recipe


def recipe_from(text):
    """The recipe and the data of a run's `recipe.yaml`."""
    try:
        import yaml
    except ImportError:
        raise RunError("to go on with a run PyYAML is needed: `python -m pip install pyyaml`") from None
    own = yaml.safe_load(text)
    # YAML 1.1 takes 1e-5 for a word.
    values = {key: FIELDS[key](value) if FIELDS[key] in (int, float) and value is not None else value for key, value in own["train"].items()}
    return dict.fromkeys(FIELDS) | values, own["data"]


def absolute(data):
    """The same data, found from any folder."""
    if data is None:
        return None
    kind, _, path = data.partition(":")
    return f"{kind}:{os.path.abspath(path)}" if path else data


def prepared(args, network):
    """Recipe, data and, of a run that goes on, its folder."""
    if args.handed_over:
        plan = json.loads((HERE / "plan.json").read_text(encoding="utf-8"))
        return dict.fromkeys(FIELDS) | plan["recipe"], absolute(args.data) or plan["data"], Folder.resume(args.handed_over)
    if args.resume:
        folder = Folder.resume(args.resume)
        recipe, source = recipe_from(folder.texts["recipe"])
        if folder.texts["architecture"] != network["architecture"]:
            raise RunError(f"{args.resume} trains another network than model.py is; `convlens export {args.resume}/architecture.yaml` gives its own")
        flags = {key: getattr(args, key) for key in FIELDS if getattr(args, key, None) is not None}
        fixed = next((key for key in flags if key not in CHANGEABLE), None)
        if fixed is not None:
            allowed = ", ".join(f"--{key.replace('_', '-')}" for key in CHANGEABLE)
            raise RunError(f"a run that goes on keeps its recipe; {allowed} may change, `--{fixed.replace('_', '-')}` not")
        if "epochs" in flags or "steps" in flags:
            recipe |= {"epochs": None, "steps": None}
        recipe |= flags
        source = absolute(args.data) or source
        if flags or args.data:
            folder.texts = folder.texts | {"recipe": recipe_text(network, source, recipe)}
            folder.summary |= {"data": source, "epochs": recipe["epochs"]}
        folder.append({"event": "resume", "step": folder.state["progress"]["step"]})
        return recipe, source, folder
    if args.data is None or args.out is None:
        raise TrainError("`--data` says what to learn from and `--out` where to keep the run; `--resume DIR` goes on with one")
    return recipe_of(network, args), absolute(args.data), None


def begin(training, network, source, args):
    """A run that has learned nothing yet, from the weights of this folder or from PyTorch's own draws."""
    if pathlib.Path(args.weights).exists():
        training.model.load_state_dict(load_file(args.weights))
    else:
        print(f"{visible(args.weights)} is not there: weights are drawn as PyTorch does", file=sys.stderr)
    names = images.open_sets(source, network, training.recipe)[3]
    folder = Folder.begin(args.out, network, source, training.recipe, training.sets, names)
    folder.summary["total_steps"] = int(training.total)
    return folder


def reason_of(error):
    text = str(error).strip().splitlines()
    return visible(text[0]) if text else type(error).__name__


def main(given=None):
    network = json.loads((HERE / "network.json").read_text(encoding="utf-8"))
    args = arguments(network, given)
    processes = Processes()
    folder, until = None, args.max_minutes and time.monotonic() + 60.0 * args.max_minutes
    try:
        plan = prepared(args, network) if processes.rank == 0 else (None, None, None)
        recipe, source = processes.from_first(plan[:2])
        folder = plan[2]
        if processes.rank > 0:
            # On another machine the data may lie elsewhere.
            source = absolute(args.data) or source
        torch.manual_seed(recipe["seed"] % (1 << 63))
        training = Training(processes, network, recipe, source, args.amp, args.workers, until)
        obey(training)
        if args.resume and folder is not None:
            folder.check_data(training.train, training.validation)
        is_new = processes.rank == 0 and folder is None
        if is_new:
            folder = begin(training, network, source, args)
        training.take_up(folder, is_new)
        training.run()
    except Exception as error:
        reason = reason_of(error)
        if not isinstance(error, (images.DataError, RunError, TrainError)):
            traceback.print_exc()
        # Whoever started the processes reads the first of these lines.
        sys.stderr.flush()
        os.write(2, f"convlens: process {processes.rank + 1} of {processes.world}: {reason}\n".encode())
        with contextlib.suppress(Exception):
            if folder is not None:
                folder.fail(reason)
        # Collectives that wait for a lost process are not waited for.
        os._exit(1)
    if processes.world > 1:
        dist.barrier()
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
    # All is kept; PyTorch's own threads now and then abort a process that ends in the usual way.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
