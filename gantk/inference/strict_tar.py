"""Tar headers read so that no damage ends an archive in silence."""

from __future__ import annotations

import tarfile
from typing import Self


class StrictTarInfo(tarfile.TarInfo):
    """An entry of a tar file, behind which the next one or the end mark must come.

    `tarfile` takes a damaged header, one cut short or a missing one for the end of the archive unless it is the first:
    what lies behind would be neither read nor missed.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        """Read the next header.

        Raises:
            tarfile.ReadError: It is damaged, cut short or missing.
        """
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"at byte {tarfile_.offset} neither an entry nor the end mark ({error})") from error
