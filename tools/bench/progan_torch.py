"""The ProGAN update in PyTorch: the other side of `progan.py`.

Needs nothing but PyTorch; `progan.py` starts it with the interpreter of `--torch-python`. Written from Karras 2018 (section
4, appendix A): run-time weight scaling, pixelwise normalization, minibatch standard deviation, WGAN-GP with drift, two Adams,
a moving average of the generator; NCHW, eager.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time

import torch
import torch.nn.functional as functional
from torch import nn

LATENTS = 512


class Convolution(nn.Module):
    """A convolution with an equalized learning rate, which may enlarge before it or halve behind it."""

    def __init__(
        self, inputs: int, outputs: int, size: int, *, gain: float = math.sqrt(2), resize: str = "", fused: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale = gain / math.sqrt(inputs * size * size)
        self.padding = size // 2
        self.resize = resize
        self.fused = fused

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight * self.scale
        if self.fused and self.resize:
            padded = functional.pad(weight.flip(2, 3) if self.resize == "enlarge" else weight, (1, 1, 1, 1))
            four = padded[..., 1:, 1:] + padded[..., :-1, 1:] + padded[..., 1:, :-1] + padded[..., :-1, :-1]
            if self.resize == "enlarge":
                return functional.conv_transpose2d(x, four.transpose(0, 1), self.bias, stride=2, padding=1)
            return functional.conv2d(x, four * 0.25, self.bias, stride=2, padding=1)
        if self.resize == "enlarge":
            x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = functional.conv2d(x, weight, self.bias, padding=self.padding)
        return functional.avg_pool2d(x, 2) if self.resize == "halve" else x


class Dense(nn.Module):
    def __init__(self, inputs: int, outputs: int, *, gain: float = math.sqrt(2), biases: int | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(biases or outputs))
        self.scale = gain / math.sqrt(inputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.linear(x, self.weight * self.scale)
        if len(self.bias) < x.shape[1]:
            x = x.view(len(x), -1, 4, 4)
            return x + self.bias.view(1, -1, 1, 1)
        return x + self.bias


def normalized(x: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


def rectified(x: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(x, 0.2)


class Generator(nn.Module):
    def __init__(self, widths: dict[int, int], channels: int, *, fused: bool) -> None:
        super().__init__()
        sizes = [size for size in widths if size >= 4]
        self.dense = Dense(LATENTS, 16 * widths[4], gain=math.sqrt(2) / 4, biases=widths[4])
        layers: list[nn.Module] = [Convolution(widths[4], widths[4], 3)]
        for size in sizes[1:]:
            layers.append(Convolution(widths[size // 2], widths[size], 3, resize="enlarge", fused=fused))
            layers.append(Convolution(widths[size], widths[size], 3))
        self.layers = nn.ModuleList(layers)
        self.colours = Convolution(widths[sizes[-1]], channels, 1, gain=1.0)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        x = normalized(rectified(self.dense(normalized(latents))))
        for layer in self.layers:
            x = normalized(rectified(layer(x)))
        return self.colours(x)


class Discriminator(nn.Module):
    def __init__(self, widths: dict[int, int], channels: int, *, fused: bool) -> None:
        super().__init__()
        sizes = [size for size in widths if size >= 4]
        layers: list[nn.Module] = [Convolution(channels, widths[sizes[-1]], 1)]
        for size in reversed(sizes[1:]):
            layers.append(Convolution(widths[size], widths[size], 3))
            layers.append(Convolution(widths[size], widths[size // 2], 3, resize="halve", fused=fused))
        self.layers = nn.ModuleList(layers)
        self.last = Convolution(widths[4] + 1, widths[4], 3)
        self.dense = Dense(16 * widths[4], widths[2])
        self.logits = Dense(widths[2], 1, gain=1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = rectified(layer(x))
        count = len(x)
        grouped = x.view(4, count // 4, *x.shape[1:])
        deviation = ((grouped - grouped.mean(dim=0)).square().mean(dim=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        x = torch.cat([x, deviation.repeat(4).view(count, 1, 1, 1).expand(count, 1, *x.shape[2:])], dim=1)
        return self.logits(rectified(self.dense(rectified(self.last(x)).flatten(1))))


class ProGAN:
    """The networks and one update of them."""

    def __init__(
        self, resolution: int, filter_base: int, widest: int, channels: int, device: str, *, fused: bool
    ) -> None:
        widths = {}
        size = 2
        while size <= resolution:
            widths[size] = max(1, min(widest, filter_base * 2 // size))
            size *= 2
        self.device = device
        self.generator = Generator(widths, channels, fused=fused).to(device)
        self.discriminator = Discriminator(widths, channels, fused=fused).to(device)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        self.generator_optimizer, self.discriminator_optimizer = (
            torch.optim.Adam(network.parameters(), lr=1e-3, betas=(0.0, 0.99), eps=1e-8)
            for network in (self.generator, self.discriminator)
        )

    def update(self, real: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        count = len(real)
        with torch.no_grad():
            fake = self.generator(self.latents(count))
        share = torch.rand(count, 1, 1, 1, device=self.device)
        mixed = (share * real + (1 - share) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(self.discriminator(mixed).sum(), mixed, create_graph=True)
        norms = (slope.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt()
        judged = self.discriminator(real)
        loss = self.discriminator(fake).mean() - judged.mean()
        loss = loss + 10.0 * (norms - 1.0).square().mean() + 1e-3 * judged.square().mean()
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()

        self.discriminator.requires_grad_(False)
        generator_loss = -self.discriminator(self.generator(self.latents(count))).mean()
        self.generator_optimizer.zero_grad()
        generator_loss.backward()
        self.generator_optimizer.step()
        self.discriminator.requires_grad_(True)
        with torch.no_grad():
            for averaged, weight in zip(self.average.parameters(), self.generator.parameters(), strict=True):
                averaged.lerp_(weight, 1e-3)
        return loss, generator_loss

    def latents(self, count: int) -> torch.Tensor:
        return normalized(torch.randn(count, LATENTS, device=self.device))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("resolution", "batch", "filter-base", "widest", "channels", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--mode", choices=["eager", "fused"], required=True)
    given = parser.parse_args()
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(given.threads)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    model = ProGAN(
        given.resolution, given.filter_base, given.widest, given.channels, device, fused=given.mode == "fused"
    )
    real = torch.rand(given.batch, given.channels, given.resolution, given.resolution, device=device) * 2 - 1

    def step() -> float:
        losses = model.update(real)
        return sum(float(loss.detach()) for loss in losses)

    started = time.perf_counter()
    step()
    first = time.perf_counter() - started
    print(json.dumps({"name": f"torch {torch.__version__} {given.mode}", "device": device, "first": first}))
    sys.stdout.flush()
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            started = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - started)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
