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
    """Sort the names of a history into the plots they share: by their first word, or what stands before a dot.

    Returns:
        Names by heading, such as `{"cycle": ["cycle_a", "cycle_b"], "cycle_error": ["cycle_error.cycle_error_a"]}`;
        losses alone in their group share `other`. What was measured (a name with a dot) never stands with losses.
    """
    names = dict.fromkeys(
        name
        for line in history
        for name, value in line.items()
        if name not in _NOT_CURVES and isinstance(value, int | float)
    )
    losses: dict[str, list[str]] = defaultdict(list)
    measured: dict[str, list[str]] = defaultdict(list)
    for name in names:
        metric, dot, _ = name.rpartition(".")
        (measured[metric] if dot else losses[name.split("_")[0]]).append(name)
    groups = {heading: members for heading, members in losses.items() if len(members) > 1}
    if alone := [members[0] for members in losses.values() if len(members) == 1]:
        groups["other"] = alone
    for metric, members in measured.items():
        groups[f"{metric} (measured)" if metric in groups else metric] = members
    return groups


def draw_curves(history: Sequence[Mapping[str, Any]], names: Sequence[str], heading: str) -> str:
    """Draw curves over the training step: the values faint, a running mean strong.

    Args:
        history: Lines of `metrics.jsonl`; a name may be missing from some.
        names: What to draw.
        heading: Title of the plot.

    Returns:
        An `<svg>` element.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 2.7), layout="constrained")
    axes = figure.subplots()
    for name in names:
        points = [(line["step"], line[name]) for line in history if isinstance(line.get(name), int | float)]
        steps, values = np.array(points, np.float64).T
        (line,) = axes.plot(steps, values, linewidth=0.7, alpha=0.3)
        mean = running_mean(values, max(1, len(values) // 20))
        axes.plot(steps, mean, color=line.get_color(), label=name.rpartition(".")[2])
    axes.set_title(heading, fontsize=10, loc="left")
    axes.set_xlabel("step", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False)
    text = io.StringIO()
    # With a date, and with names of its parts that are random otherwise, every page would be another file.
    with rc_context({"svg.hashsalt": heading}):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    return text.getvalue()[text.getvalue().index("<svg") :]


def running_mean(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the mean of each value and up to `window - 1` values before it, of the same length."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    means: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means
