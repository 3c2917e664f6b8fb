"""Running tiles of many pictures in batches of one shape, and giving each result back to where its tile came from."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from gantk.errors import GantkError, RunFailed
from gantk.inference.network_failures import NetworkFailures
from gantk.inference.picture import BadPicture
from gantk.inference.tiling.tile_plan import Tile, TileRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gantk.artifacts.compiled_network import NetworkFunction

logger = logging.getLogger("gantk.inference")

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True, eq=False)
class TileWork(Generic[Owner]):
    """A tile to be run.

    Args:
        owner: The picture it belongs to; it comes back with the result.
        tile: Where it lies.
        pixels: Its pixels: float32 in [-1, 1], height × width × channels.
        plane: The channel of the picture that it is, where the network takes one at a time.
    """

    owner: Owner
    tile: Tile
    pixels: NDArray[np.float32]
    plane: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TileResult(Generic[Owner]):
    """What became of a tile, or of a part of it.

    Args:
        owner: The picture it belongs to.
        tile: Where it lies.
        outcome: What is kept of the result, float32, scale · core height × scale · core width × channels; or why there
            is none.
        plane: As in `TileWork`.
    """

    owner: Owner
    tile: Tile
    outcome: NDArray[np.float32] | BadPicture
    plane: int | None = None


class TileBatches(Generic[Owner]):
    """Fills batches with tiles of equal shape, whichever pictures they belong to, and runs them.

    Where the memory is not enough, tiles are cut in half, and when they cannot be smaller, batches are; both stay so.
    A tile whose result is not finite is run once more by `exact`. A tile that fails concerns no other.

    Not for use by several threads at once.

    Args:
        network: float32 batch × height × width × channels → the same, scale times as high and wide.
        rule: How pictures are cut; `rule` of this object is what is in force.
        batch_size: Tiles in a full batch.
        scale: Of the network.
        channels: Of a result.
        exact: Gives the same network in float32, where `network` computes in half precision; asked for when needed.
    """

    def __init__(
        self,
        network: NetworkFunction,
        rule: TileRule,
        *,
        batch_size: int,
        scale: int,
        channels: int,
        exact: Callable[[], NetworkFunction] | None = None,
    ) -> None:
        self.rule = rule
        self.batch_size = batch_size
        self._network = network
        self._exact = exact
        self._scale = scale
        self._channels = channels
        self._waiting: dict[tuple[int, int], list[TileWork[Owner]]] = defaultdict(list)
        self._failures = NetworkFailures()

    def add(self, work: TileWork[Owner]) -> Iterator[TileResult[Owner]]:
        """Take a tile; yield the results of the batch that it fills, if it does.

        Raises:
            RunFailed: The network can do no tile at all, or does not enlarge as it says.
        """
        # The rule may have become smaller since the picture was cut.
        for part in _parts(work, self.rule):
            group = self._waiting[part.tile.shape]
            group.append(part)
            if len(group) >= self.batch_size:
                yield from self._run_group(part.tile.shape)

    def flush(self) -> Iterator[TileResult[Owner]]:
        """Run what waits for a full batch. Raises as `add`."""
        while self._waiting:
            yield from self._run_group(next(iter(self._waiting)))

    def drop(self, owner: Owner) -> None:
        """Forget the waiting tiles of a picture that has failed."""
        for shape, group in list(self._waiting.items()):
            group[:] = [work for work in group if work.owner is not owner]
            if not group:
                del self._waiting[shape]

    def _run_group(self, shape: tuple[int, int]) -> Iterator[TileResult[Owner]]:
        works = self._waiting.pop(shape)
        for start in range(0, len(works), self.batch_size):
            yield from self._run(works[start : start + self.batch_size], self._network)

    def _run(self, works: Sequence[TileWork[Owner]], network: NetworkFunction) -> Iterator[TileResult[Owner]]:
        """Yield the results of tiles of one shape, at least one for each."""
        from gantk.artifacts.compiled_network import OutOfMemory

        try:
            outputs = self._outputs(works, network)
        except OutOfMemory:
            yield from self._run_smaller(works, network)
            return
        except Exception as error:
            if isinstance(error, GantkError):
                raise
            if len(works) > 1:
                for work in works:
                    yield from self._run([work], network)
            else:
                height, width = works[0].tile.shape
                refusal = self._failures.refusal(works[0].owner, f"{height} × {width} pixels", error)
                yield _result(works[0], refusal)
            return
        self._failures.succeeded()
        again = []
        for work, output in zip(works, outputs, strict=True):
            kept = self._core(work.tile, output)
            if np.isfinite(kept).all():
                yield _result(work, kept)
            elif network is self._network and self._exact is not None:
                again.append(work)
            else:
                yield _result(work, BadPicture("The network gave values that are not finite."))
        if again:
            assert self._exact is not None
            logger.info("values that are not finite in half precision: tiles run again in float32: %d", len(again))
            yield from self._run(again, self._exact())

    def _outputs(self, works: Sequence[TileWork[Owner]], network: NetworkFunction) -> NDArray[np.float32]:
        count = self.batch_size if self.rule.constant else len(works)
        batch = np.empty((max(count, len(works)), *works[0].pixels.shape), np.float32)
        for index in range(len(batch)):
            # A batch that is not full repeats its last tile, whose further results belong to nobody.
            batch[index] = works[min(index, len(works) - 1)].pixels
        outputs = network(batch)
        height, width = (self._scale * side for side in works[0].tile.shape)
        expected = (len(batch), height, width, self._channels)
        if outputs.shape != expected:
            raise RunFailed(
                f"The network must give {self._scale} times the height and width: expected {expected}. "
                f"Received: {outputs.shape}",
                hint="Is the scale right that the model says it has?",
            )
        return outputs[: len(works)]

    def _core(self, tile: Tile, output: NDArray[np.float32]) -> NDArray[np.float32]:
        (top, bottom), (left, right) = (
            (self._scale * (span.start - span.low), self._scale * (span.stop - span.low))
            for span in (tile.rows, tile.columns)
        )
        return output[top:bottom, left:right]

    def _run_smaller(self, works: Sequence[TileWork[Owner]], network: NetworkFunction) -> Iterator[TileResult[Owner]]:
        shape = works[0].tile.shape
        rule = self.rule.halved(shape)
        if rule is not None:
            logger.warning("not enough memory for tiles of %d × %d: going on with %d", *shape, rule.side)
            self.rule = rule
            parts = [part for work in works for part in _parts(work, rule)]
            waiting = [part for group in self._waiting.values() for work in group for part in _parts(work, rule)]
            self._waiting.clear()
            for part in waiting:
                self._waiting[part.tile.shape].append(part)
            by_shape: dict[tuple[int, int], list[TileWork[Owner]]] = defaultdict(list)
            for part in parts:
                by_shape[part.tile.shape].append(part)
            for group in by_shape.values():
                yield from self._run_some(group, network)
        elif self.batch_size > 1 and (len(works) > 1 or self.rule.constant):
            most = self.batch_size if self.rule.constant else min(len(works), self.batch_size)
            self.batch_size = max(1, most // 2)
            logger.warning("not enough memory for batches of %d tiles: going on with %d", most, self.batch_size)
            yield from self._run_some(works, network)
        else:
            height, width = shape
            hint = "" if self.rule.halo is not None else " It sees the whole picture at once, which cannot be cut."
            for work in works:
                refusal = BadPicture(f"There is not enough memory for the network on {height} × {width} pixels.{hint}")
                yield _result(work, refusal)

    def _run_some(self, works: Sequence[TileWork[Owner]], network: NetworkFunction) -> Iterator[TileResult[Owner]]:
        """Run tiles of one shape in batches; what the first ones find out about the memory holds for the next."""
        position = 0
        while position < len(works):
            batch = works[position : position + self.batch_size]
            position += len(batch)
            parts = [part for work in batch for part in _parts(work, self.rule)]
            if len(parts) == len(batch):
                yield from self._run(batch, network)
            else:
                yield from self._run_some(parts, network)


def _parts(work: TileWork[Any], rule: TileRule) -> list[TileWork[Any]]:
    if rule.halo is None or max(work.tile.shape) <= rule.side:
        return [work]
    top, left = work.tile.rows.low, work.tile.columns.low
    return [
        replace(
            work,
            tile=part,
            pixels=work.pixels[
                part.rows.low - top : part.rows.high - top, part.columns.low - left : part.columns.high - left
            ],
        )
        for part in rule.parts(work.tile)
    ]


def _result(work: TileWork[Owner], outcome: NDArray[np.float32] | BadPicture) -> TileResult[Owner]:
    return TileResult(work.owner, work.tile, outcome, work.plane)
