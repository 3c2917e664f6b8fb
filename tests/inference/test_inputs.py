from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gantk.errors import UsageError
from gantk.inference.archives import ArchiveSource, ZipArchive, archive_stem, fitting_name, safe_name
from gantk.inference.inputs import Discovery, discover
from gantk.inference.picture import BadPicture

Encode = Callable[..., bytes]


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def names(found: Discovery) -> list[str]:
    return [picture.name for picture in found.pictures]


def test_a_folder_is_taken_with_its_tree(tmp_path: Path, encoded: Encode) -> None:
    photos, content = tmp_path / "photos", encoded()
    for name in ("b.png", "a.JPG", "deep/er/ünï 漢字.png", "deep/no_suffix", ".hidden.png", ".cache/x.png"):
        write(photos / name, content)
    write(photos / "notes.txt", b"not a picture")
    write(photos / "empty.png", b"")
    write(photos / "phone.heic", b"\0\0\0 ftypheic")
    found = discover([photos], tmp_path / "out")
    assert names(found) == ["a.JPG", "b.png", "deep/er/ünï 漢字.png", "deep/no_suffix", "empty.png", "phone.heic"]
    assert found.ignored == 1
    assert found.pictures[0].read() == content
    assert found.pictures[0].label == str(photos / "a.JPG")


def test_files_and_patterns(tmp_path: Path, encoded: Encode) -> None:
    for name in ("a.png", "b.png", "sub/c.png", "plain"):
        write(tmp_path / "in" / name, encoded())
    out = tmp_path / "out"
    assert names(discover([tmp_path / "in" / "plain"], out)) == ["plain"]
    assert names(discover([str(tmp_path / "in" / "*.png")], out)) == ["a.png", "b.png"]
    assert names(discover([str(tmp_path / "in" / "**" / "*.png")], out)) == ["a.png", "b.png", "c.png"]
    odd = write(tmp_path / "in" / "x[1].png", encoded())
    assert names(discover([odd], out)) == ["x[1].png"], "a file's own name is no pattern"


def test_a_file_named_twice_is_taken_once(tmp_path: Path, encoded: Encode) -> None:
    path = write(tmp_path / "a.png", encoded())
    assert names(discover([path, str(path), f"{tmp_path}/../{tmp_path.name}/a.png"], tmp_path / "out")) == ["a.png"]


@pytest.mark.parametrize("argument", ["missing.png", "*.tif", "empty"])
def test_nothing_to_do_is_an_error(tmp_path: Path, argument: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="Received") as caught:
        discover([argument], tmp_path / "out")
    assert argument in caught.value.message


def test_the_output_folder_is_no_input(tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.png", encoded())
    write(tmp_path / "in" / "out" / "a.png", encoded())
    assert names(discover([tmp_path / "in"], tmp_path / "in" / "out")) == ["a.png"]
    with pytest.raises(UsageError, match="must not be an input"):
        discover([tmp_path / "in"], tmp_path / "in")


def test_links_are_followed_but_not_for_ever(tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "sub" / "a.png", encoded())
    (tmp_path / "in" / "sub" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "b.png").symlink_to("sub/a.png")
    (tmp_path / "in" / "c.png").symlink_to("nowhere.png")
    found = discover([tmp_path / "in"], tmp_path / "out")
    assert names(found) == ["b.png", "c.png", "sub/a.png"]
    assert found.pictures[1].problem == "It cannot be read: No such file or directory."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_a_failure(tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "a.png", encoded())
    locked = tmp_path / "in" / "locked"
    locked.mkdir(mode=0)
    try:
        found = discover([tmp_path / "in"], tmp_path / "out")
    finally:
        locked.chmod(0o700)
    assert [picture.problem for picture in found.pictures] == ["", "The folder cannot be listed: Permission denied."]


def test_a_zip_archive(tmp_path: Path, encoded: Encode) -> None:
    content = encoded()
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.png", "deep/b", "__MACOSX/._a.png", "deep/.DS_Store"):
            archive.writestr(name, content)
        archive.writestr("readme.txt", "text")
        archive.mkdir("folder")
    found = discover([path], tmp_path / "out")
    assert names(found) == ["photos/a.png", "photos/deep/b"]
    assert found.ignored == 3
    assert found.pictures[1].label == f"{path}!deep/b"
    assert [picture.read() for picture in found.pictures] == [content, content]
    found.close()


def test_names_in_a_zip_of_a_program_that_does_not_say_utf8(tmp_path: Path, encoded: Encode) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xxxxx.png", encoded())
    content = path.read_bytes().replace(b"xxxxx.png", "äö1".encode() + b".png")
    assert b"xxxxx" not in content
    path.write_bytes(content)
    assert names(discover([path], tmp_path / "out")) == ["p/äö1.png"]


UNSAFE = ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\evil.png", "..\\evil.png", "C:evil.png"]


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_lead_out_of_the_output_folder_are_failures(tmp_path: Path, encoded: Encode, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, encoded())
        archive.writestr("good.png", encoded())
    tar(tmp_path / "b.tar", {name: encoded(), "good.png": encoded()})
    for path in (tmp_path / "a.zip", tmp_path / "b.tar"):
        bad, good = discover([path], tmp_path / "out").pictures
        assert "leads out of the output folder" in bad.problem
        with pytest.raises(BadPicture):
            bad.read()
        assert good.name == f"{path.stem}/good.png"


def test_safe_names() -> None:
    assert safe_name("./a//b/./c.png") == "a/b/c.png"
    assert safe_name("a\\b.png") == "a/b.png"
    assert safe_name("..a/b..png") == "..a/b..png"


@pytest.mark.parametrize("kind", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_archive_is_read_as_a_stream(tmp_path: Path, encoded: Encode, kind: str) -> None:
    contents = {f"{number}.png": encoded(seed=number) for number in range(6)}
    path = tar(tmp_path / "photos.tar.gz", {**contents, "text.txt": b"text", "plain": encoded()}, kind)
    found = discover([path], tmp_path / "out")
    assert names(found) == [*(f"photos/{name}" for name in contents), "photos/plain"]
    pictures = [found.pictures[number] for number in (4, 1, 3)]
    assert pictures[0].archive is not None
    pictures[0].archive.expect([picture.number for picture in pictures])
    # Threads ask in about this order: what is passed on the way is held.
    assert [picture.read() for picture in pictures] == [contents[f"{number}.png"] for number in (4, 1, 3)]
    assert pictures[0].archive._held == {}  # type: ignore[attr-defined]
    found.close()


def test_links_in_a_tar_are_failures(tmp_path: Path, encoded: Encode) -> None:
    path = tar(tmp_path / "photos.tar", {"a.png": encoded()})
    with tarfile.open(path, "a") as archive:
        entry = tarfile.TarInfo("link.png")
        entry.type = tarfile.SYMTYPE
        entry.linkname = "/etc/passwd"
        archive.addfile(entry)
    good, link = discover([path], tmp_path / "out").pictures
    assert good.problem == ""
    assert "a link" in link.problem


def test_an_archive_that_is_cut_short_gives_what_is_whole_and_one_failure(tmp_path: Path, encoded: Encode) -> None:
    contents = {f"{number}.png": encoded(seed=number) for number in range(20)}
    path = tar(tmp_path / "photos.tar", contents)
    path.write_bytes(path.read_bytes()[:7000])
    found = discover([path], tmp_path / "out")
    *whole, last = found.pictures
    assert len(whole) >= 3
    assert "cut short" in last.problem
    assert whole[0].archive is not None
    whole[0].archive.expect([picture.number for picture in whole])
    assert whole[1].read() == contents["1.png"]

    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("a.png", encoded())
    write(tmp_path / "photos.zip", (tmp_path / "photos.zip").read_bytes()[:-10])
    (broken,) = discover([tmp_path / "photos.zip"], tmp_path / "out").pictures
    assert "damaged or cut short" in broken.problem


def test_damage_and_encryption_in_a_zip(tmp_path: Path, encoded: Encode) -> None:
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", encoded())
        archive.writestr("b.png", encoded())
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    directory = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[directory + 8] |= 1
    path.write_bytes(content)
    damaged, encrypted = discover([path], tmp_path / "out").pictures
    with pytest.raises(BadPicture, match="CRC"):
        damaged.read()
    assert encrypted.problem == "It is encrypted."


def test_a_tar_that_is_cut_inside_a_file_without_a_suffix_is_one_failure(tmp_path: Path, encoded: Encode) -> None:
    path = tar(tmp_path / "photos.tar", {"a.png": encoded(), "README": bytes(50000)})
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"README") + 512])
    found = discover([path, write(tmp_path / "b.png", encoded())], tmp_path / "out")
    found.close()
    whole, last, other = found.pictures
    assert (whole.problem, other.problem) == ("", "")
    assert last.name == "photos"
    assert "cut short" in last.problem


def test_all_that_lies_behind_damage_in_a_tar_is_told_of_the_damage(tmp_path: Path, encoded: Encode) -> None:
    contents = {f"{number}.png": encoded(seed=number) for number in range(5)}
    path = tar(tmp_path / "photos.tar", contents)
    found = discover([path], tmp_path / "out")
    (archive,) = found.archives
    archive.expect([picture.number for picture in found.pictures])
    # Cut short meanwhile, in the content of 2.png.
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"2.png") + 600])
    first, second, cut, *behind = found.pictures
    assert [first.read(), second.read()] == [contents["0.png"], contents["1.png"]]
    with pytest.raises(BadPicture, match=r"cut short|unexpected end"):
        cut.read()
    assert len(behind) == 2
    for picture in behind:
        with pytest.raises(BadPicture, match="damaged, cut short"):
            picture.read()
    found.close()


def test_a_damaged_zip_is_closed(tmp_path: Path) -> None:
    streams = []

    def opened() -> io.BytesIO:
        streams.append(io.BytesIO(b"PK\x03\x04 and no more"))
        return streams[-1]

    archive = ZipArchive(ArchiveSource("x.zip", "x.zip", opened))
    for _ in range(2):
        with pytest.raises(BadPicture, match="damaged or cut short"):
            list(archive.members(lambda name: False))
    assert [stream.closed for stream in streams] == [True, True]


def test_a_pattern_of_all_levels_takes_each_file_once(
    tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in" / "a.png", encoded())
    write(tmp_path / "in" / "s" / "t" / "x.png", encoded())
    for pattern in ("in/**", f"{tmp_path}/in/**", "**"):
        assert names(discover([pattern], tmp_path / "out")) == ["a.png", "x.png"]
    with pytest.raises(UsageError, match="must fit at least one file"):
        discover(["in/**/"], tmp_path / "out")
    assert names(discover(["in/*"], tmp_path / "out")) == ["a.png", "t/x.png"], "a folder with its tree"


def test_a_file_whose_name_looks_like_a_url(tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "img::1.png", encoded())
    (picture,) = discover(["img::1.png"], tmp_path / "out").pictures
    assert (picture.name, picture.read()) == ("img::1.png", encoded())


def test_archive_stems() -> None:
    assert archive_stem("photos.tar.gz") == "photos"
    assert archive_stem("photos.2020.ZIP") == "photos.2020"
    assert archive_stem("photos") == "photos"


def test_long_names_are_shortened_and_stay_different() -> None:
    assert fitting_name("sub/short.png") == "sub/short.png"
    long = [fitting_name("sub/" + "漢" * 100 + f"{number}.png") for number in range(2)]
    assert long[0] != long[1]
    assert all(len(name.removeprefix("sub/").encode()) <= 255 and name.endswith(".png") for name in long)
    exact = "a" * 251 + ".png"
    assert fitting_name(exact) == exact


@pytest.mark.parametrize("damage", ["a broken checksum", "cut in a header", "no end mark"])
def test_what_lies_behind_a_damaged_tar_header_is_missed(tmp_path, damage):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("one.png", "two.png"):
            content = io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(504))
            entry = tarfile.TarInfo(name)
            entry.size = 512
            archive.addfile(entry, content)
    content = bytearray(path.read_bytes())
    if damage == "a broken checksum":
        content[1024 + 150] ^= 1
    path.write_bytes(content[: {"a broken checksum": None, "cut in a header": 1024 + 100, "no end mark": 2048}[damage]])
    found = discover([path])
    names = [picture.name for picture in found.pictures]
    assert names[0] == "a/one.png"
    assert "neither an entry nor the end mark" in found.pictures[-1].problem
