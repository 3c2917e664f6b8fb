from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gantk.artifacts import Bundle
from gantk.errors import RunFailed, UsageError
from gantk.inference import JobSummary, archive_output, translate
from gantk.inference.archive_packing import WrongSize, archive_kind, archive_writer
from gantk.inference.batch_job import failures_file, run_job
from gantk.inference.destination import FolderOutput, companion, destination_for
from gantk.inference.job_plan import discover_and_plan
from gantk.inference.job_records import JobRecords
from gantk.inference.picture import BadPicture
from gantk.inference.picture_reading import picture_format

Encode = Callable[..., bytes]
KINDS = ["out.zip", "out.tar", "out.tar.gz", "out.tgz"]


class Copy:
    """What is done with each picture: nothing. Counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def read(self, content: bytes) -> bytes:
        if picture_format(content) is None:
            raise BadPicture("This is no picture.")
        return content

    def pixels(self, picture: bytes) -> int:
        return 1

    def group(self, picture: bytes) -> int:
        return 0

    def batch_size(self, picture: bytes) -> int:
        return 2

    def run(self, pictures: Sequence[bytes]) -> Sequence[bytes]:
        self.calls += len(pictures)
        return pictures

    def write(self, result: bytes) -> tuple[bytes, dict[str, Any]]:
        return result, {}


def job(
    inputs: Sequence[Any],
    output: Path,
    *,
    process: Copy | None = None,
    settings: str = "copy",
    overwrite: bool = False,
    retry_failures: bool = False,
) -> JobSummary:
    found, records, plan = discover_and_plan(
        inputs,
        destination_for(output, overwrite=overwrite),
        form=None,
        settings={"how": settings},
        overwrite=overwrite,
        retry_failures=retry_failures,
    )
    try:
        return run_job(plan, records, process or Copy(), settings={"how": settings})
    finally:
        found.close()


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
def photos(tmp_path: Path, encoded: Encode) -> Path:
    """A folder of four pictures, in a tree."""
    for seed, name in enumerate(("b.png", "a.png", "deep/er/ünï 漢字.png", "z.png")):
        write(tmp_path / "photos" / name, encoded(seed=seed))
    return tmp_path / "photos"


IN_ORDER = ["a.png", "b.png", "deep/er/ünï 漢字.png", "z.png"]


def members(path: Path) -> dict[str, bytes]:
    """Return the members in order, as another program reads them."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            return {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with tarfile.open(path) as archive:
        read = {}
        for entry in archive:
            stream = archive.extractfile(entry)
            assert stream is not None
            read[entry.name] = stream.read()
        return read


def counts(summary: JobSummary) -> tuple[int, int, int, int]:
    return summary.inputs, summary.done, summary.skipped, summary.failed


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def beside(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir() if entry.name.startswith((path.name, f".{path.name}")))


def state(path: Path) -> tuple[int, int, str]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest()


# What is written


@pytest.mark.parametrize("name", KINDS)
def test_results_go_into_an_archive_in_the_order_of_the_inputs(photos: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    summary = job([photos], out)
    assert counts(summary) == (4, 4, 0, 0)
    assert summary.output == out
    read = members(out)
    assert list(read) == IN_ORDER
    assert all(content == (photos / member).read_bytes() for member, content in read.items())
    assert beside(out) == [name, f"{name}.manifest.jsonl"]
    head, *records = lines(companion(out, "manifest.jsonl"))
    status = out.stat()
    assert head == {
        "archive": name,
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": hashlib.sha256(out.read_bytes()).hexdigest(),
    }
    assert [line["output"] for line in records] == IN_ORDER
    assert all(line["status"] == "done" for line in records)


@pytest.mark.parametrize("name", KINDS)
def test_the_same_pictures_give_the_same_bytes(photos: Path, tmp_path: Path, name: str) -> None:
    job([photos], tmp_path / "first" / name)
    for path in photos.rglob("*.png"):
        os.utime(path, (1, 1))
    job([photos], tmp_path / "second" / name)
    assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_what_members_say_of_themselves(photos: Path, tmp_path: Path) -> None:
    job([photos], tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
    job([photos], tmp_path / "out.tar.gz")
    content = (tmp_path / "out.tar.gz").read_bytes()
    assert content[4:8] == bytes(4), "gzip's time"
    assert not content[3] & 0x08, "gzip's file name"
    with tarfile.open(tmp_path / "out.tar.gz") as archive:
        facts = {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname, entry.mode) for entry in archive}
    assert facts == {(315532800, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize("name", ["out.zip", "out.tar.gz"])
def test_one_archive_into_another_keeps_its_paths(photos: Path, tmp_path: Path, name: str) -> None:
    source = tmp_path / "scans.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for member in ("z.png", "deep/er/ünï 漢字.png", "a.png"):
            archive.write(photos / member, member)
    job([source], tmp_path / name)
    assert list(members(tmp_path / name)) == ["z.png", "deep/er/ünï 漢字.png", "a.png"], "its order, too"
    job([source, photos / "b.png"], tmp_path / f"two-{name}")
    assert list(members(tmp_path / f"two-{name}")) == [
        "scans/z.png",
        "scans/deep/er/ünï 漢字.png",
        "scans/a.png",
        "b.png",
    ]
    job([source], tmp_path / "folder")
    assert (tmp_path / "folder" / "scans" / "z.png").is_file(), "into a folder, as ever"


def test_a_pattern_that_fits_one_archive_is_not_one_archive_alone(photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        archive.write(photos / "a.png", "a.png")
    job([f"{tmp_path}/scan*.zip"], tmp_path / "out.tar")
    assert list(members(tmp_path / "out.tar")) == ["scans/a.png"], "else a second one would change all names"


def test_the_names_of_archives(tmp_path: Path) -> None:
    kinds = {"a.zip": "zip", "A.ZIP": "zip", "a.b.tar": "tar", "a.tar.gz": "tar.gz", "a.tgz": "tar.gz"}
    assert {name: archive_kind(name) for name in kinds} == kinds
    assert [archive_kind(name) for name in ("zip", ".zip", "a.gz", "a.tar.bz2", "a.zipped", "a")] == [None] * 6
    (tmp_path / "folder.zip").mkdir()
    assert isinstance(destination_for(tmp_path / "folder.zip"), FolderOutput), "a folder, whatever its name"
    assert companion(tmp_path / "folder.zip", "x") == tmp_path / "folder.zip" / "x"
    assert failures_file(tmp_path / "a.tar") == tmp_path / "a.tar.failures.jsonl"
    assert failures_file(tmp_path / "a") == tmp_path / "a" / "failures.jsonl"
    for name in ("a.tar.xz", "a.tbz2", "a.7z"):
        with pytest.raises(UsageError, match=r"\.zip, \.tar, \.tar\.gz or \.tgz"):
            destination_for(tmp_path / name)
    write(tmp_path / "file", b"")
    with pytest.raises(UsageError, match="must be a folder, or an archive"):
        destination_for(tmp_path / "file")


def test_a_zip_file_beyond_32_bits() -> None:
    """Sizes and places of more than 4 GB are written as zip64: told beforehand, since nothing is written twice."""

    class Zeros(io.RawIOBase):
        left = (4 << 30) + 5

        def read(self, size: int = -1) -> bytes:
            count = min(size, self.left)
            self.left -= count
            return bytes(count)

    class Sink(io.RawIOBase):
        """Keeps what is not zeros."""

        position, end = 0, 0

        def __init__(self) -> None:
            super().__init__()
            self.blocks: dict[int, bytes] = {}

        def seekable(self) -> bool:
            return True

        def tell(self) -> int:
            return self.position

        def seek(self, offset: int, whence: int = 0) -> int:
            self.position = offset + (self.end if whence == 2 else 0)
            return self.position

        def write(self, block: Any) -> int:
            if any(block[:4096]):
                self.blocks[self.position] = bytes(block)
            self.position += len(block)
            self.end = max(self.end, self.position)
            return len(block)

    sink = Sink()
    with archive_writer(sink, "zip") as archive:  # type: ignore[arg-type]
        archive.add("large.tif", Zeros.left, Zeros())  # type: ignore[arg-type]
        archive.add("small.tif", 3, io.BytesIO(b"abc"))
    assert sink.end > 4 << 30
    directory = b"".join(block for position, block in sorted(sink.blocks.items()) if position > 4 << 30)
    assert b"PK\x06\x06" in directory, "the end of central directory of zip64"
    assert (Zeros.left).to_bytes(8, "little") in directory


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("content", [b"ab", b"abcd"])
def test_a_member_of_another_size_than_recorded_is_an_error(kind: Any, content: bytes) -> None:
    with pytest.raises(WrongSize, match=r"a\.png must have 3 bytes"), archive_writer(io.BytesIO(), kind) as archive:
        archive.add("a.png", 3, io.BytesIO(content))


# Failures


@pytest.mark.parametrize("name", KINDS)
def test_failures_leave_the_rest_in_the_archive(photos: Path, tmp_path: Path, name: str, encoded: Encode) -> None:
    out = tmp_path / name
    write(photos / "c.png", b"no picture")
    assert counts(job([photos], out)) == (5, 4, 0, 1)
    assert list(members(out)) == IN_ORDER
    assert beside(out) == [name, f"{name}.failures.jsonl", f"{name}.manifest.jsonl"]
    (failure,) = lines(companion(out, "failures.jsonl"))
    assert (failure["input"], failure["reason"]) == (str(photos / "c.png"), "This is no picture.")
    before = state(out)
    process = Copy()
    assert counts(job([photos], out, process=process)) == (5, 0, 4, 1)
    assert (process.calls, state(out)) == (0, before)

    write(photos / "c.png", encoded(seed=9))
    process = Copy()
    assert counts(job([photos], out, process=process, retry_failures=True)) == (5, 1, 4, 0)
    assert process.calls == 1
    assert list(members(out)) == ["a.png", "b.png", "c.png", *IN_ORDER[2:]]
    assert beside(out) == [name, f"{name}.manifest.jsonl"]


def test_where_nothing_succeeds_there_is_no_archive(tmp_path: Path, encoded: Encode) -> None:
    bad, out = write(tmp_path / "a.png", b""), tmp_path / "out.zip"
    assert counts(job([bad], out)) == (1, 0, 0, 1)
    assert beside(out) == ["out.zip.failures.jsonl", "out.zip.manifest.jsonl"]
    write(bad, encoded())
    assert counts(job([bad], out)) == (1, 1, 0, 0)
    assert beside(out) == ["out.zip", "out.zip.manifest.jsonl"]


HOSTILE = ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:\\evil.png", "..\\evil.png"]


@pytest.mark.parametrize("name", ["out.zip", "out.tar"])
def test_hostile_names_do_not_get_into_the_archive(tmp_path: Path, encoded: Encode, name: str) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        for member in (*HOSTILE, "good.png"):
            entry = tarfile.TarInfo(member)
            entry.size = len(encoded())
            archive.addfile(entry, io.BytesIO(encoded()))
    summary = job([tmp_path / "evil.tar"], tmp_path / name)
    assert counts(summary) == (6, 1, 0, 5)
    assert all("leads out of the output folder" in reason for _, reason in summary.reasons)
    assert list(members(tmp_path / name)) == ["good.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["evil.tar", name, f"{name}.failures.jsonl", f"{name}.manifest.jsonl"]
    )


def test_names_of_files_that_would_lead_out_elsewhere(tmp_path: Path, encoded: Encode) -> None:
    write(tmp_path / "in" / "x\\..\\..\\evil.png", encoded())
    assert counts(job([tmp_path / "in"], tmp_path / "folder")) == (1, 1, 0, 0), "here it is a name like any other"
    summary = job([tmp_path / "in"], tmp_path / "out.zip")
    assert counts(summary) == (1, 0, 0, 1)
    assert "leads out" in summary.reasons[0][1]


@pytest.mark.skipif(sys.platform == "darwin", reason="file systems there refuse such names")
def test_names_that_are_no_utf8(tmp_path: Path, encoded: Encode) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    write(tmp_path / "in" / name, encoded())
    summary = job([tmp_path / "in"], tmp_path / "out.zip")
    assert counts(summary) == (1, 0, 0, 1)
    assert "no UTF-8" in summary.reasons[0][1]
    assert counts(job([tmp_path / "in"], tmp_path / "out.tar")) == (1, 1, 0, 0)
    with tarfile.open(tmp_path / "out.tar") as archive:
        assert archive.getnames() == [name]
    assert counts(job([tmp_path / "in"], tmp_path / "out.tar")) == (1, 0, 1, 0)


def test_a_long_name_is_shortened_as_in_a_folder(tmp_path: Path, encoded: Encode) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x" * 300 + ".png", encoded())
    job([tmp_path / "a.zip"], tmp_path / "out.zip")
    (name,) = members(tmp_path / "out.zip")
    assert len(name) == 255
    assert name.endswith(".png")


# Again


@pytest.mark.parametrize("name", KINDS)
def test_a_finished_archive_is_left_alone(photos: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    job([photos], out)
    before, records = state(out), state(companion(out, "manifest.jsonl"))
    process = Copy()
    assert counts(job([photos], out, process=process)) == (4, 0, 4, 0)
    assert process.calls == 0
    assert state(out) == before
    assert state(companion(out, "manifest.jsonl")) == records
    assert beside(out) == [name, f"{name}.manifest.jsonl"]


@pytest.mark.parametrize("name", KINDS)
def test_changed_and_new_pictures_are_all_that_is_done(
    photos: Path, tmp_path: Path, encoded: Encode, name: str
) -> None:
    out = tmp_path / name
    job([photos], out)
    write(photos / "b.png", encoded(seed=77))
    write(photos / "a-new.png", encoded(seed=78))
    process = Copy()
    assert counts(job([photos], out, process=process)) == (5, 2, 3, 0)
    assert process.calls == 2
    read = members(out)
    assert list(read) == ["a-new.png", *IN_ORDER]
    assert all(content == (photos / member).read_bytes() for member, content in read.items())
    fresh = tmp_path / "fresh" / name
    job([photos], fresh)
    assert out.read_bytes() == fresh.read_bytes()


@pytest.mark.parametrize("name", KINDS)
def test_members_of_other_inputs_stay_whatever_the_order(
    photos: Path, tmp_path: Path, encoded: Encode, name: str
) -> None:
    out = tmp_path / name
    job([photos], out)
    write(tmp_path / "more" / "y.png", encoded(seed=20))
    process = Copy()
    # The old members come in another order than they lie in the archive, which a tar file does not like.
    inputs = [photos / "z.png", tmp_path / "more", photos / "a.png"]
    assert counts(job(inputs, out, process=process)) == (3, 1, 2, 0)
    assert process.calls == 1
    read = members(out)
    assert list(read) == ["z.png", "y.png", "a.png", "b.png", "deep/er/ünï 漢字.png"]
    assert read["z.png"] == (photos / "z.png").read_bytes()
    assert read["b.png"] == (photos / "b.png").read_bytes()
    assert beside(out) == [name, f"{name}.manifest.jsonl"]


def test_other_settings_do_everything_anew(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    job([photos], out)
    assert counts(job([photos], out, settings="another")) == (4, 4, 0, 0)
    assert counts(job([photos], out, settings="another", overwrite=True)) == (4, 4, 0, 0)


def test_an_archive_that_has_been_removed_is_made_anew(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tar"
    job([photos], out)
    content = out.read_bytes()
    out.unlink()
    assert counts(job([photos], out)) == (4, 4, 0, 0)
    assert out.read_bytes() == content


def test_an_archive_moved_with_its_manifest_is_known(photos: Path, tmp_path: Path) -> None:
    job([photos], tmp_path / "out.zip")
    (tmp_path / "else").mkdir()
    for name in ("out.zip", "out.zip.manifest.jsonl"):
        shutil.copyfile(tmp_path / name, tmp_path / "else" / name)
    assert counts(job([photos], tmp_path / "else" / "out.zip")) == (4, 0, 4, 0)


def test_a_link_stays_a_link(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out.zip").symlink_to(tmp_path / "disk" / "real.zip")
    for inputs, expected in (([photos / "a.png"], ["a.png"]), ([photos], IN_ORDER)):
        job(inputs, tmp_path / "out.zip")
        assert (tmp_path / "out.zip").is_symlink()
        assert list(members(tmp_path / "disk" / "real.zip")) == expected
    assert os.listdir(tmp_path / "disk") == ["real.zip"]


# What is refused


def test_a_foreign_archive_is_not_replaced(photos: Path, tmp_path: Path) -> None:
    out = write(tmp_path / "out.zip", b"somebody's")
    with pytest.raises(UsageError, match="no such job has written it") as caught:
        job([photos], out)
    assert "--overwrite" in caught.value.hint
    assert out.read_bytes() == b"somebody's"
    assert beside(out) == ["out.zip"]
    assert counts(job([photos], out, overwrite=True)) == (4, 4, 0, 0)
    assert list(members(out)) == IN_ORDER


def test_an_archive_that_somebody_has_changed_is_not_replaced(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    job([photos], out)
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("notes.txt", "mine")
    before = out.read_bytes()
    with pytest.raises(UsageError, match="has been changed since"):
        job([photos], out)
    assert out.read_bytes() == before


def test_a_foreign_folder_in_the_way_is_left_alone(photos: Path, tmp_path: Path) -> None:
    write(tmp_path / "out.zip.parts" / "thesis.txt", b"")
    with pytest.raises(UsageError, match="other things in it"):
        job([photos], tmp_path / "out.zip")
    assert (tmp_path / "out.zip.parts" / "thesis.txt").exists()


def test_the_archive_is_no_input(photos: Path, tmp_path: Path, encoded: Encode) -> None:
    out = photos / "out.zip"
    assert counts(job([photos], out)) == (4, 4, 0, 0)
    for argument in (out, f"{photos}/*.zip", f"{tmp_path}/photos/../photos/out.zip"):
        with pytest.raises(UsageError, match="must not be an input"):
            job([argument], out)
    link = tmp_path / "link.zip"
    link.symlink_to(out)
    with pytest.raises(UsageError, match="must not be an input"):
        job([link], out)
    summary = job([photos], out)
    assert (counts(summary), summary.ignored) == ((4, 0, 4, 0), 0), "in a folder it is passed over, with its records"


# Killed


KILLED = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[1])))
import test_archive_output as tests
from gantk.inference import archive_output

inputs, out, moment = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

if moment.startswith("replace "):
    _, name, when = moment.split()
    replace = os.replace
    def deadly(source, target):
        if Path(target).name == "z.png":
            # Meanwhile the other results are recorded.
            time.sleep(1)
        if Path(target).name == name and when == "before":
            die()
        replace(source, target)
        if Path(target).name == name:
            die()
    os.replace = deadly
elif moment == "packing":
    class Deadly:
        def __init__(self, writer):
            self.writer, self.added = writer, 0
        def add(self, *arguments):
            self.writer.add(*arguments)
            self.added += 1
            if self.added == 2:
                die()
    writer = archive_output.archive_writer
    from contextlib import contextmanager
    @contextmanager
    def deadly(*arguments):
        with writer(*arguments) as opened:
            yield Deadly(opened)
    archive_output.archive_writer = deadly
elif moment == "removing":
    unlink = os.unlink
    def deadly(path, *arguments, **options):
        unlink(path, *arguments, **options)
        if Path(path).parent.name.endswith(".parts"):
            die()
    os.unlink = deadly
elif moment == "opening":
    from gantk.inference.job_records import JobRecords
    JobRecords._write_manifest = lambda self, **options: die()
process = tests.Copy()
print(*tests.counts(tests.job([inputs], out, process=process)), process.calls)
"""


def killed(inputs: Path, out: Path, moment: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(inputs), str(out), moment]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


MOMENTS = {
    "opening": 4,
    "replace z.png before": 1,
    "replace z.png after": 1,
    "packing": 0,
    "replace OUT before": 0,
    "replace OUT after": 0,
    "replace OUT.manifest.jsonl before": 0,
    "replace OUT.manifest.jsonl after": 0,
    "removing": 0,
}


@pytest.mark.parametrize(
    ("name", "moments"), [("out.zip", list(MOMENTS)), ("out.tar.gz", ["packing", "replace OUT after"])]
)
def test_a_killed_job_continues_to_the_same_bytes(
    photos: Path, tmp_path: Path, encoded: Encode, name: str, moments: list[str]
) -> None:
    expected, after = tmp_path / "expected" / name, tmp_path / "after" / name
    job([photos], expected)
    for moment in moments:
        out = tmp_path / moment.replace(" ", "-") / name
        dead = killed(photos, out, moment.replace("OUT", name))
        assert dead.returncode == -signal.SIGKILL, (moment, dead.stderr)
        process = Copy()
        summary = job([photos], out, process=process)
        assert summary.failed == 0, (moment, summary.reasons)
        assert process.calls <= MOMENTS[moment], (moment, process.calls)
        assert out.read_bytes() == expected.read_bytes(), moment
        assert beside(out) == [name, f"{name}.manifest.jsonl"], moment

    # The same with an archive already there, most of whose members stay.
    write(photos / "b.png", encoded(seed=30))
    job([photos], after)
    for moment in ["opening", *moments[3:]] if name == "out.zip" else moments:
        out = tmp_path / moment.replace(" ", "-") / name
        dead = killed(photos, out, moment.replace("OUT", name))
        assert dead.returncode == -signal.SIGKILL, (moment, dead.stderr)
        process = Copy()
        job([photos], out, process=process)
        assert process.calls <= 1, (moment, process.calls)
        assert out.read_bytes() == after.read_bytes(), moment
        assert beside(out) == [name, f"{name}.manifest.jsonl"], moment


def test_while_it_runs_the_results_lie_beside_the_archive(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    assert killed(photos, out, "packing").returncode == -signal.SIGKILL
    parts = tmp_path / "out.zip.parts"
    assert [line["output"] for line in lines(parts / "manifest.jsonl")] == IN_ORDER
    assert (parts / "deep/er/ünï 漢字.png").is_file()
    assert not out.exists()
    process = Copy()
    assert counts(job([photos], out, process=process)) == (4, 0, 4, 0)
    assert process.calls == 0


@pytest.mark.parametrize("name", ["out.zip", "out.tar", "out.tar.gz"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fills_while_packing(
    photos: Path, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    out = tmp_path / name
    job([photos], out)
    before = state(out)
    write(photos / "b.png", encoded(seed=40))
    writer = archive_output.archive_writer

    class Full(io.RawIOBase):
        def __init__(self, stream: Any) -> None:
            super().__init__()
            self.stream, self.written = stream, 0

        def seekable(self) -> bool:
            return True

        def writable(self) -> bool:
            return True

        def tell(self) -> int:
            return self.stream.tell()

        def seek(self, *arguments: int) -> int:
            return self.stream.seek(*arguments)

        def write(self, block: Any) -> int:
            self.written += len(block)
            if self.written > 1000:
                raise OSError(code, os.strerror(code))
            return self.stream.write(block)

    with monkeypatch.context() as patch:
        patch.setattr(archive_output, "archive_writer", lambda stream, kind: writer(Full(stream), kind))  # type: ignore[arg-type]
        with pytest.raises(RunFailed, match=r"No space is left|cannot be packed") as caught:
            job([photos], out)
    assert "same command again" in caught.value.hint
    assert state(out) == before
    assert (tmp_path / f"{name}.parts" / "b.png").is_file()
    assert not [entry for entry in os.listdir(tmp_path) if ".tmp-" in entry]
    process = Copy()
    assert counts(job([photos], out, process=process)) == (4, 0, 4, 0)
    assert process.calls == 0
    assert members(out)["b.png"] == (photos / "b.png").read_bytes()


def test_a_damaged_archive_of_our_own(photos: Path, tmp_path: Path, encoded: Encode) -> None:
    out = tmp_path / "out.zip"
    job([photos], out)
    content = bytearray(out.read_bytes())
    content[200:210] = bytes(10)
    status = out.stat()
    out.write_bytes(content)
    # A disk that goes bad does not tell.
    os.utime(out, ns=(status.st_atime_ns, status.st_mtime_ns))
    write(photos / "b.png", encoded(seed=50))
    with pytest.raises(RunFailed, match="cannot be taken from it") as caught:
        job([photos], out)
    assert "--overwrite" in caught.value.hint
    assert out.read_bytes() == content
    assert counts(job([photos], out, overwrite=True)) == (4, 4, 0, 0)
    assert list(members(out)) == IN_ORDER


def test_two_jobs_at_once(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"

    class Slow(Copy):
        def run(self, pictures: Sequence[bytes]) -> Sequence[bytes]:
            if not self.calls:
                with pytest.raises(RunFailed, match="Another job is writing"):
                    job([photos], out)
            return super().run(pictures)

    assert counts(job([photos], out, process=Slow())) == (4, 4, 0, 0)


def test_a_job_that_was_planned_before_another_ended(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    found, records, plan = discover_and_plan(
        [photos],
        destination_for(out),
        form=None,
        settings={"how": "copy"},
        overwrite=False,
        retry_failures=False,
    )
    job([photos], out)
    before = state(out)
    with pytest.raises(RunFailed, match="Another job has just written"):
        run_job(plan, records, Copy(), settings={"how": "copy"})
    found.close()
    assert state(out) == before
    assert counts(job([photos], out)) == (4, 0, 4, 0)


# With a model


@pytest.mark.parametrize("name", ["out.zip", "out.tgz"])
def test_a_translation_into_an_archive(bundle: Callable[..., Bundle], photos: Path, tmp_path: Path, name: str) -> None:
    translate(bundle(), [photos], tmp_path / "folder", direction="BtoA")
    summary = translate(bundle(), [photos], tmp_path / name, direction="BtoA")
    assert counts(summary) == (4, 4, 0, 0)
    assert members(tmp_path / name) == {member: (tmp_path / "folder" / member).read_bytes() for member in IN_ORDER}, (
        "the same bytes as in a folder"
    )


def test_temporary_files_of_a_killed_job_are_removed(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    assert killed(photos, out, "packing").returncode == -signal.SIGKILL
    assert any(".tmp-" in name for name in beside(out))
    job([photos], out)
    assert not any(".tmp-" in name for name in os.listdir(tmp_path))


# What a job that was killed, or somebody else, has left


class Larger(Copy):
    """Results that are not the input, and of another size."""

    def write(self, result: bytes) -> tuple[bytes, dict[str, Any]]:
        return result + b"larger", {}


class Inverted(Copy):
    """Results that are not the input, and of its size."""

    def write(self, result: bytes) -> tuple[bytes, dict[str, Any]]:
        return bytes(255 - value for value in result), {}


def killed_before_its_line(monkeypatch: pytest.MonkeyPatch, inputs: Path, out: Path, process: Copy) -> None:
    """Let a job with other settings end after its first result and before what it records of it."""

    def die(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(JobRecords, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            job([inputs], out, process=process, settings="other")


@pytest.mark.parametrize("name", ["out", "out.zip", "out.tar"])
def test_a_result_that_is_gone_and_cannot_be_made_again_is_no_result(photos: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    job([photos], out)
    (out / "b.png" if name == "out" else out).unlink()
    (photos / "b.png").unlink()
    (photos / "b.png").symlink_to("/nowhere")
    for _ in range(2):
        assert job([photos], out).failed == 1
    records = [line.get("output") for line in lines(companion(out, "manifest.jsonl"))]
    assert "b.png" not in records
    if name != "out":
        assert "b.png" not in members(out)
        assert "a.png" in members(out)


@pytest.mark.parametrize("name", ["out.zip", "out.tar.gz"])
@pytest.mark.parametrize("process", [Larger, Inverted])
def test_a_member_is_kept_whose_new_result_has_no_line(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, process: type[Copy]
) -> None:
    out = tmp_path / name
    job([photos], out)
    killed_before_its_line(monkeypatch, photos / "b.png", out, process())
    assert (tmp_path / f"{name}.parts" / "b.png").is_file()
    assert counts(job([photos / "a.png"], out)) == (1, 0, 1, 0), "which does not name b.png"
    assert members(out)["b.png"] == (photos / "b.png").read_bytes()
    assert sorted(members(out)) == sorted(IN_ORDER)
    assert counts(job([photos], out)) == (4, 0, 4, 0)
    assert counts(job([photos / "b.png"], out, process=process(), settings="other")) == (1, 1, 0, 0)
    assert members(out)["b.png"] == process().write((photos / "b.png").read_bytes())[0]


@pytest.mark.parametrize("process", [Larger, Inverted])
def test_an_input_that_breaks_after_its_new_result_was_left_without_a_line(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: type[Copy]
) -> None:
    out = tmp_path / "out.zip"
    job([photos], out)
    before = (photos / "b.png").read_bytes()
    killed_before_its_line(monkeypatch, photos / "b.png", out, process())
    write(photos / "b.png", b"nonsense")
    for done in (3, 0):
        assert counts(job([photos], out, process=process(), settings="other")) == (4, done, 3 - done, 1)
    assert members(out)["b.png"] == before, "as before, since nothing took its place"
    assert beside(out) == ["out.zip", "out.zip.failures.jsonl", "out.zip.manifest.jsonl"]


def test_in_a_folder_a_result_without_a_line_is_made_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    job([photos], out)
    killed_before_its_line(monkeypatch, photos / "b.png", out, Inverted())
    # Its size is the one that is recorded, and it is not the result of these settings.
    assert (out / "b.png").read_bytes() != (photos / "b.png").read_bytes()
    assert counts(job([photos], out)) == (4, 1, 3, 0)
    assert (out / "b.png").read_bytes() == (photos / "b.png").read_bytes()


def test_what_a_killed_job_has_left_stays_its_own_while_its_input_is_broken(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoded: Encode
) -> None:
    out = tmp_path / "out"
    killed_before_its_line(monkeypatch, photos / "b.png", out, Copy())
    assert (out / "b.png").is_file()
    write(photos / "b.png", b"nonsense")
    assert counts(job([photos / "b.png"], out)) == (1, 0, 0, 1)
    write(photos / "b.png", encoded(seed=60))
    assert counts(job([photos / "b.png"], out)) == (1, 1, 0, 0)


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_there_is_a_line_for_each_failure(photos: Path, tmp_path: Path, encoded: Encode, name: str) -> None:
    out = tmp_path / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
            for seed in range(3):
                archive.writestr("x.png", encoded(seed=seed))
    if name == "out":
        write(out / "er/ünï 漢字.png", b"somebody's")
    # One input that is to give two outputs, of which one is in the way; three of one name; one that is no picture.
    bad = write(tmp_path / "bad.png", b"no picture")
    inputs = [photos / "deep", photos, tmp_path / "twice.zip", bad]
    for retry in (False, False, True):
        summary = job(inputs, out, retry_failures=retry)
        failures = lines(companion(out, "failures.jsonl"))
        assert summary.failed == len(failures) == (4 if name == "out" else 3)
        assert sorted((line["input"], line["reason"]) for line in failures) == sorted(summary.reasons)
    labels = [line["input"] for line in failures if "twice.zip" in line["input"]]
    assert [label.rpartition("!")[2] for label in labels] == ["x.png (2)", "x.png (3)"]
    # The same file by another name.
    write(bad, encoded())
    summary = job([os.path.relpath(bad), photos], out, retry_failures=True)
    assert summary.failed == 0
    assert not [line for line in lines(companion(out, "failures.jsonl")) if "bad.png" in line["input"]]


def test_a_failure_of_a_killed_job_and_another_path_of_the_same_file(photos: Path, tmp_path: Path) -> None:
    write(photos / "b.png", b"no picture")
    job([os.path.relpath(photos)], tmp_path / "out")
    assert counts(job([photos], tmp_path / "out", settings="other")) == (4, 3, 0, 1)
    (failure,) = lines(tmp_path / "out" / "failures.jsonl")
    assert failure["input"] == str(photos / "b.png")


def test_names_in_a_manifest_from_elsewhere_do_not_lead_out(photos: Path, tmp_path: Path) -> None:
    for kind, name in (("tar", "out.tar"), ("zip", "out.zip"), ("zip", "absolute.zip")):
        secret = write(tmp_path / "secret.txt", b"mine")
        folder = tmp_path / f"deep-{name}" / "er"
        folder.mkdir(parents=True)
        out, inside = folder / name, (photos / "a.png").read_bytes()
        evil = str(secret) if name == "absolute.zip" else "../../pwned.txt" if kind == "tar" else "../../secret.txt"
        with out.open("wb") as stream, archive_writer(stream, kind) as archive:  # type: ignore[arg-type]
            for member, content in ((evil, b"evil"), ("!a.png", inside)):
                archive.add(member, len(content), io.BytesIO(content))
        status = out.stat()
        head = {"archive": name, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        records = [
            {"output": member, "input": "x", "bytes": size, "status": "done"}
            for member, size in (("!a.png", len(inside)), (evil, 4))
        ]
        write(
            companion(out, "manifest.jsonl"), b"".join(json.dumps(line).encode() + b"\n" for line in [head, *records])
        )
        assert job([photos], out).failed == 0
        assert secret.read_bytes() == b"mine"
        assert not (tmp_path / "pwned.txt").exists()
        assert sorted(members(out)) == sorted(["!a.png", *IN_ORDER])


def test_names_in_the_manifest_of_a_folder_do_not_lead_out(photos: Path, tmp_path: Path) -> None:
    kept = write(tmp_path / ".precious.png.tmp-1", b"mine")
    begun = json.dumps({"output": "../precious.png", "status": "started"}).encode()
    write(tmp_path / "out" / "manifest.jsonl", begun + b"\n")
    assert counts(job([photos], tmp_path / "out")) == (4, 4, 0, 0)
    assert kept.exists()


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_results_with_names_that_only_look_dangerous_are_known_again(
    tmp_path: Path, encoded: Encode, name: str
) -> None:
    for seed, file in enumerate(("back\\slash.png", "d..ots..png", "A:2.png" if name == "out" else "1:2.png", "x.png")):
        write(tmp_path / "in" / file, encoded(seed=seed))
    assert counts(job([tmp_path / "in"], tmp_path / name)) == (4, 4, 0, 0)
    assert counts(job([tmp_path / "in"], tmp_path / name)) == (4, 0, 4, 0)


def test_a_result_that_changes_while_it_is_packed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.zip"
    writer = archive_output.archive_writer

    def shrinking(*arguments: Any) -> Any:
        write(tmp_path / "out.zip.parts" / "b.png", b"short")
        return writer(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(archive_output, "archive_writer", shrinking)
        with pytest.raises(RunFailed, match=r"b\.png must have \d+ bytes. Received: 5") as caught:
            job([photos], out)
    assert "same command again" in caught.value.hint
    process = Copy()
    assert counts(job([photos], out, process=process)) == (4, 1, 3, 0)
    assert members(out)["b.png"] == (photos / "b.png").read_bytes()


def test_an_archive_of_the_same_size_with_other_bytes_is_not_taken_for_ours(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.zip"
    job([photos], out)
    content = bytearray(out.read_bytes())
    content[200] ^= 1
    out.write_bytes(content)
    with pytest.raises(UsageError, match="has been changed since"):
        job([photos], out)
    content[200] ^= 1
    out.write_bytes(content)
    assert counts(job([photos], out)) == (4, 0, 4, 0), "a copy has another time, and the same checksum"
