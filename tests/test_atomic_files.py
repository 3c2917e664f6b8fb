import errno
import os
from pathlib import Path

import pytest

from gantk.atomic_files import atomic_file, write_json, write_text
from gantk.errors import RunFailed


def test_a_file_appears_whole(tmp_path: Path) -> None:
    with atomic_file(tmp_path / "a.txt") as stream:
        stream.write(b"first half, ")
        assert not (tmp_path / "a.txt").exists()
        stream.write(b"second half")
    assert (tmp_path / "a.txt").read_bytes() == b"first half, second half"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt), atomic_file(tmp_path / "a.txt") as stream:
        stream.write(b"new")
        raise KeyboardInterrupt
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunFailed, match=r"No space is left to write .*a\.json"):
        write_json(tmp_path / "a.json", {"a": 1})
    assert os.listdir(tmp_path) == []


def test_a_long_name_has_room_for_the_temporary_suffix(tmp_path: Path) -> None:
    name = "ñ" * 125 + ".txt"  # 254 bytes
    write_text(tmp_path / name, "x")
    assert (tmp_path / name).read_text() == "x"
