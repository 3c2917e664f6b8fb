"""The page of a job that enlarged pictures: one file that loads nothing, and shows what was asked for."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gantk.report.detail import detailed_part
from gantk.report.upscaling_page import UpscalingSample, write_upscaling_page

RANDOM = np.random.default_rng(1)
SUMMARY = {"inputs": 5, "done": 3, "skipped": 1, "failed": 1, "seconds": 2.0, "megapixels": 3.0, "output": "out/big"}
VOID = {"meta", "img", "input", "link", "br"}


class Page(HTMLParser):
    """What a page holds; every element that is opened must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self._open[-1] != "style":
            self.texts.append(" ".join(data.split()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def pictures(self) -> list[np.ndarray]:
        found = []
        for image in self.all("img"):
            kind, _, content = (image["src"] or "").partition(",")
            assert kind == "data:image/webp;base64"
            found.append(np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))))
            assert (image["width"], image["height"]) == (str(found[-1].shape[1]), str(found[-1].shape[0]))
        return found


def written(folder: Path, **given: Any) -> tuple[str, Page]:
    path = folder / "report.html"
    write_upscaling_page(path, **{"summary": SUMMARY, "settings": {}, "samples": [], "failures": [], **given})
    text = path.read_text(encoding="utf-8")
    return text, Page(text)


def sample(
    height: int = 12, width: int = 16, channels: int = 3, scale: int = 4, label: str = "a.png"
) -> UpscalingSample:
    before = RANDOM.integers(0, 256, (height, width, channels), dtype=np.uint8)
    after = before.repeat(scale, 0).repeat(scale, 1)
    return UpscalingSample(label, before, after, float(scale))


def test_the_input_enlarged_stands_beside_the_result(tmp_path: Path) -> None:
    one = sample()
    _, page = written(tmp_path, samples=[one])
    before, after = page.pictures()
    expected = Image.fromarray(one.before).resize((64, 48), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(before, np.asarray(expected))
    np.testing.assert_array_equal(after, one.after)
    assert [image["alt"] for image in page.all("img")] == [
        "Input, enlarged by a bicubic filter: a.png",
        "Result: a.png",
    ]
    assert "×4 · 16 × 12 → 64 × 48" in page.texts


def test_grey_deep_and_transparent_samples(tmp_path: Path) -> None:
    grey, alpha = sample(channels=1), sample(channels=4)
    deep = UpscalingSample("16", grey.before.astype(np.uint16) * 257, grey.after.astype(np.uint16) * 257, 4.0)
    both = sample(channels=2)
    _, page = written(tmp_path, samples=[grey, deep, alpha, both])
    pictures = page.pictures()
    np.testing.assert_array_equal(pictures[1], grey.after.repeat(3, 2))
    np.testing.assert_array_equal(pictures[0], pictures[2])
    np.testing.assert_array_equal(pictures[1], pictures[3])
    seen = alpha.after[..., 3] > 0
    np.testing.assert_array_equal(pictures[5][seen], alpha.after[seen])
    assert [picture.shape[2] for picture in pictures] == [3, 3, 3, 3, 4, 4, 4, 4]
    assert [image.get("class") for image in page.all("img")] == [None] * 4 + ["clear"] * 4


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((4, 4), np.uint8), r"height × width × 1 to 4 channels. Received: \(4, 4\)"),
        (np.zeros((4, 4, 5), np.uint8), "1 to 4 channels"),
        (np.zeros((0, 4, 3), np.uint8), "1 to 4 channels"),
        (np.zeros((4, 4, 3), np.float32), "uint8 or uint16. Received: float32"),
    ],
)
def test_what_is_no_sample(image: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        UpscalingSample("a", image, image, 1.0)


def test_of_a_large_picture_the_part_with_most_detail_is_shown(tmp_path: Path) -> None:
    before = np.full((300, 400, 3), 90, np.uint8)
    before[150:250, 210:330] = RANDOM.integers(0, 256, (100, 120, 3), dtype=np.uint8)
    large = UpscalingSample("large", before, before.repeat(4, 0).repeat(4, 1), 4.0)
    _, page = written(tmp_path, samples=[large])
    shown = page.pictures()[1]
    assert shown.shape == (512, 512, 3)
    # All 100 rows and 120 columns that differ: no other part of 128 holds them all.
    assert (
        np.abs(np.diff(shown.astype(int), axis=0)).sum() > 0.95 * np.abs(np.diff(large.after.astype(int), axis=0)).sum()
    )
    assert any("part · 128 × 128 → 512 × 512" in text for text in page.texts)


def test_the_most_detailed_part_by_hand() -> None:
    before = np.zeros((4, 6, 1), np.uint8)
    before[2, 4] = 10
    # Differences of 20 there, of 10 above and left of it: the first square of 3 that holds all three begins at row 0, column 2.
    part, _ = detailed_part(before, before, 3)
    np.testing.assert_array_equal(part, before[0:3, 2:5])
    small, same = detailed_part(before, before.repeat(2, 0).repeat(2, 1), 3)
    np.testing.assert_array_equal(same, small.repeat(2, 0).repeat(2, 1))
    whole, all_of_it = detailed_part(before, before, 6)
    assert (whole.shape, all_of_it.shape) == ((4, 6, 1), (4, 6, 1))
    # Where nothing differs, the upper left.
    places = np.arange(81, dtype=np.uint8).reshape(9, 9, 1)
    _, found = detailed_part(np.full((9, 9, 1), 7, np.uint8), places, 2)
    np.testing.assert_array_equal(found[..., 0], [[0, 1], [9, 10]])


def test_sizes_that_are_no_multiples(tmp_path: Path) -> None:
    before = RANDOM.integers(0, 256, (701, 333, 3), dtype=np.uint8)
    after = np.asarray(Image.fromarray(before).resize((500, 1052)))
    narrow = UpscalingSample("narrow", before[:1], before[:1].repeat(2, 1), 2.0)
    smaller = UpscalingSample("smaller", before, before[::2, ::2], 0.5)
    _, page = written(tmp_path, samples=[UpscalingSample("odd", before, after, 1.5), narrow, smaller])
    shapes = [picture.shape for picture in page.pictures()]
    # Round halves: a pixel more or less.
    assert all(first == second for first, second in zip(shapes[::2], shapes[1::2], strict=True))
    assert all(max(shape) <= 513 for shape in shapes)


def test_it_loads_nothing_runs_nothing_and_escapes_all(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'&\u202e\udcff.png"
    text, page = written(
        tmp_path,
        samples=[sample(label=evil)],
        failures=[{"input": evil, "reason": evil}],
        settings={evil: evil},
        summary={**SUMMARY, "output": evil},
    )
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "style/"}
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "url(" not in text
    assert "@import" not in text
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert text.count("alert(1)") == text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def test_it_can_be_used_without_a_mouse_and_without_eyes(tmp_path: Path) -> None:
    _, page = written(tmp_path, samples=[sample(), sample(label="b.png")], failures=[{"input": "a", "reason": "b"}])
    assert page.all("html") == [{"lang": "en"}]
    assert [tag for tag, _ in page.elements if tag in ("h1", "h2")] == ["h1", "h2", "h2"]
    inputs = page.all("input")
    assert [control["type"] for control in inputs] == ["radio", "radio", "checkbox", "checkbox"]
    assert len(page.all("label")) == len(inputs)
    assert "Show the input of b.png" in page.texts
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))


def test_counts_settings_and_speed(tmp_path: Path) -> None:
    _, page = written(tmp_path, settings={"scale": 4, "format": None, "overwrite": False, "precision": "float32"})
    for told in (
        "Enlarged: big",
        "1 of 5 pictures has no result.",
        "2.0 s",
        "1.5 MP/s",
        "of 3 million pixels in",
        "no",
    ):
        assert told in page.texts
    cells = [text for text in page.texts if text in ("scale", "4", "format", "–", "overwrite", "precision", "float32")]
    assert cells == ["scale", "4", "format", "–", "overwrite", "precision", "float32"]
    assert not page.all("img")


def test_a_job_that_did_nothing(tmp_path: Path) -> None:
    _, page = written(tmp_path, summary={"inputs": 0, "done": 0, "skipped": 0, "failed": 0, "seconds": 0.0})
    assert "Every picture has a result." in page.texts
    assert not any("MP/s" in text for text in page.texts)


def test_every_failure_with_its_reason(tmp_path: Path) -> None:
    failures = [{"input": f"{n}.png", "reason": f"reason {n}"} for n in range(7)]
    text, page = written(tmp_path, failures=failures)
    for failure in failures:
        assert page.texts.index(failure["input"]) + 1 == page.texts.index(failure["reason"])
    assert "How often" not in text
    assert "failures.jsonl" in text


def test_ten_thousand_failures_make_a_page_that_opens(tmp_path: Path) -> None:
    failures = [{"input": f"scans/{n:05d}.png", "reason": f"why {n % 60}"} for n in range(10_000)]
    text, page = written(tmp_path, failures=failures, failures_file="out.zip.failures.jsonl")
    assert len(text) < 300_000
    assert len(page.all("tr")) == 1 + 40 + 1 + 500
    assert "The first 500 of 10,000 failures." in page.texts
    assert "out.zip.failures.jsonl" in page.texts
    assert page.texts[page.texts.index("why 0") + 1] == "167"
    assert "And 20 more reasons." in page.texts


def test_a_page_of_noise_has_some_megabytes_at_most(tmp_path: Path) -> None:
    text, page = written(tmp_path, samples=[sample(128, 128) for _ in range(14)])
    assert len(page.all("img")) == 2 * 12
    assert len(text) < 8_000_000
