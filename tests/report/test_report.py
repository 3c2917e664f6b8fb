import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gantk.errors import UsageError
from gantk.report import write_report
from gantk.report.contents import SampleGrid, read_run
from gantk.report.curves import curve_groups, draw_curves, running_mean
from gantk.report.page import duration, metric_tables, run_status, spread
from gantk.wording import byte_size


def picture(path: Path, value: int = 128) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 12, 3), value, np.uint8)).save(path)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run, as the stages leave it."""

    def write(name: str, content: object) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    stage = {"type": "x", "status": "done", "seconds": 61.0, "skipped": False, "error": "", "outputs": {}}
    stages = {name: {**stage, "type": name} for name in ("prepare", "train", "evaluate", "translate")}
    write("run.json", {"name": "zebras & <horses>", "status": "done", "started": 0, "finished": 9, "stages": stages})
    write("config.yaml", "name: zebras\n")
    write("environment.json", {"python": "3.11"})
    (tmp_path / "prepare" / "shards").mkdir(parents=True)
    write("prepare/manifest.json", {"samples": 7})
    lines = [{"step": step, "epoch": 0, "time": step, "cycle_a": 1 / step, "cycle_b": 2.0} for step in (1, 2, 3)]
    write("train/metrics.jsonl", "".join(json.dumps(line) + "\n" for line in lines) + '{"step": 4, "cyc')
    write("train/training.json", {"steps": 3, "seconds": 7261.0, "images_per_second": 12.0})
    for step in (1, 3):
        picture(tmp_path / f"train/samples/step-{step:08d}.png", step)
        write(f"train/samples/step-{step:08d}.json", {"step": step, "epoch": 0, "columns": ["input", "output"]})
    picture(tmp_path / "evaluate/pictures/rows.png")
    entry = {"name": "psnr", "units": {"outside": "dB"}, "better": {"outside": "higher"}, "protocol": {"samples": 4}}
    write(
        "evaluate/evaluation.json",
        {
            "metrics": [
                {
                    **entry,
                    "candidate": "trained",
                    "values": {"outside": 31.25},
                    "pictures": {"rows": "pictures/rows.png"},
                },
                {**entry, "candidate": "untrained", "values": {"outside": None}, "pictures": {}},
            ]
        },
    )
    picture(tmp_path / "translate/before/a.png")
    picture(tmp_path / "translate/after/a.png")
    write("translate/pairs.json", {"pairs": [{"before": "before/a.png", "after": "after/a.png", "caption": "a"}]})
    return tmp_path


class Elements(HTMLParser):
    """Collects elements, and checks that those that need it are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in {"img", "input", "meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_shows_everything_and_loads_nothing(run: Path) -> None:
    text = write_report(run).read_text()
    elements = Elements()
    elements.feed(text)
    assert elements.open == []
    addresses = [attrs[key] for _, attrs in elements.found for key in ("src", "href") if attrs.get(key)]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert "@import" not in text
    assert "zebras &amp; &lt;horses&gt;" in text
    assert "2 h 01 min" in text
    assert re.search(r'<td class="number best">31.25</td><td class="number">–</td><td>dB</td>', text)
    assert (
        len([tag for tag, attrs in elements.found if tag == "img" and "samples" in str(attrs.get("alt")).lower()]) == 2
    )
    assert "step 3, epoch 0" in text
    assert 'aria-label="Before and after, a"' in text
    assert "name: zebras" in text


def test_an_unfinished_run_has_a_page_too(run: Path) -> None:
    for path in ("train/metrics.jsonl", "evaluate/evaluation.json", "translate/pairs.json", "config.yaml"):
        (run / path).unlink()
    assert "zebras" in write_report(run, title="Only zebras").read_text()


def test_the_page_that_is_being_written_counts_the_run_as_done() -> None:
    stages = {"train": {"type": "train", "status": "done"}, "page": {"type": "report", "status": "running"}}
    assert run_status({"status": "running", "stages": stages}) == "done"
    stages["train"]["status"] = "running"
    assert run_status({"status": "running", "stages": stages}) == "running"
    assert run_status({"status": "failed", "stages": {}}) == "failed"


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not a run directory: it has no run\.json"):
        write_report(tmp_path)


def test_a_metrics_line_cut_short_by_a_killed_run_is_left_out(run: Path) -> None:
    assert [line["step"] for line in read_run(run).history] == [1, 2, 3]


def test_the_page_says_what_to_look_at_and_which_weights_are_the_best(run: Path) -> None:
    plain = write_report(run).read_text()
    assert "What to look at" not in plain
    assert "Best " not in plain
    with open(run / "train" / "metrics.jsonl", "w") as file:
        for line in (
            {"step": 0, "epoch": 0, "time": 1, "psnr.AtoB": 9.0},
            {"step": 1200, "epoch": 2, "time": 2, "warning": "mode_collapse.AtoB", "message": "mode <collapse>"},
            {"step": 1200, "epoch": 2, "time": 2, "psnr.AtoB": 12.0},
        ):
            file.write(json.dumps(line) + "\n")
    best = {"name": "psnr.AtoB", "value": 12.0, "step": 1200, "epoch": 2}
    (run / "train" / "training.json").write_text(json.dumps({"steps": 1800, "best": best, "model_step": 1800}))
    text = write_report(run).read_text()
    assert '<li>mode &lt;collapse&gt; <span class="dim">(epoch 2, step 1,200)</span></li>' in text
    assert "Best psnr.AtoB: <b>12</b> after epoch 2, step 1,200." in text
    assert "The model holds the weights of step 1,800, the last." in text
    assert curve_groups(read_run(run).history) == {"psnr": ["psnr.AtoB"]}


def test_what_was_measured_has_plots_of_its_own() -> None:
    history = [{"step": 1, "cycle_a": 1.0, "cycle_b": 1.0, "cycle_error.cycle_error_a": 3.0, "cycle.a": 2.0}]
    assert curve_groups(history) == {
        "cycle": ["cycle_a", "cycle_b"],
        "cycle_error": ["cycle_error.cycle_error_a"],
        "cycle (measured)": ["cycle.a"],
    }


def test_curves_are_grouped_by_their_first_word() -> None:
    history = [
        {"step": 1, "epoch": 0, "cycle_a": 1.0, "cycle_b": 1.0, "identity": 2.0},
        {"step": 2, "lr": 0.1, "note": "x"},
    ]
    assert curve_groups(history) == {"cycle": ["cycle_a", "cycle_b"], "other": ["identity", "lr"]}
    assert draw_curves(history, ["cycle_a"], "cycle").startswith("<svg")


def test_the_running_mean_looks_back_only() -> None:
    assert running_mean(np.array([1.0, 3.0, 5.0, 7.0]), 2).tolist() == [1.0, 2.0, 4.0, 6.0]


def test_the_lower_value_is_best_where_lower_is_better() -> None:
    entry = {"name": "m", "units": {}, "better": {"error": "lower"}, "protocol": {}, "pictures": {}}
    entries = [{**entry, "candidate": c, "values": {"error": v}} for c, v in (("trained", 2.0), ("identity", 1.0))]
    (table,) = metric_tables(entries)
    assert table["rows"][0]["cells"] == [(2.0, False), (1.0, True)]


def test_a_metric_twice_with_other_options_is_two_tables() -> None:
    shared = {"name": "fid", "units": {}, "better": {}, "pictures": {}}
    entries = [
        {**shared, "candidate": candidate, "values": {"fid": value}, "protocol": {"features": features}}
        for features, values in (("one", (1.0, 2.0)), ("other", (3.0, 4.0)))
        for candidate, value in zip(("trained", "identity"), values, strict=True)
    ]
    tables = metric_tables(entries)
    assert [(table["name"], table["protocol"]["features"]) for table in tables] == [("fid", "one"), ("fid-2", "other")]
    assert [[cell for cell, _ in table["rows"][0]["cells"]] for table in tables] == [[1.0, 2.0], [3.0, 4.0]]


def test_many_grids_are_thinned_out_evenly() -> None:
    grids = [SampleGrid(Path(str(step)), step, 0) for step in range(101)]
    assert [grid.step for grid in spread(grids, 5)] == [0, 25, 50, 75, 100]
    assert spread(grids[:3], 5) == grids[:3]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (59.6, "1 min 00 s"), (75, "1 min 15 s"), (7500, "2 h 05 min"), (None, "–")]
)
def test_durations_are_readable(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_sizes_have_units() -> None:
    assert [byte_size(count) for count in (0, 999, 12_340, 5.6e9)] == ["0 B", "999 B", "12.3 kB", "5.6 GB"]
