"""Upscaling by Beam: the bytes of the local job, and nothing lost when something ends."""

import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from gantk.artifacts import load_bundle, save_bundle
from gantk.config.components import Component
from gantk.errors import RunFailed, UsageError
from gantk.inference import PictureInput, upscale
from gantk.inference.archives import TarArchive
from gantk.inference.batch_job import announce_archives
from gantk.inference.distributed import gathering, units, upscale_with_beam, upscaling, worker
from gantk.inference.distributed.driver import told_failure
from gantk.inference.distributed.job import UpscalingJob
from gantk.inference.distributed.units import ReopenedInputs, cut_into_units, write_unit
from gantk.inference.inputs import discover
from gantk.inference.job_plan import Task
from gantk.inference.job_records import JobRecords
from gantk.inference.picture import BadPicture
from gantk.inference.upscaling_options import UpscalingOptions
from gantk.registry import configure, default_registry, process

PLUGIN_FILE = Path(__file__).with_name("enlarging_generators.py")


@pytest.fixture(autouse=True)
def enlarging_plugin(monkeypatch):
    """The tests' own plugin, in this process and in every one it starts."""
    monkeypatch.setenv("GANTK_PLUGINS", "[]")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setattr(process, "_registry", None)
    configure([str(PLUGIN_FILE)])
    yield
    # Others register the same file under this name.
    sys.modules.pop("enlarging_generators", None)


@pytest.fixture
def model(tmp_path):
    def make(name="enlarging_generators/enlarging", **options):
        keras.utils.set_random_seed(1)
        registry = default_registry()
        spec = registry.find("generator", name)
        component = Component(name, spec, spec.options.model_validate(options))
        network = component.create(input_shape=(None, None, 3), output_channels=3)
        path = tmp_path / f"{name.rpartition('/')[2]}.gantk"
        save_bundle(path, networks={"AtoB": network}, components={"AtoB": component}, model=name)
        return load_bundle(path)

    return make


def smooth(height, width, seed=0):
    steps = np.random.default_rng(seed).integers(-9, 10, (height, width, 3))
    return (np.cumsum(steps, axis=1) % 255).astype(np.uint8)


def encoded(form, pixels, **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, **options)
    return stream.getvalue()


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures of several sizes, one of them broken, and archives of more."""
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for number in range(9):
        form = ("PNG", "JPEG", "TIFF")[number % 3]
        name = f"{number}.{form.lower()}" if number % 2 else f"deep/ünï {number}.{form.lower()}"
        (folder / name).write_bytes(encoded(form, smooth(20 + 7 * number, 31 + 5 * number, number)))
    (folder / "broken.png").write_bytes(encoded("PNG", smooth(30, 30))[:-40])
    with tarfile.open(tmp_path / "scans.tar.gz", "w:gz") as archive:
        for number in range(6):
            content = encoded("PNG", smooth(25, 20 + number, 50 + number))
            entry = tarfile.TarInfo(f"s/{number}.png")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"{number}.png", encoded("PNG", smooth(16, 18, 90 + number)))
    return [folder, tmp_path / "scans.tar.gz", tmp_path / "more.zip"]


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def counts(summary):
    return summary.inputs, summary.done, summary.skipped, summary.failed


def processes_about(folder):
    """Command lines of living processes that were started for this folder."""
    found = subprocess.run(["ps", "-ww", "-eo", "stat=,args="], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(folder) in line and "beam" in line and not line.startswith("Z")]


def test_two_processes_write_the_bytes_of_the_local_job(model, pictures, tmp_path, caplog):
    bundle = model(layers=3, factor=2)
    local = upscale(bundle, pictures, tmp_path / "local", tile=32)
    spread = upscale_with_beam(
        bundle,
        pictures,
        tmp_path / "spread",
        UpscalingOptions(tile=32),
        runner_options={"direct_num_workers": "2"},
        unit_pictures=3,
    )
    assert counts(spread) == counts(local) == (19, 18, 0, 1)
    assert spread.megapixels == pytest.approx(local.megapixels, abs=1e-9)
    assert spread.reasons == local.reasons
    assert contents(tmp_path / "spread") == contents(tmp_path / "local"), "results, manifest and failures"
    assert processes_about(tmp_path / "spread") == []
    again = upscale_with_beam(bundle, pictures, tmp_path / "spread", UpscalingOptions(tile=32))
    assert counts(again) == (19, 0, 18, 1)
    assert counts(upscale(bundle, pictures, tmp_path / "spread", tile=32)) == (19, 0, 18, 1), "and the other way round"


def test_a_tile_has_the_same_result_alone_and_among_others(model):
    from gantk.artifacts.compiled_network import compile_network

    network = compile_network(model(layers=4).network())
    tiles = np.random.default_rng(0).uniform(-1, 1, (5, 33, 40, 3)).astype(np.float32)
    together = network(tiles)
    for size in (1, 2, 3):
        assert np.array_equal(np.concatenate([network(tiles[i : i + size]) for i in range(0, 5, size)]), together)


# What goes wrong


def kill_a_worker(folder):
    """Wait until a worker has finished something for this folder, and kill a worker; return how many results there are."""
    import threading

    def watch():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any(b'"done"' in path.read_bytes() for path in folder.glob(".gantk-workers/*/lines/*.jsonl")):
                break
            time.sleep(0.005)
        listing = subprocess.run(["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
        workers = [line for line in listing.splitlines() if "gantk.data.beam_worker" in line and str(folder) in line]
        os.kill(int(workers[0].split()[0]), signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_killed_worker_ends_the_job_in_seconds_and_the_same_call_continues(model, tmp_path):
    bundle = model(layers=12)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number}.png").write_bytes(encoded("PNG", smooth(90, 100 + number)))
    killing = kill_a_worker(tmp_path / "out")
    started = time.monotonic()
    with pytest.raises(RunFailed, match="a worker process of the upscaling died") as caught:
        upscale_with_beam(bundle, [folder], tmp_path / "out", unit_pictures=20)
    killing.join()
    assert time.monotonic() - started < 60  # FnApiRunner by itself waits for ever
    assert "-9" in caught.value.message
    assert re.search(r"; in work: .*/\d+\.png", caught.value.message), "one of them may be the reason"
    assert "memory" in caught.value.hint
    assert processes_about(tmp_path / "out") == []
    kept = {path.name for path in (tmp_path / "out").glob(".gantk-workers/*/*")}
    assert kept == {"lines"}, "the next job reads them once more"
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()]
    done = sum(line["status"] == "done" for line in lines)
    assert 0 < done < 40
    again = upscale_with_beam(bundle, [folder], tmp_path / "out", unit_pictures=20)
    assert counts(again) == (40, 40 - done, done, 0)
    upscale(bundle, [folder], tmp_path / "local")
    assert contents(tmp_path / "out") == contents(tmp_path / "local"), "nothing half-written is left, too"


def test_what_workers_noted_before_everything_was_killed_is_known_to_the_next_job(model, pictures, tmp_path):
    bundle, out = model(), tmp_path / "out"
    upscale(bundle, pictures, out)
    complete = contents(out)
    lines = (out / "manifest.jsonl").read_bytes().splitlines(keepends=True)
    notes = out / ".gantk-workers" / "0123" / "lines"
    notes.mkdir(parents=True)
    begun = json.dumps({"output": json.loads(lines[-1])["output"], "status": "started"}).encode() + b"\n"
    (notes / "000000.a.jsonl").write_bytes(b"".join(lines[:9]) + (out / "failures.jsonl").read_bytes())
    (notes / "000001.a.jsonl").write_bytes(b"".join(lines[9:-1]) + begun + lines[-1][:20])
    for name in ("manifest.jsonl", "failures.jsonl"):
        (out / name).unlink()
    summary = upscale(bundle, pictures, out)
    assert counts(summary) == (19, 1, 17, 1), "the last one had begun, so that its file is the job's own"
    assert contents(out) == complete


def test_an_error_in_a_worker_arrives_whole(model, tmp_path):
    bundle = model()
    (tmp_path / "x.png").write_bytes(encoded("PNG", smooth(9, 9)))
    bundle.path.rename(tmp_path / "elsewhere.gantk")
    with pytest.raises(RunFailed, match="every worker must see the model under the same path") as caught:
        upscale_with_beam(bundle, [tmp_path / "x.png"], tmp_path / "out")
    assert socket.gethostname() in caught.value.message
    assert not (tmp_path / "out" / ".gantk-workers").exists()


@pytest.fixture
def job(model, tmp_path, monkeypatch):
    """A job with one unit of two pictures, to be run in this process."""
    bundle = model()
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(encoded("PNG", smooth(9, 9)))
    kept = []
    monkeypatch.setattr(upscaling, "supervise", lambda job, *arguments, **options: kept.append(job))
    monkeypatch.setattr(UpscalingJob, "keep_lines", lambda self: None)
    monkeypatch.setattr(upscaling, "_LAG_SECONDS", 0)
    with pytest.raises(RunFailed, match="nobody speaks of"):
        upscale_with_beam(bundle, [tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out")
    return kept[0]


def test_a_unit_tried_again_does_nothing_twice(job):
    for attempt in (1, 2):
        worker.run_unit(job.file, "000000")
        assert len(list(job.lines.iterdir())) == attempt
    statuses = [json.loads(line)["status"] for path in job.lines.iterdir() for line in path.read_text().splitlines()]
    assert sorted(statuses) == ["done", "done", "started", "started", "taken up", "taken up"]
    assert json.loads((job.reports / "000000.json").read_text()) == {"pictures": 2}


def test_a_worker_with_another_model_says_so(job, model):
    model(layers=1)
    with pytest.raises(RunFailed, match="must be the model that the job was started with"):
        worker.run_unit(job.file, "000000")
    assert "must be the model" in job.failure().message


def test_a_worker_that_cannot_write_says_so(job):
    job.lines.rmdir()
    with pytest.raises(RunFailed, match="every worker must be able to write to"):
        worker.run_unit(job.file, "000000")


def test_a_worker_that_does_not_see_the_folder_tells_the_driver_by_its_error(job, tmp_path):
    with pytest.raises(RunFailed, match=r"gantk-failure .*every worker must see the output folder") as caught:
        worker.run_unit(tmp_path / "nowhere" / "job.json", "000000")
    assert json.loads(caught.value.message.removeprefix("gantk-failure "))["type"] == "RunFailed"


def test_inputs_of_this_process_alone_are_refused(model, tmp_path):
    made = PictureInput("x.png", "made", lambda: b"")
    with pytest.raises(UsageError, match="an input made by a program"):
        upscale_with_beam(model(), [made], tmp_path / "out")


@pytest.mark.parametrize(
    "options",
    [
        {"direct_num_workers": "none"},
        {"direct_num_workers": 0},
        {"parallelism": 3},
        {"environment_type": "EXTERNAL", "environment_config": "one:1", "direct_num_workers": "many"},
    ],
)
def test_options_that_the_local_runner_does_not_take(model, tmp_path, options):
    with pytest.raises(UsageError, match="direct_num_workers"):
        upscale_with_beam(model(), [tmp_path], tmp_path / "out", runner_options=options)


def test_units_keep_to_one_archive_and_to_their_size(tmp_path):
    archives = [object(), object()]
    tasks = [Task(PictureInput(f"{n}", f"{n}", bytes, archive=archives[n // 4]), f"{n}") for n in range(8)]
    units = [[task.output for task in unit] for unit in cut_into_units(tasks, most=3, least_units=1)]
    assert units == [["0", "1", "2"], ["3"], ["4", "5", "6"], ["7"]]
    tasks = [Task(PictureInput(f"{n}", f"{n}", bytes), f"{n}") for n in range(8)]
    assert [len(unit) for unit in cut_into_units(tasks, most=48, least_units=4)] == [2, 2, 2, 2]
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(20 << 20)
    tasks = [Task(PictureInput("x", "x", bytes, path=tmp_path / "large"), f"{n}") for n in range(3)]
    assert [len(unit) for unit in cut_into_units(tasks, most=48, least_units=1)] == [1, 1, 1]


def test_an_archive_is_read_once_for_units_in_their_order(pictures, tmp_path, monkeypatch):
    found = discover([pictures[1]])
    tasks = [Task(picture, picture.name) for picture in found.pictures]
    write_unit(tmp_path / "first", tasks[:3])
    write_unit(tmp_path / "second", tasks[3:])
    entries = TarArchive._entries
    beginnings = []
    monkeypatch.setattr(TarArchive, "_entries", lambda self: beginnings.append(self) or entries(self))
    inputs = ReopenedInputs()
    for unit, opened in (("first", 1), ("second", 1), ("first", 2)):
        again = inputs.read_unit(tmp_path / unit)
        announce_archives(task.picture for task in again)
        expected = tasks[:3] if unit == "first" else tasks[3:]
        read = [task.picture.read() for task in again]
        assert len(beginnings) == opened
        assert all(content.startswith(b"\x89PNG") for content in read)
        assert [(task.picture.label, task.picture.stamp) for task in again] == [
            (task.picture.label, task.picture.stamp) for task in expected
        ]
    inputs.close()


def test_what_lies_behind_urls_can_be_sent(pictures, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe("/sent/x.png", encoded("PNG", smooth(9, 9)))
    system.pipe("/sent/scans.tar.gz", pictures[1].read_bytes())
    try:
        found = discover(["memory://sent/x.png", "memory://sent/scans.tar.gz"])
        write_unit(tmp_path / "unit", [Task(picture, picture.name) for picture in found.pictures])
        announce_archives(found.pictures)
        expected = [picture.read() for picture in found.pictures]
        again = ReopenedInputs().read_unit(tmp_path / "unit")
        announce_archives(task.picture for task in again)
        assert len(again) == 7
        assert [task.picture.read() for task in again] == expected
        assert all(task.picture.remote for task in again[:1])
    finally:
        system.rm("/sent", recursive=True)


def tar_of(path, names, mode="w"):
    """Write a tar file of pictures, told apart by their widths."""
    with tarfile.open(path, mode) as archive:
        for number, name in enumerate(names):
            content = encoded("PNG", smooth(12, 20 + number, number))
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def sent(path, folder):
    """Return the tasks of an archive as a worker gets them, in units of one picture."""
    found = discover([path])
    again = []
    for number, picture in enumerate(found.pictures):
        write_unit(folder / f"{number}.unit", [Task(picture, picture.name)])
        again.append(folder / f"{number}.unit")
    found.close()
    return again


def test_a_plain_tar_file_is_read_where_a_picture_lies_in_any_order(tmp_path, monkeypatch):
    names = [f"{'long name ' * 20}{number}.png" for number in range(5)] + ["short.png", "ünï.png"]
    path = tar_of(tmp_path / "scans.tar", names)
    found = discover([path])
    announce_archives(found.pictures)
    expected = {picture.name: picture.read() for picture in found.pictures}
    plans = sent(path, tmp_path)
    monkeypatch.setattr(TarArchive, "_entries", lambda self: pytest.fail("read from the front"))
    inputs = ReopenedInputs()
    for plan in reversed(plans):
        (task,) = inputs.read_unit(plan)
        announce_archives([task.picture])
        assert task.picture.read() == task.picture.spool(None) == expected.pop(task.output)
    assert expected == {}


def test_a_compressed_tar_file_is_a_unit_for_each_worker_at_most(tmp_path, monkeypatch):
    path = tar_of(tmp_path / "scans.tar.gz", [f"{number:02}.png" for number in range(20)], "w:gz")
    found = discover([path])
    tasks = [Task(picture, picture.name) for picture in found.pictures]
    assert [len(unit) for unit in cut_into_units(tasks, most=3, least_units=12, workers=3)] == [20]
    monkeypatch.setattr(units, "STREAMED_UNIT_BYTES", 1000)
    parts = list(cut_into_units(tasks, most=3, least_units=12, workers=3))
    assert [task for part in parts for task in part] == tasks
    sizes = [sum(task.picture.member.size for task in part) for part in parts]
    assert len(parts) == 3
    assert max(sizes) < 1.5 * min(sizes)


def test_another_picture_in_the_place_of_a_zip_file_s_is_not_taken_for_it(tmp_path):
    path = tmp_path / "z.zip"

    def write(names):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, encoded("PNG", smooth(9, ord(name[0]))))

    write(["a.png", "b.png", "c.png"])
    plans = sent(path, tmp_path)
    write(["a.png", "c.png"])
    inputs = ReopenedInputs()
    first, second, third = (inputs.read_unit(plan)[0].picture for plan in plans)
    assert first.read() == encoded("PNG", smooth(9, ord("a")))
    for picture in (second, third):
        with pytest.raises(BadPicture, match="The archive was changed meanwhile"):
            picture.read()
    inputs.close()


@pytest.mark.parametrize(("name", "mode"), [("t.tar", "w"), ("t.tgz", "w:gz")])
def test_another_picture_in_the_place_of_a_tar_file_s_is_not_taken_for_it(tmp_path, name, mode):
    path = tar_of(tmp_path / name, ["a.png", "b.png"], mode)
    plans = sent(path, tmp_path)
    tar_of(path, ["b.png", "a.png"], mode)
    picture = ReopenedInputs().read_unit(plans[0])[0].picture
    announce_archives([picture])
    with pytest.raises(BadPicture, match="The archive was changed meanwhile"):
        picture.read()
    path.write_bytes(b"")
    picture = ReopenedInputs().read_unit(plans[1])[0].picture
    with pytest.raises(BadPicture, match="archive"):
        picture.read()


# Nothing noted is lost


@pytest.fixture
def here(monkeypatch):
    """Let units be run in this process, instead of by Beam."""

    def supervise(job, job_file, *, progressed, **options):
        for plan in sorted(job.plans.glob("*.jsonl")):
            worker.run_unit(job_file, plan.stem)
        progressed()

    monkeypatch.setattr(upscaling, "supervise", supervise)


@pytest.fixture
def two(tmp_path):
    folder = tmp_path / "two"
    folder.mkdir()
    for name in "ab":
        (folder / f"{name}.png").write_bytes(encoded("PNG", smooth(9, 9)))
    return [folder]


def test_a_disk_that_is_full_for_the_records_costs_no_finished_picture(model, two, tmp_path, here, monkeypatch):
    bundle, append = model(), JobRecords._append

    def full(self, stream, line):
        if line.get("output") == "b.png" and line.get("status") == "done":
            raise RunFailed("No space is left")
        append(self, stream, line)

    with monkeypatch.context() as patch:
        patch.setattr(JobRecords, "_append", full)
        with pytest.raises(RunFailed, match="No space is left"):
            upscale_with_beam(bundle, two, tmp_path / "out")
    assert counts(upscale_with_beam(bundle, two, tmp_path / "out")) == (2, 0, 2, 0)
    assert not (tmp_path / "out" / ".gantk-workers").exists()


def test_a_network_folder_may_show_late_what_workers_have_noted(model, two, tmp_path, here, monkeypatch):
    new_lines, asked = gathering.Gathering._new_lines, []

    def late(self):
        asked.append(1)
        return new_lines(self) if len(asked) > 3 else iter(())

    monkeypatch.setattr(gathering, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(gathering.Gathering, "_new_lines", late)
    assert counts(upscale_with_beam(model(), two, tmp_path / "out")) == (2, 2, 0, 0)


def test_what_workers_finish_after_the_driver_s_end_is_the_job_s_own(model, two, tmp_path, monkeypatch):
    def supervise(job, *arguments, **options):
        raise RunFailed("the process that drives Beam ended")

    monkeypatch.setattr(upscaling, "supervise", supervise)
    with pytest.raises(RunFailed, match="the process that drives Beam ended"):
        upscale_with_beam(model(), two, tmp_path / "out")
    (tmp_path / "out" / "a.png").write_bytes(b"written late, and noted where nobody looks any more")
    assert counts(upscale(model(), two, tmp_path / "out")) == (2, 2, 0, 0)


def test_a_line_that_could_not_be_taken_is_taken_the_next_time(job):
    taken = []

    class Records:
        folder = job.folder

        def start(self, output):
            taken.append(output)
            if len(taken) == 2:
                raise OSError("full")

    gathered = gathering.Gathering(job, [], Records(), None, None)
    lines = [json.dumps({"output": name, "status": "started"}) + "\n" for name in "xyz"]
    (job.lines / "000000.a.jsonl").write_text("".join(lines) + '{"outp')
    with pytest.raises(OSError, match="full"):
        gathered.gather()
    gathered.gather()
    assert taken == ["x", "y", "y", "z"]


# Progress


def test_the_tiles_of_a_large_picture_are_progress_and_beginning_one_again_is_not(job, monkeypatch):
    monkeypatch.setattr(worker, "_BEAT_SECONDS", 0)
    gathered = gathering.Gathering(job, [], None, None, None)
    lines = job.lines / "000001.a.jsonl"
    lines.write_text('{"output": "a.png", "input": "a", "status": "taken up"}\n')
    assert not gathered.gather()
    with lines.open("a") as stream:
        stream.write('{"status": "working"}\n')
    assert gathered.gather()
    assert not gathered.gather()
    lines.unlink()
    worker.run_unit(job.file, "000000")
    assert '{"status": "working"}' in next(job.lines.iterdir()).read_text().splitlines()


def test_pictures_in_work_are_those_taken_up_and_not_ended(job):
    worker.run_unit(job.file, "000000")
    assert job.in_work() == []
    (job.lines / "000001.a.jsonl").write_text(
        '{"output": "x.png", "input": "in/x.png", "status": "taken up"}\n'
        '{"output": "y.png", "input": "in/y.png", "status": "taken up"}\n'
        '{"output": "x.png", "status": "started"}\n'
        '{"output": "z.png", "input": "in/z.png", "status": "taken up"}\n'
        '{"output": "y.png", "input": "in/y.png", "reason": "bad"}\n'
    )
    assert job.in_work() == ["in/x.png", "in/z.png"]


# What is written for workers


def test_plans_that_can_hold_passwords_are_for_this_user_alone_and_go(model, tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe("/plans/x.png", encoded("PNG", smooth(9, 9)))
    modes = []

    def supervise(job, *arguments, **options):
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in (job.plans, *job.plans.iterdir()))
        (job.lines / "000000.a.jsonl").write_text("")
        raise RunFailed("gone")

    monkeypatch.setattr(upscaling, "supervise", supervise)
    try:
        with pytest.raises(RunFailed, match="gone"):
            upscale_with_beam(model(), ["memory://plans/x.png"], tmp_path / "out")
    finally:
        system.rm("/plans", recursive=True)
    assert modes == [0o700, 0o600]
    left = [path.name for path in (tmp_path / "out").glob(".gantk-workers/**/*") if path.is_file()]
    assert left == ["000000.a.jsonl"]


def test_an_output_folder_whose_name_is_no_utf_8(model, two, tmp_path):
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/out \xff"))
    bundle = model()
    assert counts(upscale_with_beam(bundle, two, out)) == (2, 2, 0, 0)
    upscale(bundle, two, tmp_path / "local")
    assert contents(out) == contents(tmp_path / "local")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('RunFailed: gantk-failure {"type": "RunFailed", "message": "a {b}", "hint": ""} [while {running}]', "a {b}"),
        ('gantk-failure {"type": "RunFailed", "message": "cut sh', None),
        ('gantk-failure {"type": "RunFailed"}', None),
        ("gantk-failure {'quoted': 'otherwise'}", None),
        ("gantk-failure [1]", None),
        ("something else {}", None),
    ],
)
def test_a_worker_s_error_in_that_of_its_runner(text, message):
    told = told_failure(text)
    assert (told and told.message) == message


# Elsewhere


def free_port():
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_two_worker_pools_share_the_work(model, pictures, tmp_path):
    bundle = model(layers=3)
    upscale(bundle, pictures, tmp_path / "local")
    ports = [free_port() for _ in range(2)]
    logs = [tmp_path / f"pool-{port}.log" for port in ports]
    # A pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    pools = []
    for port, log in zip(ports, logs, strict=True):
        with log.open("wb") as stream:
            command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
            environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
            pools.append(subprocess.Popen(command, stderr=stream, env=environment))
    try:
        for port in ports:
            deadline = time.monotonic() + 60
            with socket.socket() as probe:
                while probe.connect_ex(("localhost", port)) and time.monotonic() < deadline:
                    time.sleep(0.2)
        addresses = ",".join(f"localhost:{port}" for port in ports)
        summary = upscale_with_beam(
            bundle,
            pictures,
            tmp_path / "pools",
            runner_options={"environment_type": "EXTERNAL", "environment_config": addresses},
            unit_pictures=2,
            stall_seconds=60,
        )
    finally:
        for pool in pools:
            pool.terminate()
            pool.wait(20)
    assert counts(summary) == (19, 18, 0, 1)
    assert contents(tmp_path / "pools") == contents(tmp_path / "local")
    assert [log.read_text().count("Starting worker with command") for log in logs] == [1, 1]


@pytest.mark.slow
def test_dask_writes_the_bytes_of_the_local_job(model, pictures, tmp_path):
    pytest.importorskip("distributed", reason="gantk[dask] is not installed")
    bundle = model(layers=3)
    upscale(bundle, pictures, tmp_path / "local")
    summary = upscale_with_beam(
        bundle, pictures, tmp_path / "dask", runner="DaskRunner", unit_pictures=4, stall_seconds=120
    )
    assert counts(summary) == (19, 18, 0, 1)
    assert contents(tmp_path / "dask") == contents(tmp_path / "local")
