"""Preparing raw samples into shards: list, plan, run the units on Beam, write the manifest."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gantk.config.components import Component
from gantk.data.fingerprint import content_fingerprint
from gantk.data.job import Job
from gantk.data.listing import as_pairs, list_items
from gantk.data.manifest import MANIFEST, read_manifest, shards_of, write_manifest
from gantk.data.options import PreparationOptions
from gantk.data.plan import Unit, plan_units
from gantk.data.progress import Progress, shown_progress
from gantk.data.supervisor import supervise
from gantk.data.tfrecord import INDEX_SUFFIX
from gantk.errors import ConfigError, PluginError, RunFailed
from gantk.specs import TransformSpec
from gantk.wording import counted

IN_PROCESS_IMAGES = 128
"""Work so small that starting processes for it, some three seconds, would take longer than the work."""


@dataclass(frozen=True)
class PreparationResult:
    """What a preparation has done.

    Args:
        directory: The dataset's folder.
        digest: A hash of its content: layout and shards.
        counts: Samples by split and domain.
        rejected: Inputs that were rejected.
        units: Units of work in all.
        skipped_units: Units that were done before and unchanged.
        seconds: How long it took.
        images_per_second: Inputs of the units that were run, over `seconds`; 0 where all were skipped.
    """

    directory: Path
    digest: str
    counts: Mapping[str, Mapping[str, int]]
    rejected: int
    units: int
    skipped_units: int
    seconds: float
    images_per_second: float


def prepare(
    source: Component,
    *,
    directory: Path | str,
    transforms: Sequence[Component] = (),
    seed: int = 0,
    progress: Progress | bool = False,
    **settings: Any,
) -> PreparationResult:
    """Prepare a source's samples into a folder of shards.

    Args:
        source: Where the raw samples come from.
        directory: The dataset's folder; made where it is missing.
        transforms: Done once to every image.
        seed: Seed of the transforms.
        progress: Called with the samples done and in all; True shows a bar, or logs lines where there is no terminal.
        settings: Any other field of `PreparationOptions`: `encoding`, `splits`, `workers`, …

    Returns:
        What was done. A second call with the same arguments finds everything done and takes moments.

    Raises:
        ConfigError: A transform whose results are not 8-bit images.
        RunFailed: Nothing to read, too many rejects, a full disk, a worker that died.
        PluginError: The source or a transform is missing or does not keep its contract.
    """
    options = PreparationOptions.model_validate({"source": source, "transforms": tuple(transforms), **settings})
    return prepare_with_options(options, directory=directory, seed=seed, progress=progress)


def prepare_with_options(
    options: PreparationOptions, *, directory: Path | str, seed: int = 0, progress: Progress | bool = False
) -> PreparationResult:
    """Prepare a dataset as `options` say. See `prepare`.

    Units whose inputs, options, code and codecs are unchanged, and whose files are there, are skipped. A dataset
    prepared before in the same folder stays readable until the new manifest takes its place; only then are the
    shards deleted that it no longer names.
    """
    started = time.monotonic()
    _require_bytes(options)
    directory = Path(directory).absolute()
    source = options.source.create()
    job = Job(directory=directory, options=options, seed=seed, domain_names=_domain_names(source, options))
    display = shown_progress() if progress is True else nullcontext(progress or (lambda done, total: None))
    with _locked(directory), _work_folder(job), display as show:
        items = source.items() if options.derive is None else as_pairs(source.items())
        groups = list_items(items, options.splits, job.work)
        units, pending = plan_units(job, groups, content_fingerprint(options, seed))
        inputs = sum(unit.inputs for unit in units)
        pending_inputs = sum(unit.inputs for unit in pending)

        def finished(count: int) -> None:
            show(inputs - pending_inputs + count, inputs)

        finished(0)
        if pending:
            _run(job, pending, finished)
        else:
            write_manifest(job)
        manifest = read_manifest(directory)
        _delete_stale(job, manifest, units)
    seconds = time.monotonic() - started
    return PreparationResult(
        directory=directory,
        digest=manifest["digest"],
        counts={
            split: {domain: part["count"] for domain, part in domains.items()}
            for split, domains in manifest["splits"].items()
        },
        rejected=manifest["rejected"],
        units=len(units),
        skipped_units=len(units) - len(pending),
        seconds=seconds,
        images_per_second=pending_inputs / seconds,
    )


def _require_bytes(options: PreparationOptions) -> None:
    # Where options come from a pipeline file, loading it has told this already, with its place in the file.
    for transform in options.all_transforms():
        if isinstance(transform.spec, TransformSpec) and not transform.spec.at_preparation:
            raise ConfigError(
                "the preparation takes transforms that keep 8-bit images, as it stores them. "
                f"Received: {transform.name!r}",
                hint="Put it among the transforms of the training.",
            )


def _domain_names(source: Any, options: PreparationOptions) -> dict[str, str]:
    names = getattr(source, "domain_names", {})
    names = names() if callable(names) else names
    if not isinstance(names, Mapping) or not all(isinstance(part, str) for pair in names.items() for part in pair):
        raise PluginError(
            f"source {options.source.name!r}: domain_names must map domains to names, such as {{'A': 'horse'}}. "
            f"Received: {names!r}"
        )
    return dict(names)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep two preparations from writing into one folder; the system frees the lock however this process ends."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunFailed(
                f"{directory}: only one preparation may write into a folder at a time. Received: a second one",
                hint="Wait until the other has ended, or choose another folder.",
            ) from error
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _work_folder(job: Job) -> Iterator[None]:
    shutil.rmtree(job.work, ignore_errors=True)
    for folder in (job.shards, job.reports, job.plans, job.failures):
        folder.mkdir(parents=True, exist_ok=True)
    _delete_temporary(job)
    try:
        yield
    finally:
        shutil.rmtree(job.work, ignore_errors=True)
        _delete_temporary(job)


def _delete_temporary(job: Job) -> None:
    """Delete half-written files of workers that were killed. The lock is held, so nobody is writing."""
    for folder in (job.directory, job.shards, job.reports):
        for path in folder.glob(".*.tmp-*"):
            path.unlink(missing_ok=True)


def _run(job: Job, pending: Sequence[Unit], finished: Callable[[int], None]) -> None:
    # The report is the done mark: one left over from a damaged shard must not pass for a new one.
    for unit in pending:
        (job.reports / f"{unit.name}.json").unlink(missing_ok=True)
    inputs = {unit.name: unit.inputs for unit in pending}
    job_file = job.save()
    if sum(inputs.values()) <= IN_PROCESS_IMAGES and job.options.beam is None and job.options.workers is None:
        _run_in_process(job, job_file, list(inputs))
        finished(sum(inputs.values()))
    else:
        workers = min(job.options.workers or available_processors(), len(pending))
        reports = _Reports(job, inputs, finished)
        supervise(job, job_file, workers=workers, progressed=reports.progressed, stalled=reports.stalled)


class _Reports:
    """Sees which units have been finished by their reports.

    Args:
        job: The job.
        units: Number of items by name of the units to be run.
        finished: Called with the number of items of all units finished so far, when it has grown.
    """

    def __init__(self, job: Job, units: Mapping[str, int], finished: Callable[[int], None]) -> None:
        self._job = job
        self._left = dict(units)
        self._units = len(units)
        self._total = sum(units.values())
        self._finished = finished

    def progressed(self) -> bool:
        """Return whether a unit has been finished since this was last asked."""
        with os.scandir(self._job.reports) as entries:
            done = [name for entry in entries if (name := entry.name.removesuffix(".json")) in self._left]
        for name in done:
            del self._left[name]
        if done:
            self._finished(self._total - sum(self._left.values()))
        return bool(done)

    def stalled(self) -> RunFailed:
        """Return the error of a run that stands still."""
        return RunFailed(
            f"a unit of work must be finished every {self._job.stall_seconds:g} s. "
            f"Received: none, with {len(self._left)} of {counted(self._units, 'unit')} left",
            hint="Raise stall_seconds, or make the units smaller with unit_images.",
        )


def _run_in_process(job: Job, job_file: Path, names: list[str]) -> None:
    with _root_logger_left_alone():
        from gantk.data.beam_pipeline import run_pipeline
    try:
        with _beam_silenced():
            run_pipeline(job_file, names, workers=0)
    except Exception as error:
        if failure := job.failure():
            raise failure from error
        raise RunFailed(f"Beam failed. Received: {type(error).__name__}: {error}") from error


@contextmanager
def _beam_silenced() -> Iterator[None]:
    """Keep Beam from printing, with a traceback, the error that the caller is about to tell."""
    beam = logging.getLogger("apache_beam")
    level = beam.level
    beam.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        beam.setLevel(level)


@contextmanager
def _root_logger_left_alone() -> Iterator[None]:
    """Keep a warning during an import from setting up logging to stderr for the whole process, as the first one does."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)


def available_processors() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _delete_stale(job: Job, manifest: Mapping[str, Any], units: Sequence[Unit]) -> None:
    shards = {shard["name"] for shard in shards_of(manifest)}
    for path in job.shards.iterdir():
        if path.name.removesuffix(INDEX_SUFFIX) not in shards:
            path.unlink(missing_ok=True)
    reports = {f"{unit.name}.json" for unit in units}
    for path in job.reports.iterdir():
        if path.name not in reports:
            path.unlink(missing_ok=True)


__all__ = ["MANIFEST", "PreparationResult", "Progress", "available_processors", "prepare", "prepare_with_options"]
