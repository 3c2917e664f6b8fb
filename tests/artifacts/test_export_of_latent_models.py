"""Models of latent vectors as ONNX and SavedModel."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from gantk import LatentOptions, SynthesisGeneratorChoice, latent_vectors
from gantk.artifacts import Bundle, save_bundle
from gantk.artifacts.export import check_size, export_facts, export_model
from gantk.errors import UsageError

on_tensorflow = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="models are exported with TensorFlow"
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    def make(classes: tuple[str, ...] = ()) -> Bundle:
        component = TypeAdapter(SynthesisGeneratorChoice).validate_python({"type": "dcgan", "filters": 4})
        network = component.create(latents=6, output_shape=(16, 8, 3), classes=len(classes))
        random = np.random.default_rng(3)
        for variable in network.weights:
            values = random.normal(0.5 if "moving" in variable.path else 0, 0.5, variable.shape)
            variable.assign(np.abs(values) if "moving" in variable.path else values)
        return save_bundle(
            tmp_path_factory.mktemp("model") / "model.gantk",
            networks={"sample": network},
            components={"sample": component},
            model="gan",
            latents={"sample": LatentOptions(size=6, distribution="uniform")},
            classes=classes,
        )

    return make


def expected(bundle: Bundle, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    vectors = latent_vectors(LatentOptions(size=6, distribution="uniform"), count, seed=9)
    classes = len(bundle.metadata.networks["sample"].latents.classes)
    inputs = [vectors, *([np.eye(classes, dtype=np.float32)[np.arange(count) % classes]] if classes else [])]
    network = bundle.network("sample")
    return inputs, np.asarray(network(inputs if classes else vectors, training=False))


@on_tensorflow
@pytest.mark.parametrize("classes", [(), ("cat", "dog")], ids=["plain", "labelled"])
def test_onnx(classes: tuple[str, ...], bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    import onnxruntime

    model = bundle(classes)
    result = export_model(model, tmp_path / "model.onnx", format="onnx")
    assert [comparison.shape for comparison in result.comparisons] == [(1, 16, 8, 3), (3, 16, 8, 3)]
    assert result.difference < 2e-5
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    shapes = [("latents", ["batch", 6]), *([("labels", ["batch", 2])] if classes else [])]
    assert [(taken.name, taken.shape) for taken in session.get_inputs()] == shapes
    (given,) = session.get_outputs()
    assert (given.name, given.shape) == ("images", ["batch", 16, 8, 3])
    inputs, images = expected(model, 5)
    (received,) = session.run(None, dict(zip([name for name, _ in shapes], inputs, strict=True)))
    assert images.std() > 0.1
    np.testing.assert_allclose(received, images, atol=2e-5)
    facts = session.get_modelmeta().custom_metadata_map
    assert facts["gantk.distribution"] == "uniform"
    assert json.loads(facts["gantk.classes"]) == list(classes)


@on_tensorflow
def test_saved_model(bundle: Callable[..., Bundle], tmp_path: Path) -> None:
    import tensorflow as tf

    model = bundle(("cat", "dog"))
    assert export_model(model, tmp_path / "saved", format="savedmodel").difference < 1e-5
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    (vectors, labels), images = expected(model, 5)
    received = loaded.signatures["serving_default"](latents=tf.constant(vectors), labels=tf.constant(labels))
    np.testing.assert_allclose(received["images"].numpy(), images, atol=1e-5)


def test_what_it_says_of_itself(bundle: Callable[..., Bundle]) -> None:
    model = bundle(("cat", "dog"))
    facts = export_facts(model, "sample")
    assert facts["inputs"] == [
        {"name": "latents", "dtype": "float32", "shape": ["batch", 6]},
        {"name": "labels", "dtype": "float32", "shape": ["batch", 2]},
    ]
    assert facts["output"] == {"name": "images", "dtype": "float32", "shape": ["batch", 16, 8, 3]}
    assert (facts["from"], facts["to"], facts["channel_order"]) == ("latents", "images", "RGB")
    with pytest.raises(UsageError, match="all 16 × 8"):
        check_size(model, "sample", (16, 16))
