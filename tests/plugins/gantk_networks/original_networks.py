"""The original generators in PyTorch, for a check of imported weights by whoever has PyTorch.

Run by an interpreter with PyTorch, not by the tests' own:

    python original_networks.py FOLDER NAME...

writes, for each of the networks of these names, `NAME.zip.pth`, `NAME.legacy.pth` and `NAME.npz` with images and what the network
makes of them, NCHW.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

SIZES = {"resnet": ((32, 48), (64, 40)), "unet": ((256, 256), (256, 512)), "unet_small": ((64, 64), (32, 96))}


def norm_layer(kind: str):
    return {
        "instance": functools.partial(nn.InstanceNorm2d, affine=False),
        "affine": functools.partial(nn.InstanceNorm2d, affine=True),
        "old": functools.partial(nn.InstanceNorm2d, affine=False, track_running_stats=True),
        "batch": nn.BatchNorm2d,
        "none": lambda channels: nn.Identity(),
    }[kind]


def has_bias(kind: str) -> bool:
    return kind in ("instance", "affine", "old")


class Block(nn.Module):
    def __init__(self, width: int, norm: str, dropout: bool) -> None:
        super().__init__()
        bias, layer = has_bias(norm), norm_layer(norm)
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), layer(width), nn.ReLU(True)]
        layers += [nn.Dropout(0.5)] if dropout else []
        layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), layer(width)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv_block(x)


class ResidualGenerator(nn.Module):
    def __init__(self, given: int, wanted: int, filters: int, blocks: int, norm: str, dropout: bool = False) -> None:
        super().__init__()
        bias, layer = has_bias(norm), norm_layer(norm)
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(given, filters, 7, bias=bias), layer(filters), nn.ReLU(True)]
        for level in range(2):
            width = filters * 2**level
            layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=bias), layer(2 * width), nn.ReLU(True)]
        layers += [Block(4 * filters, norm, dropout) for _ in range(blocks)]
        for level in range(2, 0, -1):
            width = filters * 2**level
            up = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1, bias=bias)
            layers += [up, layer(width // 2), nn.ReLU(True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(filters, wanted, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


class Level(nn.Module):
    def __init__(self, outer: int, inner: int, norm: str, given: int | None = None, inside=None, outermost=False):
        super().__init__()
        self.outermost = outermost
        bias, layer = has_bias(norm), norm_layer(norm)
        given = outer if given is None else given
        down = nn.Conv2d(given, inner, 4, stride=2, padding=1, bias=bias)
        before, after = nn.LeakyReLU(0.2, True), nn.ReLU(True)
        if outermost:
            layers = [down, inside, after, nn.ConvTranspose2d(2 * inner, outer, 4, 2, 1), nn.Tanh()]
        elif inside is None:
            layers = [before, down, after, nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias), layer(outer)]
        else:
            up = nn.ConvTranspose2d(2 * inner, outer, 4, 2, 1, bias=bias)
            layers = [before, down, layer(inner), inside, after, up, layer(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


class NestedGenerator(nn.Module):
    def __init__(self, given: int, wanted: int, downs: int, filters: int, norm: str) -> None:
        super().__init__()
        inside = Level(8 * filters, 8 * filters, norm)
        for _ in range(downs - 5):
            inside = Level(8 * filters, 8 * filters, norm, inside=inside)
        for width in (4, 2, 1):
            inside = Level(width * filters, 2 * width * filters, norm, inside=inside)
        self.model = Level(wanted, filters, norm, given=given, inside=inside, outermost=True)

    def forward(self, x):
        return self.model(x)


NETWORKS = {
    "resnet_9_instance": lambda: ResidualGenerator(3, 3, 64, 9, "instance"),
    "resnet_6_dropout": lambda: ResidualGenerator(3, 3, 16, 6, "instance", dropout=True),
    "resnet_2_old": lambda: ResidualGenerator(1, 3, 8, 2, "old"),
    "resnet_2_affine": lambda: ResidualGenerator(3, 1, 8, 2, "affine"),
    "resnet_2_batch": lambda: ResidualGenerator(3, 3, 8, 2, "batch"),
    "resnet_2_none": lambda: ResidualGenerator(3, 3, 8, 2, "none"),
    "unet_8_batch": lambda: NestedGenerator(3, 3, 8, 64, "batch"),
    "unet_small_5_batch": lambda: NestedGenerator(3, 3, 5, 8, "batch"),
    "unet_small_5_instance": lambda: NestedGenerator(1, 3, 5, 8, "instance"),
    "unet_small_5_none": lambda: NestedGenerator(3, 1, 5, 8, "none"),
}


def randomize(network: nn.Module) -> None:
    for name, value in [*network.named_parameters(), *network.named_buffers()]:
        if value.dtype != torch.float32:
            continue
        with torch.no_grad():
            if value.dim() == 4:
                # Activations keep an ordinary size from layer to layer, so that the comparison means something.
                value.normal_(0, float(2 / np.prod(value.shape[1:])) ** 0.5)
            elif "var" in name:
                value.uniform_(0.5, 1.5)
            else:
                value.normal_(1 if name.endswith("weight") else 0, 0.2)


def main(folder: Path, names: list[str]) -> None:
    torch.manual_seed(3)
    for name in names:
        make = NETWORKS[name]
        network = make()
        randomize(network)
        torch.save(network.state_dict(), folder / f"{name}.zip.pth")
        torch.save(network.state_dict(), folder / f"{name}.legacy.pth", _use_new_zipfile_serialization=False)
        given = network.state_dict()["model.1.weight" if "resnet" in name else "model.model.0.weight"].shape[1]
        kind = next(kind for kind in ("unet_small", "unet", "resnet") if name.startswith(kind))
        results: dict[str, np.ndarray] = {}
        for index, size in enumerate(SIZES[kind]):
            images = torch.rand(1, given, *size) * 2 - 1
            results[f"images_{index}"] = images.numpy()
            with torch.no_grad():
                network.eval()
                for module in network.modules():
                    if isinstance(module, nn.InstanceNorm2d):
                        # The original's code drops the averages of old checkpoints: an image is its own statistics.
                        module.track_running_stats, module.running_mean, module.running_var = False, None, None
                results[f"moving_{index}"] = network(images).numpy()
                if "batch" in name:
                    copy = make()
                    copy.load_state_dict(network.state_dict())
                    # Statistics of the one image, dropout (in no U-Net above) off.
                    results[f"image_{index}"] = copy.train()(images).numpy()
        np.savez(folder / f"{name}.npz", **results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
