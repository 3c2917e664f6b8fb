"""The stage `train`: from shards to a model bundle."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gantk.errors import RunFailed
from gantk.pipeline.fingerprint import options_digest
from gantk.pipeline.stage_context import StageContext
from gantk.pipeline.stages.options import TrainOptions
from gantk.pipeline.stages.phase_data import epoch_steps, phase_batches, training_phases
from gantk.protocols import Artifact, Sampler, Translator

if TYPE_CHECKING:
    from gantk.artifacts import Bundle
    from gantk.data import PreparedDataset
    from gantk.engine.model import AdversarialModel
    from gantk.engine.periodic_evaluation import PeriodicEvaluation
    from gantk.engine.sample_grid import SampleGrid
    from gantk.engine.training import TrainingSummary

logger = logging.getLogger("gantk.pipeline")


class TrainStage:
    """Train the model and leave one self-describing bundle, `model.gantk`."""

    def __init__(self, options: TrainOptions) -> None:
        self.options = options

    def run(self, context: StageContext) -> Mapping[str, Artifact]:
        """Train in the stage's folder, continuing from its newest checkpoint where `context.resume` says so.

        Raises:
            RunFailed: No samples to train on, a loss that is not finite, a checkpoint of another model.
        """
        from gantk.data import PreparedDataset, batch_shapes, steps_per_epoch, training_batches
        from gantk.engine.backend import choose_backend

        options = self.options
        dataset = PreparedDataset.open(context.artifact("dataset").path)
        preview_split = self._preview_split(dataset)
        evaluation_split = self._evaluation_split(dataset)
        choose_backend(
            context.runtime.backend,
            threads=context.runtime.threads,
            deterministic=context.runtime.deterministic,
        )
        from gantk.engine.building import build_model
        from gantk.engine.distribution import use_one_device
        from gantk.engine.model_context import ModelContext
        from gantk.engine.training import train

        data: dict[str, Any] = {"transforms": options.transforms, "seed": context.seed}
        shapes = batch_shapes(dataset, split=options.split, **data)
        steps = epoch_steps(
            options, training_phases(options, shapes), lambda size: steps_per_epoch(dataset, options.split, size)
        )
        model_context = ModelContext(
            shapes=shapes,
            training=options,
            steps_per_epoch=steps,
            seed=context.seed,
            classes=dataset.classes,
        )
        model = build_model(options.model, model_context)
        samples = next(
            training_batches(
                dataset, split=preview_split, batch_size=options.preview.samples, start_step=0, threads=0, **data
            )
        )
        summary = train(
            model,
            batches=lambda step: phase_batches(dataset, options, model.phases, context.seed, step),
            training=options,
            steps_per_epoch=steps,
            directory=context.directory,
            resume=context.resume,
            fingerprint=options_digest(options.model),
            preview=lambda: _grid(model, samples, dataset),
            evaluation=self._evaluation(model, dataset, evaluation_split, context.seed),
            progress=context.progress,
        )
        use_one_device()
        bundle = self._save(context, model, dataset, summary)
        return {"model": Artifact(bundle.path, bundle.digest)}

    def _preview_split(self, dataset: PreparedDataset) -> str:
        for option, split in (("split", self.options.split), ("preview.split", self.options.preview.split)):
            # A small set may hold out samples of one domain only.
            if split in dataset.splits and set(dataset.domains(split)) >= set(dataset.domains(self.options.split)):
                continue
            if option == "preview.split" and "split" not in self.options.preview.model_fields_set:
                return self.options.split
            raise RunFailed(
                f"The prepared data must have samples of every domain in the split that `{option}` names. "
                f"Received: {split!r}; there are {', '.join(dataset.splits) or 'none'}",
                hint="Name another one, or give the source pictures for it.",
            )
        return self.options.preview.split

    def _evaluation_split(self, dataset: PreparedDataset) -> str:
        """Return the split that is measured during training, before anything is built."""
        if self.options.evaluate is None:
            return ""
        asked = self.options.evaluate.split
        if asked is not None and asked not in dataset.splits:
            raise RunFailed(
                "The prepared data must have the split that `evaluate.split` names. "
                f"Received: {asked!r}; there are {', '.join(dataset.splits) or 'none'}",
                hint="Name another one, or give the source pictures for it.",
            )
        return asked or ("valid" if "valid" in dataset.splits else "test")

    def _evaluation(
        self, model: AdversarialModel, dataset: PreparedDataset, split: str, seed: int
    ) -> PeriodicEvaluation | None:
        """Make the metrics ready; what fails here fails before the training."""
        options = self.options.evaluate
        if options is None:
            return None
        from gantk.engine.periodic_evaluation import PeriodicEvaluation
        from gantk.engine.undisturbed import undisturbed
        from gantk.evaluation import PreparedEvaluationData, require_fitting_metrics
        from gantk.evaluation.during_training import ChosenPictures, TrainingMeasurement

        require_fitting_metrics(options.metrics, "samples" if model.latents else "translations")
        pictures = ChosenPictures(PreparedEvaluationData(dataset, seed), split, options.limit)
        with undisturbed(model):
            measurement = TrainingMeasurement(options.metrics, self._candidate(model), pictures)
            measurement.prepare()
        logger.info(
            "measuring %s on %s pictures of the split %r after every %s",
            ", ".join(metric.name for metric in options.metrics),
            "all" if options.limit is None else f"at most {options.limit}",
            split,
            "epoch" if options.every_epochs == 1 else f"{options.every_epochs} epochs",
        )
        how = {
            "metrics": [metric.to_plain() for metric in options.metrics],
            "keep_best": options.keep_best,
            "split": split,
            "limit": options.limit,
            "dataset": dataset.digest,
        }
        return PeriodicEvaluation(
            measure=measurement,
            every_epochs=options.every_epochs,
            keep_best=options.keep_best,
            use=options.use,
            protocol=hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:16],
        )

    def _candidate(self, model: AdversarialModel) -> Translator | Sampler:
        """Return the networks in training as metrics see them."""
        from gantk.evaluation import NetworkSampler, NetworkTranslator

        networks = model.inference_networks()
        if not model.latents:
            return NetworkTranslator(networks, model.inference_components())
        direction, latents = next(iter(model.latents.items()))
        return NetworkSampler(networks[direction], latents, model.classes)

    def _save(
        self, context: StageContext, model: AdversarialModel, dataset: PreparedDataset, summary: TrainingSummary
    ) -> Bundle:
        from gantk.artifacts import save_bundle

        saved = model.networks_to_save()
        return save_bundle(
            context.directory / "model.gantk",
            networks={direction: network for direction, (network, _) in saved.items()},
            components={direction: component for direction, (_, component) in saved.items()},
            model=self.options.model.name,
            domain_names=domain_names(dataset),
            training=dataclasses.asdict(summary),
            precision=self.options.precision,
            licence=self.options.licence,
            latents=model.latents,
            classes=model.classes,
        )


def domain_names(dataset: PreparedDataset) -> dict[str, str]:
    """Return what the domains show, such as `{"A": "horse", "B": "zebra"}`; a domain without a name is its letter."""
    return {"A": "A", "B": "B", **dataset.manifest.get("domain_names", {})}


def _grid(model: AdversarialModel, samples: Mapping[str, Any], dataset: PreparedDataset) -> SampleGrid:
    from gantk.engine.sample_grid import SampleGrid

    names = domain_names(dataset)
    titles = {"AtoB": f"{names['A']} → {names['B']}", "BtoA": f"{names['B']} → {names['A']}"}
    titles |= dict.fromkeys(model.latents, "generated")
    return SampleGrid.from_preview(model.preview(samples), titles)
