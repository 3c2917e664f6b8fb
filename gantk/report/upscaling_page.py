"""The page of a job that has enlarged pictures: before and after, counts, settings and every failure."""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
from PIL import Image

from gantk.atomic_files import write_text
from gantk.report.detail import detailed_part
from gantk.report.page import duration, number

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_SAMPLES = 12
"""Samples on the page; of more, the first."""

LARGEST_RESULT = 512
"""Height and width of the part of a result that is shown, in its own pixels: two stand side by side at full detail."""

MOST_FAILURES = 500
"""Failures in the table; of more, their number and the file that has them all."""

MOST_REASONS = 40
"""Reasons that are counted by name."""

LOSSLESS_SIDE = 256
"""Parts up to this many pixels are shown without any loss."""

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@dataclass(frozen=True)
class UpscalingSample:
    """A picture before and after.

    Args:
        label: What the user knows it by.
        before: The input, uint8 (or uint16, shown with 8 bits), height × width × 1 (grey), 2 (grey and alpha), 3 or 4;
            a part of it, or the whole.
        after: The same part of the result, `scale` times as high and wide.
        scale: Of the result.

    Raises:
        ValueError: Another type or number of channels.
    """

    label: str
    before: NDArray[Any]
    after: NDArray[Any]
    scale: float

    def __post_init__(self) -> None:
        for image in (self.before, self.after):
            if image.ndim != 3 or image.shape[2] not in _MODES or not image.size:
                raise ValueError(f"A sample is height × width × 1 to 4 channels. Received: {image.shape}")
            if image.dtype not in (np.uint8, np.uint16):
                raise ValueError(f"A sample is of uint8 or uint16. Received: {image.dtype}")


def write_upscaling_page(
    path: Path,
    *,
    summary: Mapping[str, Any],
    settings: Mapping[str, Any],
    samples: Sequence[UpscalingSample],
    failures: Sequence[Mapping[str, Any]],
    failures_file: str = "failures.jsonl",
) -> None:
    """Write the page of a job, one HTML file that loads nothing and needs no script.

    Of a picture whose result is larger than 512 pixels, the part is shown in which neighbouring pixels differ most. The
    input stands beside the result enlarged by Pillow's bicubic filter to the same size.

    Args:
        path: The page.
        summary: `inputs`, `done`, `skipped`, `failed`, `seconds`, `megapixels`, `output`, as far as known.
        settings: What the job was told: name and value.
        samples: Pictures before and after.
        failures: `input` and `reason` of each input without an output.
        failures_file: The file that has all of them.
    """
    write_text(path, render_upscaling_page(summary, settings, samples, failures, failures_file))


def render_upscaling_page(
    summary: Mapping[str, Any],
    settings: Mapping[str, Any],
    samples: Sequence[UpscalingSample],
    failures: Sequence[Mapping[str, Any]],
    failures_file: str = "failures.jsonl",
) -> str:
    """Return the page as HTML text. See `write_upscaling_page`."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gantk.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(duration=duration, number=number, count=_count, text=_text)
    reasons = Counter(_text(failure.get("reason")) for failure in failures).most_common()
    seconds, megapixels = summary.get("seconds"), summary.get("megapixels")
    return environment.get_template("upscaling.html.jinja").render(
        title=f"Enlarged: {Path(str(summary.get('output') or 'pictures')).name}",
        summary=summary,
        speed=megapixels / seconds if seconds and megapixels else None,
        settings=settings,
        samples=[_shown(sample) for sample in samples[:MOST_SAMPLES]],
        failures=failures[:MOST_FAILURES],
        more_failures=max(0, len(failures) - MOST_FAILURES),
        # One reason for each failure says nothing that the table does not say.
        reasons=reasons[:MOST_REASONS] if len(reasons) < len(failures) else [],
        more_reasons=len(reasons) - MOST_REASONS,
        failures_file=failures_file,
    )


def _shown(sample: UpscalingSample) -> dict[str, Any]:
    most = max(1, int(LARGEST_RESULT / max(sample.scale, 1.0)))
    before, after = detailed_part(_eight_bits(sample.before), _eight_bits(sample.after), most)
    height, width = after.shape[:2]
    enlarged = _picture(before).resize((width, height), Image.Resampling.BICUBIC)
    whole = after.shape[:2] == sample.after.shape[:2]
    return {
        "label": sample.label,
        "scale": sample.scale,
        "before": _embedded(enlarged),
        "after": _embedded(_picture(after)),
        "size": (before.shape[1], before.shape[0]),
        "enlarged": (width, height),
        "transparent": after.shape[2] in (2, 4),
        "part": "" if whole else "part",
    }


def _eight_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _picture(image: NDArray[np.uint8]) -> Image.Image:
    channels = image.shape[2]
    return Image.fromarray(np.ascontiguousarray(image[..., 0] if channels == 1 else image), _MODES[channels])


def _embedded(picture: Image.Image) -> str:
    encoded = io.BytesIO()
    exact = max(picture.size) <= LOSSLESS_SIDE
    picture.convert("RGBA" if picture.mode in ("LA", "RGBA") else "RGB").save(
        encoded, "WEBP", lossless=exact, quality=60 if exact else 92
    )
    return "data:image/webp;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


def _text(value: Any) -> str:
    """Return a value as text that UTF-8 can hold: names of files may hold bytes that are none."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).encode("utf-8", "replace").decode("utf-8")
