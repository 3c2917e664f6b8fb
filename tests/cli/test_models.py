"""`gantk models import` and `gantk models show`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

TESTS = Path(__file__).parents[1]


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """`latest_net_G.pth` of a tiny residual generator, in the working directory."""
    for folder in (TESTS / "artifacts" / "foreign", TESTS / "plugins" / "gantk_networks"):
        monkeypatch.syspath_prepend(folder)
    from test_foreign_weights import resnet
    from torch_files import state_dict, write_zip

    monkeypatch.chdir(tmp_path)
    yield write_zip(Path("latest_net_G.pth"), {"params_ema": state_dict(resnet(blocks=1, filters=4)), "epoch": 3})
    for name in ("test_foreign_weights", "torch_files"):
        sys.modules.pop(name, None)


def test_a_checkpoint_becomes_a_model_that_translates_a_picture(gantk, checkpoint):
    outcome = gantk(
        *("models", "import", checkpoint, "--as", "cyclegan/resnet", "-o", "out/horse2zebra.gantk"),
        *("--domain-names", "horse,zebra", "--licence", "CC BY 4.0", "--option", "convolution=direct"),
    )
    assert (outcome.code, outcome.out) == (0, "out/horse2zebra.gantk\n"), outcome.err
    assert "PyTorch zip checkpoint, part 'params_ema', 16 tensors" in outcome.err
    assert "blocks=1, filters=4" in outcome.err
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)).save("photo.png")
    assert gantk("translate", "out/horse2zebra.gantk", "photo.png", "-o", "zebras").code == 0
    with Image.open("zebras/photo.png") as picture:
        assert picture.size == (50, 37)
        assert np.asarray(picture).std() > 1


def test_whose_network_it_is_shows_by_its_weights(gantk, checkpoint):
    outcome = gantk("models", "import", checkpoint, "-o", "found.gantk")
    assert (outcome.code, outcome.out) == (0, "found.gantk\n"), outcome.err
    assert gantk("models", "import", checkpoint, "--as", "resnet", "-o", "said.gantk").code == 0
    assert Path("found.gantk").read_bytes() == Path("said.gantk").read_bytes()
    named = json.loads(gantk("models", "show", "said.gantk", "--json").out)
    assert named["training"]["imported"]["as"] == "cyclegan/resnet"


def test_keras_weights_become_a_model_that_enlarges(gantk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(TESTS / "plugins" / "gantk_networks")
    from test_srresnet_weights import old_file, srresnet

    old_file(Path("srgan.h5"), srresnet(blocks=1))
    outcome = gantk("models", "import", "srgan.h5")
    assert (outcome.code, outcome.out) == (0, "srgan.gantk\n"), outcome.err
    assert "srgan.h5: Keras HDF5 file, 30 tensors" in outcome.err
    assert "assumed, since the file does not tell: epsilon=0.001" in outcome.err
    assert "; ×4" in gantk("models", "show", "srgan.gantk").out
    sys.modules.pop("test_srresnet_weights", None)


def test_weights_of_no_known_network(gantk, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with h5py.File("other.h5", "w") as file:
        file["dense/kernel"] = np.zeros((4, 4), "float32")
    outcome = gantk("models", "import", "other.h5")
    assert (outcome.code, outcome.out) == (2, "")
    assert "the weights must be those of a network that is known. Received: dense/kernel, …" in outcome.err
    assert "gantk plugins list --kind weight_map" in outcome.err


def test_show(gantk, checkpoint):
    gantk("models", "import", checkpoint, "--as", "cyclegan/resnet", "--domain-names", "horse, zebra", "-q")
    outcome = gantk("models", "show", "latest_net_G.gantk")
    assert outcome.code == 0
    lines = {line.partition("  ")[0]: line.partition("  ")[2].strip() for line in outcome.out.splitlines()}
    assert lines["model"] == "cyclegan"
    assert lines["domains"] == "A horse, B zebra"
    assert lines["colours"] == "-1 to 1"
    assert lines["licence"] == "not stated"
    assert lines["AtoB"].startswith("resnet   3 → 3     ")
    assert "multiples of 4, at least 8" in lines["AtoB"]
    assert "blocks: 1" in lines["AtoB"]
    assert lines["imported.file"] == "latest_net_G.pth"
    assert lines["imported.as"] == "cyclegan/resnet"

    shown = json.loads(gantk("models", "show", "latest_net_G.gantk", "--json").out)
    assert (shown["path"], shown["model"], shown["format"]) == ("latest_net_G.gantk", "cyclegan", "gantk-model-bundle")
    assert shown["networks"]["AtoB"]["component"]["options"]["filters"] == 4
    assert shown["bytes"] == Path("latest_net_G.gantk").stat().st_size
    assert len(shown["digest"]) == 64


def test_show_and_help_import_no_framework(gantk, checkpoint):
    gantk("models", "import", checkpoint, "--as", "cyclegan/resnet", "-q")
    code = (
        "import sys; from gantk.cli import main\n"
        "assert main(['models', '--help']) == main(['models', 'import', '--help']) == 0\n"
        "print('pydantic' in sys.modules)\n"
        "assert main(['models', 'show', 'latest_net_G.gantk']) == 0\n"
        "print([name for name in ('tensorflow', 'jax', 'keras', 'torch') if name in sys.modules])"
    )
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "False" in lines
    assert lines[-1] == "[]"


def test_show_of_what_is_no_model(gantk, checkpoint):
    outcome = gantk("models", "show", checkpoint)
    assert outcome.code == 2
    assert "another kind of zip file" in outcome.err
    assert gantk("models", "show", "nothing").code == 2


def test_an_existing_model_is_not_replaced_unasked(gantk, checkpoint):
    Path("mine.gantk").write_text("precious")
    arguments = ("models", "import", checkpoint, "--as", "cyclegan/resnet", "-o", "mine.gantk")
    outcome = gantk(*arguments)
    assert (outcome.code, Path("mine.gantk").read_text()) == (2, "precious")
    assert "--overwrite replaces it" in outcome.err
    assert gantk(*arguments, "--overwrite").code == 0
    assert Path("mine.gantk").read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--as", "cyclegan/resnett"), 5, "Did you mean 'cyclegan/resnet'"),
        (("--as", "resnett"), 5, "Did you mean 'cyclegan/resnet'"),
        (("--as", "pix2pix/unet"), 2, "the original's U-Net has a convolution model.model.0.weight"),
        (("--as", "cyclegan/resnet", "--option", "blocks=9"), 2, "blocks: 1 by the weights. Received: 9"),
        (("--as", "cyclegan/resnet", "--option", "blocks"), 2, "--option must be KEY=VALUE"),
        (("--as", "cyclegan/resnet", "--domain-names", "horse"), 2, "two names with a comma"),
        (("--as", "cyclegan/resnet", "--direction", "a/b"), 2, "--direction must be a name"),
        (("--as", "cyclegan/resnet", "--key", "params"), 2, "--key must name a part that holds tensors"),
    ],
)
def test_what_is_refused(gantk, checkpoint, arguments, code, told):
    outcome = gantk("models", "import", checkpoint, *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert told in outcome.err
    assert not list(Path().glob("*.gantk"))


def test_a_hostile_checkpoint_is_told_in_one_message(gantk, checkpoint):
    from torch_files import Call, write_legacy

    write_legacy(checkpoint, {"z": Call("os.system", ("touch made",))})
    outcome = gantk("models", "import", checkpoint, "--as", "cyclegan/resnet")
    assert outcome.code == 1
    assert "refused: os.system" in outcome.err
    assert "Traceback" not in outcome.err
    assert not Path("made").exists()
