"""The stage `generate`, and what the run's page makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from gantk import LatentOptions, StageContext, SynthesisGeneratorChoice
from gantk.artifacts import Bundle, save_bundle
from gantk.config import RuntimeOptions
from gantk.errors import UsageError
from gantk.inference.generation import BundleSampler
from gantk.pipeline.stages.generate import GenerateStage
from gantk.pipeline.stages.options import GenerateOptions, TranslateOptions
from gantk.pipeline.stages.translate import TranslateStage
from gantk.protocols import Artifact
from gantk.report import write_report
from gantk.report.page import titles_with_counts


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    component = TypeAdapter(SynthesisGeneratorChoice).validate_python({"type": "dcgan", "filters": 4})
    network = component.create(latents=6, output_shape=(8, 8, 1), classes=2)
    return save_bundle(
        tmp_path / "train" / "model.gantk",
        networks={"sample": network},
        components={"sample": component},
        model="gan",
        latents={"sample": LatentOptions(size=6)},
        classes=("c<a>t", "dog"),
    )


@pytest.fixture
def context(bundle: Bundle, tmp_path: Path) -> StageContext:
    (tmp_path / "generate").mkdir()
    return StageContext(
        name="generate",
        directory=tmp_path / "generate",
        run_directory=tmp_path,
        artifacts={"model": Artifact(bundle.path, bundle.digest)},
        seed=5,
        runtime=RuntimeOptions(),
        progress=False,
    )


def test_pictures_sheet_and_page(context: StageContext, bundle: Bundle, tmp_path: Path) -> None:
    result = GenerateStage(GenerateOptions(count=6, seed=3, shown=4)).run(context)
    assert result["generated"].path == context.directory
    names = sorted(path.name for path in (context.directory / "pictures").glob("*.png"))
    assert names == [f"seed3-00000{number}.png" for number in range(6)]
    sheet = np.asarray(Image.open(context.directory / "sheet.png"))
    assert sheet.shape == (2 * 8 + 2, 2 * 8 + 2)
    pictures = BundleSampler(bundle).pictures(4, seed=3)
    assert np.array_equal(sheet[10:, 10:], pictures[3, ..., 0])
    facts = json.loads((context.directory / "sheet.json").read_text())
    assert (facts["rows"], facts["labels"]) == ([[0, 2], [1, 3]], ["c<a>t", "dog"])

    assert GenerateStage(GenerateOptions(count=6, seed=3, shown=4)).run(context)["generated"] == result["generated"]
    other = GenerateStage(GenerateOptions(count=6, seed=3, shown=4, truncation=0.5)).run(context)
    assert other["generated"].digest != result["generated"].digest

    stage = {"status": "done", "seconds": 1.0, "skipped": False, "error": "", "outputs": {}}
    stages = {name: {**stage, "type": name} for name in ("train", "generate")}
    (tmp_path / "run.json").write_text(json.dumps({"name": "r", "status": "done", "started": 0, "stages": stages}))
    text = write_report(tmp_path).read_text()
    assert "4 of 6 pictures of the seed 3, not chosen; truncation 0.5; a row for each label." in text
    assert "<span>c&lt;a&gt;t</span><span>dog</span>" in text
    assert '<td class="number">latents → 1</td>' in text
    assert "8 × 8, of 6 latents (normal) and 2 labels</td>" in text
    assert "that <code>gantk generate</code>" in text


def test_a_translation_of_such_a_model_is_refused(context: StageContext) -> None:
    with pytest.raises(UsageError, match="must be a model that takes pictures"):
        TranslateStage(TranslateOptions()).run(context)


def test_equal_titles_of_rows_are_counted() -> None:
    assert titles_with_counts(["generated"] * 8) == ["generated (8 rows)"]
    assert titles_with_counts(["a", "a", "b", "a"]) == ["a (2 rows)", "b", "a"]
