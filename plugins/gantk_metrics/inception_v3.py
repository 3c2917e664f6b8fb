"""InceptionV3 of Keras Applications, whose weights are downloaded (Szegedy 2016)."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import keras

from gantk import RunFailed

MEAN = (127.5, 127.5, 127.5)
SCALE = (127.5, 127.5, 127.5)

_DOWNLOADED = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"


def build(path: str | None = None) -> tuple[keras.Model, dict[str, str]]:
    """Build the network up to its average pooling: 2,048 features.

    Args:
        path: Weights of the network without its top, as Keras saves them; by default they are downloaded once.

    Returns:
        The model, from batch × height × width × 3 in [-1, 1]; and its description for protocols.

    Raises:
        RunFailed: There are no such weights, and they cannot be downloaded.
    """
    if path is not None and not Path(path).is_file():
        raise RunFailed(
            f"inception_v3: expected a file of weights. Received: {path}, which does not exist",
            hint="A relative path starts at the working directory.",
        )
    try:
        network = keras.applications.InceptionV3(include_top=False, pooling="avg", weights=path or "imagenet")
    # Keras raises a plain Exception where the download fails, and anything at all where a file is no fit.
    except Exception as error:
        reason = " ".join(str(error).split())
        if path is not None:
            raise RunFailed(
                f"inception_v3: expected weights of InceptionV3 without its top. Received: {path}: {reason}"
            ) from error
        raise RunFailed(
            f"inception_v3: its weights are downloaded by Keras, which did not succeed. Received: {reason}",
            hint=f"Without network: put {_DOWNLOADED} into ~/.keras/models or name it, {{type: inception_v3, path: FILE}}; "
            "or choose a network from a file, {type: vgg16, path: FILE}.",
        ) from error
    network.trainable = False
    file = Path(path) if path is not None else _keras_home() / "models" / _DOWNLOADED
    return network, {
        "network": "InceptionV3 of keras.applications (not the network of the original FID code: values differ)",
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "not found",
        "layer": "average pooling",
    }


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
