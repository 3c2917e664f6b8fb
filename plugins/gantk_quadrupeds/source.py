"""The source `quadrupeds`: rendered horse and zebra scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gantk import Item, RunFailed
from gantk_quadrupeds.options import QuadrupedsOptions
from gantk_quadrupeds.scene import RENDERER_VERSION, render_pair, render_scene

_ROLES = (("train", "A"), ("train", "B"), ("test", "A"), ("test", "B"), ("test", "AB"))
"""Scene numbers are dealt to these in turn: no scene has two roles, and more scenes of one role leave the rest as
they are."""


class QuadrupedsSource:
    """Horses (A) and zebras (B), unpaired, and for evaluation aligned truth (AB) in the split `test`.

    An item of domain `AB` has the fields `A` and `B`, the same scene with either species, and `mask`:
    uint8 (size, size, 1), 255 inside the animals, 0 where `A` and `B` are identical.

    Args:
        options: What to render.
    """

    def __init__(self, options: QuadrupedsOptions) -> None:
        self._options = options

    def domain_names(self) -> dict[str, str]:
        """Return what the domains show, for people."""
        return {"A": "horse", "B": "zebra"}

    def items(self) -> Iterator[Item]:
        """Yield every item; nothing is rendered."""
        options = self._options
        stamp = f"renderer={RENDERER_VERSION} seed={options.seed} size={options.size} variation={options.variation!r}"
        pixel_bytes = options.size * options.size * 3
        for role, (split, domain) in enumerate(_ROLES):
            for number in range(options.train if split == "train" else options.test):
                yield Item(
                    key=f"{split}/{domain}/{number:06d}",
                    domain=domain,
                    split=split,
                    size=2 * pixel_bytes if domain == "AB" else pixel_bytes,
                    stamp=stamp,
                    locator=str(number * len(_ROLES) + role),
                )

    def read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Mapping[str, Any] | Exception]]:
        """Render items, in the order given; an item that is not of this source yields its error."""
        for item in items:
            try:
                yield item, self._render(item)
            except RunFailed as error:
                yield item, error

    def _render(self, item: Item) -> Mapping[str, Any]:
        seed, size, variation = self._options.seed, self._options.size, self._options.variation
        role = (item.split, item.domain)
        if role not in _ROLES or not item.locator.isdecimal() or int(item.locator) % len(_ROLES) != _ROLES.index(role):
            raise RunFailed(
                f"quadrupeds: item {item.key!r} must be one that `items` of this source yields. "
                f"Received: split={item.split!r}, domain={item.domain!r}, locator={item.locator!r}"
            )
        index = int(item.locator)
        if item.domain == "AB":
            horse, zebra, mask = render_pair(seed, index, size, variation=variation)
            return {"A": horse, "B": zebra, "mask": mask}
        image, _ = render_scene(seed, index, size, "horse" if item.domain == "A" else "zebra", variation=variation)
        return {"image": image}
