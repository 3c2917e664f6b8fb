"""The archive source: every format, hostile members, damage, and the cost of compressed tars."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from gantk import RunFailed
from gantk_sources import compressed_stream
from gantk_sources.archive import ArchiveSource
from gantk_sources.options import ArchiveOptions

FILES = {
    "h2z/trainA/1.jpg": b"first",
    "h2z/trainA/caf\u00e9.png": b"second" * 1000,
    "h2z/trainB/1.jpg": b"third",
    "h2z/testB/deep/1.jpg": b"",
    "h2z/readme.txt": b"no picture",
    "h2z/trainB/._1.jpg": b"litter",
    "__MACOSX/h2z/trainA/1.jpg": b"litter",
}
FORMATS = ["zip", "zip-stored", "zip-bzip2", "tar", "tar-gnu", "tar-v7", "tar.gz", "tar.bz2", "tar.xz"]


def pack(path, kind, files, entries=()):
    """Write an archive of files; `entries` are extra tar members without content."""
    if kind.startswith("zip"):
        methods = {"zip": zipfile.ZIP_DEFLATED, "zip-stored": zipfile.ZIP_STORED, "zip-bzip2": zipfile.ZIP_BZIP2}
        with zipfile.ZipFile(path, "w", methods[kind]) as archive:
            archive.mkdir("empty")
            for name, content in files.items():
                archive.writestr(name, content)
        return
    buffer = io.BytesIO()
    style = {"tar-gnu": tarfile.GNU_FORMAT, "tar-v7": tarfile.USTAR_FORMAT}.get(kind, tarfile.PAX_FORMAT)
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1_000_000
            archive.addfile(info, io.BytesIO(content))
        for info in entries:
            archive.addfile(info)
    data = buffer.getvalue()
    if kind == "tar-v7":
        data = data.replace(b"ustar\x0000", bytes(8))
        blocks = bytearray(data)
        for start in range(0, len(blocks), 512):
            header = blocks[start : start + 512]
            if b"h2z/" in header[:100] or b"__MACOSX" in header[:100]:
                header[148:156] = b" " * 8
                blocks[start + 148 : start + 156] = b"%06o\0 " % sum(header)
        data = bytes(blocks)
    packers = {"tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}
    path.write_bytes(packers.get(kind, bytes)(data))


def source_of(path, **options):
    return ArchiveSource(ArchiveOptions(path=str(path), **options))


def read(source):
    return {item.key: fields for item, fields in source.read(list(source.items()))}


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_samples(tmp_path, kind):
    path = tmp_path / "horse2zebra.bin"
    pack(path, kind, FILES)
    source = source_of(path)
    items = list(source.items())
    assert sorted((item.key, item.domain, item.split) for item in items) == [
        ("h2z/testB/deep/1.jpg", "B", "test"),
        ("h2z/trainA/1.jpg", "A", "train"),
        ("h2z/trainA/caf\u00e9.png", "A", "train"),
        ("h2z/trainB/1.jpg", "B", "train"),
    ]
    for order in (items, items[::-1], items[1:] + items[:1]):
        results = list(source_of(path).read(order))
        assert [item for item, _ in results] == order
        assert all(fields == {"image": FILES[item.key]} for item, fields in results)
    assert source.domain_names() == {"A": "horse", "B": "zebra"}
    assert list(source.items()) == items
    assert not [each for each in tmp_path.iterdir() if each != path]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_aligned_folders_in_an_archive(tmp_path, kind):
    files = {f"{side}/{number}.png": f"{side}{number}".encode() for side in "AB" for number in range(5)}
    pack(tmp_path / "x", kind, {**files, "B/odd.png": b""})
    found = read(source_of(tmp_path / "x", pairing="aligned"))
    assert isinstance(found.pop("odd"), ValueError)
    assert found == {str(number): {"A": b"A%d" % number, "B": b"B%d" % number} for number in range(5)}


def test_side_by_side_pictures_in_an_archive(tmp_path):
    buffer = io.BytesIO()
    Image.fromarray(np.array([[1, 2, 3, 4]], np.uint8)).save(buffer, "png")
    pack(tmp_path / "x.zip", "zip", {"facades/val/1.png": buffer.getvalue()})
    source = source_of(tmp_path / "x.zip", pairing="aligned")
    (item,) = source.items()
    assert (item.key, item.split) == ("facades/val/1.png", "valid")
    ((_, fields),) = source.read([item])
    np.testing.assert_array_equal(fields["B"][..., 0], [[3, 4]])


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_names_that_point_outside_are_rejected(tmp_path, kind):
    pack(
        tmp_path / "x",
        kind,
        {"../up.jpg": b"1", "/abs.jpg": b"2", "a/../../b.jpg": b"3", "C:/d.jpg": b"4", "ok.jpg": b"5"},
    )
    found = read(source_of(tmp_path / "x", pairing="single"))
    assert found.pop("ok.jpg") == {"image": b"5"}
    assert len(found) == 4
    assert all("path" in str(error) and "expected" in str(error) for error in found.values())
    assert not (tmp_path.parent / "up.jpg").exists()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_members_beyond_the_limit_are_rejected(tmp_path, kind):
    pack(tmp_path / "x", kind, {"bomb.png": bytes(300_000), "ok.png": bytes(1000)})
    found = read(source_of(tmp_path / "x", pairing="single", max_member_mib=0.25))
    assert "300000 bytes, more than max_member_mib allows (262144)" in str(found["bomb.png"])
    assert found["ok.png"] == {"image": bytes(1000)}


def test_a_member_that_unpacks_to_more_than_it_says_is_rejected(tmp_path):
    pack(tmp_path / "x.zip", "zip", {"liar.png": bytes(1_000_000)})
    data = (tmp_path / "x.zip").read_bytes()
    # Both the listing and the local header say 100 bytes; the packed data still holds a million.
    (tmp_path / "x.zip").write_bytes(data.replace(struct.pack("<I", 1_000_000), struct.pack("<I", 100)))
    found = read(source_of(tmp_path / "x.zip", pairing="single"))
    assert "the member is damaged" in str(found["liar.png"])


def test_encrypted_members_and_unknown_methods_are_rejected(tmp_path):
    pack(tmp_path / "x.zip", "zip-stored", {"locked.png": b"secret", "odd.png": b"method", "ok.png": b"fine"})
    data = bytearray((tmp_path / "x.zip").read_bytes())
    for name, offset, value in ((b"locked.png", 8, 1), (b"odd.png", 10, 97)):
        entry = data.rindex(b"PK\1\2", 0, data.rindex(name))
        struct.pack_into("<H", data, entry + offset, value)
    (tmp_path / "x.zip").write_bytes(data)
    found = read(source_of(tmp_path / "x.zip", pairing="single"))
    assert str(found["locked.png"]) == "the member is encrypted"
    assert str(found["odd.png"]).endswith("Received: compression method 97")
    assert found["ok.png"] == {"image": b"fine"}


def test_links_in_archives_are_rejected(tmp_path):
    link, hard = tarfile.TarInfo("link.png"), tarfile.TarInfo("hard.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hard.type, hard.linkname = tarfile.LNKTYPE, "ok.png"
    pack(tmp_path / "x.tar", "tar", {"ok.png": b"fine"}, [link, hard])
    found = read(source_of(tmp_path / "x.tar", pairing="single"))
    assert str(found["link.png"]) == "the member is a link to '/etc/passwd'"
    assert str(found["hard.png"]) == "the member is a link to 'ok.png'"
    zipped = zipfile.ZipInfo("link.png")
    zipped.create_system, zipped.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(zipped, "/etc/passwd")
    assert "symbolic link" in str(read(source_of(tmp_path / "x.zip", pairing="single"))["link.png"])


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_the_last_of_equal_names_counts_and_the_others_are_rejects(tmp_path, kind):
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "x", "w") as archive:
            for content in (b"old", b"middle", b"new"):
                archive.writestr("1.png", content)
    else:
        with tarfile.open(tmp_path / "x", "w") as archive:
            for content in (b"old", b"middle", b"new"):
                info = tarfile.TarInfo("1.png")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    found = read(source_of(tmp_path / "x", pairing="single"))
    assert len(found) == 3
    assert found.pop("1.png") == {"image": b"new"}
    assert {str(error) for error in found.values()} == {"a later member has the same name"}


def test_zip_stamps_survive_repacking_and_follow_the_content(tmp_path):
    pack(tmp_path / "1.zip", "zip", {"a.png": b"same", "b.png": b"old!"})
    pack(tmp_path / "2.zip", "zip-stored", {"b.png": b"new!", "a.png": b"same"})
    first, second = (
        {item.key: item.stamp for item in source_of(tmp_path / name, pairing="single").items()}
        for name in ("1.zip", "2.zip")
    )
    assert first["a.png"] == second["a.png"]
    assert first["b.png"] != second["b.png"]


def test_windows_separators_are_folders(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in ("A/1.png", "B/1.png"):
            info = zipfile.ZipInfo(name)
            info.filename = name.replace("/", "\\")
            archive.writestr(info, b"x")
    assert sorted(item.key for item in source_of(tmp_path / "x.zip").items()) == ["A/1.png", "B/1.png"]


def test_damage_inside_a_zip_is_that_members_alone(tmp_path):
    content = np.random.default_rng(0).bytes(5000)
    pack(tmp_path / "x.zip", "zip-stored", {"1.png": content, "2.png": content[::-1]})
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[data.index(content[:50]) + 100] ^= 1
    (tmp_path / "x.zip").write_bytes(data)
    found = read(source_of(tmp_path / "x.zip", pairing="single"))
    assert "checksum" in str(found["1.png"])
    assert found["2.png"] == {"image": content[::-1]}


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_cut_short_cannot_be_listed(tmp_path, kind):
    noise = np.random.default_rng(0)
    pack(tmp_path / "x", kind, {f"h2z/trainA/{number}.jpg": noise.bytes(40_000) for number in range(4)})
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(RunFailed, match=r"cannot be listed|file was expected"):
        list(source_of(tmp_path / "x", pairing="single").items())


@pytest.mark.parametrize("kind", ["tar", "tar.gz"])
def test_a_damaged_header_is_not_taken_for_the_end(tmp_path, kind):
    pack(tmp_path / "plain.tar", "tar", {f"{number}.png": bytes(1000) for number in range(4)})
    data = bytearray((tmp_path / "plain.tar").read_bytes())
    data[data.index(b"2.png")] ^= 1
    (tmp_path / "x").write_bytes(gzip.compress(data) if kind == "tar.gz" else data)
    with pytest.raises(RunFailed, match="no valid header"):
        list(source_of(tmp_path / "x", pairing="single").items())


def test_a_wrong_checksum_of_a_gzip_file_is_found(tmp_path):
    pack(tmp_path / "x.tar.gz", "tar.gz", {"1.png": b"content"})
    data = bytearray((tmp_path / "x.tar.gz").read_bytes())
    data[-6] ^= 1
    (tmp_path / "x.tar.gz").write_bytes(data)
    with pytest.raises(RunFailed, match="incorrect data check"):
        list(source_of(tmp_path / "x.tar.gz", pairing="single").items())


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz"])
def test_files_joined_end_to_end_are_one(tmp_path, kind):
    pack(tmp_path / "x.tar", "tar", {f"{number}.png": bytes([number]) * 5000 for number in range(6)})
    data = (tmp_path / "x.tar").read_bytes()
    packer = {"tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}[kind]
    (tmp_path / "x").write_bytes(packer(data[:7777]) + packer(data[7777:20_000]) + packer(data[20_000:]) + bytes(1024))
    found = read(source_of(tmp_path / "x", pairing="single"))
    assert found == {f"{number}.png": {"image": bytes([number]) * 5000} for number in range(6)}


def test_a_header_of_absurd_size_is_refused(tmp_path):
    pack(tmp_path / "x.tar", "tar", {"1.png": b"x"})
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 2**33
    (tmp_path / "x.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + (tmp_path / "x.tar").read_bytes())
    with pytest.raises(RunFailed, match="a header of 8589934592 bytes"):
        list(source_of(tmp_path / "x.tar", pairing="single").items())


class Unpacked:
    """Counts the bytes that come out of decompressors."""

    def __init__(self, monkeypatch):
        self.bytes = 0
        more = compressed_stream.Cursor._more

        def counted(cursor, limit):
            piece = more(cursor, limit)
            self.bytes += len(piece)
            return piece

        monkeypatch.setattr(compressed_stream.Cursor, "_more", counted)


def noisy_tar(path, kind, members=40, size=200_000):
    noise = np.random.default_rng(0)
    files = {f"{number:03d}.png": noise.bytes(size) for number in range(members)}
    pack(path, kind, files)
    return files


def test_members_of_a_gzip_are_read_in_any_order_without_starting_over(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed_stream, "FIRST_SPACING", 2**18)
    files = noisy_tar(tmp_path / "x.tar.gz", "tar.gz")
    total = sum(map(len, files.values()))
    source = source_of(tmp_path / "x.tar.gz", pairing="single")
    items = list(source.items())
    unpacked = Unpacked(monkeypatch)
    order = np.random.default_rng(1).permutation(len(items))
    for number in order:
        ((item, fields),) = source.read([items[number]])
        assert fields == {"image": files[item.key]}
    # Each read costs its member and at most one spacing (and one chunk) before it; a pass for each would be 40 times.
    assert unpacked.bytes < total + len(items) * (2**18 + compressed_stream.CHUNK)


@pytest.mark.parametrize("kind", ["tar.bz2", "tar.xz"])
def test_units_in_the_order_of_the_archive_cost_one_pass(tmp_path, monkeypatch, kind):
    files = noisy_tar(tmp_path / "x", kind, members=24, size=60_000)
    source = source_of(tmp_path / "x", pairing="single")
    items = list(source.items())
    unpacked = Unpacked(monkeypatch)
    for start in range(0, 24, 4):
        for item, fields in source.read(items[start : start + 4][::-1]):
            assert fields == {"image": files[item.key]}
    assert unpacked.bytes < sum(map(len, files.values())) * 1.1


def test_checkpoints_stay_few(tmp_path, monkeypatch):
    monkeypatch.setattr(compressed_stream, "FIRST_SPACING", 1024)
    monkeypatch.setattr(compressed_stream, "MOST_CHECKPOINTS", 8)
    files = noisy_tar(tmp_path / "x.tar.gz", "tar.gz", members=30, size=20_000)
    source = source_of(tmp_path / "x.tar.gz", pairing="single")
    items = list(source.items())
    stream = compressed_stream.open_stream(str(tmp_path / "x.tar.gz"), "gzip")
    assert 2 <= len(stream._places) <= 8
    assert all(fields == {"image": files[item.key]} for item, fields in source.read(items[::-1]))


def test_damage_in_a_compressed_tar_after_listing_is_a_read_error(tmp_path):
    noisy_tar(tmp_path / "x.tar.bz2", "tar.bz2", members=12)  # bzip2 packs blocks of 900 kB
    source = source_of(tmp_path / "x.tar.bz2", pairing="single")
    items = list(source.items())
    data = (tmp_path / "x.tar.bz2").read_bytes()
    (tmp_path / "x.tar.bz2").write_bytes(data[: len(data) // 2])
    results = [fields for _, fields in source.read(items)]
    assert isinstance(results[0], dict)
    assert "the archive cannot be unpacked here" in str(results[11])


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(RunFailed, match=r"(?s)cannot be opened. Received: No such file.*source `folder`"):
        list(source_of(tmp_path / "nowhere.zip").items())
    with pytest.raises(RunFailed, match="cannot be opened"):
        list(source_of(tmp_path).items())
    (tmp_path / "x.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(20))
    with pytest.raises(RunFailed, match="Received: Zstandard"):
        list(source_of(tmp_path / "x.zst").items())
    (tmp_path / "x.rar").write_bytes(b"Rar!\x1a\x07")
    with pytest.raises(RunFailed, match=r"tar.xz file was expected .* Received: a file that starts with b'Rar!"):
        list(source_of(tmp_path / "x.rar").items())
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"not a tar"))
    with pytest.raises(RunFailed, match="cannot be listed"):
        list(source_of(tmp_path / "x.gz").items())


def test_an_archive_without_the_layout_says_what_it_found(tmp_path):
    pack(tmp_path / "x.zip", "zip", {"cats/1.png": b"", "dogs/1.png": b"", "nested.zip": b""})
    with pytest.raises(
        RunFailed, match=r"the archive '.*x.zip'.* Received: 2 folders \(cats, dogs\), 0 pictures, 1 other"
    ):
        list(source_of(tmp_path / "x.zip").items())


def test_members_behind_damage_do_not_cost_a_pass_each(tmp_path, monkeypatch):
    noisy_tar(tmp_path / "x.tar.xz", "tar.xz", members=30, size=20_000)
    source = source_of(tmp_path / "x.tar.xz", pairing="single")
    items = list(source.items())
    data = (tmp_path / "x.tar.xz").read_bytes()
    (tmp_path / "x.tar.xz").write_bytes(data[: len(data) // 2])
    unpacked = Unpacked(monkeypatch)
    failed = [isinstance(fields, Exception) for item in items for _, fields in source.read([item])]
    assert failed == [False] * failed.index(True) + [True] * (30 - failed.index(True))
    assert 1 <= sum(failed) < 30
    assert unpacked.bytes < 30 * 20_000
