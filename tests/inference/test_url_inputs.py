from __future__ import annotations

import dataclasses
import functools
import hashlib
import http.server
import importlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest

from gantk.artifacts import Bundle
from gantk.errors import RunFailed, UsageError
from gantk.inference import JobSummary, remote_files, spooling, translate
from gantk.inference.content import content_of
from gantk.inference.inputs import Discovery, discover
from gantk.inference.picture import BadPicture
from gantk.inference.picture_sizes import header_of
from gantk.inference.remote_inputs import is_url, is_url_pattern
from gantk.inference.spooling import TooLarge, spooled

Encode = Callable[..., bytes]
Make = Callable[..., Bundle]


# `fsspec.registry` is the mapping that this module holds, and read only.
REGISTRY = importlib.import_module("fsspec.registry")._registry


def names(found: Discovery) -> list[str]:
    return [picture.name for picture in found.pictures]


def counts(summary: JobSummary) -> tuple[int, int, int, int]:
    return summary.inputs, summary.done, summary.skipped, summary.failed


@pytest.fixture
def bucket() -> Iterator[Callable[[str, bytes], None]]:
    """Return what puts a file into a bucket in memory."""
    system = fsspec.filesystem("memory")
    yield lambda name, content: system.pipe_file(f"/bucket/{name}", content)
    system.store.clear()
    system.pseudo_dirs[:] = [""]


# Any file system


def test_a_folder_keeps_its_tree(bucket: Any, tmp_path: Path, encoded: Encode) -> None:
    for name in ("in/b.png", "in/a.JPG", "in/deep/er/ünï 漢字.png", "in/deep/no_suffix", "in/.hidden.png", "else.png"):
        bucket(name, encoded())
    bucket("in/notes.txt", encoded())
    bucket("in/README", b"no picture")
    bucket("in/empty.png", b"")
    for url in ("memory://bucket/in", "memory://bucket/in/"):
        found = discover([url], tmp_path / "out")
        assert sorted(names(found)) == sorted(["a.JPG", "b.png", "deep/er/ünï 漢字.png", "deep/no_suffix", "empty.png"])
        assert found.ignored == 2, "a suffix that is no picture's is believed"
    by_name = {picture.name: picture for picture in found.pictures}
    assert by_name["a.JPG"].read() == encoded()
    assert by_name["a.JPG"].label == "memory:///bucket/in/a.JPG"
    assert all(picture.remote and picture.stamp and picture.path is None for picture in found.pictures)


def test_files_and_patterns(bucket: Any, tmp_path: Path, encoded: Encode) -> None:
    for name in ("a.png", "b.png", "sub/c.png", "plain"):
        bucket(name, encoded())
    out = tmp_path / "out"
    assert names(discover(["memory://bucket/a.png", "memory://bucket/a.png"], out)) == ["a.png"], "named twice"
    assert names(discover(["memory://bucket/plain"], out)) == ["plain"]
    assert names(discover(["memory://bucket/*.png"], out)) == ["a.png", "b.png"]
    assert names(discover(["memory://bucket/**/*.png"], out)) == ["a.png", "b.png", "c.png"]
    assert names(discover(["memory://bucket/s*"], out)) == ["c.png"], "a folder that fits a pattern"


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
def test_archives(bucket: Any, tmp_path: Path, encoded: Encode, form: str) -> None:
    content = io.BytesIO()
    if form == "zip":
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("deep/a.png", encoded())
            archive.writestr("../evil.png", encoded())
    else:
        with tarfile.open(fileobj=content, mode="w:gz" if form == "tar.gz" else "w") as pack:
            for name in ("deep/a.png", "../evil.png"):
                entry = tarfile.TarInfo(name)
                entry.size = len(encoded())
                pack.addfile(entry, io.BytesIO(encoded()))
    bucket(f"scans.{form}", content.getvalue())
    bucket("scans", content.getvalue())
    for url in (f"memory://bucket/scans.{form}", "memory://bucket/scans"):
        found = discover([url], tmp_path / "out")
        good, evil = found.pictures
        assert good.name == "scans/deep/a.png"
        assert good.label == f"{url.replace('://', ':///')}!deep/a.png"
        assert good.archive is not None
        good.archive.expect([good.number])
        assert good.read() == encoded()
        assert good.remote
        assert "leads out" in evil.problem
        found.close()
    before = discover([f"memory://bucket/scans.{form}"], tmp_path / "out")
    assert before.pictures[0].stamp == good.stamp or form != "zip"
    before.close()


def test_a_file_url_is_a_path(tmp_path: Path, encoded: Encode) -> None:
    (tmp_path / "a b.png").write_bytes(encoded())
    for url in (f"file://{tmp_path}/a b.png", f"local://{tmp_path}/*.png", f"file://{tmp_path}"):
        (picture,) = discover([url], tmp_path / "out").pictures
        assert picture.path == tmp_path / "a b.png"
        assert not picture.remote
    with pytest.raises(UsageError, match="does not exist"):
        discover([f"file://{tmp_path}/none.png"], tmp_path / "out")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("memory://bucket/none.png", "does not exist"),
        ("memory://nowhere/", "does not exist"),
        ("memory://bucket/*.tif", "must fit at least one file"),
        ("nonsense://x/a.png", "one that fsspec knows"),
    ],
)
def test_urls_of_nothing(bucket: Any, tmp_path: Path, encoded: Encode, url: str, message: str) -> None:
    bucket("a.png", encoded())
    with pytest.raises(UsageError, match=message) as caught:
        discover([url], tmp_path / "out")
    assert url in caught.value.message


@pytest.mark.parametrize(("url", "package"), [("s3://bucket/a.png", "s3fs"), ("gs://bucket/", "gcsfs")])
def test_a_missing_package_is_named(tmp_path: Path, url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(REGISTRY, url.partition("://")[0], raising=False)
    with pytest.raises(UsageError, match="package is missing") as caught:
        discover([url], tmp_path / "out")
    assert caught.value.hint == f"pip install {package}"


def test_what_is_a_url() -> None:
    assert [
        is_url(text) for text in ("s3://b/x", "https://h/x", "zip://*.png::s3://b/x.zip", "simplecache::s3://b")
    ] == [True] * 4
    assert [is_url(text) for text in ("photos", "./a:b", "C:\\photos", "a/b://c", "x:y")] == [False] * 5
    assert is_url_pattern("s3://b/a?.png")
    assert not is_url_pattern("https://host/a.png?size=3")
    assert is_url_pattern("https://host/*.png")


def test_a_url_inside_an_archive_behind_a_url(bucket: Any, tmp_path: Path, encoded: Encode) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("deep/a.png", encoded())
        archive.writestr("b.png", encoded(seed=1))
    bucket("scans.zip", content.getvalue())
    (picture,) = discover(["zip://deep/*.png::memory://bucket/scans.zip"], tmp_path / "out").pictures
    assert (picture.name, picture.read()) == ("a.png", encoded())
    assert picture.label == "zip://deep/a.png::memory://bucket/scans.zip"


def test_listing_reads_no_contents(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        bucket(f"in/{number:03}.png", b"x")
        bucket(f"in/{number:03}.txt", b"x")
    system = type(fsspec.filesystem("memory"))

    def refuse(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("nothing is to be read")

    monkeypatch.setattr(system, "_open", refuse)
    monkeypatch.setattr(system, "cat_file", refuse)
    found = discover(["memory://bucket/in"], tmp_path / "out")
    assert (len(found.pictures), found.ignored) == (300, 300)
    assert names(found) == sorted(names(found))


class Failing(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A file system whose files fail, each with the error of its name."""

    protocol = "failing"
    cachable = False
    ERRORS: ClassVar[dict[str, BaseException]] = {
        "gone.png": FileNotFoundError("gone.png"),
        "locked.png": PermissionError("Forbidden"),
        "slow.png": TimeoutError(),
        "odd.png": RuntimeError("The server said: https://ann:secret@host/x\nno."),
    }

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        if path.endswith("closed"):
            raise PermissionError("Forbidden")
        files = [{"name": f"root/{name}", "size": 5, "type": "file", "mtime": 1} for name in self.ERRORS]
        return [*files, {"name": "root/closed", "size": 0, "type": "directory"}]

    def info(self, path: str, **options: Any) -> Any:
        if path == "root":
            return {"name": "root", "size": 0, "type": "directory"}
        if path.endswith("unreachable.png"):
            raise ConnectionRefusedError(111, "Connection refused")
        return {"name": path, "size": 5, "type": "file", "mtime": 1}

    def cat_file(self, path: str, start: Any = None, end: Any = None, **options: Any) -> bytes:
        raise self.ERRORS[path.rpartition("/")[2]]

    def _open(self, path: str, *arguments: Any, **options: Any) -> Any:
        raise self.ERRORS[path.rpartition("/")[2]]


def test_errors_of_the_file_system_are_failures_of_their_inputs(
    bundle: Make, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(REGISTRY, "failing", Failing)
    (tmp_path / "good.png").write_bytes(encoded())
    arguments = ["failing://root", "failing://x/unreachable.png", tmp_path / "good.png"]
    summary = translate(bundle(), arguments, tmp_path / "out")
    assert counts(summary) == (7, 1, 0, 6)
    reasons = {label.rpartition("/")[2]: reason for label, reason in summary.reasons}
    assert reasons == {
        "gone.png": "It cannot be read: there is no such file.",
        "locked.png": "It cannot be read: the permission is missing.",
        "slow.png": "It cannot be read: the server did not answer in time.",
        "odd.png": "It cannot be read: The server said: https://host/x no.",
        "closed": "The folder cannot be listed: the permission is missing.",
        "unreachable.png": "It cannot be read: [Errno 111] Connection refused.",
    }


def test_stamps_are_those_of_the_file_system() -> None:
    stamp = remote_files.stamp_of
    assert stamp({"name": "a", "size": 3, "ETag": '"x"', "LastModified": "now"}) == '3-"x"'
    assert stamp({"name": "a", "size": 3, "mtime": 1.5}) == "3-1.5"
    assert stamp({"name": "a", "size": 3}) == "", "a size alone tells nothing"


def test_a_job_skips_what_has_not_changed(bundle: Make, bucket: Any, tmp_path: Path, encoded: Encode) -> None:
    bucket("in/a.png", encoded(seed=1))
    bucket("in/deep/b.png", encoded(seed=2))
    out = tmp_path / "out"
    assert counts(translate(bundle(), ["memory://bucket/in"], out)) == (2, 2, 0, 0)
    assert (out / "deep" / "b.png").is_file()
    assert counts(translate(bundle(), ["memory://bucket/in"], out)) == (2, 0, 2, 0)
    bucket("in/a.png", encoded(seed=3))
    assert counts(translate(bundle(), ["memory://bucket/in"], out)) == (2, 1, 1, 0)


def test_urls_into_an_archive(bundle: Make, bucket: Any, tmp_path: Path, encoded: Encode) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("deep/a.png", encoded())
    bucket("scans.zip", content.getvalue())
    bucket("b.png", encoded(seed=1))
    translate(bundle(), ["memory://bucket/scans.zip"], tmp_path / "one.zip")
    translate(bundle(), ["memory://bucket/scans.zip", "memory://bucket/b.png"], tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "one.zip") as one, zipfile.ZipFile(tmp_path / "two.zip") as two:
        assert (one.namelist(), two.namelist()) == (["deep/a.png"], ["scans/deep/a.png", "b.png"])


def test_a_pattern_of_all_levels_takes_each_file_once(bucket: Any, tmp_path: Path, encoded: Encode) -> None:
    bucket("a.png", encoded())
    bucket("s/t/x.png", encoded())
    assert names(discover(["memory://bucket/**"], tmp_path / "out")) == ["a.png", "x.png"]


# A web server


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, with parts of files where it is asked for some; has failures by name."""

    ranges = True
    requests: ClassVar[list[tuple[str, str]]] = []
    lying = 0
    slow = 0.0

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.requests.append(("HEAD", self.path))
        if self.lying:
            self._answer(1000)
            return
        if not self._refused():
            super().do_HEAD()

    def do_GET(self) -> None:
        self.requests.append(("GET", self.path))
        time.sleep(self.slow)
        if self.lying:
            self._answer(self.lying)
            for _ in range(self.lying >> 20):
                self.wfile.write(bytes(1 << 20))
            return
        if self._refused():
            return
        span = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not (self.ranges and span and path.is_file()):
            super().do_GET()
            return
        first, _, last = span.removeprefix("bytes=").partition("-")
        content = path.read_bytes()
        part = content[int(first) : int(last or len(content) - 1) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def _answer(self, size: int) -> None:
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(size))
        self.send_header("ETag", "x")
        self.end_headers()

    def _refused(self) -> bool:
        for name, code in (("forbidden", 403), ("broken", 500)):
            if name in self.path:
                self.send_error(code)
                return True
        return False


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *arguments: Any) -> None:
        """Who asks for the beginning alone closes the connection."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    pytest.importorskip("aiohttp")
    folder = tmp_path / "www"
    folder.mkdir()
    Handler.ranges, Handler.requests = True, []
    with Server(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as web:
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}", folder
        web.shutdown()
        thread.join()


def test_pictures_of_a_web_server(server: tuple[str, Path], bundle: Make, tmp_path: Path, encoded: Encode) -> None:
    url, folder = server
    (folder / "a b.png").write_bytes(encoded())
    (folder / "page.php").write_bytes(encoded(seed=1))
    out = tmp_path / "out"
    arguments = [f"{url}/a%20b.png", f"{url}/page.php?id=5"]
    assert counts(translate(bundle(), arguments, out)) == (2, 2, 0, 0)
    assert sorted(path.name for path in out.glob("[ap]*")) == ["a b.png", "page.php"]
    Handler.requests.clear()
    assert counts(translate(bundle(), arguments[:1], out)) == (1, 0, 1, 0)
    assert {method for method, _ in Handler.requests} == {"HEAD"}, "its Last-Modified tells that it is the same"


def test_a_folder_of_a_web_server(server: tuple[str, Path], tmp_path: Path, encoded: Encode) -> None:
    url, folder = server
    for name in ("in/a.png", "in/deep/b c.png", "in/deep/ü.png", "in/notes.txt", "other.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(encoded())
    for argument in (f"{url}/in/", f"{url}/in"):
        found = discover([argument], tmp_path / "out")
        assert names(found) == ["a.png", "deep/b c.png", "deep/ü.png"], argument
        assert found.ignored == 1
        assert all(picture.stamp for picture in found.pictures)
        assert found.pictures[1].read() == encoded()


@pytest.mark.parametrize("ranges", [True, False])
def test_archives_of_a_web_server(server: tuple[str, Path], tmp_path: Path, encoded: Encode, ranges: bool) -> None:
    url, folder = server
    Handler.ranges = ranges
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        # More than is asked for at once.
        archive.writestr("big.bin", os.urandom(6 << 20))
        archive.writestr("deep/a.png", encoded())
    with tarfile.open(folder / "a.tar.gz", "w:gz") as pack:
        entry = tarfile.TarInfo("deep/a.png")
        entry.size = len(encoded())
        pack.addfile(entry, io.BytesIO(encoded()))
    found = discover([f"{url}/a.tar.gz"], tmp_path / "out")
    found.archives[0].expect([0])
    assert [picture.read() for picture in found.pictures] == [encoded()], "a tar file needs no parts"
    found.close()
    found = discover([f"{url}/a.zip"], tmp_path / "out")
    (picture,) = found.pictures
    if ranges:
        assert (picture.name, picture.read()) == ("a/deep/a.png", encoded())
    else:
        assert "does not give parts of a file" in picture.problem
    found.close()


def test_a_header_is_read_without_the_rest(server: tuple[str, Path], tmp_path: Path, encoded: Encode) -> None:
    url, folder = server
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    for form in ("PNG", "JPEG", "WEBP", "TIFF", "BMP"):
        options = {"lossless": True} if form == "WEBP" else {}
        (folder / f"x.{form.lower()}").write_bytes(encoded(form, pixels, **options))
        (picture,) = discover([f"{url}/x.{form.lower()}"], tmp_path / "out").pictures
        outline, _ = header_of(picture, max_pixels=1 << 20)
        assert (outline.kind, outline.height, outline.width) == (form.lower(), 300, 400)
    (picture,) = discover([f"{url}/x.png"], tmp_path / "out").pictures
    assert picture.beginning is not None
    Handler.requests.clear()
    assert picture.beginning(100) == (folder / "x.png").read_bytes()[:100]
    with pytest.raises(BadPicture, match="more than the limit"):
        header_of(picture, max_pixels=100)


def test_errors_of_a_web_server(server: tuple[str, Path], tmp_path: Path, encoded: Encode) -> None:
    url, folder = server
    (folder / "in").mkdir()
    (folder / "in" / "forbidden.png").write_bytes(encoded())
    (folder / "vanishing.png").write_bytes(encoded())
    with pytest.raises(UsageError, match="does not exist"):
        discover([f"{url}/none.png"], tmp_path / "out")
    with pytest.raises(UsageError, match="does not exist"):
        discover([f"{url}/none/"], tmp_path / "out")
    arguments = [f"{url}/forbidden.png", f"{url}/broken.png", f"{url}/in/", f"{url}/vanishing.png"]
    forbidden, broken, inside, vanishing = discover(arguments, tmp_path / "out").pictures
    assert forbidden.problem == "It cannot be read: 403 Forbidden."
    assert broken.problem == "It cannot be read: 500 Internal Server Error."
    assert inside.problem == "It cannot be read: 403 Forbidden."
    (folder / "vanishing.png").unlink()
    with pytest.raises(BadPicture, match="there is no such file"):
        vanishing.read()


def test_a_server_that_sends_more_than_it_has_announced(server: tuple[str, Path], tmp_path: Path) -> None:
    url, _ = server
    Handler.lying = 48 << 20
    try:
        folder = tmp_path / "out"
        (picture,) = discover([f"{url}/lie.png"], folder).pictures
        for size in (1000, None):
            assert picture.spool is not None
            remote = dataclasses.replace(picture.spool.__self__, size=size)  # type: ignore[attr-defined]
            Handler.requests.clear()
            tracemalloc.start()
            try:
                content = remote.spool(folder)
                most = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert not isinstance(content, bytes), "it goes to a file"
            with content:
                assert os.fstat(content.fileno()).st_size == 48 << 20
            assert most < 80 << 20
            assert [method for method, _ in Handler.requests] == ["GET"], "one request"
            tracemalloc.start()
            try:
                assert remote.beginning(100) == bytes(100)
                assert tracemalloc.get_traced_memory()[1] < 10 << 20
            finally:
                tracemalloc.stop()
    finally:
        Handler.lying = 0


def test_queries_of_urls_stay_secret(
    server: tuple[str, Path], bundle: Make, tmp_path: Path, encoded: Encode, caplog: pytest.LogCaptureFixture
) -> None:
    url, folder = server
    (folder / "a.png").write_bytes(encoded())
    (folder / "bad.png").write_bytes(b"no picture")
    signed = [
        f"{url}/{name}.png?X-Amz-Signature=SECRET{number}&size=5"
        for name in ("a", "bad", "gone", "forbidden")
        for number in range(2)
    ]
    gone = [address for address in signed if "gone" in address]
    with pytest.raises(UsageError, match=r"gone\.png\?…, which does not exist") as caught:
        discover(gone, tmp_path / "out")
    summary = translate(bundle(), [address for address in signed if address not in gone], tmp_path / "out")
    # Two addresses that differ behind the question mark are two inputs, and one may not hide the other.
    assert counts(summary) == (6, 1, 0, 5)
    told = [str(caught.value), str(summary.reasons), caplog.text]
    told += [path.read_text() for path in sorted((tmp_path / "out").glob("*.jsonl"))]
    assert not [text for text in told if "SECRET" in text or "X-Amz" in text]
    labels = [label for label, _ in summary.reasons]
    assert len(set(labels)) == 5
    assert f"{url}/a.png?… (2)" in labels
    text = "403 from 'https://ann:pw@h/a.png?t=1#x', s3://b/a?.png"
    assert remote_files.without_secrets(text) == "403 from 'https://h/a.png?…', s3://b/a?.png"


def test_a_request_may_take_as_long_as_its_content_comes(
    server: tuple[str, Path], encoded: Encode, tmp_path: Path
) -> None:
    url, folder = server
    (folder / "a.png").write_bytes(encoded())
    (picture,) = discover([f"{url}/a.png"], tmp_path / "out").pictures
    system = picture.read.__self__.system  # type: ignore[attr-defined]
    limit = system.kwargs["timeout"]
    assert (limit.total, limit.sock_read) == (None, 60)
    # What is sent to other processes is plain data, and they set the same.
    again = fsspec.AbstractFileSystem.from_dict(system.to_dict())
    again.kwargs = {}
    assert remote_files.RemoteFile(again, f"{url}/a.png", "a.png").read() == encoded()
    assert again.kwargs["timeout"] == limit
    own = fsspec.filesystem("http", client_kwargs={"timeout": 7}, skip_instance_cache=True)
    remote_files.wait_longer(own)
    assert "timeout" not in own.kwargs, "somebody's own limit stays"
    system.kwargs = {"timeout": type(limit)(sock_read=0.2)}
    Handler.slow = 1.0
    try:
        with pytest.raises(BadPicture, match="did not answer in time"):
            picture.read()
    finally:
        Handler.slow = 0.0
        del system.kwargs["timeout"]


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    (picture,) = discover(["http://ann:secret@127.0.0.1:9/a.png"], tmp_path / "out").pictures
    assert picture.problem.startswith("It cannot be read: Cannot connect to host 127.0.0.1:9")
    assert picture.label == "http://127.0.0.1:9/a.png"
    assert picture.name == "a.png"


def test_names_behind_urls_do_not_lead_out(server: tuple[str, Path], tmp_path: Path, encoded: Encode) -> None:
    url, folder = server
    (folder / "in").mkdir()
    (folder / "a.png").write_bytes(encoded())
    page = f'<a href="..%2f..%2fevil.png">x</a><a href="{url}/in/%2e%2e/%2e%2e/evil.png">x</a><a href="/a.png">x</a>'
    (folder / "in" / "index.html").write_text(page + '<a href="../a.png">x</a><a href="?C=N;O=D">x</a>')
    found = discover([f"{url}/in/"], tmp_path / "out")
    assert all(".." not in picture.name and not picture.name.startswith("/") for picture in found.pictures)
    assert found.pictures, "they fail with a reason"
    assert all(picture.problem for picture in found.pictures)


def test_http_needs_a_package(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "from gantk.inference.inputs import discover\n"
        "from gantk.errors import UsageError\n"
        "try: discover(['https://host/a.png'])\n"
        "except UsageError as error: print(error.hint)\n"
        "print(*(name for name in ('tensorflow', 'keras', 'jax', 'apache_beam') if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["pip", "install", "aiohttp"]


# Large content


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (spooling, remote_files):
        monkeypatch.setattr(module, "IN_MEMORY", 1000)
    monkeypatch.setattr("gantk.inference.content.IN_MEMORY", 1000)


LARGE = bytes(range(256)) * 20


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "url"])
def test_a_large_content_goes_to_a_file_without_a_name(bucket: Any, tmp_path: Path, kind: str) -> None:
    contents = {"a.png": LARGE, "b.png": b"small", "c.png": LARGE[::-1]}
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    elif kind == "url":
        for name, content in contents.items():
            bucket(f"x/{name}", content)
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as pack:
            for name, content in contents.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                pack.addfile(entry, io.BytesIO(content))
    found = discover(["memory://bucket/x" if kind == "url" else path], tmp_path / "out")
    folder = tmp_path / "out"
    for archive in found.archives:
        archive.expect([picture.number for picture in found.pictures], folder)
    # In another order, so that a tar file must hold some.
    for picture in reversed(found.pictures):
        content, expected = content_of(picture, folder), contents[picture.name.removeprefix("x/")]
        assert (content.held is None) == (expected != b"small")
        assert content.size == len(expected)
        assert content.sha256 == hashlib.sha256(expected).hexdigest()
        with content.open() as first, content.open() as second:
            assert first.read(7) == expected[:7]
            second.seek(-3, os.SEEK_END)
            assert (second.read(), second.seek(2), second.read(2)) == (expected[-3:], 2, expected[2:4])
            assert first.read() == expected[7:], "each stream has a place of its own"
        assert content.read() == expected
    assert not folder.exists() or os.listdir(folder) == []
    found.close()


@pytest.mark.usefixtures("small_memory")
def test_without_a_folder_all_is_held(bucket: Any, tmp_path: Path) -> None:
    bucket("a.png", LARGE)
    (picture,) = discover(["memory://bucket/a.png"], tmp_path / "out").pictures
    assert content_of(picture).held == LARGE


@pytest.mark.usefixtures("small_memory")
def test_a_full_disk_is_no_fault_of_the_input(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket("a.png", LARGE)
    (picture,) = discover(["memory://bucket/a.png"], tmp_path / "out").pictures

    class Full(io.BytesIO):
        def write(self, block: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(spooling.tempfile, "TemporaryFile", lambda **options: Full())
    with pytest.raises(RunFailed, match="No space is left"):
        content_of(picture, tmp_path / "out")


def test_nothing_is_read_beyond_the_limit(
    bucket: Any, tmp_path: Path, encoded: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TooLarge):
        spooled(io.BytesIO(LARGE), None, limit=len(LARGE) - 1)
    assert spooled(io.BytesIO(LARGE), None, limit=len(LARGE)) == LARGE
    monkeypatch.setattr(spooling, "FILE_LIMIT", 1000)
    for module in ("archives", "remote_files", "remote_inputs", "inputs", "content"):
        monkeypatch.setattr(f"gantk.inference.{module}.FILE_LIMIT", 1000)
    path = tmp_path / "a.png"
    path.write_bytes(LARGE)
    (picture,) = discover([path], tmp_path / "out").pictures
    assert not picture.problem, "it may be read in rows"
    with pytest.raises(BadPicture, match="It is larger than"):
        picture.read()
    monkeypatch.setattr("gantk.inference.content.IN_MEMORY", 1000)
    with pytest.raises(BadPicture, match="cannot be read in rows"):
        content_of(picture).read()
    bucket("a.png", LARGE)
    (picture,) = discover(["memory://bucket/a.png"], tmp_path / "out").pictures
    assert "It is larger than" in picture.problem
    with tarfile.open(tmp_path / "a.tar", "w") as pack:
        pack.add(path, "a.png")
    found = discover([tmp_path / "a.tar"], tmp_path / "out")
    with pytest.raises(BadPicture, match="It is larger than"):
        found.pictures[0].read()
    found.close()
