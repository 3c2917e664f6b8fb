"""What a stage's hash depends on beside its options."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from gantk.config import Pipeline
from gantk.pipeline import fingerprint


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the versions of a component of one plugin, found in the way given."""
    monkeypatch.syspath_prepend(str(tmp_path))
    component = SimpleNamespace(spec=SimpleNamespace(kind="loss"), name="focal")
    monkeypatch.setattr(fingerprint, "components_within", lambda value: iter([value]))

    def versions_of(origin: str, location: str, distribution: str = "", version: str = "") -> dict[str, str]:
        info = SimpleNamespace(
            name="acme", origin=origin, location=location, distribution=distribution, version=version
        )
        monkeypatch.setattr(fingerprint, "default_registry", lambda: SimpleNamespace(provider=lambda kind, name: info))
        return fingerprint.plugin_versions(component)

    return versions_of


def test_an_installed_plugin_stands_by_its_version(versions) -> None:
    assert versions("entry point", "acme", "acme-gan", "1.2")["acme-gan"] == "1.2"


@pytest.mark.parametrize(
    ("origin", "edited"), [("file", "acme_one.py"), ("module", "acme_one.py"), ("module", "acme_two/deep/loss.py")]
)
def test_an_edited_plugin_without_a_version_changes_the_hash(
    versions, tmp_path: Path, origin: str, edited: str
) -> None:
    path = tmp_path / edited
    path.parent.mkdir(parents=True, exist_ok=True)
    if "/" in edited:
        (tmp_path / edited.partition("/")[0] / "__init__.py").touch()
    path.write_text("weight = 1")
    location = str(path) if origin == "file" else edited.partition("/")[0].removesuffix(".py")
    before = versions(origin, location)
    assert versions(origin, location) == before
    path.write_text("weight = 2")
    assert versions(origin, location) != before


def test_named_files_are_told_by_path_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b/deep/one.png", "b/.hidden", "a.png", "c.jpg", "d.jpg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
        os.utime(name, ns=(5, 7))
    expected = [["b/deep/one.png", 14, 7], ["a.png", 5, 7], ["c.jpg", 5, 7], ["d.jpg", 5, 7]]
    assert fingerprint.files_named(["b", "a.png", "*.jpg", "missing", "no*"]) == expected
    assert fingerprint.files_named("a.png") == [["a.png", 5, 7]]
    assert fingerprint.files_named(None) == fingerprint.files_named([]) == []


def test_a_folder_that_holds_itself_is_walked_once(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_text("1")
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    found = fingerprint.files_named(str(tmp_path))
    assert [(Path(row[0]).name, row[1]) for row in found] == [("nowhere", -errno.ENOENT), ("one.png", 1)]


def test_changed_files_change_the_hash_but_not_the_right_to_continue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    stages = {"prepare": {"source": {"type": "quadrupeds"}}, "train": {"model": "cyclegan"}}

    def hashes(**options: object) -> tuple[str, str]:
        pipeline = Pipeline.model_validate({"name": "x", "stages": {**stages, "translate": options}})
        return tuple(fingerprint.stage_fingerprint(pipeline, "translate", {}, continued=c) for c in (False, True))

    before = hashes(inputs=["mine"])
    assert hashes(inputs=["mine"]) == before
    Path("mine/new.png").write_text("new")
    after = hashes(inputs=["mine"])
    assert after[0] != before[0]
    assert after[1] == before[1]
    os.utime("mine/new.png", ns=(1, 1))
    assert hashes(inputs=["mine"])[0] not in (before[0], after[0])
