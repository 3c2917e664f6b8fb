from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from gantk.inference import PictureInput, job_progress
from gantk.inference.job_plan import Task
from gantk.inference.job_progress import MegapixelProgress, shown_job
from gantk.inference.picture_sizes import SizeSurvey

Encode = Callable[..., bytes]


def in_archives(count: int) -> list[Task]:
    return [Task(PictureInput(f"{number}.png", f"{number}", bytes), f"{number}.png") for number in range(count)]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def progress_of(tasks: list[Task], clock: Clock) -> MegapixelProgress:
    return MegapixelProgress(tasks, SizeSurvey(tasks, max_pixels=10**9), lambda progress: None, clock)


def test_megapixels_inside_of_a_picture_speed_and_time_left() -> None:
    tasks, clock = in_archives(3), Clock()
    progress = progress_of(tasks, clock)
    assert progress.text() == "0 of 3 pictures, 0 of an unknown number of MP"
    progress.found(tasks[0], 4_000_000)
    assert progress.total == (12.0, False), "the others count as the mean of those known"
    progress.worked(tasks[0], 1_000_000)
    clock.now += 10
    progress.worked(tasks[0], 2_000_000)
    assert progress.megapixels == 3.0
    assert progress.speed == pytest.approx(0.2), "the first tiles begin the count: before them, a network is compiled"
    assert progress.text() == "0 of 3 pictures, 3 of about 12 MP, 0.2 MP/s, 45 s left"
    progress.found(tasks[1], 2_000_000)
    progress.found(tasks[2], 6_000_000)
    progress.worked(tasks[0], 1_000_000)
    progress.ended(tasks[0], 4_000_000)
    assert progress.total == (12.0, True)
    assert progress.text().startswith("1 of 3 pictures, 4 of 12 MP")
    progress.worked(tasks[1], 500_000)
    progress.ended(tasks[1])
    assert progress.total == (10.0, True), "what failed is no more to be done"
    assert progress.megapixels == 4.0
    progress.ended(tasks[2], 6_000_000)
    assert progress.total == (10.0, True)
    assert progress.megapixels == 10.0


def test_the_speed_is_that_of_the_last_minute() -> None:
    tasks, clock = in_archives(1), Clock()
    progress = progress_of(tasks, clock)
    for second in range(200):
        clock.now += 1
        progress.worked(tasks[0], 10_000_000 if second < 100 else 1_000_000)
    assert progress.speed == pytest.approx(1.0)


def test_headers_of_files_are_read_ahead_once(tmp_path: Path, encoded: Encode) -> None:
    tasks = []
    for number, content in enumerate((encoded("PNG"), b"no picture", encoded("JPEG"))):
        path = tmp_path / f"{number}.png"
        path.write_bytes(content)
        tasks.append(Task(PictureInput(path.name, path.name, path.read_bytes, path=path), path.name))
    tasks.append(Task(PictureInput("gone.png", "gone.png", bytes, path=tmp_path / "gone.png"), "gone.png"))
    survey = SizeSurvey(tasks, max_pixels=1000)
    survey.start()
    survey._thread.join()
    assert survey.left() == (2 * 13 * 18, True), "13 × 18 each; what cannot be read is no work"
    survey.found(tasks[0], 999)
    assert survey.left() == (2 * 13 * 18, True)
    survey.ended(tasks[0])
    survey.ended(tasks[1])
    assert survey.left() == (13 * 18, True)
    survey.stop()


def test_pictures_of_more_than_the_limit_are_no_work(tmp_path: Path, encoded: Encode) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(encoded("PNG"))
    survey = SizeSurvey([Task(PictureInput("a", "a", bytes, path=path), "a")], max_pixels=100)
    survey.start()
    survey._thread.join()
    assert survey.left() == (0, True)


def test_lines_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(job_progress, "_LOG_SECONDS", 0.0)
    tasks = in_archives(2)
    with caplog.at_level(logging.INFO), shown_job(tasks, max_pixels=100, show=True) as display:
        display.found(tasks[0], 50)
        display.worked(tasks[0], 50)
        display.ended(tasks[0], 50)
    assert caplog.messages[-1].startswith("1 of 2 pictures, 0.00005 of about 0.0001 MP")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    tasks = in_archives(2)
    with shown_job(tasks, max_pixels=100, show=True) as display:
        for task in tasks:
            display.found(task, 3_000_000)
            display.worked(task, 3_000_000)
            display.ended(task, 3_000_000)
    shown = " ".join(capsys.readouterr().err.split())
    assert "2 of 2 pictures, 6 of 6 MP" in shown


def test_quiet(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    tasks = in_archives(1)
    with caplog.at_level(logging.INFO), shown_job(tasks, max_pixels=100, show=False) as display:
        display.found(tasks[0], 5)
        display.worked(tasks[0], 5)
        display.ended(tasks[0], 5)
    assert not caplog.messages
    assert capsys.readouterr() == ("", "")
