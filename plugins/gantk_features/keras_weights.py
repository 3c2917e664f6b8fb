"""Networks of Keras Applications: their weights downloaded, or from a file that Keras has written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from gantk import RunFailed
from gantk_features.float32_layers import float32_layers


def load_application(
    name: str, title: str, path: str | None, downloaded: str, build: Callable[..., keras.Model], option: str
) -> tuple[keras.Model, dict[str, str]]:
    """Build a network of Keras Applications without its top.

    Args:
        name: The feature network's name, for messages.
        title: The network's own.
        path: Its weights without the top, as Keras saves them; None downloads those of ImageNet once.
        downloaded: The name Keras gives the file that it downloads.
        build: Of `keras.applications`.
        option: The option that names a file, for messages.

    Returns:
        The network, in float32, and file and SHA-256 of its weights.

    Raises:
        RunFailed: There are no such weights, and they cannot be downloaded.
    """
    if path is not None and not Path(path).is_file():
        raise RunFailed(
            f"{name}: expected a file of weights. Received: {path}, which does not exist",
            hint="A relative path starts at the working directory.",
        )
    try:
        with float32_layers():
            network: Any = build(include_top=False, weights=path or "imagenet")
    # Keras raises a plain Exception where the download fails, and anything at all where a file is no fit.
    except Exception as error:
        reason = " ".join(str(error).split())
        if path is not None:
            raise RunFailed(
                f"{name}: expected weights of {title} without its top. Received: {path}: {reason}"
            ) from error
        raise RunFailed(
            f"{name}: its weights are downloaded by Keras, which did not succeed. Received: {reason}",
            hint=f"Without network: put {downloaded} into ~/.keras/models or name it, {{type: {name}, {option}: FILE}}; "
            "or choose a network from a file, {type: vgg16, path: FILE}.",
        ) from error
    file = Path(path) if path is not None else _keras_home() / "models" / downloaded
    return network, {
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "not found",
    }


def _keras_home() -> Path:
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
