"""Cutting a job into units of work, and sending inputs to other machines as plain data."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import IO, Any

from gantk.atomic_files import write_bytes
from gantk.errors import UsageError
from gantk.inference.archives import (
    ARCHIVE_MAGIC_BYTES,
    DAMAGED,
    Archive,
    ArchiveSource,
    Member,
    TarArchive,
    archive_from,
    check_tar_entry,
    open_archive,
    tar_content,
)
from gantk.inference.inputs import read_file
from gantk.inference.job_plan import Task
from gantk.inference.picture import BadPicture
from gantk.inference.picture_input import PictureInput
from gantk.inference.remote_files import RemoteFile

UNIT_BYTES = 32 << 20
"""Most bytes of a unit's files, where they are known."""
STREAMED_UNIT_BYTES = 256 << 20
"""Fewest bytes of a unit's pictures in an archive that must be read from the front, where it is cut at all."""


def cut_into_units(tasks: Sequence[Task], *, most: int, least_units: int, workers: int = 1) -> Iterator[list[Task]]:
    """Yield runs of consecutive tasks, each from one archive or from none.

    A runner may deal out units in any order, and for each one of a compressed tar file everything before it is read: so
    there is one for each worker, at most, and each worker reads such an archive about once, whatever the order.

    Args:
        tasks: All, in the order of the inputs.
        most: Pictures of a unit.
        least_units: How many units there should be, where there are as many pictures.
        workers: Processes that do the work.
    """
    most = max(1, min(most, -(-len(tasks) // max(1, least_units))))
    for _, group in groupby(tasks, key=lambda task: id(task.picture.archive)):
        some = list(group)
        yield from _parts(some, workers) if _is_streamed(some[0].picture) else _pieces(some, most)


def _pieces(tasks: Sequence[Task], most: int) -> Iterator[list[Task]]:
    unit: list[Task] = []
    size = 0
    for task in tasks:
        weight = _size(task.picture)
        if unit and (len(unit) >= most or size + weight > UNIT_BYTES):
            yield unit
            unit, size = [], 0
        unit.append(task)
        size += weight
    if unit:
        yield unit


def _parts(tasks: Sequence[Task], workers: int) -> Iterator[list[Task]]:
    """Yield parts of about as many bytes each."""
    total = sum(_size(task.picture) for task in tasks)
    parts = max(1, min(workers, total // STREAMED_UNIT_BYTES))
    before = 0
    unit: list[Task] = []
    number = 0
    for task in tasks:
        if unit and number + 1 < parts and before * parts >= (number + 1) * total:
            yield unit
            unit = []
            number = before * parts // total
        unit.append(task)
        before += _size(task.picture)
    if unit:
        yield unit


def _is_streamed(picture: PictureInput) -> bool:
    return isinstance(picture.archive, TarArchive) and not _has_place(picture)


def _has_place(picture: PictureInput) -> bool:
    """Whether a member of a tar file can be read without what lies before it."""
    return picture.member is not None and picture.member.offset is not None and not picture.remote


def _size(picture: PictureInput) -> int:
    if picture.member is not None:
        return picture.member.size
    try:
        return picture.path.stat().st_size if picture.path is not None else 0
    except OSError:
        # The worker tells the reason.
        return 0


def write_unit(path: Path, tasks: Sequence[Task]) -> None:
    """Write the plan of a unit.

    Raises:
        UsageError: An input is known to this process alone.
    """
    # As ASCII: names that are no UTF-8 survive as JSON's escapes.
    write_bytes(path, b"".join(json.dumps(_plain(task)).encode("ascii") + b"\n" for task in tasks))
    if any(task.picture.remote for task in tasks):
        # What is sent of a URL can hold a password.
        path.chmod(0o600)


def _plain(task: Task) -> dict[str, Any]:
    picture = task.picture
    plain: dict[str, Any] = {
        "name": picture.name,
        "label": picture.label,
        "stamp": picture.stamp,
        "output": task.output,
    }
    if task.known is not None:
        plain["known"] = dict(task.known)
    place: dict[str, Any]
    if picture.archive is not None and picture.member is not None:
        source, member = picture.archive.source, picture.member
        remote = _remote_behind(source.open)
        place = {
            "member": {"name": member.name, "number": member.number, "size": member.size, "stamp": member.stamp},
            "archive": _sent(remote) if remote else {"path": os.path.abspath(source.label)},
        }
        if _has_place(picture):
            place["member"]["offset"] = member.offset
    elif picture.path is not None:
        place = {"path": os.path.abspath(picture.path)}
    elif remote := _remote_behind(picture.read):
        place = {"remote": _sent(remote)}
    else:
        raise UsageError(
            "Other machines can be sent files, members of archives and URLs. "
            f"Received: {picture.label}, an input made by a program",
            hint="Write it to a file first, or run the job without --runner.",
        )
    return {**plain, **place}


def _remote_behind(read: Any) -> RemoteFile | None:
    owner = getattr(read, "__self__", None)
    return owner if isinstance(owner, RemoteFile) else None


def _sent(remote: RemoteFile) -> dict[str, Any]:
    return {
        "system": remote.system.to_dict(),
        "remote": remote.path,
        "label": remote.label,
        "size": remote.size,
        "stamp": remote.stamp,
    }


def _received(plain: Mapping[str, Any]) -> RemoteFile:
    from fsspec import AbstractFileSystem

    system = AbstractFileSystem.from_dict(dict(plain["system"]))
    return RemoteFile(system, plain["remote"], plain["label"], plain["size"], plain["stamp"])


class ReopenedInputs:
    """The inputs of units, in the process that works on them; archives stay open from one unit to the next."""

    def __init__(self) -> None:
        self._archives: dict[str, Archive] = {}

    def read_unit(self, path: Path) -> list[Task]:
        """Return the tasks of a unit that `write_unit` has written. Nothing is read but the plan."""
        plain = [json.loads(line) for line in path.read_bytes().splitlines()]
        return [Task(self._input(row), row["output"], row.get("known")) for row in plain]

    def close(self) -> None:
        """Close the archives."""
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()

    def _input(self, row: Mapping[str, Any]) -> PictureInput:
        name, label, stamp = row["name"], row["label"], row["stamp"]
        if "path" in row:
            path = Path(row["path"])
            return PictureInput(name, label, partial(read_file, path), stamp=stamp, path=path)
        if "remote" in row:
            remote = _received(row["remote"])
            return PictureInput(name, label, remote.read, stamp=stamp, spool=remote.spool, remote=True)
        member = Member(**row["member"])
        if member.offset is not None:
            spool = partial(_spool_at, Path(row["archive"]["path"]), member)
            return PictureInput(name, label, partial(spool, None), stamp=stamp, spool=spool)
        try:
            archive = self._archive(row["archive"])
        except (OSError, BadPicture) as error:
            return PictureInput(name, label, _raiser(error), stamp=stamp)
        return PictureInput(
            name,
            label,
            partial(archive.read, member),
            stamp=stamp,
            archive=archive,
            member=member,
            spool=partial(archive.spool, member),
        )

    def _archive(self, place: Mapping[str, Any]) -> Archive:
        key = json.dumps(place, sort_keys=True)
        if key not in self._archives:
            if "path" in place:
                archive = open_archive(Path(place["path"]))
            else:
                remote = _received(place)
                source = ArchiveSource(PurePosixPath(remote.path).name, remote.label, remote.open, remote.stamp)
                archive = archive_from(source, remote.beginning(ARCHIVE_MAGIC_BYTES))
            if archive is None:
                raise BadPicture("What was an archive is none any more.")
            self._archives[key] = archive
        return self._archives[key]


def _spool_at(path: Path, member: Member, folder: Path | None) -> Any:
    """Return the content of a member of a tar file that is not compressed. See `Archive.spool`."""
    try:
        with path.open("rb") as stream:
            assert member.offset is not None
            stream.seek(member.offset)
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                entry = archive.next()
                if entry is None:
                    raise BadPicture("It is not in the archive any more.")
                check_tar_entry(entry, member)
                content: bytes | IO[bytes] | BadPicture = tar_content(archive, entry, folder)
    except DAMAGED as error:
        raise BadPicture(f"It cannot be read from the archive: {error}.") from error
    if isinstance(content, BadPicture):
        raise content
    return content


def _raiser(error: Exception) -> Any:
    def read() -> bytes:
        raise error

    return read
