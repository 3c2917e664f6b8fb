"""What a stage's hash depends on beside its options."""

from pathlib import Path
from types import SimpleNamespace

import pytest

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
