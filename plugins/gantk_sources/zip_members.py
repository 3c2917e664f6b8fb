"""Zip archives: the listing, and reading one member without the listing.

Reference:
    APPNOTE.TXT - .ZIP File Format Specification, version 6.3.10, section 4.3.7 (local file header).
"""

from __future__ import annotations

import bz2
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from gantk_sources.archive_members import Member

_ENCRYPTED = 0x1
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


def list_zip(path: str, most_bytes: int) -> Iterator[Member]:
    """Yield the members of a zip file.

    A stamp is checksum and size, so it survives a copy or a new packing of the same files.

    Args:
        path: The archive.
        most_bytes: Members that unpack to more are defects.

    Raises:
        zipfile.BadZipFile: It has no intact listing.
    """
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            defect = ""
            if info.flag_bits & _ENCRYPTED:
                defect = "the member is encrypted"
            elif stat.S_ISLNK(info.external_attr >> 16):
                defect = "the member is a symbolic link"
            elif info.file_size > most_bytes:
                defect = f"the member unpacks to {info.file_size} bytes, more than max_member_mib allows ({most_bytes})"
            elif info.compress_type not in _METHODS:
                defect = f"stored, deflate or bzip2 was expected. Received: compression method {info.compress_type}"
            numbers = (info.header_offset, info.compress_size, info.file_size, info.CRC, info.compress_type)
            yield Member(
                info.filename,
                info.compress_size,
                f"{info.CRC:08x}-{info.file_size}",
                ":".join(map(str, numbers)),
                defect,
            )


def read_zip(path: str, locators: Sequence[str]) -> Iterator[bytes | Exception]:
    """Yield the content of members in the order given, or why one cannot be read."""
    with open(path, "rb", buffering=0) as file:
        for locator in locators:
            try:
                yield _read_member(file.fileno(), *map(int, locator.split(":")))
            except (ValueError, zlib.error, OSError) as error:
                yield error


def _read_member(file: int, offset: int, packed_size: int, size: int, checksum: int, method: int) -> bytes:
    header = os.pread(file, _LOCAL_HEADER.size, offset)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
        raise ValueError("the archive is damaged or has changed: there is no member where the listing says")
    _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    packed = os.pread(file, packed_size, offset + _LOCAL_HEADER.size + name_length + extra_length)
    # One byte more than announced is enough to see a member that unpacks to more than it says.
    if method == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(wbits=-15).decompress(packed, size + 1)
    elif method == zipfile.ZIP_BZIP2:
        data = bz2.BZ2Decompressor().decompress(packed, size + 1)
    else:
        data = packed
    if len(data) != size or zlib.crc32(data) != checksum:
        raise ValueError("the member is damaged: its size or checksum is not what the listing says")
    return data
