"""What other Beam runners than the local one need to be told."""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import common_urns
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.worker_handlers import ExternalWorkerHandler, WorkerHandler
from apache_beam.transforms.environments import ExternalEnvironment

from gantk.data.options import BeamOptions
from gantk.errors import ConfigError, RunFailed

_DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"


def runner_and_options(chosen: BeamOptions, units: int) -> tuple[Any, Any]:
    """Return the runner (an object, or a name for Beam) and its pipeline options.

    Args:
        chosen: What the pipeline says.
        units: How many elements there will be.

    Raises:
        ConfigError: The runner is incompletely described.
        RunFailed: What the runner needs is not installed.
    """
    settings = dict(chosen.options)
    name = chosen.runner.rpartition(".")[2].lower().removesuffix("runner")
    if name == "dask":
        _prepare_dask(settings, units)
        return _DASK, PipelineOptions.from_dictionary(settings)
    if name == "fnapi" and str(settings.get("environment_type", "")).upper() == "EXTERNAL":
        return _pooled_runner(settings), PipelineOptions.from_dictionary(settings)
    return chosen.runner, PipelineOptions.from_dictionary(settings)


def _prepare_dask(settings: dict[str, Any], units: int) -> None:
    # Beam's table of runners lacks this one, so that its short name means nothing to Beam.
    if importlib.util.find_spec("distributed") is None:
        raise RunFailed(
            "the DaskRunner needs Dask. Received: an environment without the package distributed",
            hint="pip install 'gantk[dask]', here and on every worker.",
        )
    if not {"dask_npartitions", "dask_partition_size"} & settings.keys():
        # By default 128 elements go to one worker as one task, one after the other; a unit is work enough for a task.
        settings["dask_npartitions"] = units


def _pooled_runner(settings: dict[str, Any]) -> Any:
    """Return a runner whose workers are started by the worker pools that `environment_config` lists, in turn."""
    pools = str(settings.pop("environment_config", "")).replace(",", " ").split()
    del settings["environment_type"]
    if not pools:
        raise ConfigError(
            "beam: environment_type EXTERNAL needs `environment_config`, the addresses of the worker pools. Received: none",
            hint="Start `python -m apache_beam.runners.worker.worker_pool_main --service_port=50000` on every machine and "
            'give `environment_config: "one:50000,two:50000"`.',
        )
    settings.setdefault("direct_num_workers", len(pools))
    addresses = itertools.cycle(pools)

    # FnApiRunner looks at no option for its environment, and asks one and the same pool for all its workers.
    @WorkerHandler.register_environment(common_urns.environments.EXTERNAL.urn, beam_runner_api_pb2.ExternalPayload)
    class PooledWorkerHandler(ExternalWorkerHandler):
        def start_worker(self) -> None:
            self._external_payload.endpoint.url = next(addresses)
            super().start_worker()

    return FnApiRunner(default_environment=ExternalEnvironment(pools[0]))
