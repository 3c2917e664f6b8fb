"""What the folder and the archive source share: reading items whose files a tree has listed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gantk import Item
from gantk_sources.layout import parse_locator
from gantk_sources.options import PictureOptions
from gantk_sources.side_by_side import split_in_the_middle


class PictureSource(ABC):
    """A source whose samples are one or two picture files each."""

    def __init__(self, options: PictureOptions) -> None:
        self._picture_options = options

    @abstractmethod
    def items(self) -> Iterator[Item]:
        """Yield every item, in the same order at every call on unchanged input."""

    @abstractmethod
    def fetch(self, locators: Sequence[str]) -> Iterator[bytes | Exception]:
        """Yield the content of files in the order given, or why one cannot be read."""

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        """Read items in the order given; see `gantk.Source.read`."""
        wanted = [parse_locator(item.locator) for item in items]
        contents = self.fetch([file for files in wanted if not isinstance(files, str) for file in files])
        for item, files in zip(items, wanted, strict=True):
            if isinstance(files, str):
                yield item, ValueError(files)
                continue
            data = [next(contents) for _ in files]
            error = next((each for each in data if isinstance(each, Exception)), None)
            yield item, error if error is not None else self._fields(item, data)

    def _fields(self, item: Item, data: list[Any]) -> Mapping[str, Any] | Exception:
        if item.domain != "AB":
            return {"image": data[0]}
        if len(data) == 2:
            return {"A": data[0], "B": data[1]}
        try:
            left, right = split_in_the_middle(data[0])
        # Decoders raise whatever the damage leads them to; one picture must not end the unit.
        except Exception as error:
            return error
        return {"A": left, "B": right} if self._picture_options.left == "A" else {"A": right, "B": left}
