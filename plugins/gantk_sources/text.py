"""Lines of text files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from gantk import Item, RunFailed
from gantk_sources.layout import SPLITS, is_ignored
from gantk_sources.options import TextOptions

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TextSource:
    """Lines of text files, one sample a line; see `TextOptions`.

    Files are read line by line, so their size does not matter. A sample's stamp is a hash of its line:
    text may be appended to a file without the lines before it being prepared again.
    """

    def __init__(self, options: TextOptions) -> None:
        self.options = options
        self._most_bytes = int(options.max_line_mib * 2**20)

    def items(self) -> Iterator[Item]:
        """Yield every line of acceptable length, file by file in the order given; keys are `file:line`.

        Raises:
            RunFailed: A file is missing or cannot be read, or there is no line at all.
        """
        found = 0
        files = self._files()
        for name, path in files.items():
            split = SPLITS.get(os.path.basename(path).partition(".")[0].lower())
            try:
                with open(path, "rb") as file:
                    for item in self._lines(file, name, path, split):
                        found += 1
                        yield item
            except OSError as error:
                raise RunFailed(
                    f"The text file {path!r} cannot be read. Received: {error.strerror}", hint="Check the path."
                ) from error
        if not found:
            raise RunFailed(
                f"No line of {self.options.min_length} to {self.options.max_length or 'any number of'} characters was "
                f"found. Received: {len(files)} file{'' if len(files) == 1 else 's'} ({', '.join(list(files)[:12])})",
                hint="Check `path`, `min_length` and `max_length` of the source.",
            )

    def _lines(self, file: BinaryIO, name: str, path: str, split: str | None) -> Iterator[Item]:
        offset, number = 0, 0
        while line := file.readline(self._most_bytes + 1):
            number += 1
            start, too_long = offset, False
            offset += len(line)
            # The rest of an endless line is passed over piece by piece.
            while not line.endswith(b"\n") and (rest := file.readline(self._most_bytes + 1)):
                offset += len(rest)
                too_long = True
                if rest.endswith(b"\n"):
                    break
            too_long = too_long or len(line.rstrip(b"\r\n")) > self._most_bytes
            text = None if too_long else self._text(line, first=start == 0)
            if isinstance(text, str) and not self._is_sample(text):
                continue
            digest = hashlib.blake2b(line, digest_size=8).hexdigest()
            length = -1 if too_long else len(line)
            yield Item(
                key=f"{name}:{number:09d}",
                domain="text",
                split=split,
                group=digest,
                size=len(line),
                stamp=digest,
                locator=f"{start}:{length}:{path}",
            )

    def _is_sample(self, text: str) -> bool:
        longest = self.options.max_length
        return len(text) >= self.options.min_length and (longest is None or len(text) <= longest)

    def _text(self, line: bytes, first: bool) -> str | UnicodeDecodeError:
        if first and self.options.encoding == "utf-8":
            line = line.removeprefix(_BYTE_ORDER_MARK)
        try:
            text = line.decode(self.options.encoding)
        except UnicodeDecodeError as error:
            return error
        return text.strip() if self.options.strip else text.rstrip("\r\n")

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        """Read lines in the order given; see `gantk.Source.read`."""
        opened: tuple[str, BinaryIO] | None = None
        try:
            for item in items:
                start, length, path = item.locator.split(":", 2)
                if length == "-1":
                    yield item, ValueError(f"the line is longer than max_line_mib allows ({self._most_bytes} bytes)")
                    continue
                if opened is None or opened[0] != path:
                    if opened is not None:
                        opened[1].close()
                    opened = path, open(path, "rb")  # noqa: SIM115
                opened[1].seek(int(start))
                line = opened[1].read(int(length))
                if hashlib.blake2b(line, digest_size=8).hexdigest() != item.stamp:
                    yield item, ValueError("the file has changed since it was listed")
                    continue
                text = self._text(line, first=start == "0")
                yield item, {"text": text} if isinstance(text, str) else text
        finally:
            if opened is not None:
                opened[1].close()

    def _files(self) -> dict[str, str]:
        """Return the files by the name that keys use: as short as it can be and still tell them apart."""
        paths: list[str] = []
        for path in self.options.path:
            if os.path.isdir(path):
                inside = sorted(
                    os.path.join(path, name)
                    for name in os.listdir(path)
                    if name.lower().endswith(".txt") and not is_ignored(name)
                )
                if not inside:
                    raise RunFailed(
                        f"The folder {path!r} was expected to hold .txt files. Received: {len(os.listdir(path))} of another kind",
                        hint="Check the path, or name the files.",
                    )
                paths += inside
            elif os.path.isfile(path):
                paths.append(path)
            else:
                raise RunFailed(
                    f"A text file or a folder of .txt files was expected at {path!r}. Received: nothing there",
                    hint="Check `path` of the source.",
                )
        names: dict[str, str] = {}
        for path in dict.fromkeys(paths):
            parts = os.path.normpath(path).split(os.sep)
            kept = 1
            while "/".join(parts[-kept:]) in names and kept < len(parts):
                kept += 1
            names["/".join(parts[-kept:])] = path
        return names
