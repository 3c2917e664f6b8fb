"""The headers of a tar archive: who is in it, and where.

A few times faster than the standard library's `tarfile`, which also takes a damaged header for the end of
the archive.

Reference:
    POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block";
    GNU tar manual, "Basic Tar Format" (long names, sparse files, numbers of base 256).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

MOST_HEADER_BYTES = 16 * 2**20
"""Extended headers (long names, attributes) beyond this are taken for damage or an attack."""

_BLOCK = 512
_FIELDS = struct.Struct("<100s24x12s12s8sc100s6s82x155s12x")
_REGULAR, _SPARSE, _HARD_LINK, _SYMBOLIC_LINK, _FOLDER = (b"0", b"\0", b"7"), b"S", b"1", b"2", b"5"
_WITHOUT_DATA = (_HARD_LINK, _SYMBOLIC_LINK, b"3", b"4", _FOLDER, b"6")
_GNU_LONG_NAME, _GNU_LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", (b"x", b"X"), b"g"


class TarDamage(ValueError):
    """A tar archive that is damaged or cut short, or no tar archive; the message says where."""


class Header(NamedTuple):
    """A member of a tar archive: `kind` is `file`, `folder`, `link`, `sparse` or `other`; `size` and `offset` in bytes."""

    name: str
    kind: str
    size: int
    seconds: int
    offset: int
    target: str


def read_headers(read_at: Callable[[int, int], bytes]) -> Iterator[Header]:
    """Yield the members of a tar archive in their order.

    Args:
        read_at: Returns `size` bytes at `offset`, fewer only at the end of the archive. Offsets only grow.

    Raises:
        TarDamage: The archive is damaged or cut short, or no tar archive.
    """
    offset = 0
    extended: dict[str, str] = {}
    while True:
        block = read_at(offset, _BLOCK)
        if len(block) < _BLOCK:
            # Some writers leave out the zeros at the end; a started block is damage.
            if block or offset == 0:
                raise TarDamage(f"the archive ends inside the header at byte {offset}")
            return
        if block.count(0) == _BLOCK:
            return
        name_field, size_field, time_field, checksum, kind, link_field, magic, prefix = _FIELDS.unpack(block)
        if not _checksum_fits(block, checksum):
            raise TarDamage(f"there is no valid header at byte {offset}")
        size = _number(size_field, offset)
        data = offset + _BLOCK

        if kind in (_GNU_LONG_NAME, _GNU_LONG_LINK, _PAX_GLOBAL) or kind in _PAX:
            if size > MOST_HEADER_BYTES:
                raise TarDamage(f"there is a header of {size} bytes at byte {offset}")
            content = read_at(data, size)
            if len(content) < size:
                raise TarDamage(f"the archive ends inside the header at byte {offset}")
            if kind in _PAX:
                extended |= _pax_records(content, offset)
            elif kind != _PAX_GLOBAL:
                extended["path" if kind == _GNU_LONG_NAME else "linkpath"] = _text(content)
            offset = data + _padded(size)
            continue

        name = extended.get("GNU.sparse.name") or extended.get("path")
        if name is None:
            name = _text(name_field)
            if magic == b"ustar\0" and prefix[0]:
                name = f"{_text(prefix)}/{name}"
        if "size" in extended:
            size = _decimal(extended["size"], offset)
        if kind == _SPARSE:
            data = _after_sparse_maps(block, data, read_at)
        if kind in _REGULAR:
            sparse = any(key.startswith("GNU.sparse.") for key in extended)
            # The oldest tars have no kind for folders.
            word = "folder" if name.endswith("/") else "sparse" if sparse else "file"
        else:
            word = {_FOLDER: "folder", _SPARSE: "sparse", _HARD_LINK: "link", _SYMBOLIC_LINK: "link"}.get(kind, "other")
        seconds = int(float(extended["mtime"])) if "mtime" in extended else _number(time_field, offset)
        yield Header(name.rstrip("/"), word, size, seconds, data, extended.get("linkpath") or _text(link_field))
        offset = data if kind in _WITHOUT_DATA else data + _padded(size)
        if offset > data and len(read_at(offset - 1, 1)) < 1:
            raise TarDamage(f"the archive ends inside the member {name!r}")
        extended = {}


def _checksum_fits(block: bytes, checksum: bytes) -> bool:
    try:
        said = int(checksum.strip(b" \0") or b"0", 8)
    except ValueError:
        return False
    # The checksum counts as spaces in its own sum.
    total = sum(block) - sum(checksum) + 8 * 0x20
    if said == total:
        return True
    # Some old writers added the bytes as signed numbers.
    return said == total - 256 * sum(byte > 127 for byte in block[:148] + block[156:])


def _number(field: bytes, offset: int) -> int:
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    if field[0] == 0xFF:
        return int.from_bytes(field, "big", signed=True)
    digits = field.partition(b"\0")[0].strip()
    try:
        return int(digits, 8) if digits else 0
    except ValueError:
        raise TarDamage(f"there is no valid number in the header at byte {offset}") from None


def _decimal(text: str, offset: int) -> int:
    if not text.isdecimal():
        raise TarDamage(f"there is no valid size in the header at byte {offset}")
    return int(text)


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _pax_records(content: bytes, offset: int) -> dict[str, str]:
    """Return the records: each `length key=value` and a line end, where the length counts the whole record."""
    records = {}
    position = 0
    while position < len(content) and content[position]:
        digits, space, _ = content[position : position + 20].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        key, equals, value = content[position + len(digits) + 1 : position + length - 1].partition(b"=")
        if not equals or content[position + length - 1 : position + length] != b"\n":
            raise TarDamage(f"there is no valid record in the header at byte {offset}")
        records[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        position += length
    return records


def _after_sparse_maps(block: bytes, data: int, read_at: Callable[[int, int], bytes]) -> int:
    """Return where the data of a sparse file of old GNU tars begins, behind blocks with the rest of its map."""
    more: int = block[482]
    while more:
        extension = read_at(data, _BLOCK)
        if len(extension) < _BLOCK:
            raise TarDamage(f"the archive ends inside the header at byte {data}")
        more = extension[504]
        data += _BLOCK
    return data
