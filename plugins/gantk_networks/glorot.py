"""First weights by Glorot 2010, https://proceedings.mlr.press/v9/glorot10a.html, equation 16."""

from __future__ import annotations

from keras import initializers


def glorot(gain: float = 1.0) -> initializers.Initializer:
    """Return an initializer that draws from the uniform distribution in ±gain · √(6 / (inputs + outputs))."""
    return initializers.VarianceScaling(scale=gain**2, mode="fan_avg", distribution="uniform")
