from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from gantk.artifacts import Bundle, compiled_network
from gantk.artifacts.compiled_network import OutOfMemory
from gantk.artifacts.image_translator import from_unit_range, to_unit_range
from gantk.errors import RunFailed, UsageError
from gantk.inference import PictureInput, upscale, upscaling
from gantk.inference.job_plan import output_name
from gantk.inference.picture_reading import read_picture
from gantk.inference.rows import reading
from gantk.inference.upscaling import plan_upscaling
from gantk.inference.upscaling_options import UpscalingOptions

PLUGIN_FILE = Path(__file__).with_name("enlarging_generators.py")
Make = Callable[..., Bundle]
Encode = Callable[..., bytes]


@pytest.fixture
def strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every picture go the way of large ones."""
    from gantk.inference.rows import jpeg_reading, png_reading, tiff_reading

    monkeypatch.setattr(upscaling, "_SMALL_BYTES", 0)
    monkeypatch.setattr(upscaling, "_DECODED_WHOLE", 0)
    monkeypatch.setattr(png_reading, "_STRIP_BYTES", 700)
    monkeypatch.setattr(tiff_reading, "_STRIP_BYTES", 700)
    monkeypatch.setattr(jpeg_reading, "_STRIP_BYTES", 2000)
    monkeypatch.setattr(reading, "_STRIP_BYTES", 700)


def smooth(height: int, width: int, channels: int = 3, dtype: Any = np.uint8, seed: int = 0) -> Any:
    steps = np.random.default_rng(seed).integers(-9, 10, (height, width, channels))
    return (np.cumsum(steps, axis=1) % np.iinfo(dtype).max).astype(dtype)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def pixels(path: Path) -> Any:
    return np.asarray(Image.open(path))


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def counts(summary: Any) -> tuple[int, int, int, int]:
    return summary.inputs, summary.done, summary.skipped, summary.failed


def nearest(image: Any, scale: int = 2) -> Any:
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


# What comes out


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "LA"])
@pytest.mark.parametrize("large", [False, True])
def test_nearest_neighbours_of_every_kind_of_picture(
    model: Make, tmp_path: Path, encoded: Encode, request: pytest.FixtureRequest, form: str, mode: str, large: bool
) -> None:
    if (form == "WEBP" and mode != "RGB") or (form == "BMP" and mode in ("RGBA", "LA")):
        pytest.skip("no such files")
    if large:
        request.getfixturevalue("strips")
    image = Image.fromarray(smooth(37, 43, 4))
    image.putalpha(255)
    image = image.convert("RGB").convert(mode) if mode != "RGBA" else image
    options = {"lossless": True} if form == "WEBP" else {}
    path = write(tmp_path / "x", encoded(form, image, **options))
    summary = upscale(model(), [path], tmp_path / "out", tile=16, format=None if form != "WEBP" else "png")
    assert counts(summary) == (1, 1, 0, 0), summary.reasons
    expected = np.asarray(image.convert({"P": "RGB", "1": "L"}.get(mode, mode)))
    (name,) = [name for name in files(tmp_path / "out") if not name.endswith(".jsonl")]
    assert np.array_equal(pixels(tmp_path / "out" / name), nearest(expected)), "grey stays grey"


@pytest.mark.parametrize("options", [{"layers": 3}, {"layers": 3, "reflect": True}, {"layers": 2, "multiple": 4}])
def test_tiled_is_untiled(model: Make, tmp_path: Path, encoded: Encode, options: Any) -> None:
    bundle = model(**options)
    random = np.random.default_rng(3)
    shapes = [
        (1, 1),
        (1, 40),
        (50, 1),
        (2, 17),
        (64, 64),
        *((int(h), int(w)) for h, w in random.integers(3, 90, (5, 2))),
    ]
    for number, shape in enumerate(shapes):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", smooth(*shape, seed=number)))
    assert upscale(bundle, [tmp_path / "in"], tmp_path / "whole", tile=128).failed == 0
    assert upscale(bundle, [tmp_path / "in"], tmp_path / "tiled", tile=24, batch_size=3).failed == 0
    for number, shape in enumerate(shapes):
        whole, tiled = (pixels(tmp_path / kind / f"{number}.png") for kind in ("whole", "tiled"))
        assert np.array_equal(whole, tiled)
        if "multiple" not in options and min(shape) > 1:
            image = to_unit_range(smooth(*shape, seed=number))[None]
            expected = from_unit_range(np.asarray(bundle.network()(image, training=False))[0], np.uint8)
            assert np.abs(expected.astype(int) - tiled).max() <= 1, "of the very network"


@pytest.mark.parametrize("form", ["PNG", "TIFF", "JPEG"])
def test_pictures_in_strips_are_those_made_whole(
    model: Make, tmp_path: Path, encoded: Encode, request: pytest.FixtureRequest, form: str
) -> None:
    for orientation in (1, 2, 3, 6, 8):
        exif = Image.Exif()
        exif[0x0112] = orientation
        folder = exif.get_ifd(0x8769)
        folder[0xA002], folder[0xA003] = 51, 64
        content = encoded(form, smooth(64, 51), exif=exif, dpi=(72, 144))
        write(tmp_path / "in" / f"{orientation}.{form.lower()}", content)
    write(tmp_path / "in" / f"alpha.{form.lower()}", encoded(form, smooth(40, 30, 3 if form == "JPEG" else 4)))
    options: dict[str, Any] = {"scale": 3.3, "tile": 20}
    assert upscale(model(layers=2), [tmp_path / "in"], tmp_path / "whole", **options).failed == 0
    request.getfixturevalue("strips")
    assert upscale(model(layers=2), [tmp_path / "in"], tmp_path / "strips", **options).failed == 0
    for path in (tmp_path / "in").iterdir():
        whole, strips = (
            read_picture((tmp_path / kind / path.name).read_bytes(), max_pixels=10**6) for kind in ("whole", "strips")
        )
        assert np.array_equal(whole.colour, strips.colour)
        assert (whole.dpi, whole.exif) == (strips.dpi, strips.exif)
        assert (whole.alpha is None) == (strips.alpha is None)
        assert whole.alpha is None or np.array_equal(whole.alpha, strips.alpha)
    with Image.open(tmp_path / "strips" / f"6.{form.lower()}") as image:
        assert image.size == (round(64 * 3.3), round(51 * 3.3))
        if form != "TIFF":
            sizes = image.getexif().get_ifd(0x8769)
            assert (sizes[0xA002], sizes[0xA003]) == image.size
            assert image.getexif()[0x0112] == 1


def test_16_bits_stay_16_bits(model: Make, tmp_path: Path, encoded: Encode) -> None:
    samples = smooth(21, 13, 1, np.uint16)[..., 0]
    write(tmp_path / "in" / "x.png", encoded("PNG", samples))
    upscale(model(), [tmp_path / "in"], tmp_path / "out")
    received = read_picture((tmp_path / "out" / "x.png").read_bytes(), max_pixels=10_000)
    assert received.colour.dtype == np.uint16
    assert np.abs(received.colour[..., 0].astype(int) - nearest(samples)).max() <= 1, "grey through three channels"
    upscale(model(channels=1), [tmp_path / "in"], tmp_path / "one")
    received = read_picture((tmp_path / "one" / "x.png").read_bytes(), max_pixels=10_000)
    assert np.array_equal(received.colour[..., 0], nearest(samples))


def test_a_network_of_one_channel_takes_colours_one_by_one(model: Make, tmp_path: Path, encoded: Encode) -> None:
    image = smooth(30, 20)
    path = write(tmp_path / "x.png", encoded("PNG", image))
    upscale(model(channels=1), [path], tmp_path / "out", tile=16)
    assert np.array_equal(pixels(tmp_path / "out" / "x.png"), nearest(image))


def test_another_scale_than_the_models(model: Make, tmp_path: Path, encoded: Encode) -> None:
    ramp = np.broadcast_to(np.arange(0, 250, 10, dtype=np.uint8)[None, :, None], (20, 25, 3))
    path = write(tmp_path / "x.png", encoded("PNG", np.ascontiguousarray(ramp)))
    for scale, size in ((3, (60, 75)), (0.5, (10, 12)), (1, (20, 25))):
        upscale(model(), [path], tmp_path / str(scale), scale=scale)
        received = pixels(tmp_path / str(scale) / "x.png")
        assert received.shape == (*size, 3)
        expected = Image.fromarray(nearest(ramp)).resize(size[::-1], Image.Resampling.LANCZOS)
        assert np.abs(received.astype(int) - np.asarray(expected)).max() <= 1
    bundle = model()
    assert UpscalingOptions().settings(bundle) == UpscalingOptions(scale=2.0, tile=64, batch_size=3).settings(bundle)
    assert UpscalingOptions().settings(bundle) != UpscalingOptions(scale=3).settings(bundle)


def test_transparent_pixels_give_no_fringes(model: Make, tmp_path: Path, encoded: Encode) -> None:
    image = np.zeros((40, 40, 4), np.uint8)
    image[10:30, 10:30] = (200, 100, 50, 255)
    path = write(tmp_path / "x.png", encoded("PNG", image))
    upscale(model(layers=0), [path], tmp_path / "out", tile=16, scale=3)
    received = pixels(tmp_path / "out" / "x.png")
    visible = received[..., 3] > 0
    assert (received[visible][:, :3] == (200, 100, 50)).all(), "no black comes in from what is not seen"
    expected = Image.fromarray(image[..., 3]).convert("F").resize((120, 120), Image.Resampling.BICUBIC)
    assert np.abs(received[..., 3] - np.clip(np.asarray(expected), 0, 255)).max() <= 0.51
    assert (received[40:80, 40:80, 3] == 255).all()


# Tiles that fail


def test_a_failed_tile_fails_its_picture_only(model: Make, tmp_path: Path, encoded: Encode) -> None:
    for number in range(6):
        image = np.full((40, 40, 3), 10 * number, np.uint8)
        if number == 3:
            image[35, 20] = 255
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", image))
    bundle = model("spoilt", breaking=0.9)
    summary = upscale(bundle, [tmp_path / "in"], tmp_path / "out", tile=16, batch_size=7)
    assert counts(summary) == (6, 5, 0, 1)
    assert summary.reasons == [(str(tmp_path / "in" / "3.png"), "The network gave values that are not finite.")]
    for number in (0, 1, 2, 4, 5):
        received = pixels(tmp_path / "out" / f"{number}.png")
        assert received.shape == (80, 80, 3)
        assert (received == 10 * number).all(), "its own pixels"
    assert files(tmp_path / "out").count("3.png") == 0


def test_half_precision_is_redone_where_it_is_not_finite(
    model: Make, tmp_path: Path, encoded: Encode, caplog: pytest.LogCaptureFixture
) -> None:
    image = np.full((40, 40, 3), 64, np.uint8)
    image[3, 3] = 255
    path = write(tmp_path / "x.png", encoded("PNG", image))
    with caplog.at_level("INFO"):
        summary = upscale(
            model("overflowing", breaking=0.9), [path], tmp_path / "out", tile=16, batch_size=4, precision="float16"
        )
    assert counts(summary) == (1, 1, 0, 0), summary.reasons
    assert np.array_equal(pixels(tmp_path / "out" / "x.png"), nearest(image))
    assert "tiles run again in float32: 1" in caplog.text


@pytest.mark.parametrize("most", [16 * 16 * 2, 15 * 40, 12 * 12])
def test_out_of_memory_halves_tiles_then_batches(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    bundle = model(layers=2)
    for number in range(3):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", smooth(70, 80, seed=number)))
    upscale(bundle, [tmp_path / "in"], tmp_path / "expected", tile=512)
    original = compiled_network.compile_network
    shapes = []

    def small_memory(network: Any) -> Any:
        function = original(network)

        def call(images: Any) -> Any:
            if images.size > 3 * most:
                raise OutOfMemory("no room")
            shapes.append(images.shape)
            return function(images)

        return call

    monkeypatch.setattr(compiled_network, "compile_network", small_memory)
    summary = upscale(bundle, [tmp_path / "in"], tmp_path / "out", tile=64, batch_size=4)
    assert counts(summary) == (3, 3, 0, 0), summary.reasons
    assert max(max(shape[1:3]) for shape in shapes) < 64
    for number in range(3):
        assert np.array_equal(
            pixels(tmp_path / "out" / f"{number}.png"), pixels(tmp_path / "expected" / f"{number}.png")
        )


def test_out_of_memory_on_the_smallest_tile_fails_the_picture(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(network: Any) -> Any:
        def call(images: Any) -> Any:
            raise OutOfMemory("no room")

        return call

    monkeypatch.setattr(compiled_network, "compile_network", none)
    path = write(tmp_path / "x.png", encoded("PNG", smooth(70, 80)))
    summary = upscale(model(), [path], tmp_path / "out", tile=64)
    assert counts(summary) == (1, 0, 0, 1)
    assert "There is not enough memory for the network" in summary.reasons[0][1]


def test_a_network_that_always_fails_ends_the_job(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: Any) -> Any:
        def call(images: Any) -> Any:
            raise ValueError("no such layer")

        return call

    path = write(tmp_path / "in" / "x.png", encoded("PNG", smooth(70, 80)))
    with monkeypatch.context() as patch:
        patch.setattr(compiled_network, "compile_network", broken)
        summary = upscale(model(), [path], tmp_path / "one", tile=16)
        assert counts(summary) == (1, 0, 0, 1), "one picture does not end a job"
        for number in range(4):
            write(tmp_path / "in" / f"{number}.png", encoded("PNG", smooth(70, 80)))
        with pytest.raises(RunFailed, match="no such layer"):
            upscale(model(), [tmp_path / "in"], tmp_path / "all", tile=16)
    with monkeypatch.context() as patch:
        patch.setattr(compiled_network, "compile_network", lambda network: lambda images: images)
        with pytest.raises(RunFailed, match="2 times the height and width"):
            upscale(model(), [path], tmp_path / "out", tile=16)


def test_a_network_that_is_not_local_is_given_whole_pictures(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gantk.inference import memory

    path = write(tmp_path / "x.png", encoded("PNG", smooth(70, 80)))
    bundle = model(local=False, layers=1)
    assert upscale(bundle, [path], tmp_path / "out", tile=16).failed == 0
    expected = np.asarray(bundle.network()(to_unit_range(smooth(70, 80))[None]))[0]
    assert np.array_equal(pixels(tmp_path / "out" / "x.png"), from_unit_range(expected, np.uint8))
    assert upscale(bundle, [path], tmp_path / "cut", tile=16, halo=2).failed == 0
    assert not np.array_equal(pixels(tmp_path / "cut" / "x.png"), pixels(tmp_path / "out" / "x.png"))
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    summary = upscale(bundle, [path], tmp_path / "refused")
    assert counts(summary) == (1, 0, 0, 1)
    assert "It sees the whole picture at once, so it cannot be given tiles" in summary.reasons[0][1]


# Files that fail, and continuing


def test_large_files_that_break_in_the_middle(model: Make, tmp_path: Path, encoded: Encode, strips: None) -> None:
    folder = tmp_path / "in"
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    whole = {form: encoded(form, noise) for form in ("PNG", "TIFF", "JPEG")}
    for form, content in whole.items():
        write(folder / f"cut.{form.lower()}", content[: len(content) * 2 // 3])
        write(folder / f"good.{form.lower()}", content)
    damaged = bytearray(whole["PNG"])
    damaged[len(damaged) // 2] ^= 255
    write(folder / "damaged.png", bytes(damaged))
    write(folder / "empty.png", b"")
    summary = upscale(model(), [folder], tmp_path / "out", tile=16)
    assert counts(summary) == (8, 3, 0, 5), summary.reasons
    assert files(tmp_path / "out") == ["failures.jsonl", "good.jpeg", "good.png", "good.tiff", "manifest.jsonl"]
    assert counts(upscale(model(), [folder], tmp_path / "out", tile=32)) == (8, 0, 3, 5)
    (tmp_path / "out" / "good.png").unlink()
    assert counts(upscale(model(), [folder], tmp_path / "out")) == (8, 1, 2, 5)
    assert counts(upscale(model(), [folder], tmp_path / "out", scale=3)) == (8, 3, 0, 5)


def test_an_interrupted_job_leaves_nothing_half_and_continues(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch, strips: None
) -> None:
    for number in range(4):
        write(tmp_path / "in" / f"{number}.png", encoded("PNG", smooth(70, 80, seed=number)))
    original = compiled_network.compile_network
    calls = 0

    def interrupted(network: Any) -> Any:
        function = original(network)

        def call(images: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > 20:
                raise KeyboardInterrupt
            return function(images)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(compiled_network, "compile_network", interrupted)
        with pytest.raises(KeyboardInterrupt):
            upscale(model(), [tmp_path / "in"], tmp_path / "out", tile=16, batch_size=4)
    left = [name for name in files(tmp_path / "out") if not name.endswith(".jsonl")]
    assert len(left) < 4
    assert all(name in [f"{number}.png" for number in range(4)] for name in left), "no temporary files"
    summary = upscale(model(), [tmp_path / "in"], tmp_path / "out", tile=16)
    assert summary.failed == 0
    assert summary.done + summary.skipped == 4
    for number in range(4):
        assert np.array_equal(pixels(tmp_path / "out" / f"{number}.png"), nearest(smooth(70, 80, seed=number)))


def test_what_a_killed_job_left_is_removed(model: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "in" / "x.png", encoded("PNG", smooth(7, 8)))
    write(tmp_path / "out" / "manifest.jsonl", b'{"output": "x.png", "status": "started"}\n')
    write(tmp_path / "out" / ".x.png.tmp-0123456789ab", b"half")
    write(tmp_path / "out" / ".y.png.tmp-0123456789ab", b"of others")
    assert counts(upscale(model(), [path], tmp_path / "out")) == (1, 1, 0, 0)
    assert files(tmp_path / "out") == [".y.png.tmp-0123456789ab", "manifest.jsonl", "x.png"]


def test_a_full_disk_stops_the_job(
    model: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch, strips: None
) -> None:
    import errno

    path = write(tmp_path / "x.png", encoded("PNG", smooth(300, 80)))

    def full(*arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    from gantk.inference.rows import writing

    with monkeypatch.context() as patch:
        patch.setattr(writing, "png_chunk", full)
        with pytest.raises(RunFailed, match="No space"):
            upscale(model(), [path], tmp_path / "out", tile=16)
    assert files(tmp_path / "out") == ["manifest.jsonl"] or files(tmp_path / "out") == [
        "failures.jsonl",
        "manifest.jsonl",
    ]
    assert counts(upscale(model(), [path], tmp_path / "out")) == (1, 1, 0, 0)


def test_results_too_large_for_their_format(model: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "x.png", encoded("PNG", smooth(2, 9000)))
    summary = upscale(model(), [path], tmp_path / "out", format="webp")
    assert counts(summary) == (1, 0, 0, 1)
    assert "18000 × 4 pixels is too large for WEBP" in summary.reasons[0][1]


# Options


def test_names_with_a_suffix(model: Make, tmp_path: Path, encoded: Encode) -> None:
    assert output_name("a/b.v2.jpg", None, "_x2") == "a/b.v2_x2.jpg"
    assert output_name("a/b.v2", "png", "_x2") == "a/b.v2_x2.png"
    assert output_name("a/b.gif", None, "_x2") == "a/b_x2.png"
    path = write(tmp_path / "x.png", encoded("PNG", smooth(5, 5)))
    assert upscale(model(), [path], tmp_path, suffix="_x2").failed == 0, "beside the input"
    assert (tmp_path / "x_x2.png").exists()


def test_inputs_made_by_a_program(model: Make, tmp_path: Path, encoded: Encode) -> None:
    made = PictureInput("x/y.png", "sample 3", lambda: encoded(seed=3), stamp="3")
    assert counts(upscale(model(), [made], tmp_path / "out")) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 10}, r"tile must be at least 12 with a halo of 2"),
        ({"scale": 0}, "scale must be above 0"),
        ({"suffix": "a/b"}, "part of a file's name"),
        ({"precision": "int8"}, "precision must be one of"),
        ({"format": "gif"}, "format must be one of"),
        ({"halo": -1}, "halo must be 0"),
        ({"quality": 0}, "quality must be 1"),
    ],
)
def test_options_that_make_no_sense(model: Make, tmp_path: Path, encoded: Encode, options: Any, message: str) -> None:
    path = write(tmp_path / "x.png", encoded("PNG", smooth(5, 5)))
    with pytest.raises(UsageError, match=message):
        upscale(model(layers=2), [path], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_not_for_pictures(model: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "x.png", encoded("PNG", smooth(5, 5)))
    with pytest.raises(UsageError, match="takes 4 and gives 4"):
        plan_upscaling(model(channels=4), [path], tmp_path / "out")


def test_planning_loads_no_framework(model: Make, tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "x.png", encoded("PNG", smooth(5, 5)))
    code = (
        "import sys; from gantk.artifacts import load_bundle; from gantk.inference.upscaling import plan_upscaling; "
        f"plan = plan_upscaling(load_bundle({str(model().path)!r}), [{str(path)!r}], {str(tmp_path / 'out')!r}); "
        "print(len(plan.tasks), [name for name in ('keras', 'tensorflow', 'jax') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "1 []"


# Memory

_MEASURED = """
import resource, sys, tempfile
sys.path.insert(0, {plugins!r})
import enlarging_generators
from pathlib import Path
from gantk.artifacts import load_bundle
from gantk.inference.upscaling import upscale
from gantk.registry import Registry
bundle = load_bundle({bundle!r}, registry=Registry({{"enlarging": enlarging_generators}}))
summary = upscale(bundle, [{small!r}], {out!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
summary = upscale(bundle, [{path!r}], {out!r})
print(summary.done, before // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, summary.sentence())
"""


def measured(bundle: Bundle, path: Path, folder: Path) -> tuple[int, int]:
    """Return the megabytes at most before and during the work on a picture."""
    small = write(folder / "small.png", b"")
    Image.fromarray(smooth(300, 300)).save(small)
    code = _MEASURED.format(
        plugins=str(PLUGIN_FILE.parent),
        bundle=str(bundle.path),
        small=str(small),
        path=str(path),
        out=str(folder / "out"),
    )
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    count, before, peak = done.stdout.split()[:3]
    assert count == "1", done.stderr
    return int(before), int(peak)


def raw_tiff(path: Path, height: int, width: int) -> Path:
    """Write an RGB picture without holding it."""
    tags = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"II")
    row = np.add.outer(np.arange(width), np.array([0, 50, 90])).astype(np.uint8).tobytes()
    values = {
        256: width,
        257: height,
        258: (8, 8, 8),
        259: 1,
        262: 2,
        273: 0,
        277: 3,
        278: height,
        279: height * len(row),
    }
    for tag, value in values.items():
        tags[tag] = value
        if tag in (273, 279):
            tags.tagtype[tag] = 4
    with path.open("wb") as stream:
        tags.save(stream)
        stream.seek(0, io.SEEK_END)
        for number in range(height):
            stream.write(row[3 * number % len(row) :] + row[: 3 * number % len(row)])
    return path


def test_memory_does_not_grow_with_the_picture(model: Make, tmp_path: Path) -> None:
    path = raw_tiff(tmp_path / "large.tif", 4000, 6000)
    before, peak = measured(model(), path, tmp_path)
    # 72 MB of pixels, 288 MB of result.
    assert peak - before < 330
    with (tmp_path / "out" / "large.tif").open("rb") as stream, TiffImagePlugin.TiffImageFile(stream) as image:
        assert image.size == (12000, 8000)


@pytest.mark.slow
def test_20000_by_20000_pixels_need_less_than_2_gb(model: Make, tmp_path: Path) -> None:
    path = raw_tiff(tmp_path / "huge.tif", 20000, 20000)
    _, peak = measured(model(), path, tmp_path)
    assert peak < 2000
    from gantk.inference.rows.tiff_reading import TiffRows

    with (tmp_path / "out" / "huge.tif").open("rb") as stream:
        rows = TiffRows(stream, tmp_path)
        assert (rows.height, rows.width) == (40000, 40000)
        first = next(rows.strips()).colour
    expected = np.add.outer(np.arange(20000), np.array([0, 50, 90])).astype(np.uint8)
    assert np.array_equal(first[0], expected.repeat(2, axis=0))
