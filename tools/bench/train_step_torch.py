"""The CycleGAN update in PyTorch, as its authors' code does it: the other side of `train_step.py`.

Separate forward passes, three backward passes, an image pool on the host, two Adams, NCHW, eager (or `torch.compile`).
Needs nothing but PyTorch; `train_step.py` starts it with the interpreter of `--torch-python`.

Written from the description in Zhu 2017 (appendix 7) and the behaviour of the authors' published code.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time

import torch
from torch import nn


class ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + self.layers(images)


def resnet_generator(filters: int, blocks: int) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, filters, 7),
        nn.InstanceNorm2d(filters),
        nn.ReLU(True),
    ]
    for width in (filters, 2 * filters):
        layers += [nn.Conv2d(width, 2 * width, 3, 2, 1), nn.InstanceNorm2d(2 * width), nn.ReLU(True)]
    layers += [ResidualBlock(4 * filters) for _ in range(blocks)]
    for width in (4 * filters, 2 * filters):
        up = nn.ConvTranspose2d(width, width // 2, 3, 2, padding=1, output_padding=1)
        layers += [up, nn.InstanceNorm2d(width // 2), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(filters, 3, 7), nn.Tanh())


def patch_discriminator(filters: int, layers: int) -> nn.Sequential:
    modules: list[nn.Module] = [nn.Conv2d(3, filters, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    width = filters
    for layer in range(1, layers + 1):
        wider = filters * min(2**layer, 8)
        stride = 2 if layer < layers else 1
        modules += [nn.Conv2d(width, wider, 4, stride, 1), nn.InstanceNorm2d(wider), nn.LeakyReLU(0.2, True)]
        width = wider
    return nn.Sequential(*modules, nn.Conv2d(width, 1, 4, 1, 1))


class ImagePool:
    """The history of generated images, as a list on the host."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[torch.Tensor] = []

    def query(self, images: torch.Tensor) -> torch.Tensor:
        if not self.size:
            return images
        returned = []
        for image in images:
            image = image.detach().unsqueeze(0)
            if len(self.images) < self.size:
                self.images.append(image)
                returned.append(image)
            elif random.random() > 0.5:
                place = random.randrange(self.size)
                returned.append(self.images[place].clone())
                self.images[place] = image
            else:
                returned.append(image)
        return torch.cat(returned)


class CycleGAN:
    """The networks and one update of them."""

    def __init__(
        self, *, filters: int = 64, blocks: int = 9, layers: int = 3, pool_size: int = 50, precision: str = "float32",
        device: str = "cpu", compiled: bool = False,
    ) -> None:  # fmt: skip
        self.device = device
        self.precision = precision
        self.generator_a_to_b, self.generator_b_to_a = (
            resnet_generator(filters, blocks).apply(first_values).to(device) for _ in range(2)
        )
        self.discriminator_a, self.discriminator_b = (
            patch_discriminator(filters, layers).apply(first_values).to(device) for _ in range(2)
        )
        generators = itertools.chain(self.generator_a_to_b.parameters(), self.generator_b_to_a.parameters())
        discriminators = itertools.chain(self.discriminator_a.parameters(), self.discriminator_b.parameters())
        self.generators_optimizer = torch.optim.Adam(generators, lr=2e-4, betas=(0.5, 0.999))
        self.discriminators_optimizer = torch.optim.Adam(discriminators, lr=2e-4, betas=(0.5, 0.999))
        self.pool_a, self.pool_b = ImagePool(pool_size), ImagePool(pool_size)
        self.squared, self.absolute = nn.MSELoss(), nn.L1Loss()
        if compiled:
            for network in (self.generator_a_to_b, self.generator_b_to_a, self.discriminator_a, self.discriminator_b):
                network.compile()

    def update(self, real_a: torch.Tensor, real_b: torch.Tensor) -> dict[str, torch.Tensor]:
        losses = {}
        with self._arithmetic():
            fake_b = self.generator_a_to_b(real_a)
            cycled_a = self.generator_b_to_a(fake_b)
            fake_a = self.generator_b_to_a(real_b)
            cycled_b = self.generator_a_to_b(fake_a)
            self._differentiate_discriminators(False)
            losses["identity_b"] = self.absolute(self.generator_a_to_b(real_b), real_b) * 10.0 * 0.5
            losses["identity_a"] = self.absolute(self.generator_b_to_a(real_a), real_a) * 10.0 * 0.5
            losses["adversarial_a_to_b"] = self._game(self.discriminator_b(fake_b), 1.0)
            losses["adversarial_b_to_a"] = self._game(self.discriminator_a(fake_a), 1.0)
            losses["cycle_a"] = self.absolute(cycled_a, real_a) * 10.0
            losses["cycle_b"] = self.absolute(cycled_b, real_b) * 10.0
            losses["generators"] = sum(losses.values())
        self.generators_optimizer.zero_grad()
        losses["generators"].backward()
        self.generators_optimizer.step()

        self._differentiate_discriminators(True)
        self.discriminators_optimizer.zero_grad()
        for domain, network, real, fake in (
            ("a", self.discriminator_a, real_a, self.pool_a.query(fake_a)),
            ("b", self.discriminator_b, real_b, self.pool_b.query(fake_b)),
        ):
            with self._arithmetic():
                loss = (self._game(network(real), 1.0) + self._game(network(fake.detach()), 0.0)) * 0.5
            loss.backward()
            losses[f"discriminator_{domain}"] = loss
        self.discriminators_optimizer.step()
        losses["discriminators"] = losses["discriminator_a"] + losses["discriminator_b"]
        return losses

    def _game(self, logits: torch.Tensor, label: float) -> torch.Tensor:
        return self.squared(logits, torch.tensor(label, device=self.device).expand_as(logits))

    def _differentiate_discriminators(self, wanted: bool) -> None:
        for parameter in itertools.chain(self.discriminator_a.parameters(), self.discriminator_b.parameters()):
            parameter.requires_grad = wanted

    def _arithmetic(self) -> torch.autocast:
        return torch.autocast(self.device, torch.bfloat16, enabled=self.precision == "bfloat16")


def first_values(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
        nn.init.zeros_(module.bias)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("size", "batch", "blocks", "filters", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--compiled", action="store_true")
    given = parser.parse_args()
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(given.threads)
    # What the authors' code sets: the fastest algorithm for the one shape there is.
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    model = CycleGAN(
        filters=given.filters, blocks=given.blocks, precision=given.precision, device=device, compiled=given.compiled
    )
    real_a, real_b = (torch.rand(given.batch, 3, given.size, given.size, device=device) * 2 - 1 for _ in range(2))

    def step() -> float:
        losses = model.update(real_a, real_b)
        return float(losses["generators"].detach()) + float(losses["discriminators"].detach())

    started = time.perf_counter()
    step()
    print(
        json.dumps(
            {
                "name": f"torch {torch.__version__} {'compile' if given.compiled else 'eager'}",
                "device": device,
                "first": time.perf_counter() - started,
            }
        )
    )
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
