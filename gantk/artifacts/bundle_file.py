"""The container of a bundle: a zip of stored members, read without trusting it. Imports no framework."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gantk.artifacts.metadata import DIRECTION_PATTERN, FORMAT, FORMAT_VERSION, BundleMetadata
from gantk.atomic_files import atomic_file
from gantk.errors import RunFailed, UsageError

BUNDLE_NAME = "model.gantk"
METADATA_MEMBER = "bundle.json"
METADATA_LIMIT = 4 << 20
"""Most bytes of `bundle.json`."""
_MEMBER_LIMIT = 1000
_WEIGHTS_MEMBER = re.compile(rf"{DIRECTION_PATTERN}\.safetensors\Z")
# The zip format cannot hold an earlier time; a fixed one makes equal models equal files.
_MEMBER_TIME = (1980, 1, 1, 0, 0, 0)
_DAMAGED_HINT = "Copy it again from where it was made, or train again."


def find_bundle(path: Path) -> Path:
    """Return the bundle that a user's path means: the file itself, or the one in a run directory.

    Raises:
        UsageError: There is nothing at the path, or the folder holds no bundle, or several.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise UsageError(
            f"A model bundle ({BUNDLE_NAME}) or a run directory is needed. Received: {path}, which does not exist",
            hint="`gantk pipeline run` leaves one in RUN/train/; `gantk models import` makes one of weights from elsewhere.",
        )
    for candidate in (path / "train" / BUNDLE_NAME, path / BUNDLE_NAME):
        if candidate.is_file():
            return candidate
    candidates = sorted(path.glob(f"*/{BUNDLE_NAME}"))
    if len(candidates) != 1:
        found = ", ".join(str(candidate) for candidate in candidates) or "none"
        raise UsageError(
            f"{path}: exactly one {BUNDLE_NAME} is needed in a run directory. Received: {found}",
            hint="Name the bundle file itself." if candidates else "Has the run's training finished?",
        )
    return candidates[0]


def write_members(path: Path, metadata: BundleMetadata, weights: Mapping[str, bytes]) -> None:
    """Write a bundle in one step; an older file stays whole until the new one replaces it.

    Args:
        path: The bundle; its folder exists.
        metadata: The content of `bundle.json`.
        weights: The weight members by their file names.

    Raises:
        RunFailed: The disk is full.
    """
    text = json.dumps(metadata.to_plain(), indent=1, ensure_ascii=False, allow_nan=False)
    with (
        atomic_file(path) as stream,
        # The mypy stub wants a mode in which the stream can be read too; writing needs only `seek` and `tell`.
        zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive,
    ):
        for name, content in {METADATA_MEMBER: text.encode("utf-8"), **weights}.items():
            member = zipfile.ZipInfo(name, date_time=_MEMBER_TIME)
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)


def read_metadata(path: Path) -> BundleMetadata:
    """Read and check `bundle.json`.

    Raises:
        UsageError: The file does not exist, is something else, or was written by a newer gantk.
        RunFailed: It is a bundle, but damaged.
    """
    with _opened(path) as archive:
        _check_members(path, archive)
        if METADATA_MEMBER not in archive.namelist():
            raise UsageError(
                f"{path}: a model bundle holds {METADATA_MEMBER!r}. Received: another kind of zip file",
                hint=_not_a_bundle_hint(archive.namelist()),
            )
        content = _read(path, archive, METADATA_MEMBER, METADATA_LIMIT)
        members = set(archive.namelist())
    metadata = _parsed(path, content)
    missing = sorted({network.file for network in metadata.networks.values()} - members)
    if missing:
        raise _damaged(path, f"every network's weights are in the file. Received: no member {missing[0]!r}")
    return metadata


def read_weights_member(path: Path, name: str, sha256: str) -> bytes:
    """Read one weight member and check it against its digest.

    Raises:
        UsageError: The bundle does not exist any more.
        RunFailed: The member is missing, damaged, or not the one that `bundle.json` describes.
    """
    with _opened(path) as archive:
        _check_members(path, archive)
        if name not in archive.namelist():
            raise _damaged(path, f"the member {name!r} holds the weights. Received: no such member")
        content = _read(path, archive, name, path.stat().st_size)
    received = hashlib.sha256(content).hexdigest()
    if received != sha256:
        raise _damaged(path, f"the SHA-256 of {name!r} is {sha256}. Received: {received}")
    return content


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        with path.open("rb") as stream:
            beginning = stream.read(8)
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise UsageError(f"A model bundle is needed. Received: {path}, which does not exist") from None
    except IsADirectoryError:
        raise UsageError(f"A model bundle file is needed. Received: {path}, a folder") from None
    except OSError as error:
        raise RunFailed(f"{path} cannot be read. Received: {error.strerror or error}") from error
    except zipfile.BadZipFile as error:
        if not beginning:
            raise _damaged(path, "a model bundle has content. Received: 0 bytes") from error
        if beginning.startswith(b"PK\x03\x04"):
            raise _damaged(path, "a model bundle ends with a directory of its members. Received: a cut file") from error
        kind = "an HDF5 file" if beginning == b"\x89HDF\r\n\x1a\n" else "another kind of file"
        raise UsageError(
            f"{path}: a model bundle ({BUNDLE_NAME}) is needed. Received: {kind}",
            hint=_not_a_bundle_hint([]),
        ) from error


def _not_a_bundle_hint(names: list[str]) -> str:
    if {"config.json", "model.weights.h5"} <= set(names):
        return "This is a Keras model file. A bundle is what the stage `train` leaves in RUN/train/."
    return "A bundle is what the stage `train` leaves in RUN/train/."


def _check_members(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    names = [member.filename for member in members]
    if METADATA_MEMBER not in names:
        return
    if len(members) > _MEMBER_LIMIT or len(set(names)) != len(names):
        raise _damaged(path, "its members have different names. Received: doubles, or too many")
    size = path.stat().st_size
    for member in members:
        if member.filename != METADATA_MEMBER and not _WEIGHTS_MEMBER.match(member.filename):
            raise _damaged(path, f"members are {METADATA_MEMBER} and *.safetensors. Received: {member.filename!r}")
        stored = member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
        if not stored or member.file_size > size or member.flag_bits & 0x1:
            raise _damaged(path, f"members are stored as they are. Received: {member.filename!r}, packed or encrypted")


def _read(path: Path, archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if archive.getinfo(name).file_size > limit:
        raise _damaged(path, f"{name} has at most {limit} bytes. Received: {archive.getinfo(name).file_size}")
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise _damaged(path, f"the member {name!r} can be read. Received: {error}") from error


def _parsed(path: Path, content: bytes) -> BundleMetadata:
    try:
        plain: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"{METADATA_MEMBER} is JSON. Received: {error}") from error
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        received = plain.get("format") if isinstance(plain, dict) else type(plain).__name__
        raise UsageError(f"{path}: `format` must be {FORMAT!r} in {METADATA_MEMBER}. Received: {received!r}")
    version = plain.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UsageError(
            f"{path}: this gantk reads bundles up to format version {FORMAT_VERSION}. Received: version {version}, "
            f"written by gantk {plain.get('gantk') or 'unknown'}",
            hint="Install a newer gantk.",
        )
    try:
        metadata = BundleMetadata.model_validate(plain)
    except (ValidationError, RecursionError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "nested too deeply"}
        where = ".".join(str(part) for part in first["loc"])
        raise _damaged(path, f"{METADATA_MEMBER} is complete. Received: {where}: {first['msg']}") from error
    for direction, network in metadata.networks.items():
        if not re.fullmatch(DIRECTION_PATTERN, direction) or not _WEIGHTS_MEMBER.match(network.file):
            raise _damaged(path, f"directions are names. Received: {direction!r} in {network.file!r}")
    return metadata


def _damaged(path: Path, expectation: str) -> RunFailed:
    return RunFailed(f"{path} is a damaged model bundle: {expectation}", hint=_DAMAGED_HINT)
