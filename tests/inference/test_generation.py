from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter

from gantk import LatentOptions, SynthesisGeneratorChoice, latent_vectors
from gantk.artifacts import Bundle, load_bundle, save_bundle
from gantk.engine.truncation import check_truncation, truncated
from gantk.errors import RunFailed, UsageError
from gantk.inference.generation import BundleSampler, PictureSeries, chosen_labels, plan_folder, run_folder
from gantk.inference.generation import folder as folder_job
from gantk.inference.generation.animation import check_animation, write_animation
from gantk.inference.generation.arithmetic import (
    Term,
    arithmetic_sheet,
    of_usual_length,
    parsed_expression,
    result_vector,
)
from gantk.inference.generation.arrays import write_arrays
from gantk.inference.generation.latent_path import closed_path, mixed_labels, spherical, straight
from gantk.inference.generation.sheet import GAP, check_sheet, labels_of_rows, laid_out, sheet_rows, write_sheet
from gantk.protocols import Sampler

Make = Callable[..., Bundle]
CLASSES = ("cat", "dog", "2")


@pytest.fixture(scope="module")
def latent_model(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Return an untrained DCGAN of 8 × 8 pixels, with weights large enough that its pictures differ."""
    made: dict[str, Bundle] = {}

    def make(classes: tuple[str, ...] = (), channels: int = 3, distribution: str = "normal") -> Bundle:
        key = json.dumps([classes, channels, distribution])
        if key not in made:
            component = TypeAdapter(SynthesisGeneratorChoice).validate_python({"type": "dcgan", "filters": 4})
            network = component.create(latents=6, output_shape=(8, 8, channels), classes=len(classes))
            random = np.random.default_rng(3)
            for variable in network.weights:
                values = random.normal(0.5 if "moving" in variable.path else 0, 0.5, variable.shape)
                variable.assign(np.abs(values) if "moving" in variable.path else values)
            path = tmp_path_factory.mktemp("latent") / "model.gantk"
            save_bundle(
                path,
                networks={"sample": network},
                components={"sample": component},
                model="gan",
                latents={"sample": LatentOptions(size=6, distribution=distribution)},
                classes=classes,
            )
            made[key] = load_bundle(path)
        return made[key]

    return make


@pytest.fixture
def plain(latent_model: Make) -> BundleSampler:
    return BundleSampler(latent_model(), batch_size=4)


@pytest.fixture
def labelled(latent_model: Make) -> BundleSampler:
    return BundleSampler(latent_model(CLASSES, 1), batch_size=4)


class TestSampler:
    def test_pictures_are_those_of_the_network(self, labelled: BundleSampler, latent_model: Make) -> None:
        assert isinstance(labelled, Sampler)
        assert (labelled.shape, labelled.classes) == ((8, 8, 1), CLASSES)
        images = labelled.sample(5, seed=3, first=2)
        vectors = latent_vectors(LatentOptions(size=6), 5, seed=3, first=2)
        # Numbers 2, 3, 4, 5, 6 have the labels 2, 0, 1, 2, 0.
        one_hot = np.eye(3, dtype=np.float32)[[2, 0, 1, 2, 0]]
        network = latent_model(CLASSES, 1).network("sample")
        expected = keras.ops.convert_to_numpy(network([vectors, one_hot], training=False))
        assert images.dtype == np.float32
        assert images.std() > 0.1
        np.testing.assert_allclose(images, expected, atol=1e-5)

    def test_a_picture_is_the_same_byte_for_byte_whatever_is_made_beside_it(self, plain: BundleSampler) -> None:
        many = plain.sample(11, seed=0)
        assert len({image.tobytes() for image in many}) == 11
        for first, count in ((0, 11), (3, 1), (3, 6), (10, 1)):
            assert plain.sample(count, seed=0, first=first).tobytes() == many[first : first + count].tobytes()
        scattered = dict(
            pair
            for numbers, images in plain.numbered([9, 2, 3, 7, 2], seed=0)
            for pair in zip(numbers, images, strict=True)
        )
        assert {number: image.tobytes() for number, image in scattered.items()} == {
            number: many[number].tobytes() for number in (9, 2, 3, 7)
        }
        assert plain.sample(11, seed=1).tobytes() != many.tobytes()
        assert plain.sample(0, seed=0).shape == (0, 8, 8, 3)

    def test_another_batch_size_changes_rounding_alone(self, plain: BundleSampler, latent_model: Make) -> None:
        others = BundleSampler(latent_model(), batch_size=3).sample(7, seed=0)
        np.testing.assert_allclose(others, plain.sample(7, seed=0), atol=1e-5)
        assert BundleSampler(latent_model()).batch_size == 64

    def test_the_network_is_compiled_once(self, plain: BundleSampler, latent_model: Make) -> None:
        network, calls = latent_model().network("sample"), []

        class Counted(keras.Model):
            def call(self, inputs: Any, training: bool = False) -> Any:
                calls.append(inputs.shape)
                return network(inputs, training=training)

        counted = Counted()
        counted.build((4, 6))
        calls.clear()
        sampler = BundleSampler(latent_model(), batch_size=4, network=counted)
        for count in (1, 4, 9):
            sampler.sample(count, seed=0)
        assert [tuple(shape) for shape in calls] == [(4, 6)]

    def test_pictures_are_rounded_and_cut_off(self, plain: BundleSampler, monkeypatch: pytest.MonkeyPatch) -> None:
        pictures = plain.pictures(3, seed=0)
        expected = np.clip(np.rint((plain.sample(3, seed=0).astype(np.float64) + 1) * 127.5), 0, 255)
        assert pictures.dtype == np.uint8
        assert np.abs(pictures - expected).max() <= 1
        monkeypatch.setattr(plain, "sample", lambda *_, **__: np.full((1, 8, 8, 3), np.nan, np.float32))
        with pytest.raises(RunFailed, match="finite values"):
            plain.pictures(1, seed=0)

    def test_labels_are_checked(self, plain: BundleSampler, labelled: BundleSampler) -> None:
        assert labelled.sample(2, seed=0, labels=[1, 1]).tobytes() != labelled.sample(2, seed=0).tobytes()
        with pytest.raises(UsageError, match="takes no labels"):
            plain.sample(1, seed=0, labels=[0])
        with pytest.raises(UsageError, match=r"one label for each of 2 images. Received: 1"):
            labelled.sample(2, seed=0, labels=[0])
        with pytest.raises(UsageError, match=r"from 0 to 2. Received: 3"):
            labelled.sample(1, seed=0, labels=[3])

    def test_a_model_of_pictures_is_refused_and_the_other_way_round(
        self, bundle: Make, model: Make, latent_model: Make, tmp_path: Path
    ) -> None:
        from gantk.inference import translate, upscale

        with pytest.raises(UsageError, match="direction 'AtoB' takes pictures") as error:
            BundleSampler(bundle("identity"))
        assert "gantk translate" in error.value.hint
        with pytest.raises(UsageError) as error:
            BundleSampler(model())
        assert "gantk upscale" in error.value.hint
        (tmp_path / "in").mkdir()
        for work in (translate, upscale):
            with pytest.raises(UsageError, match="must be a model that takes pictures") as error:
                work(latent_model(), [tmp_path / "in"], tmp_path / "out")
            assert "gantk generate" in error.value.hint
        with pytest.raises(UsageError, match="makes pictures of latent vectors"):
            latent_model()("sample", np.zeros((1, 8, 8, 3), np.float32))

    def test_a_network_of_another_size_is_told(self, latent_model: Make) -> None:
        other = latent_model(channels=1).network("sample")
        with pytest.raises(RunFailed, match=r"of the shape \(4, 8, 8, 3\). Received: \(4, 8, 8, 1\)"):
            BundleSampler(latent_model(), batch_size=4, network=other).sample(1, seed=0)


class TestTruncation:
    def test_normal_numbers_become_truncated_normal_ones(self) -> None:
        options = LatentOptions(size=500)
        vectors = latent_vectors(options, 40, seed=0)
        less = truncated(vectors, options, 0.7)
        assert less.dtype == np.float32
        assert np.abs(less).max() <= 0.7
        # The variance of a normal truncated to [-t, t] is 1 - 2 t φ(t) / (2 Φ(t) - 1).
        density = math.exp(-(0.7**2) / 2) / math.sqrt(2 * math.pi)
        variance = 1 - 2 * 0.7 * density / math.erf(0.7 / math.sqrt(2))
        assert less.var() == pytest.approx(variance, rel=0.02)
        # The numbers keep sign and order.
        assert (np.argsort(less.ravel()) == np.argsort(vectors.ravel())).mean() > 0.99
        # By hand: z = 1, t = 2 gives Φ⁻¹(½ + 0.341345 · 0.954500) = Φ⁻¹(0.825813) = 0.93773.
        assert truncated(np.ones((1, 1), np.float32), options, 2.0)[0, 0] == pytest.approx(0.93773, abs=2e-5)

    def test_a_threshold_that_cuts_nothing_off_changes_nothing(self) -> None:
        options = LatentOptions(size=9)
        vectors = np.array([[-9, -5, -1, 0, 1e-3, 0.5, 2, 5, 9]], np.float32)
        near = truncated(vectors, options, 40.0)
        np.testing.assert_allclose(near[:, 1:-1], vectors[:, 1:-1], rtol=1e-5)
        assert np.isfinite(near).all()

    def test_uniform_numbers_shrink_and_directions_are_refused(self) -> None:
        uniform = LatentOptions(size=3, distribution="uniform")
        vectors = latent_vectors(uniform, 4, seed=0)
        np.testing.assert_array_equal(truncated(vectors, uniform, 0.5), vectors * np.float32(0.5))
        with pytest.raises(UsageError, match="at most 1"):
            check_truncation(uniform, 1.5)
        with pytest.raises(UsageError, match=r"above 0\. Received: -1"):
            check_truncation(LatentOptions(), -1)
        with pytest.raises(UsageError, match="hypersphere"):
            check_truncation(LatentOptions(distribution="hypersphere"), 0.5)

    def test_the_sampler_truncates(self, latent_model: Make) -> None:
        sampler = BundleSampler(latent_model(), truncation=0.5, batch_size=4)
        vectors = sampler.vectors(3, seed=0)
        assert np.abs(vectors).max() <= 0.5
        np.testing.assert_allclose(sampler.sample(3, seed=0), sampler.images(vectors), atol=1e-5)
        with pytest.raises(UsageError, match="hypersphere"):
            BundleSampler(latent_model(distribution="hypersphere"), truncation=0.5)


class TestLabels:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [(None, (0, 1, 2)), ("all", (0, 1, 2)), ("dog", (1,)), ("1", (1,)), ("2", (2,)), ("dog, 0,2", (1, 0, 2))],
    )
    def test_names_and_numbers(self, text: str | None, expected: tuple[int, ...]) -> None:
        assert chosen_labels(text, CLASSES) == expected

    def test_a_name_goes_before_a_number(self) -> None:
        assert chosen_labels("0", ("1", "0")) == (1,)
        assert chosen_labels("all", ("none", "all")) == (1,)
        assert chosen_labels("a,b", ("c", "a,b")) == (1,)

    @pytest.mark.parametrize(
        ("text", "hint"),
        [("dgo", "Did you mean 'dog'?"), ("3", "models show"), ("-1", "models show"), ("", "models show")],
    )
    def test_an_unknown_one_is_told(self, text: str, hint: str) -> None:
        with pytest.raises(UsageError, match=r"one of cat, dog, 2, a number from 0 to 2, or all") as error:
            chosen_labels(text, CLASSES)
        assert hint in error.value.hint

    def test_of_a_model_without(self) -> None:
        assert chosen_labels(None, ()) is None
        with pytest.raises(UsageError, match="a model without"):
            chosen_labels("all", ())

    def test_they_come_in_turn(self) -> None:
        series = PictureSeries(3, first=4, labels=(7, 9))
        assert (series.labels_of(series.numbers), series.label_of(5)) == ([7, 9, 7], 9)
        assert PictureSeries(3).labels_of([0, 1]) is None
        for wrong in ({"count": 0}, {"count": 10_000_001}, {"seed": -1}, {"first": -1}):
            with pytest.raises(UsageError, match="must be"):
                PictureSeries(**wrong)


def made(sampler: BundleSampler, series: PictureSeries, output: Path, **options: Any) -> Any:
    return run_folder(plan_folder(sampler, series, output, **options), sampler, series)


def lines(folder: Path, name: str = "manifest.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


class TestFolder:
    def test_files_and_records(self, labelled: BundleSampler, tmp_path: Path) -> None:
        series = PictureSeries(5, seed=3, first=2, labels=(0, 1, 2))
        summary = made(labelled, series, tmp_path / "new" / "out")
        assert (summary.count, summary.done, summary.skipped, summary.failed) == (5, 5, 0, 0)
        names = [f"seed3-00000{number}.png" for number in range(2, 7)]
        assert sorted(os.listdir(tmp_path / "new" / "out")) == ["manifest.jsonl", *names]
        expected = labelled.pictures(5, seed=3, first=2)
        for name, pixels, line in zip(names, expected, lines(tmp_path / "new" / "out"), strict=True):
            picture = Image.open(tmp_path / "new" / "out" / name)
            assert picture.mode == "L"
            assert np.array_equal(np.asarray(picture), pixels[..., 0])
            assert (line["output"], line["seed"]) == (name, 3)
            assert line["label"] == CLASSES[line["number"] % 3]

    def test_a_killed_job_continues_and_nothing_is_made_twice(
        self, plain: BundleSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole, out = tmp_path / "whole", tmp_path / "out"
        made(plain, PictureSeries(11), whole)
        write = folder_job.write_bytes

        def killed(path: Path, content: bytes) -> None:
            if path.name == "seed0-000006.png":
                raise KeyboardInterrupt
            write(path, content)

        monkeypatch.setattr(folder_job, "write_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            made(plain, PictureSeries(11), out)
        monkeypatch.undo()
        assert "seed0-000006.png" not in os.listdir(out)
        already = len([line for line in lines(out) if line["status"] == "done"])
        assert already >= 4
        summary = made(plain, PictureSeries(11), out)
        assert (summary.done, summary.skipped) == (11 - already, already)
        assert {path.name: path.read_bytes() for path in out.iterdir()} == {
            path.name: path.read_bytes() for path in whole.iterdir()
        }
        assert made(plain, PictureSeries(13), out).done == 2
        assert made(plain, PictureSeries(3), out).skipped == 3
        assert len(lines(out)) == 13

    def test_a_lost_or_damaged_file_is_made_again(self, plain: BundleSampler, tmp_path: Path) -> None:
        made(plain, PictureSeries(3), tmp_path)
        before = (tmp_path / "seed0-000001.png").read_bytes()
        (tmp_path / "seed0-000000.png").unlink()
        (tmp_path / "seed0-000001.png").write_bytes(b"")
        summary = made(plain, PictureSeries(3), tmp_path)
        assert (summary.done, summary.skipped) == (2, 1)
        assert (tmp_path / "seed0-000001.png").read_bytes() == before

    def test_nothing_else_is_replaced(self, plain: BundleSampler, labelled: BundleSampler, tmp_path: Path) -> None:
        foreign = tmp_path / "foreign" / "seed0-000001.png"
        foreign.parent.mkdir()
        foreign.write_bytes(b"mine")
        with pytest.raises(UsageError, match="of no such job") as error:
            plan_folder(plain, PictureSeries(2), foreign.parent)
        assert "--overwrite" in error.value.hint
        assert os.listdir(foreign.parent) == [foreign.name]
        made(plain, PictureSeries(2), tmp_path / "out")
        with pytest.raises(UsageError, match="of another model, label or setting"):
            plan_folder(labelled, PictureSeries(1, labels=(0, 1, 2)), tmp_path / "out")
        with pytest.raises(UsageError, match="of another model, label or setting"):
            made(plain, PictureSeries(1), tmp_path / "out", quality=7)
        made(labelled, PictureSeries(1, labels=(2,)), tmp_path / "out", overwrite=True)
        with pytest.raises(UsageError, match="of another model, label or setting"):
            plan_folder(labelled, PictureSeries(1, labels=(1,)), tmp_path / "out")
        with pytest.raises(UsageError, match="a file"):
            plan_folder(plain, PictureSeries(1), foreign)
        with pytest.raises(UsageError, match="format must be one of"):
            plan_folder(plain, PictureSeries(1), tmp_path, format="gif")

    def test_a_picture_that_is_not_finite_is_recorded_and_the_others_are_made(
        self, plain: BundleSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        numbered = plain.numbered

        def broken(*arguments: Any, **options: Any) -> Any:
            for numbers, images in numbered(*arguments, **options):
                images[[number == 2 for number in numbers]] = np.nan
                yield numbers, images

        monkeypatch.setattr(plain, "numbered", broken)
        summary = made(plain, PictureSeries(4), tmp_path)
        assert (summary.done, summary.failed) == (3, 1)
        (failure,) = lines(tmp_path, "failures.jsonl")
        assert (failure["number"], failure["reason"]) == (2, "The network gave values that are not finite.")
        monkeypatch.undo()
        summary = made(plain, PictureSeries(4), tmp_path)
        assert (summary.done, summary.skipped, summary.failed) == (1, 3, 0)
        assert not (tmp_path / "failures.jsonl").exists()

    def test_a_full_disk_is_told(self, plain: BundleSampler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(path: Path, content: bytes) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(folder_job, "write_bytes", full)
        with pytest.raises(RunFailed, match="No space left"):
            made(plain, PictureSeries(2), tmp_path / "out")


class TestSheet:
    def test_rows(self) -> None:
        assert sheet_rows(PictureSeries(5)) == [[0, 1, 2], [3, 4]]
        assert sheet_rows(PictureSeries(5), 2) == [[0, 1], [2, 3], [4]]
        series = PictureSeries(5, first=1, labels=(2, 0))
        # Number 1 has the label 0, 2 the label 2, …
        assert sheet_rows(series) == [[2, 4], [1, 3, 5]]
        assert labels_of_rows(sheet_rows(series), series, CLASSES) == ["2", "cat"]
        assert labels_of_rows(sheet_rows(series, 5), series, CLASSES) == []
        one = PictureSeries(4, labels=(1,))
        assert sheet_rows(one) == [[0, 1], [2, 3]]
        assert labels_of_rows(sheet_rows(one), one, CLASSES) == []
        assert sheet_rows(PictureSeries(1, labels=(0, 1))) == [[0]]

    def test_layout(self) -> None:
        black, grey = (np.full((2, 3, 1), level, np.uint8) for level in (0, 128))
        sheet = laid_out([[black, grey], [grey]])
        assert sheet.shape == (2 * 2 + GAP, 2 * 3 + GAP, 1)
        assert (sheet[:2, :3] == 0).all()
        assert (sheet[:2, 3 + GAP :] == 128).all()
        assert (sheet[2 + GAP :, :3] == 128).all()
        assert (sheet[2 + GAP :, 3:] == 255).all()
        assert (sheet[2 : 2 + GAP] == 255).all()

    def test_the_sheet_shows_the_pictures(self, labelled: BundleSampler, tmp_path: Path) -> None:
        series = PictureSeries(6, seed=1, labels=(0, 1, 2))
        assert write_sheet(tmp_path / "sheet.png", labelled, series) == [[0, 3], [1, 4], [2, 5]]
        pictures = labelled.pictures(6, seed=1)
        expected = laid_out([[pictures[0], pictures[3]], [pictures[1], pictures[4]], [pictures[2], pictures[5]]])
        assert np.array_equal(np.asarray(Image.open(tmp_path / "sheet.png")), expected[..., 0])

    def test_one_that_is_too_large_is_refused(self) -> None:
        check_sheet([[0] * 100] * 100, (100, 100, 3))
        with pytest.raises(UsageError, match="at most 268,435,456 pixels") as error:
            check_sheet([[0] * 200] * 200, (100, 100, 3))
        assert "folder" in error.value.hint
        with pytest.raises(UsageError, match="1 or 3 channels"):
            check_sheet([[0]], (8, 8, 4))


def test_arrays(labelled: BundleSampler, plain: BundleSampler, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, labelled, PictureSeries(6, seed=2, first=3, labels=(1, 2)))
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["classes", "images", "labels", "latents", "numbers"]
        np.testing.assert_array_equal(arrays["images"], labelled.pictures(6, seed=2, first=3, labels=[2, 1] * 3))
        np.testing.assert_array_equal(arrays["latents"], latent_vectors(LatentOptions(size=6), 6, seed=2, first=3))
        assert (arrays["labels"].dtype, arrays["labels"].tolist()) == (np.int32, [2, 1, 2, 1, 2, 1])
        assert arrays["numbers"].tolist() == [3, 4, 5, 6, 7, 8]
        assert arrays["classes"].tolist() == list(CLASSES)
    first = path.read_bytes()
    write_arrays(path, labelled, PictureSeries(6, seed=2, first=3, labels=(1, 2)))
    assert path.read_bytes() == first
    write_arrays(path, plain, PictureSeries(2))
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["images", "latents", "numbers"]


class TestPath:
    def test_an_arc(self) -> None:
        x, y = np.array([2, 0, 0], np.float32), np.array([0, 2, 0], np.float32)
        np.testing.assert_allclose(
            spherical(x, y, 1 / 3), [2 * math.cos(math.pi / 6), 2 * math.sin(math.pi / 6), 0], rtol=1e-6
        )
        for share, end in ((0, x), (1, y)):
            np.testing.assert_allclose(spherical(x, y, share), end, atol=1e-6)
        # One line, one point, and no angle at all.
        np.testing.assert_allclose(spherical(x, -x, 0.25), 0.5 * x, atol=1e-6)
        np.testing.assert_allclose(spherical(x, x, 0.3), x, rtol=1e-6)
        np.testing.assert_allclose(spherical(x, 0 * x, 0.5), 0.5 * x, rtol=1e-6)

    @pytest.mark.parametrize("distribution", ["normal", "hypersphere", "uniform"])
    def test_a_closed_way(self, distribution: Any) -> None:
        options = LatentOptions(size=64, distribution=distribution)
        vectors = latent_vectors(options, 3, seed=0)
        way = closed_path(vectors, 4, options)
        assert way.shape == (12, 64)
        np.testing.assert_array_equal(way[::4], vectors)
        middle = straight(vectors[2], vectors[0], 0.5)
        if distribution == "uniform":
            np.testing.assert_allclose(way[10], middle, rtol=1e-6)
        else:
            # Where the ends are of about one length the arc keeps it; the straight way is nearer to the middle.
            assert np.linalg.norm(way[10]) > 1.2 * np.linalg.norm(middle)
        if distribution == "hypersphere":
            np.testing.assert_allclose(np.linalg.norm(way, axis=1), 8, rtol=1e-4)
        assert closed_path(vectors, 1, options).tobytes() == vectors.tobytes()

    def test_labels_are_mixed(self) -> None:
        mixed = mixed_labels(np.eye(2, dtype=np.float32), 2)
        np.testing.assert_array_equal(mixed, [[1, 0], [0.5, 0.5], [0, 1], [0.5, 0.5]])


class TestAnimation:
    def test_frames(self, labelled: BundleSampler, tmp_path: Path) -> None:
        path = tmp_path / "walk.webp"
        assert write_animation(path, labelled, PictureSeries(3, labels=(0, 1, 2)), frames=2, duration=70, loop=5) == 6
        with Image.open(path) as film:
            assert (film.format, film.size, film.n_frames, film.info["loop"]) == ("WEBP", (8, 8), 6, 5)
            shown = []
            for frame in range(6):
                film.seek(frame)
                film.load()
                assert film.info["duration"] == 70
                shown.append(np.asarray(film.convert("L")))
        pictures = labelled.pictures(3, seed=0)
        # Another place in a batch may round otherwise.
        assert np.abs(np.stack(shown[::2]).astype(int) - pictures[..., 0]).max() <= 1
        assert os.listdir(tmp_path) == ["walk.webp"]

    def test_what_cannot_be(self) -> None:
        with pytest.raises(UsageError, match=r"at least 2 pictures\. Received: 1"):
            check_animation((8, 8, 3), PictureSeries(1), 4)
        with pytest.raises(UsageError, match="Received: 64 × 1000 frames of 512 × 512"):
            check_animation((512, 512, 3), PictureSeries(64), 1000)


class TestArithmetic:
    @pytest.mark.parametrize(
        ("text", "terms"),
        [
            ("12 - 3 + 7", [(1, (12,)), (-1, (3,)), (1, (7,))]),
            (" -1+mean( 2 ,3)", [(-1, (1,)), (1, (2, 3))]),
            ("mean(4)", [(1, (4,))]),
        ],
    )
    def test_expressions(self, text: str, terms: list[tuple[int, tuple[int, ...]]]) -> None:
        assert parsed_expression(text) == tuple(Term(*term) for term in terms)

    @pytest.mark.parametrize(
        ("text", "where"),
        [
            ("", "mean\\(1,2,3\\) and there is nothing"),
            ("1 +", "expected the number of a picture, or mean\\(1,2,3\\) at '\\+'"),
            ("1 2", "expected \\+ or - at '2'"),
            ("1 * 2", "expected \\+ or - at '\\* 2'"),
            ("mean()", "at 'mean\\(\\)'"),
            ("__import__('os')", 'at "__import__'),
            ("1 + 9999999999999999", "expected \\+ or - at '9'"),
        ],
    )
    def test_mistakes(self, text: str, where: str) -> None:
        with pytest.raises(UsageError, match=where):
            parsed_expression(text)
        with pytest.raises(UsageError, match="at most 1000"):
            parsed_expression("+".join(["1"] * 1001))

    def test_vectors(self) -> None:
        terms = parsed_expression("mean(0,1) - 2")
        vectors = [np.array([[1, 3], [3, 5]], np.float32), np.array([[0, 1]], np.float32)]
        np.testing.assert_array_equal(result_vector(terms, vectors), [2, 3])
        samples = np.array([[3, 4], [0, 7]], np.float32)
        # Lengths 5 and 7: a mean of 6.
        np.testing.assert_allclose(of_usual_length(np.array([0.0, 2.0]), LatentOptions(size=2), samples), [0, 6])
        uniform = LatentOptions(size=2, distribution="uniform")
        np.testing.assert_array_equal(of_usual_length(np.array([0.0, 2.0]), uniform, samples), [0, 2])
        np.testing.assert_array_equal(of_usual_length(np.zeros(2), LatentOptions(size=2), samples), [0, 0])

    def test_the_sheet(self, latent_model: Make) -> None:
        sampler = BundleSampler(latent_model(distribution="uniform"), batch_size=4)
        sheet = arithmetic_sheet(sampler, parsed_expression("mean(0,1) - 2"), seed=0)
        # Three columns of 8 pixels, two signs of 9 between, and two pictures above the mean.
        assert sheet.shape == (3 * 8 + 2 * GAP, 3 * 8 + 2 * 9, 3)
        vectors = sampler.vectors(3, seed=0)
        mean = (vectors[0] + vectors[1]) / 2
        cells = {
            (0, 0): vectors[0],
            (1, 0): vectors[1],
            (2, 0): mean,
            (2, 1): vectors[2],
            (2, 2): mean - vectors[2],
        }
        expected = sampler.images(np.stack(list(cells.values())))
        for (row, column), image in zip(cells, expected, strict=True):
            shown = sheet[row * (8 + GAP) :, column * (8 + 9) :][:8, :8]
            assert np.abs(shown / 127.5 - 1 - image).max() < 0.01
        assert (sheet[:8, 8:] == 255).all()
        assert (sheet[-8:, 8:17] == 0).any()

    def test_labels(self, labelled: BundleSampler) -> None:
        terms = parsed_expression("0 + 1")
        with pytest.raises(UsageError, match="the one label of all pictures"):
            arithmetic_sheet(labelled, terms, seed=0)
        assert arithmetic_sheet(labelled, terms, seed=0, label=2).shape == (8, 3 * 8 + 2 * 9, 1)


def test_both_backends_make_the_same_pictures(latent_model: Make, tmp_path: Path) -> None:
    here = os.environ.get("KERAS_BACKEND", "tensorflow")
    other = "tensorflow" if here == "jax" else "jax"
    pytest.importorskip(other)
    program = (
        "import sys, numpy as np\n"
        "from gantk.artifacts import load_bundle\n"
        "from gantk.inference.generation import BundleSampler\n"
        "sampler = BundleSampler(load_bundle(sys.argv[1]), batch_size=4)\n"
        "images = sampler.sample(6, seed=1)\n"
        "assert sampler.sample(2, seed=1, first=3).tobytes() == images[3:5].tobytes()\n"
        "np.save(sys.argv[2], images)\n"
    )
    model = latent_model(CLASSES, 1)
    subprocess.run(
        [sys.executable, "-c", program, str(model.path), str(tmp_path / "images.npy")],
        check=True,
        env={**os.environ, "KERAS_BACKEND": other, "TF_CPP_MIN_LOG_LEVEL": "3"},
        timeout=300,
    )
    images = BundleSampler(model, batch_size=4).sample(6, seed=1)
    np.testing.assert_allclose(np.load(tmp_path / "images.npy"), images, atol=2e-5)
