"""Upscaling by Beam: the bytes of the local job, and nothing lost when something ends."""

import io
import json
import os
import signal
import socket
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
from gantk.inference.distributed import upscale_with_beam, upscaling, worker
from gantk.inference.distributed.job import UpscalingJob
from gantk.inference.distributed.units import ReopenedInputs, cut_into_units, write_unit
from gantk.inference.inputs import discover
from gantk.inference.job_plan import Task
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
        tile=32,
        runner_options={"direct_num_workers": "2"},
        unit_pictures=3,
    )
    assert counts(spread) == counts(local) == (19, 18, 0, 1)
    assert spread.megapixels == pytest.approx(local.megapixels, abs=1e-9)
    assert spread.reasons == local.reasons
    assert contents(tmp_path / "spread") == contents(tmp_path / "local"), "results, manifest and failures"
    assert processes_about(tmp_path / "spread") == []
    again = upscale_with_beam(bundle, pictures, tmp_path / "spread", tile=32)
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
        upscale_with_beam(bundle, [folder], tmp_path / "out", unit_pictures=2)
    killing.join()
    assert time.monotonic() - started < 60  # FnApiRunner by itself waits for ever
    assert "-9" in caught.value.message
    assert "memory" in caught.value.hint
    assert processes_about(tmp_path / "out") == []
    assert not (tmp_path / "out" / ".gantk-workers").exists()
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
    monkeypatch.setattr(UpscalingJob, "remove", lambda self: None)
    with pytest.raises(Exception, match="nobody speaks of"):
        upscale_with_beam(bundle, [tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out")
    return kept[0]


def test_a_unit_tried_again_does_nothing_twice(job):
    for attempt in (1, 2):
        worker.run_unit(job.file, "000000")
        assert len(list(job.lines.iterdir())) == attempt
    statuses = [json.loads(line)["status"] for path in job.lines.iterdir() for line in path.read_text().splitlines()]
    assert sorted(statuses) == ["done", "done", "started", "started"]
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


@pytest.mark.parametrize("options", [{"direct_num_workers": "none"}, {"direct_num_workers": 0}, {"parallelism": 3}])
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
