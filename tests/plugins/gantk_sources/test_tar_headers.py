"""Tar headers against the standard library's reader and writer."""

import io
import os
import shutil
import subprocess
import tarfile

import pytest

from gantk_sources.tar_headers import TarDamage, read_headers

NAMES = [
    "a.png",
    "d/" + "n" * 90 + ".png",
    "d" * 90 + "/" + "e" * 80 + "/x.png",
    "p/" * 140 + "deep.png",
    "\u9a6c\u00e9.png",
]


def headers_of(data):
    return list(read_headers(lambda offset, size: data[offset : offset + size]))


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_the_same_as_the_standard_library(style):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style, pax_headers={"comment": "of all"}) as archive:
        for number, name in enumerate(NAMES if style != tarfile.USTAR_FORMAT else NAMES[:3]):
            info = tarfile.TarInfo(name)
            info.size = number * 300
            info.mtime = 1234567890.75 if style == tarfile.PAX_FORMAT else 1234567890
            archive.addfile(info, io.BytesIO(bytes(info.size)))
        for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("other")
            info.type, info.linkname = kind, "t" * (150 if style != tarfile.USTAR_FORMAT else 50)
            archive.addfile(info)
    words = {tarfile.DIRTYPE: "folder", tarfile.SYMTYPE: "link", tarfile.LNKTYPE: "link", tarfile.REGTYPE: "file"}
    with tarfile.open(fileobj=io.BytesIO(buffer.getvalue())) as archive:
        expected = [
            (info.name, words.get(info.type, "other"), info.size, int(info.mtime), info.offset_data, info.linkname)
            for info in archive
        ]
    assert [tuple(header) for header in headers_of(buffer.getvalue())] == expected


def test_sizes_beyond_eight_gib_are_read_in_both_ways():
    for style in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        info = tarfile.TarInfo("huge.png")
        info.size = 2**35 + 5
        start = info.tobuf(style)
        end = len(start) + 2**35 + 512
        reads = []

        def read_at(offset, size, start=start, end=end, reads=reads):
            reads.append(offset)
            return start[offset : offset + size] if offset < len(start) else bytes(min(size, end - offset))

        (header,) = read_headers(read_at)
        assert (header.name, header.size, header.offset) == ("huge.png", 2**35 + 5, len(start))
        assert reads[-1] == end
        assert reads == sorted(reads)


@pytest.mark.skipif(shutil.which("tar") is None, reason="needs GNU tar")
@pytest.mark.parametrize("style", ["gnu", "pax", "oldgnu", "ustar", "v7"])
def test_archives_of_gnu_tar(tmp_path, style):
    if b"GNU tar" not in subprocess.run(["tar", "--version"], capture_output=True, check=True).stdout:
        pytest.skip("needs GNU tar")
    (tmp_path / "in").mkdir()
    with open(tmp_path / "in" / "hole.png", "wb") as file:
        # Enough islands that old GNU's map needs extension blocks.
        for island in range(40):
            file.seek(island * 65536)
            file.write(b"x")
    (tmp_path / "in" / "plain.png").write_bytes(b"content")
    sparse = ["--sparse"] if style not in ("ustar", "v7") else []
    names = ["hole.png", "plain.png"]
    command = ["tar", f"--format={style}", *sparse, "-cf", str(tmp_path / "x.tar"), "-C", str(tmp_path / "in"), *names]
    subprocess.run(command, check=True)
    data = (tmp_path / "x.tar").read_bytes()
    found = {header.name: header for header in headers_of(data)}
    assert list(found) == names
    plain = found["plain.png"]
    assert data[plain.offset : plain.offset + plain.size] == b"content"
    assert plain.seconds == int(os.stat(tmp_path / "in" / "plain.png").st_mtime)
    if sparse:
        assert found["hole.png"].kind == "sparse"


def test_no_archive_and_a_damaged_one():
    info = tarfile.TarInfo("a.png")
    info.size = 600
    header = info.tobuf(tarfile.USTAR_FORMAT)
    good = header + bytes(1024)
    assert len(headers_of(good)) == len(headers_of(good + bytes(1024))) == 1
    for data, message in {
        b"": "ends inside the header at byte 0",
        b"x" * 512: "no valid header at byte 0",
        good + header[:100]: "ends inside the header at byte 1536",
        good[:-1]: "ends inside the member 'a.png'",
        good + b"\1" + header[1:]: "no valid header at byte 1536",
        header: "ends inside the member 'a.png'",
    }.items():
        with pytest.raises(TarDamage, match=message):
            headers_of(data)


@pytest.mark.parametrize(
    "record", [b"99 path=short\n", b"path=x\n", b"9 path=xy", b"0 \n", b"-5 a=b\n", b"11 pathxxx\n"]
)
def test_damaged_records(record):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    with pytest.raises(TarDamage, match="no valid record in the header at byte 0"):
        headers_of(info.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0"))


def test_a_damaged_number_and_a_signed_checksum():
    block = bytearray(tarfile.TarInfo("\u00e9.png").tobuf(tarfile.USTAR_FORMAT))

    def sealed(signed):
        block[148:156] = b" " * 8
        total = sum(byte - 256 if signed and byte > 127 else byte for byte in block)
        block[148:156] = b"%06o\0 " % total
        return bytes(block)

    assert headers_of(sealed(signed=True))[0].name == "\u00e9.png"
    block[124:136] = b"12x45678901\0"
    with pytest.raises(TarDamage, match="no valid number in the header at byte 0"):
        headers_of(sealed(signed=False))
