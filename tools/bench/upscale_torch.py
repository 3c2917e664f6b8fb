"""Upscaling a folder in PyTorch as Real-ESRGAN's script does it: the other side of `upscale.py`, which starts it.

One picture after the other: imread, float tensor, the whole network in eager mode, clamp, imwrite. With `--tile` above
0, pictures are cut into tiles with margins of 10 pixels, the script's default for `tile_pad`. Needs PyTorch, OpenCV and
NumPy alone.

Written from the networks' papers and the behaviour of the public script; the weights are those of the Keras networks.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

TILE_PAD = 10
SCALE = 4


class Compact(nn.Module):
    """Convolutions with PReLU, pixel shuffle, plus the input enlarged by nearest neighbour."""

    def __init__(self, depth: int = 16, width: int = 64) -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1), nn.PReLU(width)]
        for _ in range(depth):
            body += [nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(width)]
        body.append(nn.Conv2d(width, 3 * SCALE**2, 3, 1, 1))
        self.body = nn.ModuleList(body)
        self.shuffle = nn.PixelShuffle(SCALE)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = x
        for layer in self.body:
            out = layer(out)
        return self.shuffle(out) + functional.interpolate(x, scale_factor=SCALE, mode="nearest")

    def take(self, arrays: Mapping[str, np.ndarray]) -> None:
        depth = (len(self.body) - 3) // 2
        names = ["first", *(f"layer_{number}" for number in range(1, depth + 1))]
        for position, name in enumerate(names):
            _take_convolution(self.body[2 * position], arrays, name)
            _take_prelu(self.body[2 * position + 1], arrays, f"{name}_relu")
        _take_convolution(self.body[-1], arrays, "last", factor=SCALE)


class Block(nn.Module):
    def __init__(self, filters: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(filters)
        self.relu = nn.PReLU(filters)
        self.second = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(filters)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.second_norm(self.second(self.relu(self.first_norm(self.first(x)))))


class SRResNet(nn.Module):
    """The generator of Ledig 2017, figure 4."""

    def __init__(self, blocks: int = 16, filters: int = 64) -> None:
        super().__init__()
        self.first, self.first_relu = nn.Conv2d(3, filters, 9, 1, 4), nn.PReLU(filters)
        self.blocks = nn.Sequential(*(Block(filters) for _ in range(blocks)))
        self.after = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.after_norm = nn.BatchNorm2d(filters)
        self.up = nn.ModuleList(nn.Conv2d(filters, 4 * filters, 3, 1, 1) for _ in range(2))
        self.up_relu = nn.ModuleList(nn.PReLU(filters) for _ in range(2))
        self.shuffle = nn.PixelShuffle(2)
        self.last = nn.Conv2d(filters, 3, 9, 1, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first_relu(self.first(x))
        x = x + self.after_norm(self.after(self.blocks(x)))
        for convolution, relu in zip(self.up, self.up_relu, strict=True):
            x = relu(self.shuffle(convolution(x)))
        # Colours from 0 to 1.
        return (torch.tanh(self.last(x)) + 1) / 2

    def take(self, arrays: Mapping[str, np.ndarray]) -> None:
        _take_convolution(self.first, arrays, "first")
        _take_prelu(self.first_relu, arrays, "first_relu")
        for number, block in enumerate(self.blocks, 1):
            for part in ("first", "second"):
                _take_convolution(getattr(block, part), arrays, f"block_{number}_{part}")
                _take_norm(getattr(block, f"{part}_norm"), arrays, f"block_{number}_{part}_norm")
            _take_prelu(block.relu, arrays, f"block_{number}_relu")
        _take_convolution(self.after, arrays, "after_blocks")
        _take_norm(self.after_norm, arrays, "after_blocks_norm")
        for number, (convolution, relu) in enumerate(zip(self.up, self.up_relu, strict=True), 1):
            _take_convolution(convolution, arrays, f"up_{number}", factor=2)
            _take_prelu(relu, arrays, f"up_{number}_relu")
        _take_convolution(self.last, arrays, "last")


def _take_convolution(layer: nn.Conv2d, arrays: Mapping[str, np.ndarray], name: str, factor: int = 1) -> None:
    kernel = arrays[f"{name}/kernel"].transpose(3, 2, 0, 1)
    # Keras' order of the channels that become squares of pixels is another.
    order = np.arange(len(kernel)).reshape(factor**2, -1).T.reshape(-1)
    layer.weight.data.copy_(torch.from_numpy(np.ascontiguousarray(kernel[order])))
    if layer.bias is not None:
        layer.bias.data.copy_(torch.from_numpy(arrays[f"{name}/bias"][order]))


def _take_prelu(layer: nn.PReLU, arrays: Mapping[str, np.ndarray], name: str) -> None:
    layer.weight.data.copy_(torch.from_numpy(arrays[f"{name}/alpha"].reshape(-1)))


def _take_norm(layer: nn.BatchNorm2d, arrays: Mapping[str, np.ndarray], name: str) -> None:
    for theirs, ours in (
        (layer.weight.data, "gamma"),
        (layer.bias.data, "beta"),
        (layer.running_mean, "moving_mean"),
        (layer.running_var, "moving_variance"),
    ):
        theirs.copy_(torch.from_numpy(arrays[f"{name}/{ours}"]))


def load(network: str, weights: Path, precision: str, device: str) -> nn.Module:
    model = Compact() if network == "compact" else SRResNet()
    with np.load(weights) as arrays:
        model.take(dict(arrays))
    return model.eval().to(device=device, dtype=getattr(torch, precision))


def enlarge(model: nn.Module, image: torch.Tensor, tile: int) -> torch.Tensor:
    """Run the network on a picture, whole or in tiles with margins."""
    if not tile:
        return model(image)
    channels, height, width = image.shape[1:]
    result = image.new_empty((1, channels, SCALE * height, SCALE * width))
    for row in range(math.ceil(height / tile)):
        for column in range(math.ceil(width / tile)):
            top, left = row * tile, column * tile
            bottom, right = min(top + tile, height), min(left + tile, width)
            above, before = max(top - TILE_PAD, 0), max(left - TILE_PAD, 0)
            made = model(image[:, :, above : min(bottom + TILE_PAD, height), before : min(right + TILE_PAD, width)])
            result[:, :, SCALE * top : SCALE * bottom, SCALE * left : SCALE * right] = made[
                :,
                :,
                SCALE * (top - above) : SCALE * (bottom - above),
                SCALE * (left - before) : SCALE * (right - before),
            ]
    return result


def upscale(model: nn.Module, source: Path, target: Path, *, tile: int, precision: str, device: str) -> None:
    image = cv2.imread(str(source), cv2.IMREAD_UNCHANGED).astype(np.float32) / 255
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    tensor = torch.from_numpy(np.transpose(image, (2, 0, 1))).float().unsqueeze(0).to(device)
    output = enlarge(model, tensor.to(getattr(torch, precision)), tile)
    pixels = output.data.squeeze().float().cpu().clamp_(0, 1).numpy()
    pixels = np.transpose(pixels[[2, 1, 0]], (1, 2, 0))
    assert cv2.imwrite(str(target), (pixels * 255.0).round().astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--tile", type=int, required=True)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    way = f"tiles of {given.tile}" if given.tile else "whole pictures"
    name = f"torch {torch.__version__} eager, {way}, {device}"
    print(json.dumps({"name": name, "precision": given.precision}), flush=True)
    for line in sys.stdin:
        what = json.loads(line)
        started, processor = time.perf_counter(), time.process_time()
        # As the job of the other side, each turn loads the model anew.
        model = load(given.network, given.weights, given.precision, device)
        Path(what["output"]).mkdir(parents=True)
        with torch.no_grad():
            for path in sorted(Path(what["input"]).iterdir()):
                target = Path(what["output"]) / path.name
                upscale(model, path, target, tile=given.tile, precision=given.precision, device=device)
        answer = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - processor}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
