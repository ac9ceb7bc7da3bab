"""What a network learns from, read, ordered and changed as convlens does it.

`open_sets` takes what `--data` names: `idx:DIR` (MNIST's family), `cifar10:DIR` (the binary files), `folder:DIR`
(train/<class>/*, val/<class>/*) or `tensors:FILE.safetensors` (`input` [N, C, H, W], `labels` [N]). Everything random
follows from the recipe's seed and the image's number, by the generator that convlens uses, so that the order of the images, their
mirror images, shifts and erased parts are the same in both. `colour`, `mixup` and `cutmix` draw numbers of their own.
"""

import collections
import concurrent.futures
import fnmatch
import gzip
import math
import os
import pathlib
import random
import struct
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from draw import MASK, Generator, mix
from safetensors import safe_open


class DataError(Exception):
    """Why data cannot be used, as a sentence."""


def scaled(picture, height, width):
    """A picture [C, H, W] at another size: bilinear, antialiased."""
    if picture.shape[1:] == (height, width):
        return picture
    return F.interpolate(picture[None], size=(height, width), mode="bilinear", antialias=True)[0]


def fitted(picture, height, width, resize):
    """A picture scaled and cropped to the network's rows and columns."""
    if resize is None:
        return scaled(picture, height, width)
    short = min(picture.shape[1:])
    rows, columns = (max(side * resize // short, resize) for side in picture.shape[1:])
    top, left = round((rows - height) / 2), round((columns - width) / 2)
    return scaled(picture, rows, columns)[:, top : top + height, left : left + width]


def cut(picture, height, width, side, down, right):
    """A window of the network's size out of a picture whose shorter side is scaled to `side` times the network's."""
    from PIL import Image

    rows, columns = picture.shape[1:]
    scale = max(side * min(height, width) / min(rows, columns), height / rows, width / columns)
    left, top = max(columns - width / scale, 0.0) * right, max(rows - height / scale, 0.0) * down
    box = (left, top, min(left + width / scale, columns), min(top + height / scale, rows))
    planes = []
    for plane in picture:
        image = Image.frombytes("F", (columns, rows), plane.contiguous().numpy().tobytes())
        image = image.resize((width, height), Image.Resampling.BILINEAR, box=box)
        planes.append(torch.from_numpy(np.array(image, dtype=np.float32)))
    return torch.stack(planes)


def gray(picture):
    """One channel of three bytes, as Pillow computes it."""
    red, green, blue = (picture * 255.0).round().to(torch.int64)
    return ((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16).float()[None] / 255.0


def opened(image):
    """A picture's red, green and blue in 0 to 1, [3, H, W]. Pillow would cut deeper gray off at 255."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.array(image, dtype=np.float32)
        values = values if image.mode == "F" else values / 65535.0
        return torch.from_numpy(values).clamp(0.0, 1.0).expand(3, -1, -1)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255.0


class Changes:
    """Changes to training images that keep their class."""

    def __init__(self, words, train):
        ready = train.is_ready
        self.flip, self.crop, self.erase = (word in words for word in ("flip", "crop", "erase"))
        self.jitter = "jitter" in words and not ready
        self.colour = covariance(train) if "colour" in words and not ready else None
        self.fill = train.mean_pixel()

    def window(self, draw):
        return ((256.0 + 256.0 * draw.real()) / 224.0, draw.real(), draw.real()) if self.jitter else None

    def apply(self, values, draw):
        height, width = values.shape[1:]
        if self.flip and draw.coin():
            values = values.flip(-1)
        if self.crop:
            down, right = (draw.below(2 * (side // 8) + 1, 64) - side // 8 for side in (height, width))
            around = F.pad(values, (width // 8, width // 8, height // 8, height // 8))
            down, right = down + height // 8, right + width // 8
            values = around[:, down : down + height, right : right + width]
        if self.colour is not None:
            z = torch.tensor([draw.normal() for _ in self.colour])
            values = values + 0.1 * (self.colour @ z).view(-1, 1, 1)
        if self.erase and draw.coin():
            for _ in range(10):
                area = height * width * (0.02 + 0.31 * draw.real())
                ratio = math.exp(math.log(0.3) + (math.log(1.0 / 0.3) - math.log(0.3)) * draw.real())
                rows, columns = (int(math.sqrt(own) + 0.5) for own in (area * ratio, area / ratio))
                if not (0 < rows < height and 0 < columns < width):
                    continue
                top, left = draw.below(height - rows + 1), draw.below(width - columns + 1)
                values = values.clone()
                values[:, top : top + rows, left : left + columns] = self.fill.view(-1, 1, 1)
                break
        return values


def covariance(train):
    """Of the channels, over 200 images spread over the set."""
    looked = [train.pixels(at).flatten(1).double() for at in train.places[:: max(-(-len(train.places) // 200), 1)]]
    values = torch.cat(looked, 1)
    return torch.cov(values, correction=0).float().view(len(values), len(values))


class DataSet:
    """Labelled images, or some of them. `images` is a float tensor [N, C, H, W], a byte tensor [N, C, H, W] or a list of files."""

    def __init__(self, images, labels, network, places=None):
        self.images, self.labels, self.network = images, labels, network
        self.places = list(range(len(labels))) if places is None else places
        self.is_ready = torch.is_tensor(images) and images.is_floating_point()
        self.changes = None

    def __len__(self):
        return len(self.places)

    def only(self, places):
        return DataSet(self.images, self.labels, self.network, [self.places[at] for at in places])

    def mean_pixel(self):
        how, channels = self.network["preprocess"], self.network["input"][0]
        means = [0.0] if self.is_ready or not how["mean"] else [mean / how["scale"] for mean in how["mean"]]
        return torch.tensor([means[channel % len(means)] for channel in range(channels)])

    def fits(self):
        """Whether images in memory have the network's size already."""
        channels, height, width = self.network["input"]
        resize = self.network["preprocess"]["resize"]
        return self.is_ready or tuple(self.images.shape[1:]) == (channels, height, width) and (resize is None or resize == height == width)

    def normalised(self, values):
        """Pixels in 0 to 1 as the network takes them, [..., C, H, W]."""
        how = self.network["preprocess"]
        if how["channels"] == "bgr" and values.shape[-3] == 3:
            values = values.flip(-3)
        mean, std = (torch.tensor(how[key], dtype=torch.float32).view(-1, 1, 1) for key in ("mean", "std"))
        return (values * how["scale"] - mean) / std

    def pixels(self, index, window=None):
        """One image's pixels in 0 to 1 at the network's size, [C, H, W]; ready values as they are."""
        channels, height, width = self.network["input"]
        resize = self.network["preprocess"]["resize"]
        if self.is_ready:
            return self.images[index]
        if torch.is_tensor(self.images):
            picture = self.images[index].float() / 255.0
            if self.fits() and window is None:
                return picture
        else:
            from PIL import Image, ImageOps

            try:
                with Image.open(self.images[index]) as image:
                    picture = opened(ImageOps.exif_transpose(image))
            except Exception as error:
                raise DataError(f"cannot read the image {self.images[index]}: {error}") from error
        if channels == 1 and len(picture) == 3:
            picture = gray(picture)
        if channels == 3 and len(picture) == 1:
            picture = picture.expand(3, -1, -1)
        return fitted(picture, height, width, resize) if window is None else cut(picture, height, width, *window)

    def sample(self, at, seed=None):
        """One image as the network takes it; `seed` draws its changes."""
        index = self.places[at]
        if seed is None or self.changes is None:
            values = self.pixels(index)
        else:
            draw = Generator(mix(seed, index))
            values = self.pixels(index, self.changes.window(draw))
            values = self.changes.apply(values, draw)
        return values if self.is_ready else self.normalised(values)

    def __getitem__(self, wanted):
        """The image at a place, changed by a seed: values and label, or why there are none."""
        at, seed = wanted
        try:
            return self.sample(at, seed), self.labels[self.places[at]]
        except DataError as error:
            return None, str(error)

    def together(self, wanted):
        """A mini-batch: values, labels, and why some are missing."""
        plain = self.changes is None or all(seed is None for _, seed in wanted)
        if plain and torch.is_tensor(self.images) and self.fits():
            indices = torch.tensor([self.places[at] for at, _ in wanted])
            values = self.images[indices]
            values = values if self.is_ready else self.normalised(values.float() / 255.0)
            return values, torch.tensor([self.labels[index] for index in indices.tolist()]), []
        samples = [self[own] for own in wanted]
        good = [sample for sample in samples if sample[0] is not None]
        broken = [why for values, why in samples if values is None]
        if not good:
            return None, None, broken
        return torch.stack([values for values, _ in good]), torch.tensor([label for _, label in good]), broken

    def fingerprint(self):
        """A checksum of labels, and of the values or the files' names: convlens's own."""
        sum = zlib.crc32(np.array(self.places, dtype="<u4").tobytes())
        sum = zlib.crc32(np.array(self.labels, dtype="<u4").tobytes(), sum)
        if torch.is_tensor(self.images):
            return zlib.crc32(self.images.contiguous().numpy(), sum)
        for path in self.images:
            sum = zlib.crc32(os.fsencode(os.path.basename(path)), sum)
        return sum


def idx(path, dimensions):
    opened = gzip.open if open(path, "rb").read(2) == b"\x1f\x8b" else open
    with opened(path, "rb") as file:
        data = file.read()
    if len(data) < 4 + 4 * dimensions or data[:4] != bytes([0, 0, 8, dimensions]):
        raise DataError(f"{path} is no IDX data of bytes in {dimensions} dimensions")
    sizes = struct.unpack(f">{dimensions}I", data[4 : 4 + 4 * dimensions])
    if len(data) != 4 + 4 * dimensions + math.prod(sizes):
        raise DataError(f"{path} is cut: its header promises {math.prod(sizes)} bytes")
    return torch.frombuffer(bytearray(data[4 + 4 * dimensions :]), dtype=torch.uint8).view(sizes)


def open_idx(folder, network):
    def found(parts, what):
        paths = sorted(path for path in folder.iterdir() if what in path.name.lower() and any(part in path.name.lower() for part in parts))
        plain = [path for path in paths if path.suffix != ".gz"]
        return (plain or paths or [None])[0]

    def pair(parts):
        images, labels = found(parts, "images"), found(parts, "labels")
        if images is None or labels is None:
            return None
        images, labels = idx(images, 3), idx(labels, 1).tolist()
        if len(images) != len(labels):
            raise DataError(f"{folder} has {len(labels)} labels for {len(images)} images")
        return DataSet(images[:, None], labels, network)

    train = pair(["train"])
    if train is None:
        raise DataError(f"no `train-images…` and `train-labels…` files are in {folder}")
    return train, pair(["t10k", "test"]), []


def open_cifar10(folder, network):
    if (folder / "cifar-10-batches-bin").is_dir():
        folder = folder / "cifar-10-batches-bin"

    def batches(paths):
        data = bytearray(b"".join(path.read_bytes() for path in paths))
        if len(data) == 0 or len(data) % 3073:
            raise DataError(f"{folder}: its files are no CIFAR-10 batches of 3073 bytes an image")
        records = torch.frombuffer(data, dtype=torch.uint8).view(-1, 3073)
        return DataSet(records[:, 1:].reshape(-1, 3, 32, 32).contiguous(), records[:, 0].tolist(), network)

    train = sorted(folder.glob("data_batch_*.bin"))
    if not train:
        raise DataError(f"no `data_batch_*.bin` files are in {folder}")
    test, meta = folder / "test_batch.bin", folder / "batches.meta.txt"
    names = [line.strip() for line in meta.read_text().splitlines() if line.strip()] if meta.exists() else []
    return batches(train), batches([test]) if test.exists() else None, names if len(names) == 10 else []


ENDINGS = "png jpg jpeg jpe jfif webp bmp gif tif tiff pnm ppm pgm pbm qoi".split()
NOT_PICTURES = ["__macosx", "thumbs.db", "desktop.ini", "@eadir", "lost+found"]


def open_folder(folder, network):
    def entries(path):
        there = sorted(path.iterdir(), key=lambda own: os.fsencode(own.name))
        return [own for own in there if not own.name.startswith(".") and own.name.lower() not in NOT_PICTURES]

    def part(names):
        for name in names:
            for path in entries(folder):
                if path.is_dir() and path.name.lower() == name:
                    return path
        return None

    def pictures(path, seen):
        own = path.resolve()
        if own in seen:
            return
        seen.add(own)
        for entry in entries(path):
            if entry.is_dir():
                yield from pictures(entry, seen)
            elif entry.is_file() and entry.suffix[1:].lower() in ENDINGS:
                yield entry

    def images(top, names):
        found = []
        for own in (path for path in entries(top) if path.is_dir() and path.name in names):
            files = enumerate(pictures(own, {top.resolve()}))
            found += [(at, names.index(own.name), os.fsencode(file), str(file)) for at, file in files]
        found.sort()
        return DataSet([file for *_, file in found], [label for _, label, *_ in found], network)

    train, second = part(["train", "training", "trainset"]), part(["val", "valid", "validation", "test"])
    if train is not None and not any(path.is_dir() for path in entries(train)):
        train = None
    top = train or folder
    names = [path.name for path in entries(top) if path.is_dir()]
    if all(name.isascii() and name.isdigit() for name in names):
        names.sort(key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name))
    return images(top, names), images(second, names) if train and second else None, names


def open_tensors(path, network):
    with safe_open(path, "pt") as file:
        tensor = {name: file.get_tensor(name) for name in file.keys()}
    if "input" not in tensor or "labels" not in tensor:
        raise DataError(f"{path} has no tensors `input` and `labels`")
    parts = []
    for prefix in ("", "second_"):
        values = tensor.get(f"{prefix}input")
        if values is None:
            parts.append(None)
            continue
        if list(values.shape[1:]) != network["input"]:
            raise DataError(f"{path}: images are {list(values.shape[1:])}, the network takes {network['input']}")
        parts.append(DataSet(values.float(), [int(own) for own in tensor[f"{prefix}labels"]], network))
    return *parts, []


def open_sets(source, network, recipe):
    """The sets for training, validation and testing (None where there is none), and the names of the classes."""
    kind, _, path = source.partition(":")
    kinds = {"idx": open_idx, "cifar10": open_cifar10, "folder": open_folder, "tensors": open_tensors}
    if kind not in kinds or not path:
        raise DataError("expected `--data` as idx:DIR, cifar10:DIR, folder:DIR or tensors:FILE.safetensors; convlens itself makes `synthetic`")
    path = pathlib.Path(path)
    if not path.exists():
        raise DataError(f"{path} is not there")
    train, second, names = kinds[kind](path, network)
    for part in (train, second):
        wrong = next((label for label in part.labels if not 0 <= label < network["classes"]), None) if part else None
        if wrong is not None:
            raise DataError(f"{path}: there is a label {wrong}, and the network has {network['classes']} classes")
    if names and len(names) != network["classes"]:
        raise DataError(f"the data has {len(names)} classes, and the network has {network['classes']}")
    train.places = train.places[: recipe.get("limit") or len(train)]
    validation, test = second, None
    part = recipe.get("val_split") or 0.0
    if part > 0.0:
        aside = max(int(len(train) * part + 0.5), 1)
        order = Generator(mix(recipe["seed"], MASK - 2)).shuffled(len(train))
        validation, test = train.only(sorted(order[:aside])), second
        train = train.only(sorted(order[aside:]))
    if len(train) == 0:
        raise DataError(f"{source} has no images")
    words = recipe.get("augment") or []
    train.changes = Changes(words, train) if words else None
    return train, validation, test, names


def order(images, epoch, recipe):
    """The order of the images in an epoch."""
    return Generator(mix(recipe["seed"], epoch)).shuffled(images) if recipe["shuffle"] else list(range(images))


def share(images, rank, world):
    """The part of a mini-batch that a process takes, from where to where: the first process has an image whenever one has."""
    return -(-images * rank // world), -(-images * (rank + 1) // world)


class Batches:
    """What each mini-batch of this process holds, from where a run stands, epoch after epoch. A process that has no image of a small
    mini-batch takes its first ones, which do not count."""

    def __init__(self, images, recipe, epoch, place, rank, world):
        self.images, self.recipe, self.start, self.rank, self.world = images, recipe, (epoch, place), rank, world

    def each(self):
        """Epoch, images taken after it, how many are this process's own, and the places."""
        (epoch, place), size = self.start, self.recipe["batch"]
        while True:
            places = order(self.images, epoch, self.recipe)
            for start in range(place, len(places), size):
                whole = places[start : start + size]
                first, last = share(len(whole), self.rank, self.world)
                yield epoch, start + len(whole), last - first, whole[first:last] or whole[:2]
            epoch, place = epoch + 1, 0

    def __iter__(self):
        for epoch, _, _, places in self.each():
            seed = mix(mix(self.recipe["seed"], MASK - 4), epoch)
            yield [(at, seed) for at in places]


# Mini-batches that are ready before they are asked for.
AHEAD = 2


def loaded(dataset, batches, workers, pin):
    """Mini-batches read beside the training step, in threads: decoding and scaling do not hold Python's lock, and a process that has
    threads of its own, as those that train together do, is better not forked."""
    waiting = collections.deque()

    def read(places):
        batch = dataset.together(places)
        return (batch[0].pin_memory(), batch[1].pin_memory(), batch[2]) if pin and batch[0] is not None else batch

    with concurrent.futures.ThreadPoolExecutor(max(workers, 1)) as pool:
        for places in batches:
            waiting.append(pool.submit(read, places))
            # As many are read at once as there are threads.
            if len(waiting) > max(workers, AHEAD):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def mixed(values, labels, recipe, seed):
    """Images mixed with one another by mixup or CutMix: values, the partners' labels, and how much the own ones count."""
    mixup, cutmix = recipe.get("mixup"), recipe.get("cutmix")
    if mixup is None and cutmix is None:
        return values, None, 1.0
    draw = random.Random(seed)
    cuts = mixup is None or cutmix is not None and draw.random() < 0.5
    alpha = cutmix if cuts else mixup
    own = draw.betavariate(alpha, alpha)
    partners = torch.tensor(draw.sample(range(len(labels)), len(labels)))
    if not cuts:
        return own * values + (1.0 - own) * values[partners], labels[partners], own
    height, width = values.shape[2:]
    row, column = draw.randrange(height), draw.randrange(width)
    rows, columns = (int(side * math.sqrt(1.0 - own)) // 2 for side in (height, width))
    top, bottom = max(row - rows, 0), min(row + rows, height)
    left, right = max(column - columns, 0), min(column + columns, width)
    values = values.clone()
    values[:, :, top:bottom, left:right] = values[partners][:, :, top:bottom, left:right]
    return values, labels[partners], 1.0 - (bottom - top) * (right - left) / (height * width)


def fits(pattern, paths):
    """Whether a pattern of `freeze` names one of a layer's paths."""
    return any(fnmatch.fnmatchcase(path, pattern.replace("[", "[[]")) for path in paths)
