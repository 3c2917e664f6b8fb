"""What of losses, discriminators and training options is refused, or cautioned about, before anything is built."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from gantk.pipeline.stages.options import TrainOptions

GRADIENT = [{"type": "gradient"}]


def stage(discriminator="dcgan", loss="vanilla", kind="gan", **training):
    model = {"type": kind, "discriminator": discriminator, "adversarial_loss": loss}
    return TrainOptions.model_validate({"model": model, **training})


@pytest.mark.parametrize("loss", ["hinge", "wasserstein", "relativistic_average"])
def test_smoothing_of_a_loss_without_labels_is_refused(loss):
    with pytest.raises(ValidationError, match=rf"the loss '{loss}' \(adversarial_loss\) has no labels.*Received: 0\.1"):
        stage(loss=loss, label_smoothing=0.1)
    stage(loss=loss)


@pytest.mark.parametrize("loss", ["vanilla", "lsgan"])
def test_smoothing_of_a_loss_with_labels_is_accepted(loss):
    assert stage(loss=loss, label_smoothing=0.1).cautions() == []


@pytest.mark.parametrize("loss", ["hinge", "lsgan", "relativistic_average", "vanilla", "wasserstein"])
def test_what_records_say_of_smoothing_is_true_of_the_losses(loss):
    made = stage(loss=loss).model.options.adversarial_loss
    assert made.spec.smooths_labels is hasattr(made.create(), "smoothed")


@pytest.mark.parametrize(
    ("discriminator", "training", "cautioned"),
    [
        ({"type": "dcgan", "normalization": "none"}, {}, True),
        ({"type": "dcgan", "normalization": "none"}, {"penalties": GRADIENT}, False),
        ({"type": "dcgan", "normalization": "none", "spectral": True}, {}, False),
        ("sndcgan", {}, False),
        ("resnet_gan", {}, False),
        ({"type": "resnet_gan", "spectral": False}, {}, True),
        ({"type": "patchgan", "normalization": "none", "spectral": True}, {}, False),
        ("patchgan", {}, True),
        ("unet_sn", {}, True),
    ],
)
def test_a_wasserstein_loss_without_a_bound_is_cautioned_about(discriminator, training, cautioned):
    found = [one for one in stage(discriminator, "wasserstein", **training).cautions() if "'wasserstein'" in one]
    assert len(found) == cautioned
    assert all("nothing bounds it; add penalties: [{type: gradient}]" in caution for caution in found)
    assert not [one for one in stage(discriminator, "hinge", **training).cautions() if "bounds it" in one]


@pytest.mark.parametrize(
    ("discriminator", "cautioned"),
    [
        ("dcgan", True),
        ({"type": "dcgan", "normalization": "layer"}, False),
        ("sndcgan", False),
        ("vgg", True),
        ({"type": "patchgan", "normalization": "batch"}, True),
        ("patchgan", False),
    ],
)
def test_a_penalty_with_batch_normalization_is_cautioned_about(discriminator, cautioned):
    found = [one for one in stage(discriminator, penalties=GRADIENT).cautions() if "batch normalization" in one]
    assert len(found) == cautioned
    assert stage(discriminator).cautions() == []


def test_every_model_with_a_game_is_looked_at():
    found = stage("patchgan", "wasserstein", kind="cyclegan").cautions()
    assert len(found) == 1
    assert "the discriminator 'patchgan'" in found[0]
    # ProGAN brings a penalty of its own.
    assert TrainOptions.model_validate({"model": "progan"}).cautions() == []


def test_a_pipeline_shows_the_cautions_and_imports_no_framework(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(
        """
name: x
stages:
  prepare:
    source: {type: folder, root: data, pairing: single}
  train:
    model:
      type: gan
      discriminator: {type: dcgan, spectral: true}
      adversarial_loss: wasserstein
"""
    )
    code = (
        "import sys; from gantk.cli import main\n"
        "try:\n    main(['pipeline', 'validate', 'pipeline.yaml'])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print([m for m in ('tensorflow', 'jax', 'keras') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    told = " ".join((done.stdout + done.stderr).split())
    assert "stages.train.model.discriminator: spectral: true divides kernels" in told
    assert "stages.train: the loss 'wasserstein' (adversarial_loss) means something only while" in told
