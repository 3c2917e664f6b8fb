"""The stage `train` on tiny data: evaluation during training, what the model then holds, and the plan's estimates."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from gantk.artifacts import load_bundle
from gantk.config import load_pipeline
from gantk.data.estimate import estimate_preparation
from gantk.engine.checkpoints import read_checkpoint
from gantk.errors import ConfigError, RunFailed
from gantk.pipeline.estimate import earlier_times, estimate_stages, hours_and_minutes, seconds_a_step
from gantk.pipeline.plan import plan_pipeline
from gantk.pipeline.runner import run_pipeline
from gantk.pipeline.stages.options import TrainOptions
from gantk.pipeline.stages.train import TrainStage
from gantk.report import write_report

PIPELINE = """
name: tiny
stages:
  prepare:
    source: {type: quadrupeds, size: 32, train: 4, test: 3}
    workers: 1
  train:
    model:
      type: cyclegan
      generator: {type: resnet, filters: 2, blocks: 1, upsampling: resize}
      discriminator: {type: patchgan, filters: 2, layers: 1}
      pool_size: 0
      lambda_identity: 0
    batch_size: 2
    epochs: 3
    steps_per_epoch: 2
    log_every: 2
    preview: {samples: 2}
    evaluate:
      metrics: [cycle_error]
      keep_best: cycle_error_a
      limit: 2
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("pipeline") / "tiny.yaml"
    path.write_text(PIPELINE)
    return path


@pytest.fixture(scope="module")
def finished(file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run_pipeline(load_pipeline(file), run_dir=folder, progress=False)
    return folder


def lines(folder):
    return [json.loads(line) for line in (folder / "train/metrics.jsonl").read_text().splitlines()]


def test_the_bundle_holds_the_weights_of_the_best_evaluation(finished):
    measured = {
        line["step"]: line["cycle_error.cycle_error_a"]
        for line in lines(finished)
        if line["step"] and "cycle_error.cycle_error_a" in line
    }
    assert list(measured) == [2, 4, 6]
    best = min(measured, key=measured.get)
    summary = json.loads((finished / "train/training.json").read_text())
    assert summary["best"] == {
        "name": "cycle_error.cycle_error_a",
        "value": measured[best],
        "step": best,
        "epoch": best // 2,
    }
    assert summary["model_step"] == best
    bundle = load_bundle(finished / "train/model.gantk")
    assert bundle.metadata.training["model_step"] == best
    _, state = read_checkpoint(finished / "train/checkpoints/best.safetensors")
    kept = [value for name, value in sorted(state.items()) if name.startswith("networks/generator_a_to_b/")]
    for weight, expected in zip(bundle.network("AtoB").get_weights(), kept, strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_the_measure_is_the_one_of_the_evaluation_afterwards(finished):
    """The metric on the finished bundle and the same two pictures gives the number that was logged."""
    from gantk.data import PreparedDataset
    from gantk.evaluation import PreparedEvaluationData
    from gantk.registry import default_registry, load_factory

    spec = default_registry().find("metric", "cycle_error")
    metric = load_factory(spec)(spec.options(limit=2))
    data = PreparedEvaluationData(PreparedDataset.open(finished / "prepare"), 0)
    found = metric.evaluate(load_bundle(finished / "train/model.gantk"), data).values["cycle_error_a"]
    assert found == pytest.approx(json.loads((finished / "train/training.json").read_text())["best"]["value"], rel=1e-5)


def test_the_page_shows_the_curve_and_the_best(finished):
    page = write_report(finished).read_text()
    assert "Best cycle_error.cycle_error_a: <b>" in page
    assert "The model holds the weights of step" in page


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        (
            "evaluate.metrics=[{type: masked_psnr, split: train}]",
            RunFailed,
            "The metric 'masked_psnr' cannot be measured during training: The prepared data must hold the field",
        ),
        (
            "evaluate.split=valid",
            RunFailed,
            r"split that `evaluate\.split` names\. Received: 'valid'; there are train, test",
        ),
        (
            "evaluate.keep_best=cycle_error_c",
            ConfigError,
            r"cycle_error\.cycle_error_a, cycle_error\.cycle_error_b\.\nReceived: 'cycle_error_c'",
        ),
    ],
)
def test_what_cannot_be_measured_is_told_before_the_first_step(file, finished, tmp_path, setting, error, message):
    import shutil

    shutil.copytree(finished / "prepare", tmp_path / "prepare")
    shutil.copy(finished / "run.json", tmp_path)
    settings = [f"stages.train.{setting}", *(["stages.train.evaluate.keep_best=null"] if "psnr" in setting else [])]
    with pytest.raises(error, match=message):
        run_pipeline(load_pipeline(file, overrides=settings), run_dir=tmp_path, first="train", progress=False)
    assert not list((tmp_path / "train").glob("checkpoints/*"))


def test_a_metric_that_is_not_measured_is_told_at_its_line(file):
    with pytest.raises(
        ConfigError, match=r"(?s)expected a value of one of the metrics cycle_error\n.*'ssim\.a'"
    ) as caught:
        load_pipeline(file, overrides=["stages.train.evaluate.keep_best=ssim.a"])
    assert "stages.train.evaluate.keep_best" in caught.value.message


class TestPlan:
    def plan(self, file, folder, *settings, **arguments):
        pipeline = load_pipeline(file, overrides=list(settings))
        return pipeline, plan_pipeline(pipeline, run_dir=folder, **arguments)

    def test_a_run_that_is_done_takes_no_time(self, file, finished):
        pipeline, plan = self.plan(file, finished)
        assert "train" not in earlier_times(pipeline, plan, finished)

    def test_the_pace_of_the_earlier_run_tells_the_time_of_a_longer_one(self, file, finished):
        pace = seconds_a_step(lines(finished))
        pipeline, plan = self.plan(file, finished, "stages.train.epochs=50", first="train")
        estimate = earlier_times(pipeline, plan, finished)["train"]
        assert estimate.facts["steps"] == estimate.facts["steps_left"] == 100
        assert estimate.seconds == pytest.approx(100 * pace)
        pipeline, plan = self.plan(file, finished, "stages.train.epochs=50", resume=True)
        # Six steps are done.
        assert earlier_times(pipeline, plan, finished)["train"].facts["steps_left"] == 94

    def test_another_model_has_another_pace(self, file, finished):
        pipeline, plan = self.plan(file, finished, "stages.train.batch_size=1")
        assert "train" not in earlier_times(pipeline, plan, finished)

    def test_an_estimate_of_what_has_never_run(self, file, tmp_path):
        pipeline, plan = self.plan(file, tmp_path / "none")
        estimates, reasons = estimate_stages(pipeline, plan, tmp_path / "none")
        assert reasons == {}
        assert not (tmp_path / "none").exists()
        preparation, training = estimates["prepare"].facts, estimates["train"].facts
        # Four and three pictures of each domain, and three pairs with their mask.
        assert preparation["samples"] == {"test": {"A": 3, "AB": 3, "B": 3}, "train": {"A": 4, "B": 4}}
        assert preparation["disk_bytes"] > 0
        assert (training["steps"], training["steps_per_epoch"]) == (6, 2)
        memory, parameters = training["memory_bytes"], training["parameters"]
        # float32: 4 bytes a parameter; Adam keeps two moments of each, and each optimizer a counter and a rate.
        assert memory["weights"] == 4 * sum(parameters.values())
        assert 0 <= memory["optimizers"] - 2 * memory["weights"] < 64
        generators = parameters["generator_a_to_b"] + parameters["generator_b_to_a"]
        assert memory["gradients"] == 4 * generators
        assert training["checkpoints"] == 3
        assert training["step_seconds"] > 0

    def test_the_checkpoint_has_the_size_that_was_estimated(self, file, finished):
        pipeline, plan = self.plan(file, finished, first="train")
        estimates, _ = estimate_stages(pipeline, plan, finished)
        estimated = estimates["train"].facts["checkpoint_bytes"]
        written = (finished / "train/checkpoints/best.safetensors").stat().st_size
        # Beside the numbers there is a header of names, shapes and checksums.
        assert estimated < written < estimated + 60_000
        assert estimates["train"].how == "from the pace of the earlier run"

    def test_data_that_will_be_prepared_otherwise_are_not_those_of_the_earlier_run(self, file, finished):
        changed = ("stages.prepare.source.train=7", "stages.train.steps_per_epoch=null")
        pipeline, plan = self.plan(file, finished, *changed)
        assert "train" not in earlier_times(pipeline, plan, finished)
        estimates, reasons = estimate_stages(pipeline, plan, finished)
        assert reasons == {}
        assert estimates["prepare"].facts["samples"]["train"] == {"A": 7, "B": 7}
        assert estimates["train"].facts["steps_per_epoch"] == 3
        assert "tried on random pictures" in estimates["train"].how

    def test_what_cannot_be_estimated_is_told(self, file, tmp_path):
        pipeline, plan = self.plan(file, tmp_path, "stages.train.split=valid")
        estimates, reasons = estimate_stages(pipeline, plan, tmp_path)
        assert "train" not in estimates
        assert "needs samples of A and B" in reasons["train"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), (3.0, "< 1 min"), (60.0, "1 min"), (7500.0, "2 h 05 min"), (360_000.0, "100 h 00 min")],
)
def test_times_are_hours_and_minutes(seconds, text):
    assert hours_and_minutes(seconds) == text


def test_a_pause_between_two_lines_does_not_count():
    found = [{"step": step, "time": time} for step, time in ((10, 0.0), (20, 5.0), (20, 6.0), (30, 900.0), (40, 905.0))]
    # 0.5, (an evaluation's line), 89.4 and 0.5 seconds a step.
    assert seconds_a_step(found) == 0.5
    assert seconds_a_step(found[:1]) is None


def test_a_listing_that_takes_too_long_is_not_taken_for_missing_samples(file):
    options = load_pipeline(file).stages["prepare"].component.options
    with pytest.raises(RunFailed, match="listed for 0 s, which was too short to come to samples of B in the split"):
        estimate_preparation(options, listing_seconds=0)


def test_a_source_that_is_not_there_yet_is_not_downloaded(file, monkeypatch, tmp_path, caplog):
    from gantk_quadrupeds.source import QuadrupedsSource

    monkeypatch.setattr(QuadrupedsSource, "is_ready", lambda self: False, raising=False)
    monkeypatch.setattr(QuadrupedsSource, "items", lambda self: pytest.fail("listed"))
    pipeline = load_pipeline(file)
    with caplog.at_level(logging.WARNING):
        estimates, reasons = estimate_stages(pipeline, plan_pipeline(pipeline, run_dir=tmp_path), tmp_path)
    assert estimates == {}
    assert "would have to be downloaded to be estimated" in reasons["prepare"]


@pytest.mark.parametrize(
    ("held_out", "shown"), [(("A", "B"), "test"), (("A",), "train"), (("A", "AB", "B"), "test"), ((), "train")]
)
def test_grids_show_training_samples_where_a_domain_has_none_held_out(held_out, shown):
    class Prepared:
        splits = ("train", "test")

        def domains(self, split):
            return {"train": ("A", "B"), "test": held_out}[split]

    stage = TrainStage(TrainOptions.model_validate({"model": "cyclegan"}))
    assert stage._preview_split(Prepared()) == shown
