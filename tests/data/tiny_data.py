"""A plugin for these tests: sources and transforms small enough to check by hand, and ways to misbehave."""

import os
import signal
import time
from pathlib import Path

import numpy as np

import gantk


class FilesOptions(gantk.SourceOptions):
    path: str
    splits: bool = False

    @property
    def layout(self):
        return "unpaired"


class Files:
    """The files of a folder; the first letter of a name is its domain."""

    def __init__(self, options):
        self.root = Path(options.path)
        self.domain_names = {"A": "first", "B": "second"}

    def items(self):
        for entry in sorted(os.scandir(self.root), key=lambda entry: entry.name):
            status = entry.stat()
            yield gantk.Item(
                key=entry.name,
                domain=entry.name[0],
                size=status.st_size,
                stamp=f"{status.st_size}-{status.st_mtime_ns}",
                locator=entry.path,
            )

    def read(self, items):
        for item in items:
            try:
                yield item, {"image": Path(item.locator).read_bytes()}
            except OSError as error:
                yield item, error


class MadeOptions(gantk.SourceOptions):
    kind: str = "unpaired"
    train: int = 40
    test: int = 6
    size: int = 8
    classes: int = 0
    fault: str = ""
    marker: str = ""

    @property
    def layout(self):
        return self.kind


class Made:
    """Images made from their number: value (7·number + row) mod 256, in channel c plus c; of the class number mod `classes`."""

    def __init__(self, options):
        self.options = options

    def items(self):
        domains = {"unpaired": ("A", "B"), "aligned": ("AB",), "single": ("image",), "text": ("text",)}
        for domain in domains[self.options.kind]:
            for split, count in (("train", self.options.train), ("test", self.options.test)):
                for number in range(count):
                    label = f"c{number % self.options.classes}" if self.options.classes else ""
                    key = f"{split}/{domain}/{number:06d}"
                    yield gantk.Item(key=key, domain=domain, split=split, stamp="1", label=label)

    def image(self, number):
        size = self.options.size
        rows = np.arange(size)[:, None, None] + np.arange(3) + np.zeros((1, size, 1), int)
        return ((7 * number + rows) % 256).astype(np.uint8)

    def read(self, items):
        for item in items:
            number = int(item.key[-6:])
            if self.options.fault not in ("", "also B") and number == 5:
                yield from self.misbehave(item)
                continue
            image = self.image(number)
            if item.domain == "AB":
                yield item, {"A": image, "B": 255 - image, "mask": image[:, :, :1]}
            elif item.domain == "image" and self.options.fault == "also B":
                yield item, {"image": image, "B": image}
            elif item.domain == "text":
                yield item, {"text": f"line {number} äß"}
            else:
                yield item, {"image": image}

    def misbehave(self, item):
        fault = self.options.fault
        if fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "killed once" and not Path(self.options.marker).exists():
            Path(self.options.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "hangs":
            Path(self.options.marker).write_text(str(os.getpid()))
            time.sleep(600)
        elif fault == "raises":
            raise ZeroDivisionError("in the source")
        elif fault == "error":
            yield item, ValueError("cannot be read")
            return
        elif fault == "wrong dtype":
            yield item, {"image": self.image(5).astype(np.float32)}
            return
        elif fault == "skips":
            return
        yield item, {"image": self.image(5)}


class NoiseOptions(gantk.Options):
    amplitude: int = 8


class Noise:
    """Adds integer noise, so that any change of the random state is seen."""

    def __init__(self, options):
        self.amplitude = options.amplitude

    def __call__(self, image, random):
        return ((image + random.integers(0, self.amplitude, image.shape)) % 256).astype(np.uint8)


class HalfOptions(gantk.Options):
    limit: int = 1000


class Half:
    """Keeps every second row and column; fails where the first value is at least `limit`."""

    def __init__(self, options):
        self.limit = options.limit

    def __call__(self, image, random):
        if image[0, 0, 0] >= self.limit:
            raise ValueError("over the limit")
        return np.ascontiguousarray(image[::2, ::2])


class NegativeOptions(gantk.Options):
    channels: int = 3


class Negative:
    """The negative, its first `channels` channels."""

    def __init__(self, options):
        self.channels = options.channels

    def __call__(self, image, random):
        return np.ascontiguousarray(255 - image[..., : self.channels])


class ExchangeOptions(gantk.Options):
    forget: bool = False


class Exchange:
    """Gives each field of a sample the picture of another; the negative where it is alone."""

    def __init__(self, options):
        self.forget = options.forget

    def __call__(self, image, random):
        return 255 - image

    def on_fields(self, images, random):
        names = sorted(images)
        exchanged = dict(zip(names, (images[name].copy() for name in reversed(names)), strict=True))
        return {name: exchanged[name] for name in names[self.forget :]}


class Float:
    def __init__(self, options):
        pass

    def __call__(self, image, random):
        return image.astype(np.float32) / 255


@gantk.hookimpl
def gantk_sources():
    return [
        gantk.SourceSpec(name="files", factory="tiny_data:Files", options=FilesOptions, summary="Files."),
        gantk.SourceSpec(name="made", factory="tiny_data:Made", options=MadeOptions, summary="Made."),
    ]


@gantk.hookimpl
def gantk_transforms():
    return [
        gantk.TransformSpec(name="noise", factory="tiny_data:Noise", options=NoiseOptions, summary="Noise."),
        gantk.TransformSpec(name="half", factory="tiny_data:Half", options=HalfOptions, summary="Half."),
        gantk.TransformSpec(
            name="negative", factory="tiny_data:Negative", options=NegativeOptions, summary="Negative."
        ),
        gantk.TransformSpec(
            name="exchange", factory="tiny_data:Exchange", options=ExchangeOptions, summary="Exchange."
        ),
        gantk.TransformSpec(name="float", factory="tiny_data:Float", summary="Float.", at_preparation=False),
    ]
