"""Other Beam runners than the local one: Dask, and workers started by external worker pools."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gantk.data import PreparedDataset, prepare
from gantk.data.beam_runners import runner_and_options
from gantk.data.options import BeamOptions
from gantk.errors import ConfigError, RunFailed


@pytest.fixture
def local(source, tmp_path):
    prepare(source(train=12, test=3), directory=tmp_path / "local", unit_images=4)
    return PreparedDataset.open(tmp_path / "local")


def test_another_name_is_left_to_beam():
    runner, options = runner_and_options(BeamOptions(runner="FlinkRunner", options={"flink_master": "host:8081"}), 7)
    assert runner == "FlinkRunner"
    assert options.get_all_options()["flink_master"] == "host:8081"


def test_dask_without_dask_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RunFailed, match="needs Dask") as caught:
        runner_and_options(BeamOptions(runner="DaskRunner"), 7)
    assert "gantk[dask]" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, {"npartitions": 7}), ({"dask_npartitions": 3}, {"npartitions": 3}), ({"dask_partition_size": 2}, {})],
)
def test_dask_gets_a_task_for_each_unit(settings, expected):
    pytest.importorskip("distributed", reason="gantk[dask] is not installed")
    from apache_beam.runners.dask.dask_runner import DaskOptions

    runner, options = runner_and_options(BeamOptions(runner="DaskRunner", options=settings), 7)
    assert runner == "apache_beam.runners.dask.dask_runner.DaskRunner"
    found = options.view_as(DaskOptions).get_all_options(drop_default=True, current_only=True)
    assert {name: value for name, value in found.items() if name == "npartitions"} == expected


@pytest.mark.slow
def test_dask_writes_what_the_local_runner_writes(source, local, tmp_path):
    pytest.importorskip("distributed", reason="gantk[dask] is not installed")
    settings = {"unit_images": 4, "stall_seconds": 100, "beam": {"runner": "DaskRunner"}}
    result = prepare(source(train=12, test=3), directory=tmp_path / "dask", **settings)
    assert result.units == 8
    assert result.digest == local.digest
    # An error on a worker arrives whole.
    with pytest.raises(RunFailed, match=r"ZeroDivisionError: in the source"):
        prepare(source(train=12, test=3, fault="raises"), directory=tmp_path / "failed", **settings)


def test_pools_without_addresses_are_told_how_to_be_given():
    with pytest.raises(ConfigError, match="addresses of the worker pools") as caught:
        runner_and_options(BeamOptions(runner="FnApiRunner", options={"environment_type": "EXTERNAL"}), 7)
    assert "worker_pool_main" in caught.value.hint


@pytest.mark.slow
def test_two_worker_pools_share_the_work(source, local, tmp_path):
    ports = [_free_port() for _ in range(2)]
    logs = [tmp_path / f"pool-{port}.log" for port in ports]
    # A pool starts its workers as `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    module = "apache_beam.runners.worker.worker_pool_main"
    pools = []
    for port, log in zip(ports, logs, strict=True):
        with log.open("wb") as stream:
            command = [sys.executable, "-m", module, f"--service_port={port}"]
            environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
            pools.append(subprocess.Popen(command, stderr=stream, env=environment))
    try:
        for port in ports:
            _wait_for(port)
        addresses = ",".join(f"localhost:{port}" for port in ports)
        result = prepare(
            source(train=12, test=3),
            directory=tmp_path / "pools",
            unit_images=4,
            stall_seconds=60,
            beam={
                "runner": "FnApiRunner",
                "options": {"environment_type": "EXTERNAL", "environment_config": addresses},
            },
        )
    finally:
        for pool in pools:
            pool.terminate()
            pool.wait(20)
    assert result.digest == local.digest
    assert [log.read_text().count("Starting worker with command") for log in logs] == [1, 1]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("localhost", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"no worker pool at port {port}")
