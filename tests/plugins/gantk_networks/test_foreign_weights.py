"""State dicts of the original generators: the network that is found, and its arithmetic in float64 NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from reference_arithmetic import (
    channels_first,
    channels_last,
    convolve,
    convolve_transposed,
    normalize,
    reflect,
    relu,
)

import gantk_networks
from gantk.artifacts.foreign import ForeignWeights, ImportedNetwork, import_network
from gantk.errors import RunFailed, UsageError
from gantk.registry import Registry

Arrays = dict[str, np.ndarray]
REGISTRY = Registry({"networks": gantk_networks})


class Writer:
    """Makes up the weights of the original's layers, under its names."""

    def __init__(self, norm: str, *, tracked: bool = False) -> None:
        self.arrays: Arrays = {}
        self.norm = norm
        self.tracked = tracked or norm == "batch"
        self.random = np.random.default_rng(5)

    def add(self, name: str, *shape: int, around: float = 0.0, deviation: float = 0.3) -> None:
        self.arrays[name] = self.random.normal(around, deviation, shape).astype("float32")

    def kernel(self, name: str, *shape: int, outputs: int, bias: bool | None = None) -> None:
        self.add(f"{name}.weight", *shape, deviation=float(2 / np.prod(shape[1:])) ** 0.5)
        if bias if bias is not None else self.norm in ("instance", "affine"):
            self.add(f"{name}.bias", outputs)

    def normalization(self, name: str, channels: int) -> None:
        if self.norm in ("affine", "batch"):
            self.add(f"{name}.weight", channels, around=1.0)
            self.add(f"{name}.bias", channels)
        if self.tracked:
            self.add(f"{name}.running_mean", channels)
            self.arrays[f"{name}.running_var"] = self.random.uniform(0.5, 2, channels).astype("float32")
            self.arrays[f"{name}.num_batches_tracked"] = np.array(9, "int64")


def resnet(
    norm: str = "instance", *, given: int = 3, wanted: int = 3, filters: int = 2, blocks: int = 2, downs: int = 2,
    second: int = 5, tracked: bool = False,
) -> Arrays:  # fmt: skip
    writer = Writer(norm, tracked=tracked)

    def layer(name: str, behind: str, *shape: int, outputs: int) -> None:
        writer.kernel(name, *shape, outputs=outputs)
        writer.normalization(behind, outputs)

    layer("model.1", "model.2", filters, given, 7, 7, outputs=filters)
    place, width = 4, filters
    for _ in range(downs):
        layer(f"model.{place}", f"model.{place + 1}", 2 * width, width, 3, 3, outputs=2 * width)
        place, width = place + 3, 2 * width
    for _ in range(blocks):
        for inner in (1, second):
            name = f"model.{place}.conv_block"
            layer(f"{name}.{inner}", f"{name}.{inner + 1}", width, width, 3, 3, outputs=width)
        place += 1
    for _ in range(downs):
        layer(f"model.{place}", f"model.{place + 1}", width, width // 2, 3, 3, outputs=width // 2)
        place, width = place + 3, width // 2
    writer.kernel(f"model.{place + 1}", wanted, width, 7, 7, outputs=wanted, bias=True)
    return writer.arrays


def unet(
    norm: str = "batch", *, given: int = 3, wanted: int = 3, filters: int = 2, downs: int = 5, tracked: bool = False
) -> Arrays:
    writer = Writer(norm, tracked=tracked)
    widths = [filters * min(2**level, 8) for level in range(downs)]
    for level, width in enumerate(widths):
        name = "model.model" + (".1.model" + ".3.model" * (level - 1) if level else "")
        before = widths[level - 1] if level else given
        outermost, innermost = level == 0, level == downs - 1
        writer.kernel(f"{name}.{0 if outermost else 1}", width, before, 4, 4, outputs=width)
        if not outermost and not innermost:
            writer.normalization(f"{name}.2", width)
        outputs = wanted if outermost else before
        inputs = width if innermost else 2 * width
        place = 3 if outermost or innermost else 5
        writer.kernel(f"{name}.{place}", inputs, outputs, 4, 4, outputs=outputs, bias=True if outermost else None)
        if not outermost:
            writer.normalization(f"{name}.{place + 1}", outputs)
    return writer.arrays


def imported(arrays: Arrays, weight_map: str = "cyclegan/resnet", **options: Any) -> ImportedNetwork:
    foreign = ForeignWeights(Path("net.pth"), "made up", "", arrays, "0" * 64)
    return import_network(foreign, weight_map, options=options, registry=REGISTRY)


class Original:
    """The original's arithmetic, NCHW, from its state dict alone."""

    def __init__(self, arrays: Arrays, norm: str) -> None:
        self.arrays = {name: array.astype("float64") for name, array in arrays.items()}
        self.norm = norm

    def apply(self, x: np.ndarray, name: str, operation: Callable[..., np.ndarray], **how: int) -> np.ndarray:
        y = operation(x, self.arrays[f"{name}.weight"], **how)
        return y + self.column(f"{name}.bias") if f"{name}.bias" in self.arrays else y

    def column(self, name: str) -> np.ndarray:
        return self.arrays[name].reshape(1, -1, 1, 1)

    def normalized(self, x: np.ndarray, name: str) -> np.ndarray:
        if self.norm == "batch":
            x = (x - self.column(f"{name}.running_mean")) / np.sqrt(self.column(f"{name}.running_var") + 1e-5)
        elif self.norm != "none":
            x = normalize(x)
        if self.norm in ("batch", "affine"):
            x = x * self.column(f"{name}.weight") + self.column(f"{name}.bias")
        return x

    def resnet(self, x: np.ndarray, *, blocks: int, downs: int, second: int) -> np.ndarray:
        x = relu(self.normalized(self.apply(reflect(x, 3), "model.1", convolve), "model.2"))
        place = 4
        for _ in range(downs):
            x = self.apply(x, f"model.{place}", convolve, stride=2, padding=1)
            x = relu(self.normalized(x, f"model.{place + 1}"))
            place += 3
        for _ in range(blocks):
            name = f"model.{place}.conv_block"
            y = relu(self.normalized(self.apply(reflect(x, 1), f"{name}.1", convolve), f"{name}.2"))
            x = x + self.normalized(self.apply(reflect(y, 1), f"{name}.{second}", convolve), f"{name}.{second + 1}")
            place += 1
        for _ in range(downs):
            x = self.apply(x, f"model.{place}", convolve_transposed, output_padding=1)
            x = relu(self.normalized(x, f"model.{place + 1}"))
            place += 3
        return np.tanh(self.apply(reflect(x, 3), f"model.{place + 1}", convolve))

    def unet(self, x: np.ndarray) -> np.ndarray:
        x = self.apply(x, "model.model.0", convolve, stride=2, padding=1)
        x = self.level(x, "model.model.1.model")
        return np.tanh(self.apply(relu(x), "model.model.3", convolve_transposed))

    def level(self, skipped: np.ndarray, name: str) -> np.ndarray:
        x = self.apply(relu(skipped, 0.2), f"{name}.1", convolve, stride=2, padding=1)
        place = 3
        if f"{name}.5.weight" in self.arrays:
            x = self.level(self.normalized(x, f"{name}.2"), f"{name}.3.model")
            place = 5
        x = self.normalized(self.apply(relu(x), f"{name}.{place}", convolve_transposed), f"{name}.{place + 1}")
        return np.concatenate([skipped, x], axis=1)


def compare(found: ImportedNetwork, original: Callable[[np.ndarray], np.ndarray], *size: int, channels: int) -> None:
    images = np.random.default_rng(6).uniform(-1, 1, (2, *size, channels)).astype("float32")
    expected = channels_last(original(channels_first(images.astype("float64"))))
    result = keras.ops.convert_to_numpy(found.network(images))
    assert expected.std() > 0.1
    np.testing.assert_allclose(result, expected, atol=1e-4)


class TestResNet:
    @pytest.mark.parametrize(
        ("norm", "how"),
        [
            ("instance", {}),
            ("instance", {"tracked": True, "second": 6, "given": 1, "wanted": 2}),
            ("affine", {"blocks": 1, "downs": 1}),
            ("batch", {"filters": 3}),
            ("none", {"blocks": 0}),
        ],
    )
    def test_it_computes_what_the_original_computes(self, norm: str, how: dict[str, Any]) -> None:
        shape = {"blocks": 2, "downs": 2, "second": 5, **how}
        arrays = resnet(norm, **how)
        found = imported(arrays)
        original = Original(arrays, norm)
        geometry = {key: shape[key] for key in ("blocks", "downs", "second")}
        for size in ((16, 24), (20, 12)):
            compare(found, lambda x: original.resnet(x, **geometry), *size, channels=how.get("given", 3))

    @pytest.mark.parametrize(
        ("how", "expected"),
        [
            ({"blocks": 9}, {"blocks": 9, "filters": 2, "downsamplings": 2, "dropout": 0.0}),
            ({"blocks": 6, "second": 6, "filters": 1}, {"blocks": 6, "filters": 1, "dropout": 0.5}),
            ({"norm": "batch", "blocks": 1}, {"normalization": "batch"}),
            ({"norm": "affine", "blocks": 1}, {"normalization": "instance", "affine": True}),
            ({"tracked": True, "blocks": 1}, {"normalization": "instance", "affine": False}),
            ({"norm": "none", "downs": 3, "blocks": 1}, {"normalization": "none", "downsamplings": 3}),
        ],
    )
    def test_options_follow_from_names_and_shapes(self, how: dict[str, Any], expected: dict[str, Any]) -> None:
        found = imported(resnet(**how)).component.options.model_dump()
        assert {key: found[key] for key in expected} == expected

    def test_what_the_file_does_not_tell_is_said_and_may_be_given(self) -> None:
        found = imported(resnet(blocks=1, second=6))
        assert found.assumed == {"dropout": 0.5, "normalization": "instance"}
        assert "assumed, since the file does not tell: dropout=0.5, normalization=instance" in found.summary()
        assert imported(resnet(blocks=1, second=6), dropout=0.2, convolution="direct").assumed == {
            "normalization": "instance"
        }

    def test_batch_normalization_that_looks_like_an_old_affine_instance_normalization(self) -> None:
        arrays = resnet("affine", blocks=1, tracked=True)
        assert imported(arrays).assumed == {"normalization": "instance", "affine": True}
        with pytest.raises(RunFailed, match=r"unknown: model\.1\.bias"):
            imported(arrays, normalization="batch", affine=False)

    def test_contradictions_are_told_together(self) -> None:
        with pytest.raises(UsageError) as caught:
            imported(resnet(blocks=3), blocks=9, filters=64, convolution="direct")
        assert caught.value.message == (
            "net.pth: --option contradicts the names and shapes of the weights:\n"
            "  blocks: 3 by the weights. Received: 9\n"
            "  filters: 2 by the weights. Received: 64"
        )

    @pytest.mark.parametrize("options", [{"block": 3}, {"blocks": "many"}, {"dropout": 2}])
    def test_options_that_are_none(self, options: dict[str, Any]) -> None:
        with pytest.raises(UsageError, match="--option must be an option of the network") as caught:
            imported(resnet(), **options)
        assert "Its options: blocks, filters" in caught.value.hint

    def test_everything_that_does_not_fit_is_told_by_name_and_at_once(self) -> None:
        arrays = resnet(blocks=2)
        del arrays["model.10.conv_block.1.weight"], arrays["model.12.weight"]
        arrays["model.11.conv_block.9.alpha"] = np.ones(3, "float32")
        arrays["model.7.weight"] = np.ones((8, 4, 5, 5), "float32")
        arrays["model.15.weight"] = arrays["model.15.weight"].astype("int32")
        arrays["model.19.bias"][1] = np.nan
        arrays["model.4.weight"] = np.full(arrays["model.4.weight"].shape, 1e300)
        with pytest.raises(RunFailed) as caught:
            imported(arrays)
        assert caught.value.message.splitlines()[1:] == [
            "  missing: model.10.conv_block.1.weight, (8, 8, 3, 3)",
            "  missing: model.12.weight, (8, 4, 3, 3)",
            "  unknown: model.11.conv_block.9.alpha, (3,)",
            "  not finite: model.4.weight",
            "  other shape: model.7.weight, (8, 4, 5, 5) in place of (8, 4, 3, 3)",
            "  other type: model.15.weight, int32 in place of a float",
            "  not finite: model.19.bias",
        ]

    def test_hostile_shapes_build_no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Views of one number stand for a file whose shapes are within it and whose network is not.
        arrays = resnet(blocks=1)
        arrays["model.1.weight"] = np.broadcast_to(np.float32(0), (10**6, 3, 7, 7))
        monkeypatch.setattr("gantk_networks.resnet.build", lambda *_, **__: pytest.fail("built"))
        with pytest.raises(
            RunFailed, match=r"other shape: model\.4\.weight, \(4, 2, 3, 3\) in place of \(2000000, 1000000"
        ):
            imported(arrays)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"model.0.weight": (64, 6, 4, 4), "model.2.weight": (128, 64, 4, 4)}, "model.1.weight"),
            ({"model.10.conv_block.0.weight": (8, 8, 3, 3)}, "conv_block.1 and 5"),
            ({"model.9.weight": (8, 8, 3, 3)}, "two places apart"),
            ({"model.99.weight": (8, 8, 3, 3)}, "two places apart"),
        ],
    )
    def test_other_networks(self, change: dict[str, Any], told: str) -> None:
        arrays = {} if "model.0.weight" in change else resnet()
        arrays |= {name: np.ones(shape, "float32") for name, shape in change.items()}
        with pytest.raises(UsageError, match=r"net\.pth: the original's residual generator has") as caught:
            imported(arrays)
        assert told in caught.value.message


class TestUNet:
    @pytest.mark.parametrize(
        ("norm", "how"),
        [
            ("batch", {}),
            ("instance", {"given": 1, "wanted": 2}),
            ("affine", {}),
            ("none", {}),
            ("instance", {"tracked": True}),
        ],
    )
    def test_it_computes_what_the_original_computes(self, norm: str, how: dict[str, Any]) -> None:
        arrays = unet(norm, **how)
        options = {"dropout": 0.0} | ({"statistics_at_test": "moving"} if norm == "batch" else {})
        found = imported(arrays, "pix2pix/unet", **options)
        original = Original(arrays, norm)
        for size in ((32, 64), (64, 32)):
            compare(found, original.unet, *size, channels=how.get("given", 3))

    @pytest.mark.parametrize("downs", [5, 6, 7, 8])
    def test_options_follow_from_names_and_shapes(self, downs: int) -> None:
        found = imported(unet(downs=downs, filters=1), "pix2pix/unet")
        options = found.component.options.model_dump()
        assert (options["downs"], options["filters"], options["normalization"]) == (downs, 1, "batch")
        assert found.assumed == {"dropout": 0.5, "dropout_at_test": True, "statistics_at_test": "image"}
        assert set(found.unused.values()) == {"a counter of batches"}

    def test_everything_that_does_not_fit_is_told_by_name_and_at_once(self) -> None:
        arrays = unet()
        del arrays["model.model.1.model.2.running_var"]
        arrays["model.model.1.model.3.model.1.bias"] = np.ones(8, "float32")
        arrays["model.model.3.bias"] = np.ones(4, "float32")
        with pytest.raises(RunFailed) as caught:
            imported(arrays, "pix2pix/unet")
        assert caught.value.message.splitlines()[1:] == [
            "  missing: model.model.1.model.2.running_var, (4,)",
            "  unknown: model.model.1.model.3.model.1.bias, (8,)",
            "  other shape: model.model.3.bias, (4,) in place of (3,)",
        ]

    def test_a_residual_generator_is_not_one(self) -> None:
        with pytest.raises(UsageError, match=r"the original's U-Net has a convolution model\.model\.0\.weight"):
            imported(resnet(), "pix2pix/unet")
        with pytest.raises(UsageError, match=r"the original's residual generator has a convolution model\.1\.weight"):
            imported(unet(), "cyclegan/resnet")
