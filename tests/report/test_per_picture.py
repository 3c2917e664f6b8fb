"""Numbers of single pictures on the run's page."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from gantk.report import write_report
from gantk.report.per_picture import MOST_ROWS, picture_table


def line(picture: str, shown: dict[str, str] | None = None, **numbers: float | None) -> dict[str, object]:
    value = {"unit": "dB", "better": "higher", "numbers": numbers}
    return {
        "picture": picture, "split": "test", "direction": "AtoB", "values": {"psnr.psnr_y_a_to_b": value}, "shown": shown or {}
    }  # fmt: skip


def test_the_best_number_of_each_picture_is_marked() -> None:
    table = picture_table([line("a", trained=30.0, bicubic=29.0), line("b", trained=None, bicubic=25.0)])
    assert table["candidates"] == ["trained", "bicubic"]
    assert [row["picture"] for row in table["rows"]] == ["a", "b"]
    assert table["rows"][0]["cells"] == [(30.0, True), (29.0, False)]
    assert table["rows"][1]["cells"] == [(None, False), (25.0, True)]
    assert (table["rows"][0]["value"], table["left_out"]) == ("psnr_y_a_to_b", 0)


def test_a_long_table_says_what_it_leaves_out() -> None:
    table = picture_table([line(str(number), trained=1.0) for number in range(MOST_ROWS + 7)])
    assert (len(table["rows"]), table["left_out"]) == (MOST_ROWS, 7)


def test_the_page_shows_parts_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps(
            {
                "name": "x",
                "status": "done",
                "started": 0,
                "stages": {"evaluate": {"type": "evaluate", "status": "done", "seconds": 1}},
            }
        )
    )
    (tmp_path / "evaluate" / "pictures").mkdir(parents=True)
    shown = {}
    for role in ("input", "result", "truth"):
        shown[role] = f"pictures/{role}.png"
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "evaluate" / shown[role])
    lines = [
        line("a <b>.jpg", shown, trained=30.125, bicubic=29.0),
        line("gone.jpg", {"input": "pictures/gone.png"}, trained=1.0),
    ]
    (tmp_path / "evaluate" / "per_picture.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    page = write_report(tmp_path).read_text()
    assert "Picture by picture" in page
    assert page.count("a &lt;b&gt;.jpg") >= 2
    assert all(f'alt="{role} of' in page for role in ("input", "result", "truth"))
    assert "All 2 pictures" in page
    assert "gone.png" not in page
    assert '<td class="number best">30.12</td>' in page
