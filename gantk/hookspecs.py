"""The contract: one hook per extension point, and the notices of a run.

A plugin is a module, named by an entry point of the group `gantk`, with functions marked
`@gantk.hookimpl`. A registering hook returns a list of frozen records (`gantk.specs`). Hooks are
called one by one and a hook that raises is that plugin's failure alone. No hook is called inside a
training step.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from gantk.specs import (
        DiscriminatorSpec,
        FeatureNetworkSpec,
        GeneratorSpec,
        LossSpec,
        MetricSpec,
        ModelSpec,
        SourceSpec,
        StageSpec,
        TransformSpec,
        WeightMapSpec,
    )

HOOK_API_VERSION = 1
"""Raised when a hook changes in a way that an older plugin could notice."""

hookspec = pluggy.HookspecMarker("gantk")
hookimpl = pluggy.HookimplMarker("gantk")


@hookspec
def gantk_generators() -> list[GeneratorSpec]:
    """Return the generator networks of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_discriminators() -> list[DiscriminatorSpec]:
    """Return the discriminator networks of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_losses() -> list[LossSpec]:
    """Return the losses of this plugin. Called once, on discovery; all results are joined.

    Example:
        ```python
        import gantk

        @gantk.hookimpl
        def gantk_losses():
            return [
                gantk.LossSpec(
                    name="lsgan",
                    factory="my_plugin.lsgan:LeastSquares",
                    summary="Least-squares GAN loss.",
                    reference="Mao 2017, equation 9",
                )
            ]
        ```
    """
    raise NotImplementedError


@hookspec
def gantk_transforms() -> list[TransformSpec]:
    """Return the data transforms of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_models() -> list[ModelSpec]:
    """Return the adversarial models of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_sources() -> list[SourceSpec]:
    """Return the data sources of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_metrics() -> list[MetricSpec]:
    """Return the metrics of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_feature_networks() -> list[FeatureNetworkSpec]:
    """Return the feature networks of this plugin: trained classifiers whose layers serve metrics and perceptual losses.

    Called once, on discovery; all results are joined.
    """
    raise NotImplementedError


@hookspec
def gantk_stages() -> list[StageSpec]:
    """Return the pipeline stages of this plugin. Called once, on discovery; all results are joined."""
    raise NotImplementedError


@hookspec
def gantk_weight_maps() -> list[WeightMapSpec]:
    """Return the weight maps of this plugin: which trained weights of other projects its generators can take.

    Called once, on discovery; all results are joined.
    """
    raise NotImplementedError


@hookspec
def gantk_before_run(run_dir: Path, config: Mapping[str, Any]) -> None:
    """A run is about to start.

    Args:
        run_dir: The run directory; it exists.
        config: The resolved pipeline as plain values.
    """


@hookspec
def gantk_after_stage(run_dir: Path, stage: str, seconds: float, skipped: bool) -> None:
    """A stage has ended well, or was skipped because nothing about it had changed."""


@hookspec
def gantk_on_stage_error(run_dir: Path, stage: str, error: BaseException) -> None:
    """A stage has failed; the run ends after this notice."""


@hookspec
def gantk_after_run(run_dir: Path, status: str) -> None:
    """A run has ended. `status` is `done`, `failed` or `interrupted`."""
