from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gantk.artifacts import Bundle, save_bundle
from gantk.artifacts.export import compared_shapes, export_facts, export_model
from gantk.artifacts.metadata import ComponentRecord, NetworkRecord
from gantk.artifacts.weights import read_weights
from gantk.config.components import Component
from gantk.errors import PluginError, RunFailed, UsageError
from gantk.registry import Registry

on_tensorflow = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="models are exported with TensorFlow"
)

ODD_GENERATORS = """
from gantk import GeneratorSpec, GeneratorOptions, hookimpl

@hookimpl
def gantk_generators():
    return [
        GeneratorSpec(name=name, factory=f"odd_generators:{name}", options=GeneratorOptions, summary="For tests.")
        for name in ("otherwise", "unwritable", "halving", "endless")
    ]

def build(function, shape):
    import keras
    image = keras.Input(shape)
    return keras.Model(image, keras.layers.Lambda(function)(image))

def otherwise(options, *, input_shape, output_channels):
    import gantk
    return build(lambda x: x * 1.001 if gantk.exporting() else x, input_shape)

def unwritable(options, *, input_shape, output_channels):
    def function(x):
        import tensorflow as tf
        return tf.math.betainc(x * 0 + 0.5, x * 0 + 0.5, x * 0 + 0.5)
    return build(function, input_shape)

def halving(options, *, input_shape, output_channels):
    import gantk
    return build(lambda x: x[:, ::2] if gantk.exporting() else x, input_shape)

def endless(options, *, input_shape, output_channels):
    return build(lambda x: x / (x * 0), input_shape)
"""


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    import gantk_networks

    path = tmp_path_factory.mktemp("plugin") / "odd_generators.py"
    path.write_text(ODD_GENERATORS)
    spec = importlib.util.spec_from_file_location("odd_generators", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules["odd_generators"] = module
    spec.loader.exec_module(module)
    return Registry({"networks": gantk_networks, "odd": module})


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Callable[..., Bundle]:
    def make(name: str, **options: Any) -> Bundle:
        spec = registry.find("generator", name)
        component = Component(name, spec, spec.options.model_validate(options))
        network = component.create(input_shape=(None, None, 3), output_channels=3)
        random = np.random.default_rng(3)
        for variable in network.weights:
            # Large enough that the results fill [-1, 1], and variances are positive.
            values = random.normal(0.5 if "moving" in variable.path else 0, 0.2, variable.shape)
            variable.assign(np.abs(values) if "moving" in variable.path else values)
        return save_bundle(
            tmp_path_factory.mktemp("model") / "model.gantk",
            networks={"AtoB": network},
            components={"AtoB": component},
            model="cyclegan",
            domain_names={"A": "horse", "B": "zebra"},
            licence="CC BY 4.0",
            metrics={"psnr": {"values": {"psnr": 21.5}}},
            registry=registry,
        )

    return make


RESNET = {"blocks": 1, "filters": 4}
NETWORKS = {
    "transposed": ("resnet", {**RESNET, "dropout": 0.5}),
    "nearest": ("resnet", {**RESNET, "upsampling": "resize", "affine": True}),
    "bilinear": ("resnet", {**RESNET, "upsampling": "resize", "interpolation": "bilinear", "normalization": "batch"}),
    # Batch statistics of each image and dropout stay on at test: six levels have one with dropout.
    "pix2pix": ("unet", {"downs": 6, "filters": 2}),
    "unet": ("unet", {"downs": 3, "filters": 4, "statistics_at_test": "moving", "dropout_at_test": False}),
}


@on_tensorflow
@pytest.mark.parametrize("case", NETWORKS)
def test_onnx_runtime_computes_what_the_model_does(case: str, bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    import onnxruntime

    name, options = NETWORKS[case]
    model = bundle(name, **options)
    result = export_model(model, tmp_path / "new" / "model.onnx", format="onnx")
    assert [comparison.shape[0] for comparison in result.comparisons] == [1, 2]
    assert 0 < result.difference < 5e-5
    assert os.listdir(tmp_path / "new") == ["model.onnx"]

    session = onnxruntime.InferenceSession(tmp_path / "new" / "model.onnx", providers=["CPUExecutionProvider"])
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(float)", ["batch", "height", "width", 3])
    assert (given.name, given.type, given.shape) == ("translations", "tensor(float)", ["batch", "height", "width", 3])
    for shape in ((1, 128, 64, 3), (3, 64, 128, 3)):
        images = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        (received,) = session.run(None, {"images": images})
        expected = model("AtoB", images)
        assert expected.std() > 0.05
        assert np.abs(received - expected).max() < 5e-5

    facts = session.get_modelmeta().custom_metadata_map
    assert facts["gantk.licence"] == "CC BY 4.0"
    assert (facts["gantk.direction"], facts["gantk.from"], facts["gantk.to"]) == ("AtoB", "horse", "zebra")
    assert json.loads(facts["gantk.colour_range"]) == [-1, 1]
    assert json.loads(facts["gantk.size_multiple"]) == model.metadata.networks["AtoB"].size_multiple
    assert json.loads(facts["gantk.metrics"]) == {"psnr": {"values": {"psnr": 21.5}}}
    assert facts["gantk.digest"] == model.digest


@on_tensorflow
@pytest.mark.parametrize("format", ["onnx", "savedmodel"])
def test_a_network_that_enlarges_says_so(format: Any, bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    model = bundle("srresnet", factor=2, blocks=1, filters=4)
    result = export_model(model, tmp_path / "model", format=format)
    # Sums of 324 products of weights as large as these are rounded by more than usual.
    assert 0 <= result.difference < 1e-4
    facts = export_facts(model, "AtoB")
    assert (facts["scale"], facts["halo"]) == (2, 2 + 1 + 3 + 4)
    assert facts["output"]["shape"] == ["batch", "2*height", "2*width", 3]
    assert export_facts(model, "AtoB", (64, 48))["output"]["shape"] == ["batch", 128, 96, 3]
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(tmp_path / "model", providers=["CPUExecutionProvider"])
        assert session.get_outputs()[0].shape == ["batch", "2*height", "2*width", 3]
        assert "; 2 times as high and wide" in session.get_modelmeta().description


@on_tensorflow
@pytest.mark.parametrize("case", ["transposed", "pix2pix"])
def test_a_saved_model_computes_what_the_model_does(case: str, bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    import tensorflow as tf

    name, options = NETWORKS[case]
    model = bundle(name, **options)
    folder = tmp_path / "saved"
    result = export_model(model, folder, format="savedmodel")
    assert 0 < result.difference < 5e-5
    assert os.listdir(tmp_path) == ["saved"]

    loaded = tf.saved_model.load(str(folder))
    for shape in ((1, 128, 64, 3), (3, 64, 128, 3)):
        images = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        received = loaded.signatures["serving_default"](images=tf.constant(images))["translations"]
        assert np.abs(received.numpy() - model("AtoB", images)).max() < 5e-5
    facts = json.loads((folder / "assets.extra" / "gantk.json").read_text())
    assert facts == json.loads(json.dumps(export_facts(model, "AtoB")))


@on_tensorflow
def test_the_exported_network_consists_of_plain_operations(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    import onnx

    # 8 · 4 channels in the blocks and a known size: translating, Winograd's algorithm would be chosen.
    model = bundle("resnet", blocks=1, filters=8)
    export_model(model, tmp_path / "m.onnx", format="onnx", size=(16, 24))
    content = onnx.load(tmp_path / "m.onnx")
    assert [one.dim_value or one.dim_param for one in content.graph.input[0].type.tensor_type.shape.dim] == [
        "batch",
        16,
        24,
        3,
    ]
    operations = {node.op_type for node in content.graph.node}
    assert operations >= {"Conv", "ConvTranspose", "Pad", "Relu", "Tanh"}
    assert not operations & {"MatMul", "Gemm", "BatchNormalization", "ReverseSequence"}
    assert sum(node.op_type == "Conv" for node in content.graph.node) == 6
    # The weights are in the file once, under the names they have in the bundle, in ONNX's order of axes.
    assert [value.name for value in content.graph.input] == ["images"]
    arrays = {one.name: onnx.numpy_helper.to_array(one) for one in content.graph.initializer}
    kernel = read_weights(model.network())["block_1_first/kernel"]
    assert np.array_equal(arrays["block_1_first/kernel:3201"], kernel.transpose(3, 2, 0, 1))
    assert sum(array.size for array in arrays.values()) < 1.1 * model.metadata.networks["AtoB"].parameters


@on_tensorflow
@pytest.mark.parametrize("opset", [13, 18])
def test_the_operators_version_is_as_asked(opset: int, bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    import onnx

    export_model(bundle("unet", downs=2, filters=2), tmp_path / "m.onnx", format="onnx", opset=opset)
    versions = {entry.domain: entry.version for entry in onnx.load(tmp_path / "m.onnx").opset_import}
    assert versions[""] == opset


@on_tensorflow
@pytest.mark.parametrize("form", ["onnx", "savedmodel"])
def test_a_difference_over_the_tolerance_is_told_and_leaves_nothing(
    form: Any, bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    model = bundle("resnet", **RESNET)
    message = r"must give the model's results to 0 at 64 × 64 pixels. Received: a difference of \d"
    with pytest.raises(RunFailed, match=message):
        export_model(model, tmp_path / "m", format=form, tolerance=0)
    assert os.listdir(tmp_path) == []


@on_tensorflow
@pytest.mark.parametrize(
    ("name", "form", "message"),
    [
        ("otherwise", "savedmodel", r"must give the model's results to 0.0001 .* Received: a difference of 0.001"),
        ("unwritable", "onnx", r"must consist of operations that ONNX has \(opset 17\). Received: .*Betainc"),
        ("halving", "savedmodel", r"of the model's shape at .*\(1, 64, 64, 3\). Received: \(1, 32, 64, 3\)"),
        ("endless", "onnx", "Received: a difference of nan"),
    ],
)
def test_a_network_that_cannot_be_written_leaves_what_was_there(
    name: str, form: Any, message: str, bundle: Callable[..., Bundle], tmp_path: Path
) -> None:
    target = tmp_path / "m"
    if form == "onnx":
        target.write_text("old")
    else:
        target.mkdir()
        (target / "saved_model.pb").write_text("old")
    with pytest.raises(RunFailed, match=message):
        export_model(bundle(name), target, format=form, overwrite=True)
    assert os.listdir(tmp_path) == ["m"]
    assert (target if form == "onnx" else target / "saved_model.pb").read_text() == "old"


@on_tensorflow
def test_an_older_export_is_replaced_when_asked(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    model = bundle("unet", downs=1, filters=2)
    export_model(model, tmp_path / "m", format="savedmodel")
    (tmp_path / "m" / "left_over").touch()
    with pytest.raises(UsageError, match="must not be there yet"):
        export_model(model, tmp_path / "m", format="savedmodel")
    export_model(model, tmp_path / "m", format="savedmodel", overwrite=True)
    assert not (tmp_path / "m" / "left_over").exists()
    assert os.listdir(tmp_path) == ["m"]


def test_what_is_no_export_is_never_replaced(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    model = bundle("unet", downs=1, filters=2)
    (tmp_path / "photos").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"An ONNX model is one file. Received: .*photos, a folder"):
        export_model(model, tmp_path / "photos", format="onnx", overwrite=True)
    for name in ("photos", "file"):
        with pytest.raises(UsageError, match=rf"{name}, which is something else"):
            export_model(model, tmp_path / name, format="savedmodel", overwrite=True)


def test_a_size_that_the_network_does_not_take(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"multiples of 4 and at least 8. Received: 16 × 10"):
        export_model(bundle("resnet", **RESNET), tmp_path / "m.onnx", format="onnx", size=(16, 10))


def test_missing_packages_are_told_before_anything_is_loaded(
    bundle: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else found(name))
    with pytest.raises(PluginError, match="an environment without tf2onnx") as caught:
        export_model(bundle("unet", downs=1, filters=2), tmp_path / "m.onnx", format="onnx")
    assert "pip install 'gantk[onnx]'" in caught.value.hint


@pytest.mark.skipif(os.environ.get("KERAS_BACKEND") != "jax", reason="only a process that runs on JAX")
def test_another_backend_is_told(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"exported with TensorFlow. Received: .* runs on jax"):
        export_model(bundle("unet", downs=1, filters=2), tmp_path / "m", format="savedmodel")


@pytest.mark.parametrize(
    ("multiple", "smallest", "expected"),
    [
        (1, 1, [(1, 64, 64, 3), (2, 80, 96, 3)]),
        (4, 8, [(1, 64, 64, 3), (2, 80, 96, 3)]),
        (24, 100, [(1, 120, 120, 3), (2, 144, 168, 3)]),
        (256, 256, [(1, 256, 256, 3), (2, 512, 768, 3)]),
    ],
)
def test_the_compared_sizes_obey_the_size_rule(multiple: int, smallest: int, expected: list[Any]) -> None:
    record = NetworkRecord(
        file="AtoB.safetensors",
        sha256="0" * 64,
        component=ComponentRecord(kind="generator", name="x"),
        input_channels=3,
        output_channels=3,
        size_multiple=multiple,
        smallest_size=smallest,
    )
    assert list(compared_shapes(record, None)) == expected
    assert compared_shapes(record, (256, 512)) == ((1, 256, 512, 3), (2, 256, 512, 3))
