"""Inception score: how sure InceptionV3 is of each sample, and how many classes it sees in all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import keras

from gantk import FeaturePreprocessing, RunFailed
from gantk_metrics.entropy_metric import EntropyMetric
from gantk_metrics.feature_network import PooledNetwork
from gantk_metrics.options import InceptionScoreOptions

_SIZE = 299
_DOWNLOADED = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"


def load_inception(path: str | None) -> PooledNetwork:
    """Build InceptionV3 with its 1,000 classes, as Keras Applications has it.

    Args:
        path: Its weights with the top, as Keras saves them; None downloads them once.

    Raises:
        RunFailed: There are no such weights, and they cannot be downloaded.
    """
    if path is not None and not Path(path).is_file():
        raise RunFailed(
            f"inception_score: expected a file of weights. Received: {path}, which does not exist",
            hint="A relative path starts at the working directory.",
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        network = keras.applications.InceptionV3(weights=path or "imagenet", classifier_activation=None)
    # Keras raises a plain Exception where the download fails, and anything at all where a file is no fit.
    except Exception as error:
        reason = " ".join(str(error).split())
        if path is not None:
            raise RunFailed(
                f"inception_score: expected weights of InceptionV3 with its top. Received: {path}: {reason}"
            ) from error
        raise RunFailed(
            f"inception_score: its weights are downloaded by Keras, which did not succeed. Received: {reason}",
            hint=f"Without network: put {_DOWNLOADED} somewhere and name it, {{type: inception_score, path: FILE}}; or "
            "choose a classifier from a file, {type: classifier_score, features: {type: efficientnet_lite0, path: FILE}}.",
        ) from error
    finally:
        keras.config.set_dtype_policy(before)
    file = (
        {} if path is None else {"file": Path(path).name, "sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest()}
    )
    return PooledNetwork(
        network,
        FeaturePreprocessing((127.5,) * 3, (127.5,) * 3),
        _SIZE,
        "bilinear",
        {
            "network": "InceptionV3 of keras.applications (not the network of the original code: values differ)",
            **({"weights": "imagenet, downloaded by Keras"} if path is None else file),
            "layer": "logits",
        },
    )


class InceptionScore(EntropyMetric[InceptionScoreOptions]):
    """The score by InceptionV3, which alone is called inception score."""

    name = "inception_score"
    values = ("inception_score",)
    better: ClassVar[Mapping[str, str]] = {"inception_score": "higher"}

    def load(self) -> PooledNetwork:
        """Build InceptionV3."""
        return load_inception(self.options.path)
