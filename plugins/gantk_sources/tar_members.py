"""Tar archives, plain or compressed: the listing, and reading members at their offsets."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence

from gantk_sources.archive_members import Member
from gantk_sources.compressed_stream import DAMAGE, open_stream
from gantk_sources.tar_headers import read_headers

_DRAIN = 2**20


def list_tar(path: str, kind: str, most_bytes: int) -> Iterator[Member]:
    """Yield the members of a tar file, in their order.

    A stamp holds the member's size and time and the archive's own, since tar has no checksums of content.

    Args:
        path: The archive.
        kind: `gzip`, `bzip2`, `xz`, or `""` for a plain tar.
        most_bytes: Larger members are defects.

    Raises:
        TarDamage: It is no tar file, or is damaged or cut short.
        One of `DAMAGE`: It cannot be read or unpacked.
    """
    status = os.stat(path)
    stamp = hashlib.blake2b(f"{status.st_size}-{status.st_mtime_ns}".encode(), digest_size=6).hexdigest()
    if not kind:
        with open(path, "rb", buffering=0) as file:
            number = file.fileno()
            yield from _members(lambda offset, size: os.pread(number, size, offset), stamp, most_bytes)
        return
    with open_stream(path, kind).cursor(0) as cursor:

        def read_at(offset: int, size: int) -> bytes:
            cursor.skip_to(offset)
            return cursor.read(size)

        yield from _members(read_at, stamp, most_bytes)
        # The checksum of the whole stands behind the padding, and is compared when it is read.
        cursor.read(_DRAIN)


def _members(read_at: Callable[[int, int], bytes], archive_stamp: str, most_bytes: int) -> Iterator[Member]:
    for name, kind, size, seconds, offset, target in read_headers(read_at):
        if kind == "folder":
            continue
        defect = ""
        if kind == "link":
            defect = f"the member is a link to {target!r}"
        elif kind != "file":
            defect = (
                f"a regular file was expected. Received: {'a sparse file' if kind == 'sparse' else 'a device or pipe'}"
            )
        elif size > most_bytes:
            defect = f"the member has {size} bytes, more than max_member_mib allows ({most_bytes})"
        yield Member(name, size, f"{size}-{seconds}-{archive_stamp}", f"{offset}:{size}", defect)


def read_tar(path: str, kind: str, locators: Sequence[str]) -> Iterator[bytes | Exception]:
    """Yield the content of members in the order given, or why one cannot be read.

    A compressed archive is read forward, whatever the order: members that come before their turn wait in memory.
    """
    wanted = [tuple(map(int, locator.split(":"))) for locator in locators]
    if kind:
        yield from _in_order(wanted, _unpack(path, kind, sorted(set(wanted))))
        return
    with open(path, "rb", buffering=0) as file:
        for offset, size in wanted:
            try:
                yield _whole(os.pread(file.fileno(), size, offset), size)
            except (OSError, ValueError) as error:
                yield error


def _in_order(
    wanted: list[tuple[int, ...]], arriving: Iterator[tuple[tuple[int, ...], bytes | Exception]]
) -> Iterator[bytes | Exception]:
    waiting: dict[tuple[int, ...], bytes | Exception] = {}
    uses = {place: wanted.count(place) for place in set(wanted)} if len(set(wanted)) < len(wanted) else {}
    for place in wanted:
        while place not in waiting:
            arrived, content = next(arriving)
            waiting[arrived] = content
        uses[place] = uses.get(place, 1) - 1
        yield waiting[place] if uses[place] else waiting.pop(place)


def _unpack(path: str, kind: str, places: list[tuple[int, ...]]) -> Iterator[tuple[tuple[int, ...], bytes | Exception]]:
    stream = open_stream(path, kind)
    for place in places:
        offset, size = place
        try:
            with stream.cursor(offset) as cursor:
                cursor.skip_to(offset)
                content: bytes | Exception = _whole(cursor.read(size), size)
        except (*DAMAGE, ValueError) as error:
            content = ValueError(f"the archive cannot be unpacked here: {error}")
        yield place, content


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"the archive ends inside the member: {len(data)} of {size} bytes")
    return data
