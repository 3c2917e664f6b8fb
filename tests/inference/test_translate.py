from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import Bundle
from gantk.artifacts.image_translator import ImageTranslator
from gantk.errors import RunFailed, UsageError
from gantk.inference import JobSummary, PictureInput, batch_job, translate
from gantk.inference.job_plan import output_name, preview
from gantk.inference.picture_reading import picture_format, read_picture
from gantk.inference.translation import plan_translation

Encode = Callable[..., bytes]
Make = Callable[..., Bundle]


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path))


def manifest(folder: Path, name: str = "manifest.jsonl") -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def counts(summary: JobSummary) -> tuple[int, int, int, int]:
    return summary.inputs, summary.done, summary.skipped, summary.failed


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


# What comes out


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (37, 3), (64, 48), (101, 99)])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK"])
def test_the_identity_gives_back_every_pixel(
    bundle: Make, tmp_path: Path, encoded: Encode, mode: str, shape: tuple[int, int]
) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*shape, 4), dtype=np.uint8), "RGBA")
    image = image if mode == "RGBA" else (image if mode == "LA" else image.convert("RGB")).convert(mode)
    form = "TIFF" if mode == "CMYK" else "PNG"
    write(tmp_path / "in" / f"x.{form.lower()}", encoded(form, image))
    summary = translate(bundle(), [tmp_path / "in"], tmp_path / "out")
    assert counts(summary) == (1, 1, 0, 0)
    expected_mode = "RGBA" if mode in ("LA", "RGBA") else "RGB"
    received = pixels(tmp_path / "out" / f"x.{form.lower()}")
    assert np.array_equal(received, np.asarray(image.convert(expected_mode)))


def test_16_bits_stay_16_bits(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    samples = np.random.default_rng(0).integers(0, 65536, (21, 13), dtype=np.uint16)
    path = write(tmp_path / "x.png", encoded("PNG", samples))
    translate(bundle(), [path], tmp_path / "out", direction="BtoA")
    received = read_picture((tmp_path / "out" / "x.png").read_bytes(), max_pixels=1000)
    assert received.colour.dtype == np.uint16
    assert np.array_equal(received.colour, (65535 - samples)[..., None].repeat(3, axis=2))


def test_alpha_is_carried_beside_the_translated_colours(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 30, 4), dtype=np.uint8)
    path = write(tmp_path / "x.png", encoded("PNG", image))
    translate(bundle(), [path], tmp_path / "out", direction="BtoA")
    received = pixels(tmp_path / "out" / "x.png")
    assert np.array_equal(received[..., :3], 255 - image[..., :3])
    assert np.array_equal(received[..., 3], image[..., 3])


def test_networks_of_one_channel(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "x.png", encoded())
    translate(bundle(channels=1), [path], tmp_path / "grey")
    assert pixels(tmp_path / "grey" / "x.png").shape == (13, 18)
    translate(bundle(channels=1, output_channels=3), [path], tmp_path / "colour")
    assert np.array_equal(
        pixels(tmp_path / "colour" / "x.png"), pixels(tmp_path / "grey" / "x.png")[..., None].repeat(3, 2)
    )


def test_what_the_file_had_is_kept(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "maker"
    exif[0x0112] = 6
    pixels_in = np.add.outer(np.arange(40) * 2, np.arange(60) * 2)[..., None].repeat(3, 2).astype(np.uint8)
    content = encoded("JPEG", pixels_in, quality=95, exif=exif, icc_profile=profile, dpi=(300, 300))
    path = write(tmp_path / "x.JPEG", content)
    translate(bundle(), [path], tmp_path / "out")
    with Image.open(tmp_path / "out" / "x.JPEG") as image:
        assert image.format == "JPEG"
        assert image.size == (40, 60)
        assert image.info["icc_profile"] == profile
        assert image.info["dpi"] == pytest.approx((300, 300))
        assert (image.getexif()[0x010F], image.getexif()[0x0112]) == ("maker", 1)


def test_formats_and_names(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.jpg", encoded("JPEG"))
    write(tmp_path / "in" / "wrong.jpg", encoded("PNG"))
    write(tmp_path / "in" / "still.gif", encoded("GIF"))
    write(tmp_path / "in" / "sub" / "no_suffix", encoded("BMP"))
    translate(bundle(), [tmp_path / "in"], tmp_path / "keep")
    assert files(tmp_path / "keep") == ["a.jpg", "manifest.jsonl", "still.png", "sub/no_suffix", "wrong.jpg"]
    formats = [picture_format((tmp_path / "keep" / name).read_bytes()[:32]) for name in files(tmp_path / "keep")]
    assert formats == ["jpeg", None, "png", "bmp", "png"], "the format is the file's, whatever its name says"
    translate(bundle(), [tmp_path / "in"], tmp_path / "webp", format="webp")
    assert files(tmp_path / "webp") == [
        "a.webp",
        "manifest.jsonl",
        "still.webp",
        "sub/no_suffix.webp",
        "wrong.webp",
    ]
    assert output_name("a.v2", "png") == "a.v2.png"
    assert output_name("a.JPEG", "jpeg") == "a.JPEG"


def test_pictures_of_one_shape_share_batches(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        image = np.full((16, 20 if number % 2 else 32, 3), number, np.uint8)
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", image))
    sizes: list[int] = []
    original = ImageTranslator.translate

    def counted(self: ImageTranslator, images: Any) -> Any:
        sizes.append(len(images))
        return original(self, images)

    monkeypatch.setattr(ImageTranslator, "translate", counted)
    summary = translate(bundle(), [tmp_path / "in"], tmp_path / "out", batch_size=2)
    assert counts(summary) == (7, 7, 0, 0)
    assert sorted(sizes) == [1, 1, 1, 2, 2] or sorted(sizes) == [1, 2, 2, 2]
    assert all((pixels(tmp_path / "out" / f"{number}.png") == number).all() for number in range(7))


def test_archives_give_a_folder_each(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("deep/a.png", encoded(seed=1))
        archive.writestr("../evil.png", encoded(seed=2))
    summary = translate(bundle(), [tmp_path / "photos.zip"], tmp_path / "out")
    assert counts(summary) == (2, 1, 0, 1)
    assert files(tmp_path) == ["out/failures.jsonl", "out/manifest.jsonl", "out/photos/deep/a.png", "photos.zip"]


def test_inputs_made_by_a_program(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    made = PictureInput("x/y.png", "sample 3", lambda: encoded(seed=3), stamp="3")
    assert counts(translate(bundle(), [made], tmp_path / "out")) == (1, 1, 0, 0)
    assert counts(translate(bundle(), [made], tmp_path / "out")) == (1, 0, 1, 0)
    assert manifest(tmp_path / "out")[0]["input"] == "sample 3"


def test_strange_names(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    strange = ["漢字 ünï😀.png", "new\nline.png", "a" * 251 + ".png", "漢" * 83 + ".png", os.fsdecode(b"\xff\xfe.png")]
    for number, name in enumerate(strange):
        write(tmp_path / "in" / name, encoded(seed=number))
    assert counts(translate(bundle(), [tmp_path / "in"], tmp_path / "out")) == (5, 5, 0, 0)
    for name in strange:
        assert np.array_equal(pixels(tmp_path / "out" / name), pixels(tmp_path / "in" / name))
    assert {line["output"] for line in manifest(tmp_path / "out")} == set(strange)
    assert counts(translate(bundle(), [tmp_path / "in"], tmp_path / "out")) == (5, 0, 5, 0)
    gif = write(tmp_path / "gif" / ("b" * 251 + ".gif"), encoded("GIF"))
    longer = translate(bundle(), [gif], tmp_path / "out", format="webp")
    assert counts(longer) == (1, 1, 0, 0)


# What is lost: nothing


def test_bad_files_are_reported_and_the_rest_is_done(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    folder = tmp_path / "in"
    write(folder / "good.png", encoded())
    write(folder / "zero.png", b"")
    write(folder / "truncated.jpg", encoded("JPEG")[:-200])
    write(folder / "text.png", b"hello")
    write(folder / "animated.gif", animation())
    write(folder / "large.png", encoded("PNG", np.zeros((40, 40, 3), np.uint8)))
    (folder / "gone.png").symlink_to("nowhere")
    summary = translate(bundle(), [folder], tmp_path / "out", max_pixels=1000)
    assert counts(summary) == (7, 1, 0, 6)
    reasons = {Path(line["input"]).name: line["reason"] for line in manifest(tmp_path / "out", "failures.jsonl")}
    assert {name: reason.split(":")[0].split(",")[0].split(".")[0] for name, reason in reasons.items()} == {
        "animated.gif": "An animation of 2 frames",
        "gone.png": "It cannot be read",
        "large.png": "40 × 40 pixels are 0",
        "text.png": "This is not a JPEG",
        "truncated.jpg": "The JPEG file cannot be decoded",
        "zero.png": "The file is empty",
    }
    assert files(tmp_path / "out") == ["failures.jsonl", "good.png", "manifest.jsonl"]
    assert summary.to_plain()["failures"][0].keys() == {"input", "reason"}


def animation() -> bytes:
    stream = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.png", encoded()).chmod(0)
    write(tmp_path / "in" / "b.png", encoded())
    summary = translate(bundle(), [tmp_path / "in"], tmp_path / "out")
    assert counts(summary) == (2, 1, 0, 1)
    assert "Permission denied" in summary.reasons[0][1]


def test_a_file_that_vanishes(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    def vanished() -> bytes:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    inputs = [PictureInput("a.png", "a", vanished), PictureInput("b.png", "b", lambda: encoded())]
    summary = translate(bundle(), inputs, tmp_path / "out")
    assert counts(summary) == (2, 1, 0, 1)
    assert summary.reasons == [("a", "It cannot be read: No such file or directory.")]


def test_two_results_for_one_name_are_told(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.jpg", encoded("JPEG"))
    write(tmp_path / "in" / "a.png", encoded("PNG"))
    assert counts(translate(bundle(), [tmp_path / "in"], tmp_path / "keep")) == (2, 2, 0, 0)
    summary = translate(bundle(), [tmp_path / "in"], tmp_path / "out", format="png")
    assert counts(summary) == (2, 1, 0, 1)
    assert "both go to a.png" in summary.reasons[0][1]
    again = translate(bundle(), [tmp_path / "in"], tmp_path / "out", format="png")
    assert counts(again) == (2, 0, 1, 1)


def test_an_input_is_never_replaced(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "in" / "a.png", encoded())
    with pytest.raises(UsageError, match="must not replace an input"):
        translate(bundle(), [path], tmp_path / "in", overwrite=True)
    assert files(tmp_path / "in") == ["a.png"]


def test_files_of_others_are_not_replaced(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "in" / "a.png", encoded())
    write(tmp_path / "out" / "a.png", b"somebody's")
    summary = translate(bundle(), [path], tmp_path / "out")
    assert counts(summary) == (1, 0, 0, 1)
    assert "--overwrite" in summary.reasons[0][1]
    assert (tmp_path / "out" / "a.png").read_bytes() == b"somebody's"
    assert counts(translate(bundle(), [path], tmp_path / "out", overwrite=True)) == (1, 1, 0, 0)
    assert np.array_equal(pixels(tmp_path / "out" / "a.png"), pixels(path))
    assert not (tmp_path / "out" / "failures.jsonl").exists()


def test_a_file_where_a_folder_is_needed(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    inputs = [PictureInput(name, name, lambda: encoded()) for name in ("a", "a/b.png", "c.png")]
    summary = translate(bundle(), inputs, tmp_path / "out", threads=1)
    assert counts(summary) == (3, 2, 0, 1)
    assert "cannot be written" in summary.reasons[0][1]


def test_values_that_are_not_finite_are_failures(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.png", encoded("PNG", np.full((8, 8, 3), 9, np.uint8)))
    write(tmp_path / "in" / "b.png", encoded("PNG", np.zeros((8, 8, 3), np.uint8)))
    summary = translate(bundle("not-finite-where-black"), [tmp_path / "in"], tmp_path / "out")
    assert counts(summary) == (2, 1, 0, 1)
    assert files(tmp_path / "out") == ["a.png", "failures.jsonl", "manifest.jsonl"]
    assert summary.reasons[0][1] == "The network gave values that are not finite."


def test_out_of_memory_fails_the_picture_that_is_too_large(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.artifacts.compiled_network import OutOfMemory

    for number, side in enumerate((16, 16, 16, 64)):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", np.full((side, side, 3), number, np.uint8)))
    original = ImageTranslator.translate

    def limited(self: ImageTranslator, images: Any) -> Any:
        if sum(image.shape[0] * image.shape[1] for image in images) > 300:
            raise OutOfMemory("no memory")
        return original(self, images)

    monkeypatch.setattr(ImageTranslator, "translate", limited)
    summary = translate(bundle(), [tmp_path / "in"], tmp_path / "out")
    assert counts(summary) == (4, 3, 0, 1)
    assert "not enough memory for the network on 64 × 64 pixels" in summary.reasons[0][1]


def test_a_picture_for_which_the_memory_is_too_small_is_not_tried(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from gantk.inference import memory

    # The identity has two layers, input and output, of 3 channels each: 4 bytes · 6 · factor.
    factor = {"tensorflow": 1.25, "jax": 4.0}[keras.backend.backend()]
    assert memory.network_bytes_per_pixel(bundle().network("AtoB"), 4) == pytest.approx(24 * factor)
    write(tmp_path / "in" / "large.png", encoded("PNG", np.zeros((1100, 1000, 3), np.uint8)))
    write(tmp_path / "in" / "small.png", encoded())
    monkeypatch.setattr(memory, "available_bytes", lambda: 26_400_000 * factor - 1)
    summary = translate(bundle(), [tmp_path / "in"], tmp_path / "out")
    assert counts(summary) == (2, 1, 0, 1)
    assert "of memory for 1000 × 1100 pixels" in summary.reasons[0][1]
    monkeypatch.setattr(memory, "available_bytes", lambda: 26_400_000 * factor)
    assert counts(translate(bundle(), [tmp_path / "in"], tmp_path / "out", retry_failures=True)) == (2, 1, 1, 0)


def test_available_memory_is_between_nothing_and_a_petabyte() -> None:
    from gantk.inference.memory import available_bytes

    available = available_bytes()
    assert available is None or 1 << 20 < available < 1 << 50


def test_a_network_that_always_fails_ends_the_job(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        write(tmp_path / "in" / f"{number}.png", encoded())

    def broken(self: ImageTranslator, images: Any) -> Any:
        raise ValueError("no such layer")

    with monkeypatch.context() as patch:
        patch.setattr(ImageTranslator, "translate", broken)
        with pytest.raises(RunFailed, match="no such layer"):
            translate(bundle(), [tmp_path / "in"], tmp_path / "out")
    with pytest.raises(RunFailed, match="keep height and width"):
        translate(bundle("halving"), [tmp_path / "in"], tmp_path / "out")


def test_a_full_disk_stops_the_job_and_leaves_no_half_file(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        write(tmp_path / "in" / f"{number}.png", encoded(seed=number))
    written = 0
    original = os.fsync

    def nearly_full(descriptor: int) -> None:
        nonlocal written
        if "out" in os.readlink(f"/proc/self/fd/{descriptor}") and ".png" in os.readlink(f"/proc/self/fd/{descriptor}"):
            written += 1
            if written > 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", nearly_full)
        with pytest.raises(RunFailed, match="No space") as caught:
            translate(bundle(), [tmp_path / "in"], tmp_path / "out", threads=1)
    assert "same command again" in caught.value.hint
    left = [name for name in files(tmp_path / "out") if not name.endswith(".jsonl")]
    assert len(left) == 3
    assert all(np.array_equal(pixels(tmp_path / "out" / name), pixels(tmp_path / "in" / name)) for name in left)
    assert counts(translate(bundle(), [tmp_path / "in"], tmp_path / "out")) == (9, 6, 3, 0)


# Continuing


def test_a_second_run_does_only_what_has_changed(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    for number in range(4):
        write(tmp_path / "in" / f"{number}.png", encoded(seed=number))
    write(tmp_path / "in" / "bad.png", b"")
    out = tmp_path / "out"
    assert counts(translate(bundle(), [tmp_path / "in"], out)) == (5, 4, 0, 1)
    before = {name: (out / name).stat().st_mtime_ns for name in ("0.png", "1.png", "2.png", "3.png")}
    assert counts(translate(bundle(), [tmp_path / "in"], out)) == (5, 0, 4, 1), "a known failure is still a failure"
    write(tmp_path / "in" / "0.png", encoded(seed=9))
    os.utime(tmp_path / "in" / "1.png", (1, 1))
    (out / "2.png").unlink()
    summary = translate(bundle(), [tmp_path / "in"], out)
    assert counts(summary) == (5, 2, 2, 1), "changed and missing are done, only touched is not"
    assert (out / "1.png").stat().st_mtime_ns == before["1.png"]
    assert np.array_equal(pixels(out / "0.png"), pixels(tmp_path / "in" / "0.png"))
    assert counts(translate(bundle(), [tmp_path / "in"], out)) == (5, 0, 4, 1)
    assert counts(translate(bundle(), [tmp_path / "in"], out, direction="BtoA")) == (5, 4, 0, 1)
    assert counts(translate(bundle(), [tmp_path / "in"], out, direction="BtoA", overwrite=True)) == (5, 4, 0, 1)


def test_failures_are_tried_again_when_asked_or_changed(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "in" / "a.png", encoded())
    out = tmp_path / "out"
    assert counts(translate(bundle(), [path], out, max_pixels=10)) == (1, 0, 0, 1)
    summary = translate(bundle(), [path], out)
    assert counts(summary) == (1, 0, 0, 1)
    assert "13" in summary.reasons[0][1]
    assert counts(translate(bundle(), [path], out, retry_failures=True)) == (1, 1, 0, 0)
    assert not (out / "failures.jsonl").exists()

    bad = write(tmp_path / "in" / "b.png", b"")
    assert counts(translate(bundle(), [bad], out)) == (1, 0, 0, 1)
    write(bad, encoded())
    assert counts(translate(bundle(), [bad], out)) == (1, 1, 0, 0)


def test_ctrl_c_keeps_what_is_done(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        write(tmp_path / "in" / f"{number:02}.png", encoded(seed=number))
    calls = 0
    original = ImageTranslator.translate

    def interrupted(self: ImageTranslator, images: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return original(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(ImageTranslator, "translate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            translate(bundle(), [tmp_path / "in"], tmp_path / "out", batch_size=2)
    done = [line for line in manifest(tmp_path / "out") if line["status"] == "done"]
    assert len(done) == 4
    assert counts(translate(bundle(), [tmp_path / "in"], tmp_path / "out")) == (12, 8, 4, 0)


KILLED = """
import os, signal, sys
from pathlib import Path
from gantk.inference import batch_job
from gantk.inference.inputs import discover
from gantk.inference.job_plan import plan_job
from gantk.inference.job_records import JobRecords

class Copy:
    def read(self, content): return content
    def pixels(self, picture): return 1
    def group(self, picture): return 0
    def batch_size(self, picture): return 3
    def run(self, pictures): return pictures
    def write(self, result): return result, {}

folder, out, moment = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
replaced = 0
replace = os.replace
def deadly(source, target):
    global replaced
    if str(target).endswith(".png"):
        replaced += 1
        if replaced == abs(moment):
            if moment > 0:
                replace(source, target)
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
if moment:
    os.replace = deadly
found, records = discover([folder], out), JobRecords(out)
plan = plan_job(found, records, form=None, settings={"a": 1})
summary = batch_job.run_job(plan, records, Copy(), settings={"a": 1})
print(summary.inputs, summary.done, summary.skipped, summary.failed)
"""


@pytest.mark.parametrize("moment", [1, -1, 5, -7])
def test_a_killed_job_continues(tmp_path: Path, encoded: Encode, moment: int) -> None:
    """Killed right after (positive) or right before (negative) the so-manieth output gets its name."""
    for number in range(10):
        write(tmp_path / "in" / f"{number}.png", encoded(seed=number))

    def run(when: int) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", KILLED, str(tmp_path / "in"), str(tmp_path / "out"), str(when)]
        return subprocess.run(arguments, capture_output=True, text=True, timeout=60)

    assert run(moment).returncode == -signal.SIGKILL
    with (tmp_path / "out" / "manifest.jsonl").open("a") as stream:
        stream.write('{"output": "9.png", "status": "do')
    there = len([name for name in files(tmp_path / "out") if name.endswith(".png") and "tmp" not in name])
    assert there >= abs(moment) - (moment < 0)
    again = run(0)
    assert again.returncode == 0, again.stderr
    inputs, done, skipped, failed = (int(number) for number in again.stdout.split())
    assert (inputs, done + skipped, failed) == (10, 10, 0)
    assert skipped <= there
    for number in range(10):
        name = f"{number}.png"
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "in" / name).read_bytes()
    assert [line["status"] for line in manifest(tmp_path / "out")] == ["done"] * 10


def test_two_jobs_do_not_write_to_one_folder(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "in" / "a.png", encoded())
    outer: list[RunFailed] = []

    def read() -> bytes:
        with pytest.raises(RunFailed, match="Another job") as caught:
            translate(bundle(), [path], tmp_path / "out")
        outer.append(caught.value)
        return encoded()

    assert counts(translate(bundle(), [PictureInput("b.png", "b", read)], tmp_path / "out")) == (1, 1, 0, 0)
    assert len(outer) == 1


def test_a_plan_changes_nothing(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.png", encoded())
    (tmp_path / "in" / "b.png").symlink_to("nowhere")
    rows = preview(plan_translation(bundle(), [tmp_path / "in"], tmp_path / "out"))
    assert [(Path(row["input"]).name, row["output"], row["action"]) for row in rows] == [
        ("a.png", "a.png", "translate"),
        ("b.png", "b.png", "fail"),
    ]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong", [{"format": "heic"}, {"quality": 0}, {"batch_size": 0}, {"max_pixels": 0}, {"direction": "AtoC"}]
)
def test_wrong_options(bundle: Make, tmp_path: Path, encoded: Encode, wrong: dict[str, Any]) -> None:
    path = write(tmp_path / "a.png", encoded())
    with pytest.raises(UsageError, match="Received"):
        translate(bundle(), [path], tmp_path / "out", **wrong)


def test_an_output_that_is_a_file(bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "a.png", encoded())
    with pytest.raises(UsageError, match="must be a folder"):
        translate(bundle(), [path], path)


def test_counts_that_do_not_add_up_are_a_defect(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.errors import InternalError

    path = write(tmp_path / "a.png", encoded())
    monkeypatch.setattr(batch_job.PictureJob, "_take", lambda *arguments: None)
    with pytest.raises(InternalError, match="1 inputs, 0 done"):
        translate(bundle(), [path], tmp_path / "out")
