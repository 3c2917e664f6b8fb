"""Pictures in zip and tar archives, which are never unpacked to disk."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator, Sequence

from gantk import Item, RunFailed
from gantk_sources.archive_members import ArchiveTree, Member
from gantk_sources.compressed_stream import DAMAGE, MAGIC
from gantk_sources.layout import PICTURE_SUFFIXES, names_in, picture_items
from gantk_sources.options import ArchiveOptions
from gantk_sources.picture_source import PictureSource
from gantk_sources.tar_headers import TarDamage
from gantk_sources.tar_members import list_tar, read_tar
from gantk_sources.zip_members import list_zip, read_zip

_ZSTANDARD = b"\x28\xb5\x2f\xfd"


class ArchiveSource(PictureSource):
    """Pictures in an archive; see `ArchiveOptions`, and `PictureOptions` for the layouts.

    Archives inside the archive are not looked into.
    """

    def __init__(self, options: ArchiveOptions) -> None:
        super().__init__(options)
        self.options = options

    def items(self) -> Iterator[Item]:
        """Yield every picture or pair.

        Raises:
            RunFailed: The archive is missing, damaged or of another kind, or holds no such data.
        """
        kind = self._kind()
        most_bytes = int(self.options.max_member_mib * 2**20)
        path = self.options.path
        members: Iterator[Member] = (
            list_zip(path, most_bytes) if kind == "zip" else list_tar(path, kind.removeprefix("tar"), most_bytes)
        )
        try:
            tree = ArchiveTree(path, members, PICTURE_SUFFIXES.union(self.options.suffixes))
        except (zipfile.BadZipFile, TarDamage, NotImplementedError, *DAMAGE) as error:
            raise RunFailed(
                f"The archive {path!r} cannot be listed. Received: {str(error) or type(error).__name__}",
                hint="It may be damaged or only half downloaded; fetch it again.",
            ) from error
        yield from picture_items(tree, self.options)

    def fetch(self, locators: Sequence[str]) -> Iterator[bytes | Exception]:
        """Yield the content of members."""
        kind = self._kind()
        if kind == "zip":
            return read_zip(self.options.path, locators)
        return read_tar(self.options.path, kind.removeprefix("tar"), locators)

    def domain_names(self) -> dict[str, str]:
        """Return a name to show for A and B: given, or out of a file name such as `horse2zebra.zip`.

        Single pictures have the names given alone, for the pairs that a preparation derives from them.
        """
        given = {str(domain): name for domain, name in self.options.domain_names.items()}
        if self.options.pairing == "single":
            return given
        stem = os.path.basename(self.options.path).partition(".")[0]
        return {"A": "A", "B": "B"} | names_in(stem) | given

    def _kind(self) -> str:
        """Return `zip`, `tar`, `targzip`, `tarbzip2` or `tarxz`, by the first bytes."""
        path = self.options.path
        try:
            with open(path, "rb") as file:
                start = file.read(_TAR_MAGIC_AT + 5)
        except OSError as error:
            raise RunFailed(
                f"The archive {path!r} cannot be opened. Received: {error.strerror}",
                hint="Check the path; for a folder use the source `folder`.",
            ) from error
        for magic, name in MAGIC.items():
            if start.startswith(magic):
                return "tar" + name
        if start[_TAR_MAGIC_AT:] == b"ustar" or _OLD_TAR_CHECKSUM.match(start[148:156]):
            return "tar"
        if zipfile.is_zipfile(path):
            return "zip"
        found = "Zstandard" if start.startswith(_ZSTANDARD) else f"a file that starts with {start[:8]!r}"
        raise RunFailed(
            f"A zip, tar, tar.gz, tar.bz2 or tar.xz file was expected at {path!r}. Received: {found}",
            hint="Pack the data in one of these formats.",
        )


_TAR_MAGIC_AT = 257
_OLD_TAR_CHECKSUM = re.compile(rb"[ 0-7]{6}\0 \Z")
