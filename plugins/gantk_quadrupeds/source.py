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

_SPECIES = {"A": "horse", "B": "zebra"}


class QuadrupedsSource:
    """Horses (A) and zebras (B), unpaired, and for evaluation aligned truth (AB) in the split `test`; or single, with labels.

    An item of domain `AB` has the fields `A` and `B`, the same scene with either species, and `mask`:
    uint8 (size, size, 1), 255 inside the animals, 0 where `A` and `B` are identical.

    Args:
        options: What to render.
    """

    def __init__(self, options: QuadrupedsOptions) -> None:
        self._options = options

    def domain_names(self) -> dict[str, str]:
        """Return what the domains show, for people."""
        return dict(_SPECIES) if self._options.pairing == "unpaired" else {}

    def items(self) -> Iterator[Item]:
        """Yield every item; nothing is rendered."""
        options = self._options
        stamp = f"renderer={RENDERER_VERSION} seed={options.seed} size={options.size} variation={options.variation!r}"
        pixel_bytes = options.size * options.size * 3
        single = options.pairing == "single"
        for role, (split, domain) in enumerate(_ROLES):
            if single and domain == "AB":
                continue
            label = _SPECIES[domain] if single else ""
            for number in range(options.train if split == "train" else options.test):
                yield Item(
                    key=f"{split}/{label or domain}/{number:06d}",
                    domain="image" if single else domain,
                    split=split,
                    size=2 * pixel_bytes if domain == "AB" else pixel_bytes,
                    stamp=stamp,
                    locator=str(number * len(_ROLES) + role),
                    label=label,
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
        split, domain = _ROLES[int(item.locator) % len(_ROLES)] if item.locator.isdecimal() else ("", "")
        single = self._options.pairing == "single"
        expected = (split, "image" if single and domain in _SPECIES else "" if single else domain)
        if (item.split, item.domain) != expected:
            raise RunFailed(
                f"quadrupeds: item {item.key!r} must be one that `items` of this source yields. "
                f"Received: split={item.split!r}, domain={item.domain!r}, locator={item.locator!r}"
            )
        index = int(item.locator)
        if domain == "AB":
            horse, zebra, mask = render_pair(seed, index, size, variation=variation)
            return {"A": horse, "B": zebra, "mask": mask}
        image, _ = render_scene(seed, index, size, _SPECIES[domain], variation=variation)
        return {"image": image}
