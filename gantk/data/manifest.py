"""The manifest: what a prepared dataset holds. It is written last of all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gantk.atomic_files import atomic_file, write_json
from gantk.data.fingerprint import FORMAT_VERSION, canonical_json, digest_of
from gantk.data.job import Job
from gantk.data.labels import natural_order
from gantk.data.moments import joined, mean_and_deviation
from gantk.data.options import PatchOptions
from gantk.data.plan import Unit, read_report, read_units
from gantk.data.pyramid import sizes_differ
from gantk.errors import InternalError, RunFailed

MANIFEST = "manifest.json"
REJECTS = "rejects.jsonl"

_NAMED_REJECTS = 5


def write_manifest(job: Job) -> None:
    """Join the reports of all units, write `rejects.jsonl` and then the manifest.

    Raises:
        RunFailed: More samples than allowed were rejected, or none is left, or pictures with a pyramid differ in size.
            There is then no new manifest.
        InternalError: A report is missing, or used and rejected inputs do not add up to the inputs.
    """
    units = read_units(job)
    reports = [_report_of(job, unit) for unit in units]
    rejected = sum(len(report["rejects"]) for report in reports)
    _write_rejects(job.directory / REJECTS, reports)
    _check_rejects(job, reports, rejected)
    plain = job.options.model_dump(mode="json", include={"patches", "derive", "pyramid"})
    content = {
        "format": FORMAT_VERSION,
        "layout": job.options.layout,
        "domain_names": job.domain_names,
        "source": job.options.source.to_plain(),
        "transforms": [component.to_plain() for component in job.options.transforms],
        "patches": plain["patches"],
        "derive": plain["derive"],
        "pyramid": plain["pyramid"],
        "resolutions": _resolutions(reports),
        "classes": natural_order(label for report in reports for label in report["labels"]),
        "encoding": job.options.encoding,
        "seed": job.seed,
        "inputs": sum(unit.inputs for unit in units),
        "used": sum(report["used"] for report in reports),
        "samples": sum(report["samples"] for report in reports),
        "rejected": rejected,
        "reject_stages": dict(sorted(Counter(entry["stage"] for r in reports for entry in r["rejects"]).items())),
        "splits": _splits(reports, job.options.patches),
    }
    # The digest names the content: where the source lies and what it is called do not count.
    counted = {name: content[name] for name in ("format", "layout", "splits")}
    write_json(job.directory / MANIFEST, {"digest": digest_of(counted), **content})


def _report_of(job: Job, unit: Unit) -> dict[str, Any]:
    report = read_report(job, unit)
    if report is None:
        raise InternalError(f"the unit {unit.name!r} was run and must have a report. Received: none in {job.reports}")
    if report["used"] + len(report["rejects"]) != unit.inputs or report["samples"] < report["used"]:
        raise InternalError(
            f"the unit {unit.name!r} must keep or reject each of its {unit.inputs} inputs. "
            f"Received: {report['samples']} samples of {report['used']} inputs and {len(report['rejects'])} rejects"
        )
    return report


def _write_rejects(path: Path, reports: list[dict[str, Any]]) -> None:
    with atomic_file(path) as file:
        for report in reports:
            for reject in report["rejects"]:
                file.write(canonical_json({"split": report["split"], "domain": report["domain"], **reject}) + b"\n")


def _check_rejects(job: Job, reports: list[dict[str, Any]], rejected: int) -> None:
    inputs = sum(report["inputs"] for report in reports)
    if rejected == inputs or rejected > job.options.max_reject_fraction * inputs:
        allowed = "not all" if rejected == inputs else f"at most {job.options.max_reject_fraction:.2%}"
        entries = [entry for report in reports for entry in report["rejects"]]
        named = "\n".join(
            f"  {entry['key']}: {entry['stage']}: {entry['reason']}" for entry in entries[:_NAMED_REJECTS]
        )
        more = f"\n  and {len(entries) - _NAMED_REJECTS} more" if len(entries) > _NAMED_REJECTS else ""
        raise RunFailed(
            f"{allowed} of the {'pictures' if job.options.patches else 'samples'} may be rejected. "
            f"Received: {rejected} of {inputs} rejected:\n{named}{more}",
            hint=f"All are listed in {job.directory / REJECTS}. Mend them, or raise max_reject_fraction of the prepare stage.",
        )


def _splits(reports: list[dict[str, Any]], patches: PatchOptions | None) -> dict[str, dict[str, Any]]:
    splits: dict[str, dict[str, Any]] = {}
    for split, domain in dict.fromkeys((report["split"], report["domain"]) for report in reports):
        parts = [report for report in reports if (report["split"], report["domain"]) == (split, domain)]
        splits.setdefault(split, {})[domain] = {
            "count": sum(report["samples"] for report in parts),
            "bytes": sum(report["bytes"] for report in parts),
            "rejected": sum(len(report["rejects"]) for report in parts),
            **(_cut_counts(parts) if patches is not None and split in patches.splits else {}),
            **_label_counts(parts),
            "fields": _summaries(parts),
            **_smaller(parts),
            "shards": [{**_shard(r), "count": r["samples"], **_smaller_shards(r)} for r in parts],
        }
    return splits


def _summaries(parts: list[dict[str, Any]]) -> dict[str, Any]:
    names = sorted({name for part in parts for name in part["fields"]})
    return {name: _summary(joined(part["fields"][name] for part in parts if name in part["fields"])) for name in names}


def _shard(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": part["shard"], "bytes": part["bytes"], "sha256": part["sha256"]}


def _smaller_shards(report: Mapping[str, Any]) -> dict[str, Any]:
    smaller = {resolution: _shard(part) for resolution, part in report.get("smaller", {}).items()}
    return {"smaller": smaller} if smaller else {}


def _smaller(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the bytes and the fields of each smaller resolution of a pyramid, from the larger to the smaller."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for report in reports:
        for resolution, part in report.get("smaller", {}).items():
            parts.setdefault(resolution, []).append(part)
    smaller = {
        resolution: {"bytes": sum(part["bytes"] for part in parts[resolution]), "fields": _summaries(parts[resolution])}
        for resolution in sorted(parts, key=int, reverse=True)
    }
    return {"smaller": smaller} if smaller else {}


def _label_counts(parts: list[dict[str, Any]]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for report in parts:
        counts.update(report["labels"])
    return {"labels": {label: counts[label] for label in natural_order(counts)}} if counts else {}


def _resolutions(reports: list[dict[str, Any]]) -> list[int]:
    """Return the sides of the pictures of a pyramid, from the smallest; none where there is no pyramid."""
    found = {report["resolution"]: report["unit"] for report in reports if report["samples"] and "resolution" in report}
    if len(found) > 1:
        raise sizes_differ(" and ".join(f"{side}² in the unit {unit}" for side, unit in sorted(found.items())[:2]))
    sides = {int(side) for report in reports if report["samples"] for side in report.get("smaller", {})}
    return sorted(sides | found.keys())


def _cut_counts(parts: list[dict[str, Any]]) -> dict[str, int]:
    """Return how many pictures the patches of a split and domain come from, and how many patches were left out."""
    return {
        "pictures": sum(report["used"] for report in parts),
        "left_out": sum(report["left_out"] for report in parts),
    }


def _summary(statistics: Mapping[str, Any]) -> dict[str, Any]:
    if "pixels" not in statistics:
        return {name: statistics[name] for name in ("encoding", "characters")}
    means, deviations = mean_and_deviation(statistics)
    return {
        **{name: statistics[name] for name in ("encoding", "height", "width", "channels")},
        "mean": [round(value, 4) for value in means],
        "standard_deviation": [round(value, 4) for value in deviations],
    }


def shards_of(manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield `name`, `count`, `bytes` and `sha256` of every shard, those of smaller resolutions behind their largest."""
    for domains in manifest["splits"].values():
        for part in domains.values():
            for shard in part["shards"]:
                yield shard
                for smaller in shard.get("smaller", {}).values():
                    yield {**smaller, "count": shard["count"]}


def read_manifest(directory: Path) -> dict[str, Any]:
    """Read the manifest of a prepared dataset.

    Raises:
        RunFailed: The folder holds none, or one of another format.
    """
    path = directory / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise RunFailed(
            f"{directory}: expected a prepared dataset, with a {MANIFEST}. Received: {error}",
            hint="Prepare it first: `gantk data prepare PIPELINE -o FOLDER`.",
        ) from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT_VERSION:
        found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise RunFailed(
            f"{path}: expected a dataset of format {FORMAT_VERSION}. Received: {found!r}",
            hint="It was prepared by another version of gantk: prepare it again.",
        )
    return manifest
