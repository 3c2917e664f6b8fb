"""What makes a prepared shard out of date: changed inputs, options, code or codecs."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

from gantk.config.components import Component
from gantk.data.options import PreparationOptions

FORMAT_VERSION = 1
"""Raised when shards, reports or the decoding change, so that older ones are prepared again."""

_CODECS = ("numpy", "opencv-python-headless", "pillow", "simplejpeg")
_CONTENT_OPTIONS = (
    "source",
    "transforms",
    "patches",
    "derive",
    "pyramid",
    "encoding",
    "jpeg_quality",
    "png_level",
    "channels",
    "background",
    "max_pixels",
)


def canonical_json(value: Any) -> bytes:
    """Return the same bytes for equal JSON values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(value: Any) -> str:
    """Return a hash, 32 hexadecimal digits, of a JSON value."""
    return hashlib.blake2b(canonical_json(value), digest_size=16).hexdigest()


def code_digest(component: Component) -> str:
    """Return a hash of the source code that a component runs.

    It covers the module of the factory and, where that is part of a package, the Python files beside it,
    since they are what it is likely to be made of. Packages further away count by their version only as far
    as they are codecs.
    """
    module_name = component.spec.factory.partition(":")[0]
    # Under `-p ./file.py` the module is known to this process alone, not to the import system.
    loaded = sys.modules.get(module_name)
    spec = getattr(loaded, "__spec__", None) or importlib.util.find_spec(module_name)
    origin = getattr(spec, "origin", None) or getattr(loaded, "__file__", None)
    if origin is None or not Path(origin).is_file():
        return f"{module_name} has no source file"
    path = Path(origin)
    in_package = "." in module_name or path.name == "__init__.py"
    sources = sorted(path.parent.glob("*.py")) if in_package else [path]
    digest = hashlib.blake2b(digest_size=16)
    for source in sources or [path]:
        content = source.read_bytes()
        digest.update(canonical_json([source.name, len(content)]) + content)
    return digest.hexdigest()


def content_fingerprint(options: PreparationOptions, seed: int) -> str:
    """Return a hash of everything but the items that decides what is in a shard."""
    plain = options.model_dump(mode="json")
    return digest_of(
        {
            "format": FORMAT_VERSION,
            "seed": seed,
            "options": {name: plain[name] for name in _CONTENT_OPTIONS},
            "code": [code_digest(component) for component in (options.source, *options.all_transforms())],
            "codecs": {name: _version(name) for name in _CODECS},
        }
    )


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        # OpenCV also comes as `opencv-python`; where it is missing altogether, the transform that needs it says so.
        return ""
