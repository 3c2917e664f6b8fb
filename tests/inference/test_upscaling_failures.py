"""Everything that can go wrong with a folder of pictures, each by its name: nothing is lost, nothing is done twice."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from gantk.artifacts import Bundle
from gantk.errors import RunFailed
from gantk.inference import batch_job, upscale, upscaling
from gantk.inference.picture_reading import picture_format, read_picture

PLUGIN_FILE = Path(__file__).with_name("enlarging_generators.py")
Make = Callable[..., Bundle]
Encode = Callable[..., bytes]


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def lines(folder: Path, name: str = "manifest.jsonl") -> list[dict[str, Any]]:
    path = folder / name
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def results(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".jsonl"
    }


def moments(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in results(folder)}


def counts(summary: Any) -> tuple[int, int, int, int]:
    return summary.inputs, summary.done, summary.skipped, summary.failed


def noise(height: int = 20, width: int = 30, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


def twice(image: Any) -> Any:
    return image.repeat(2, axis=0).repeat(2, axis=1)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_says(height: int, width: int, data: bytes = b"\0" * 64) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def animation(form: str, frames: int = 3) -> bytes:
    stream = io.BytesIO()
    pictures = [Image.fromarray(noise(seed=number)) for number in range(frames)]
    pictures[0].save(stream, form, save_all=True, append_images=pictures[1:], duration=100)
    return stream.getvalue()


# One bad file among good ones


@pytest.fixture
def reason_for(model: Make, tmp_path: Path, encoded: Encode) -> Callable[..., str]:
    """Enlarge a folder with one bad file between good ones; return why it failed."""

    def reason(name: str, content: bytes, **options: Any) -> str:
        for good in ("a.png", "z.png"):
            write(tmp_path / "in" / good, encoded("PNG", noise()))
        bad = write(tmp_path / "in" / name, content)
        summary = upscale(model(), [tmp_path / "in"], tmp_path / "out", **options)
        assert counts(summary) == (3, 2, 0, 1), summary.reasons
        assert sorted(results(tmp_path / "out")) == ["a.png", "z.png"], "no half file, no temporary file"
        (line,) = lines(tmp_path / "out", "failures.jsonl")
        assert line["input"] == str(bad)
        assert [(str(bad), line["reason"])] == summary.reasons
        return str(line["reason"])

    return reason


def test_zero_bytes(reason_for: Callable[..., str]) -> None:
    assert reason_for("m.png", b"") == "The file is empty: 0 bytes."


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("part", [0.1, 0.6])
def test_truncated(reason_for: Callable[..., str], encoded: Encode, form: str, part: float) -> None:
    content = encoded(form, noise(60, 80))
    said = reason_for(f"m.{form.lower()}", content[: int(part * len(content))])
    assert f"The {form} file cannot be decoded, being cut short" in said


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_animated(reason_for: Callable[..., str], form: str) -> None:
    assert f"An animation of 3 frames, not one picture ({form})" in reason_for(f"m.{form.lower()}", animation(form))


def test_several_pages(reason_for: Callable[..., str]) -> None:
    assert "A TIFF file of 3 pages" in reason_for("m.tif", animation("TIFF"))


def test_text_named_as_a_picture(reason_for: Callable[..., str]) -> None:
    assert reason_for("m.png", b"hello, world").startswith("This is not a JPEG, PNG, WebP, TIFF, BMP or GIF file.")


def test_a_decompression_bomb(reason_for: Callable[..., str]) -> None:
    # 144 million pixels in half a megabyte, as it says; none of them is decoded.
    row = zlib.compressobj(9)
    data = b"".join(row.compress(b"\0" * (1 + 3 * 12_000)) for _ in range(12_000)) + row.flush()
    header = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    said = reason_for("m.png", content, max_pixels=100_000_000)
    assert "12000 × 12000 pixels are 144.0 million, more than the limit of 100.0 million" in said
    assert "--max-pixels" in said


@pytest.mark.parametrize(("height", "width"), [(50, 60), (1000, 1000), (9000, 11000)])
def test_a_header_that_says_more_than_there_is(reason_for: Callable[..., str], height: int, width: int) -> None:
    began = time.monotonic()
    said = reason_for("m.png", png_that_says(height, width))
    assert "cut short" in said
    assert time.monotonic() - began < 5


def test_a_header_that_says_less_than_there_is(reason_for: Callable[..., str], encoded: Encode) -> None:
    """What a decoder for the size in the header would write beyond its memory."""
    content = bytearray(encoded("BMP", noise(40, 40)))
    content[18:22] = struct.pack("<i", 1 << 30)
    assert "more than the limit" in reason_for("m.bmp", bytes(content))


def test_a_size_of_nothing(reason_for: Callable[..., str]) -> None:
    assert "PNG file cannot be decoded" in reason_for("m.png", png_that_says(0, 10))


def test_unreadable(reason_for: Callable[..., str], encoded: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "m.png":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    assert reason_for("m.png", encoded()) == "It cannot be read: Permission denied."


def test_an_error_of_the_disk_while_reading(
    reason_for: Callable[..., str], encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.read_bytes

    def broken(path: Path) -> bytes:
        if path.name == "m.png":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", broken)
    assert reason_for("m.png", encoded()) == "It cannot be read: Input/output error."


@pytest.mark.parametrize("replaced", [False, True])
def test_vanished_between_planning_and_reading(
    reason_for: Callable[..., str], tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    original = batch_job.run_job

    def later(*arguments: Any, **options: Any) -> Any:
        (tmp_path / "in" / "m.png").unlink()
        if replaced:
            (tmp_path / "in" / "m.png").mkdir()
        return original(*arguments, **options)

    monkeypatch.setattr(upscaling, "run_job", later)
    said = reason_for("m.png", encoded())
    assert said == f"It cannot be read: {'Is a directory' if replaced else 'No such file or directory'}."


# Files that are not what they seem, and are done


def test_wrong_extensions(model: Make, tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "png.jpg", encoded("PNG", noise()))
    write(tmp_path / "in" / "webp.png", encoded("WEBP", noise(), lossless=True))
    write(tmp_path / "in" / "jpeg.tif", encoded("JPEG", noise()))
    write(tmp_path / "in" / "bmp", encoded("BMP", noise()))
    assert counts(upscale(model(), [tmp_path / "in"], tmp_path / "out")) == (4, 4, 0, 0)
    made = results(tmp_path / "out")
    forms = {name: picture_format(content[:32]) for name, content in made.items()}
    assert forms == {"png.jpg": "png", "webp.png": "webp", "jpeg.tif": "jpeg", "bmp": "bmp"}, (
        "the format of the content"
    )
    for name in ("png.jpg", "bmp"):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(made[name]))), twice(noise()))


def test_names_that_are_not_ascii_or_as_long_as_can_be(model: Make, tmp_path: Path, encoded: Encode) -> None:
    names = [
        "漢字 ünï😀.png",
        "new\nline\ttab.png",
        "-o.png",
        "a" * 246 + ".png",
        "漢" * 82 + ".png",
        os.fsdecode(b"\xff\xfe.png"),
    ]
    for number, name in enumerate(names):
        write(tmp_path / "in" / name, encoded("PNG", noise(seed=number)))
    assert counts(upscale(model(), [tmp_path / "in"], tmp_path / "out")) == (6, 6, 0, 0)
    made = results(tmp_path / "out")
    assert sorted(made) == sorted(names)
    for number, name in enumerate(names):
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(made[name]))), twice(noise(seed=number)))
    assert counts(upscale(model(), [tmp_path / "in"], tmp_path / "out")) == (6, 0, 6, 0)
    summary = upscale(model(), [tmp_path / "in"], tmp_path / "suffix", suffix="_enlarged_twofold")
    assert counts(summary) == (6, 6, 0, 0), "a name that would be too long is shortened"
    assert len(results(tmp_path / "suffix")) == 6
    assert counts(upscale(model(), [tmp_path / "in"], tmp_path / "suffix", suffix="_enlarged_twofold")) == (6, 0, 6, 0)


# The disk


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_stops_the_job_which_continues(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    for number in range(9):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", noise(seed=number)))
    upscale(model(), [tmp_path / "in"], tmp_path / "expected")
    original, written = os.fsync, 0

    def nearly_full(descriptor: int) -> None:
        nonlocal written
        if ".png" in os.readlink(f"/proc/self/fd/{descriptor}"):
            written += 1
            if written > 3:
                raise OSError(error, os.strerror(error))
        original(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", nearly_full)
        with pytest.raises(RunFailed, match=r"cannot be written any more|No space") as caught:
            upscale(model(), [tmp_path / "in"], tmp_path / "out", threads=1)
    assert "same command again" in caught.value.hint
    left = results(tmp_path / "out")
    assert len(left) == 3
    assert not lines(tmp_path / "out", "failures.jsonl"), "the pictures are not to blame"
    before = moments(tmp_path / "out")
    assert counts(upscale(model(), [tmp_path / "in"], tmp_path / "out")) == (9, 6, 3, 0)
    assert {name: moments(tmp_path / "out")[name] for name in before} == before
    assert results(tmp_path / "out") == results(tmp_path / "expected")


def test_a_disk_that_fills_up_while_records_are_written(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.inference import job_records, record_files

    for number in range(4):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", noise(seed=number)))
    original, made = record_files.encoded, 0

    def full(line: Any) -> bytes:
        nonlocal made
        made += 1
        if made > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(line)

    with monkeypatch.context() as patch:
        patch.setattr(job_records, "encoded", full)
        with pytest.raises(RunFailed, match="No space is left"):
            upscale(model(), [tmp_path / "in"], tmp_path / "out")
    summary = upscale(model(), [tmp_path / "in"], tmp_path / "out")
    assert (summary.failed, summary.done + summary.skipped) == (0, 4)


# Killed and continued

KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import enlarging_generators
from gantk.artifacts import load_bundle
from gantk.inference import upscale
from gantk.registry import Registry
bundle, source, out, moment = sys.argv[2:]
replace, replaced = os.replace, 0
def deadly(old, new):
    global replaced
    if str(new).endswith((".png", ".tif")):
        replaced += 1
        if replaced == int(moment):
            os.kill(os.getpid(), signal.SIGKILL)
    replace(old, new)
os.replace = deadly
upscale(load_bundle(bundle, registry=Registry({"enlarging": enlarging_generators})), [source], out, tile=32)
"""


def test_killed_in_the_middle_nothing_is_done_twice_and_all_is_as_without(
    model: Make, tmp_path: Path, encoded: Encode
) -> None:
    bundle = model(layers=1)
    for number in range(24):
        form = "TIFF" if number % 3 == 0 else "PNG"
        name = f"{number % 4}/{number}.{'tif' if form == 'TIFF' else 'png'}"
        write(tmp_path / "in" / name, encoded(form, noise(40 + number, 50, seed=number)))
    write(tmp_path / "in" / "bad.png", b"no picture")
    assert counts(upscale(bundle, [tmp_path / "in"], tmp_path / "expected", tile=32)) == (25, 24, 0, 1)

    out = tmp_path / "out"
    arguments = [str(PLUGIN_FILE.parent), str(bundle.path), str(tmp_path / "in"), str(out), "14"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], env=environment, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    there = {name for name in results(out) if "tmp" not in name}
    assert len(there) == 13
    recorded = {line["output"] for line in lines(out) if line["status"] == "done"}
    assert recorded <= there
    before = {name: (out / name).stat().st_ino for name in recorded}

    summary = upscale(bundle, [tmp_path / "in"], out, tile=32)
    assert summary.failed == 1
    assert summary.skipped == len(recorded)
    assert summary.done == 24 - len(recorded)
    assert {name: (out / name).stat().st_ino for name in recorded} == before
    assert results(out) == results(tmp_path / "expected"), "and no temporary file is left"
    plain = ("output", "input", "sha256", "bytes", "settings", "width", "height", "status")
    told, expected = (
        [{key: line[key] for key in plain} for line in lines(path)] for path in (out, tmp_path / "expected")
    )
    assert told == expected
    assert lines(out, "failures.jsonl") == lines(tmp_path / "expected", "failures.jsonl")
    assert counts(upscale(bundle, [tmp_path / "in"], out, tile=32)) == (25, 0, 24, 1)


def test_only_what_has_changed_is_done_again(model: Make, tmp_path: Path, encoded: Encode) -> None:
    out = tmp_path / "out"
    for number in range(4):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", noise(seed=number)))
    write(tmp_path / "in" / "bad.png", b"")

    def run(name: str = "enlarging", **options: Any) -> tuple[int, set[str]]:
        before = moments(out)
        summary = upscale(model(layers=int(name == "other")), [tmp_path / "in"], out, **options)
        assert summary.inputs == summary.done + summary.skipped + summary.failed
        after = moments(out)
        written = {file for file in after if before.get(file) != after[file]}
        assert len(written) == summary.done
        return summary.failed, written

    everything = {f"{number}.png" for number in range(4)}
    assert run() == (1, everything)
    assert run() == (1, set())
    assert run(tile=16, batch_size=3, max_pixels=10_000) == (1, set()), "these do not decide the result"

    write(tmp_path / "in" / "0.png", encoded("PNG", noise(seed=9)))
    os.utime(tmp_path / "in" / "1.png", (1, 1))
    (out / "2.png").unlink()
    write(tmp_path / "in" / "4.png", encoded("PNG", noise(seed=10)))
    assert run() == (1, {"0.png", "2.png", "4.png"}), "changed, lost and new; not what was only touched"
    assert np.array_equal(np.asarray(Image.open(out / "0.png")), twice(noise(seed=9)))

    everything |= {"4.png"}
    assert run("other") == (1, everything), "another model"
    assert run("other", png_level=9) == (1, everything), "another setting"
    assert run("other", png_level=9) == (1, set())
    assert run("other", png_level=9, overwrite=True) == (1, everything)
    (out / "3.png").write_bytes(b"cut short")
    assert run("other", png_level=9) == (1, {"3.png"}), "a result that somebody spoilt"


def test_failures_are_tried_again_when_asked(model: Make, tmp_path: Path, encoded: Encode) -> None:
    out = tmp_path / "out"
    for number in range(3):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", noise(20 + 20 * number, seed=number)))
    assert counts(upscale(model(), [tmp_path / "in"], out, max_pixels=900)) == (3, 1, 0, 2)
    assert len(lines(out, "failures.jsonl")) == 2
    assert counts(upscale(model(), [tmp_path / "in"], out, max_pixels=1300)) == (3, 0, 1, 2), "known, and not tried"
    again = upscale(model(), [tmp_path / "in"], out, max_pixels=1300, retry_failures=True)
    assert counts(again) == (3, 1, 1, 1)
    assert [Path(line["input"]).name for line in lines(out, "failures.jsonl")] == ["2.png"]
    assert counts(upscale(model(), [tmp_path / "in"], out, retry_failures=True)) == (3, 1, 2, 0)
    assert not (out / "failures.jsonl").exists()


# Everything together


def mixed_folder(folder: Path, encoded: Encode) -> tuple[int, int]:
    """Write pictures of all kinds and broken files; return how many of each."""
    good = bad = 0

    def put(name: str, content: bytes, broken: bool = False) -> None:
        nonlocal good, bad
        write(folder / name, content)
        bad += broken
        good += not broken

    for number in range(9):
        image = Image.fromarray(noise(11 + 3 * number, 17 + number, 4, seed=number))
        for form, modes in {
            "PNG": ("RGB", "RGBA", "L", "LA", "P", "1"),
            "TIFF": ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK"),
            "JPEG": ("RGB", "L", "CMYK"),
            "WEBP": ("RGB", "RGBA"),
            "BMP": ("RGB", "L", "P", "1"),
            "GIF": ("L", "P"),
        }.items():
            for mode in modes:
                made = image if mode in ("RGBA", "LA") else image.convert("RGB")
                put(f"{form}/{mode}/{number}.{form.lower()}", encoded(form, made, mode=mode))
        deep = noise(9, 12 + number, 1, np.uint16, number)[..., 0]
        put(f"deep/{number}.png", encoded("PNG", deep))
        put(f"deep/{number}.tif", encoded("TIFF", deep))
        exif = Image.Exif()
        exif[0x0112] = number
        put(f"turned/{number}.jpg", encoded("JPEG", noise(16, 24), exif=exif))
        put(f"turned/{number}.png", encoded("PNG", noise(16, 24), exif=exif))
        put(f"broken/{number}-zero.png", b"", broken=True)
        for form in ("PNG", "JPEG", "TIFF", "WEBP"):
            whole = encoded(form, noise(30, 30, seed=number))
            put(f"broken/{number}-cut.{form.lower()}", whole[: len(whole) * (number + 1) // 11], broken=True)
        put(f"broken/{number}-text.jpg", b"text" * number + b"x", broken=True)
        put(f"broken/{number}-animated.gif", animation("GIF", number + 2), broken=True)
        put(f"broken/{number}-bomb.png", png_that_says(100_000, 100_000 + number), broken=True)
    write(folder / "notes.txt", b"no picture")
    write(folder / ".hidden.png", b"hidden")
    return good, bad


def test_a_folder_of_everything(model: Make, tmp_path: Path, encoded: Encode) -> None:
    good, bad = mixed_folder(tmp_path / "in", encoded)
    assert (good, bad) == (252, 72)
    out = tmp_path / "out"
    summary = upscale(model(), [tmp_path / "in"], out)
    assert counts(summary) == (good + bad, good, 0, bad), summary.reasons
    assert summary.ignored == 1
    made, failures = results(out), lines(out, "failures.jsonl")
    assert len(made) + len(failures) == summary.inputs
    assert {Path(line["input"]).parent.name for line in failures} == {"broken"}
    assert all(line["reason"] for line in failures)
    assert [line["output"] for line in lines(out)] == sorted(made)
    for name, content in made.items():
        source = tmp_path / "in" / (name.replace(".png", ".gif") if name.startswith("GIF") else name)
        before = read_picture(source.read_bytes(), max_pixels=10_000)
        after = read_picture(content, max_pixels=10_000)
        assert after.colour.shape == (2 * before.height, 2 * before.width, before.colour.shape[2]), name
        assert after.colour.dtype == before.colour.dtype, name
        assert (after.alpha is None) == (before.alpha is None), name
        if name.endswith((".png", ".tiff", ".bmp")) and before.alpha is None and before.colour.dtype == np.uint8:
            assert np.array_equal(after.colour, twice(before.colour)), name
    assert counts(upscale(model(), [tmp_path / "in"], out)) == (good + bad, 0, good, bad)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_what_the_file_had_is_kept(model: Make, tmp_path: Path, encoded: Encode, form: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "maker", 6
    steps = np.add.outer(np.arange(40) * 3, np.arange(60) * 2)[..., None].repeat(3, 2).astype(np.uint8)
    options: dict[str, Any] = {"exif": exif, "icc_profile": profile, "dpi": (300, 200)}
    name = f"x.{form.lower()}"
    path = write(tmp_path / name, encoded(form, steps, **options, **({"lossless": True} if form == "WEBP" else {})))
    assert counts(upscale(model(), [path], tmp_path / "out")) == (1, 1, 0, 0)
    with Image.open(tmp_path / "out" / name) as image:
        assert image.format == form
        assert image.size == (80, 120), "turned upright"
        assert image.info["icc_profile"] == profile
        assert image.getexif()[0x010F] == "maker"
        assert image.getexif().get(0x0112, 1) == 1, "once"
        if form != "WEBP":
            assert image.info["dpi"] == pytest.approx((200, 300), rel=0.01), "of the sides as they are now"
        received = np.asarray(image).astype(int)
    expected = twice(np.rot90(steps, -1)).astype(int)
    assert np.abs(received - expected).mean() < 3


def test_16_bits_and_transparency_in_one_file(model: Make, tmp_path: Path) -> None:
    from gantk.inference.deep_png import encode_deep_png
    from gantk.inference.picture import Picture

    colour, alpha = noise(20, 25, 3, np.uint16), np.full((20, 25), 65535, np.uint16)
    alpha[:, :10] = 0
    path = write(tmp_path / "x.png", encode_deep_png(Picture(colour, alpha), 1))
    assert counts(upscale(model(), [path], tmp_path / "out")) == (1, 1, 0, 0)
    received = read_picture((tmp_path / "out" / "x.png").read_bytes(), max_pixels=10_000)
    assert received.colour.dtype == np.uint16
    assert received.alpha is not None
    assert np.abs(received.colour[:, 20:].astype(int) - twice(colour[:, 10:])).max() <= 1
    assert (received.alpha[:, 24:] == 65535).all()
    assert (received.alpha[:, :16] == 0).all()


def test_two_cameras_with_the_same_names_do_not_replace_each_others_results(
    tmp_path: Path, model: Make, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write(tmp_path / "one" / "IMG_1.png", encoded(seed=1))
    write(tmp_path / "two" / "IMG_1.png", encoded(seed=2))
    assert counts(upscale(model(), [tmp_path / "one"], out)) == (1, 1, 0, 0)
    before = results(out)

    summary = upscale(model(), [tmp_path / "two"], out)
    assert counts(summary) == (1, 0, 0, 1)
    assert str(tmp_path / "one" / "IMG_1.png") in summary.reasons[0][1]
    assert results(out) == before

    # The same picture under another spelling of its path, changed: that is another version of it.
    write(tmp_path / "one" / "IMG_1.png", encoded(seed=3))
    monkeypatch.chdir(tmp_path)
    assert counts(upscale(model(), ["one"], "out")) == (1, 1, 0, 0)
    assert counts(upscale(model(), [tmp_path / "two"], out, overwrite=True)) == (1, 1, 0, 0)
