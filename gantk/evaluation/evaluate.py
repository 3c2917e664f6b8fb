"""Every metric of every candidate, into one JSON file with protocols and pictures."""

from __future__ import annotations

import io
import logging
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from gantk.atomic_files import write_bytes, write_json
from gantk.engine.periodic_evaluation import metric_labels
from gantk.errors import PluginError
from gantk.evaluation.per_picture import PerPicture
from gantk.protocols import EvaluationData, Metric, MetricResult, Sampler, Translator

if TYPE_CHECKING:
    from gantk.config import Component

logger = logging.getLogger("gantk.evaluation")


def evaluate(
    metrics: Sequence[Component],
    candidates: Mapping[str, Translator] | Mapping[str, Sampler],
    data: EvaluationData,
    directory: Path,
) -> list[dict[str, Any]]:
    """Measure candidates and write `evaluation.json`, with its pictures beside it.

    The numbers of single pictures, where metrics give them, become lines of `per_picture.jsonl`: `picture`, `split`,
    `direction`, `values` (by `metric.value`: unit, better, and the number of each candidate) and `shown` (for the first
    pictures: paths of the input, the first candidate's result, and the truth).

    Args:
        metrics: The metrics to compute.
        candidates: What to measure, by name: translators (`trained`, `untrained`, `identity`) or samplers (`trained`,
            `untrained`, `real`). What a candidate says of itself as its attribute `protocol` stands in the protocol of its
            numbers, under `candidate`.
        data: Prepared data.
        directory: Where `evaluation.json` and `pictures/` go; it exists.

    Returns:
        One entry a metric and candidate, as written under the key `metrics`: name, candidate, values, units,
        better, protocol, pictures (caption → path relative to `directory`).

    Raises:
        PluginError: A metric returns something else than a MetricResult.
    """
    entries = []
    per_picture = PerPicture()
    labels = metric_labels([component.name for component in metrics])
    for label, component in zip(labels, metrics, strict=True):
        metric: Metric = component.create()
        metric.prepare(data)
        for name, candidate in candidates.items():
            result = metric.evaluate(candidate, data)
            if not isinstance(result, MetricResult):
                raise PluginError(
                    f"Metric {component.name!r} must return a MetricResult. Received: {type(result).__name__}"
                )
            entries.append(_entry(component, label, name, candidate, result, directory))
            per_picture.add(label, name, result)
            logger.info("%s of %s: %s", component.name, name, _in_words(result))
    # Of samples there are no single pictures that belong to an input.
    per_picture.write(directory, cast("Translator", next(iter(candidates.values()))), data)
    write_json(directory / "evaluation.json", {"metrics": entries})
    return entries


def _entry(
    component: Component,
    label: str,
    candidate: str,
    measured: Translator | Sampler,
    result: MetricResult,
    directory: Path,
) -> dict[str, Any]:
    about = getattr(measured, "protocol", None)
    pictures = {}
    for caption, pixels in result.pictures.items():
        stem = re.sub(r"[^a-z0-9]+", "-", f"{label} {candidate} {caption}".lower()).strip("-")
        path = directory / "pictures" / f"{stem}.png"
        path.parent.mkdir(exist_ok=True)
        encoded = io.BytesIO()
        Image.fromarray(np.asarray(pixels, np.uint8)).save(encoded, "PNG")
        write_bytes(path, encoded.getvalue())
        pictures[caption] = path.relative_to(directory).as_posix()
    return {
        "name": component.name,
        "candidate": candidate,
        # JSON has no NaN and no infinity; such a value is null.
        "values": {key: float(value) if math.isfinite(value) else None for key, value in result.values.items()},
        "units": dict(result.units),
        "better": dict(result.better),
        "protocol": {
            "options": component.to_plain(),
            **result.protocol,
            **({} if about is None else {"candidate": dict(about)}),
        },
        "pictures": pictures,
    }


def _in_words(result: MetricResult) -> str:
    return ", ".join(
        f"{key} {value:.4g}{' ' + result.units[key] if key in result.units else ''}"
        for key, value in result.values.items()
    )
