"""Training curves as SVG."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOT_CURVES = {"step", "epoch", "time"}


def curve_groups(history: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Sort the names of a history into the plots they share: by their first word.

    Returns:
        Names by heading, such as `{"cycle": ["cycle_a", "cycle_b"]}`; names alone in their group share `other`.
    """
    names = dict.fromkeys(
        name
        for line in history
        for name, value in line.items()
        if name not in _NOT_CURVES and isinstance(value, int | float)
    )
    groups = defaultdict(list)
    for name in names:
        groups[name.split("_")[0]].append(name)
    alone = [members[0] for members in groups.values() if len(members) == 1]
    shared = {heading: members for heading, members in groups.items() if len(members) > 1}
    return {**shared, "other": alone} if alone else shared


def draw_curves(history: Sequence[Mapping[str, Any]], names: Sequence[str], heading: str) -> str:
    """Draw curves over the training step: the values faint, a running mean strong.

    Args:
        history: Lines of `metrics.jsonl`; a name may be missing from some.
        names: What to draw.
        heading: Title of the plot.

    Returns:
        An `<svg>` element.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 2.7), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [(line["step"], line[name]) for line in history if isinstance(line.get(name), int | float)]
        steps, values = np.array(points, np.float64).T
        (line,) = axes.plot(steps, values, linewidth=0.7, alpha=0.3)
        axes.plot(steps, running_mean(values, max(1, len(values) // 20)), color=line.get_color(), label=name)
    axes.set_title(heading, fontsize=10, loc="left")
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return text.getvalue()[text.getvalue().index("<svg") :]


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean of each value and up to `window - 1` values before it, of the same length."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    means: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means
