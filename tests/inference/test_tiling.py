from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from gantk.artifacts.compiled_network import OutOfMemory, compile_network
from gantk.artifacts.image_translator import reflected
from gantk.inference.picture import BadPicture
from gantk.inference.tiling.tile_batches import TileBatches, TileWork
from gantk.inference.tiling.tile_plan import Span, Tile, TileRule, smallest_side, spans

Function = Callable[[Any], Any]
HALO = 3


def network(reflect: bool) -> Any:
    """Three 3 × 3 convolutions, so a halo of 3, and the colours of each pixel spread over 2 × 2."""
    keras.utils.set_random_seed(0)
    image = x = layers.Input((None, None, 3))
    for filters in (8, 8, 12):
        if reflect:
            x = layers.Lambda(lambda t: ops.pad(t, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect"))(x)
        bias = keras.initializers.RandomNormal(stddev=0.5)
        x = layers.Conv2D(filters, 3, padding="valid" if reflect else "same", bias_initializer=bias)(x)
        x = layers.LeakyReLU(0.2)(x)
    return keras.Model(image, layers.UpSampling2D(2)(x))


def mean_of_blocks(images: Any) -> Any:
    """A network whose grid of 4 × 4 begins at the corner, and which looks at no other block."""
    count, height, width, channels = images.shape
    blocks = images.reshape(count, height // 4, 4, width // 4, 4, channels).mean(axis=(2, 4))
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


def tiled(batches: TileBatches[int], images: list[Any], scale: int, channels: int) -> list[Any]:
    """Run pictures through `batches`, all mixed; check that every pixel is done once."""
    results = [np.full((scale * len(image), scale * image.shape[1], channels), np.nan, np.float32) for image in images]
    done = [np.zeros(image.shape[:2], int) for image in images]

    def place(outcomes: Any) -> None:
        for result in outcomes:
            assert not isinstance(result.outcome, BadPicture), result.outcome
            rows, columns = result.tile.rows, result.tile.columns
            done[result.owner][rows.start : rows.stop, columns.start : columns.stop] += 1
            results[result.owner][
                scale * rows.start : scale * rows.stop, scale * columns.start : scale * columns.stop
            ] = result.outcome

    plans = [
        [(owner, tile) for band in batches.rule.bands(*image.shape[:2]) for tile in band]
        for owner, image in enumerate(images)
    ]
    # One tile of each picture after the other, so that batches are mixed.
    for turn in range(max(map(len, plans))):
        for plan in plans:
            if turn < len(plan):
                owner, tile = plan[turn]
                pixels = images[owner][tile.rows.low : tile.rows.high, tile.columns.low : tile.columns.high]
                place(batches.add(TileWork(owner, tile, pixels)))
    place(batches.flush())
    assert all((counts == 1).all() for counts in done)
    return results


# Where tiles lie


def test_spans_worked_out_by_hand() -> None:
    assert spans(0, 20, 0, 20, side=10, halo=2) == [Span(0, 10, 0, 8), Span(6, 16, 8, 14), Span(10, 20, 14, 20)]
    assert spans(0, 16, 0, 16, side=10, halo=2) == [Span(0, 10, 0, 8), Span(6, 16, 8, 16)]
    assert spans(0, 10, 0, 10, side=10, halo=4) == [Span(0, 10, 0, 10)]
    assert spans(0, 1, 0, 1, side=10, halo=4) == [Span(0, 1, 0, 1)]
    assert spans(6, 16, 8, 14, side=6, halo=2) == [Span(6, 12, 8, 10), Span(8, 14, 10, 12), Span(10, 16, 12, 14)]
    with pytest.raises(ValueError, match="longer than two halos"):
        spans(0, 20, 0, 20, side=8, halo=4)


@pytest.mark.parametrize("constant", [False, True])
def test_every_plan_covers_its_picture_once_with_margins_of_a_halo(constant: bool) -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        halo, multiple, smallest = (int(random.integers(least, most)) for least, most in ((0, 9), (1, 5), (1, 20)))
        least = smallest_side(halo, multiple, smallest)
        rule = TileRule(least + multiple * int(random.integers(0, 20)), halo, multiple, smallest, constant)
        height, width = (int(size) for size in random.integers(1, 200, 2))
        tiles = [tile for band in rule.bands(height, width) for tile in band]
        assert len({tile.shape for tile in tiles}) == 1, "one shape for all tiles"
        lengths = rule.extended(height), rule.extended(width)
        done = np.zeros(lengths, int)
        for tile in tiles:
            done[tile.rows.start : tile.rows.stop, tile.columns.start : tile.columns.stop] += 1
            for span, length in zip((tile.rows, tile.columns), lengths, strict=True):
                assert 0 <= span.low <= span.start < span.stop <= span.high <= length
                assert span.low == 0 or span.start - span.low >= halo
                assert span.high == length or span.high - span.stop >= halo
                assert span.low % multiple == span.start % multiple == (span.high - span.low) % multiple == 0
                assert span.high - span.low <= max(rule.side, least)
        assert (done == 1).all()


def test_constant_shapes_are_few() -> None:
    rule = TileRule(128, 8, constant=True)
    assert {rule.tile_side(size) for size in range(128, 5000)} == {128}
    sides = {rule.tile_side(size) for size in range(24, 128)}
    assert sides <= {128, 96, 64, 48, 32, 24}, "24: the least that is more than margins"
    assert rule.tile_side(20) == 20
    assert TileRule(128, 8).tile_side(150) == 83, "two tiles as small as they can be: 2 · 83 - 2 · 8 = 150"


def test_rules_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="at least 24"):
        TileRule(20, 8)
    with pytest.raises(ValueError, match="multiple of 4"):
        TileRule(30, 4, 4)


def test_halving() -> None:
    rule = TileRule(128, 8)
    smaller = rule.halved((100, 128))
    assert smaller is not None
    assert smaller.side == 64
    assert TileRule(40, 8).halved((40, 40)) == TileRule(24, 8)
    assert TileRule(24, 8).halved((24, 24)) is None
    assert TileRule(128, None).halved((500, 500)) is None
    tile = Tile(Span(10, 138, 18, 130), Span(0, 128, 0, 120))
    parts = smaller.parts(tile)
    assert {part.shape for part in parts} == {(64, 64)}
    assert all(part.rows.low >= 10 and part.rows.high <= 138 for part in parts), "no pixels beyond the tile's"
    assert sum(part.core_pixels for part in parts) == tile.core_pixels


# Tiled is untiled


@pytest.mark.parametrize("reflect", [False, True])
@pytest.mark.parametrize("constant", [False, True])
def test_tiled_is_untiled_to_1e_5(reflect: bool, constant: bool) -> None:
    if keras.backend.backend() == "jax" and constant is False:
        pytest.skip("every shape is compiled, so shapes are kept few")
    function = compile_network(network(reflect))
    random = np.random.default_rng(1)
    smallest = 2 if reflect else 1
    rule = TileRule(22, HALO, 1, smallest, constant)
    sizes = [(1, 1), (1, 70), (60, 1), (2, 2), (22, 23), (21, 45), *random.integers(1, 80, (6, 2))]
    images = [random.uniform(-1, 1, (int(height), int(width), 3)).astype(np.float32) for height, width in sizes]
    # Reflection needs two pixels, so a narrower picture is extended first, tiled or not.
    extended = [reflected(image, rule.extended(len(image)), rule.extended(image.shape[1])) for image in images]
    batches: TileBatches[int] = TileBatches(function, rule, batch_size=4, scale=2, channels=12)
    results = tiled(batches, extended, 2, 12)
    for image, result in zip(extended, results, strict=True):
        np.testing.assert_allclose(result, function(image[None])[0], atol=1e-5)


def test_a_smaller_halo_than_the_networks_shows() -> None:
    function = compile_network(network(False))
    image = np.random.default_rng(1).uniform(-1, 1, (60, 60, 3)).astype(np.float32)
    batches: TileBatches[int] = TileBatches(function, TileRule(22, HALO - 1), batch_size=4, scale=2, channels=12)
    (result,) = tiled(batches, [image], 2, 12)
    assert np.abs(result - function(image[None])[0]).max() > 1e-3, "so the test above would tell"


def test_tiles_keep_to_the_grid_of_a_network() -> None:
    random = np.random.default_rng(2)
    images = [random.uniform(-1, 1, (height, width, 3)).astype(np.float32) for height, width in ((64, 40), (36, 100))]
    batches: TileBatches[int] = TileBatches(mean_of_blocks, TileRule(24, 3, 4), batch_size=2, scale=1, channels=3)
    for image, result in zip(images, tiled(batches, images, 1, 3), strict=True):
        np.testing.assert_allclose(result, mean_of_blocks(image[None])[0], atol=1e-6)


# Memory, and what fails


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("most", [4 * 40 * 40, 20 * 20, 14 * 14])
def test_out_of_memory_gives_the_same_from_smaller_tiles(constant: bool, most: int) -> None:
    """The network takes `most` pixels at once; the last number is that of one smallest tile."""
    shapes = []

    def blurred(images: Any) -> Any:
        padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)))
        height, width = images.shape[1:3]
        return sum(
            padded[:, top : top + height, left : left + width] for top in range(7) for left in range(7)
        ) / np.float32(49)

    def small_memory(images: Any) -> Any:
        if images[..., 0].size > most:
            raise OutOfMemory("no room")
        shapes.append(images.shape[:3])
        return blurred(images)

    random = np.random.default_rng(2)
    images = [random.uniform(-1, 1, (size, 90, 3)).astype(np.float32) for size in (100, 50, 9)]
    batches: TileBatches[int] = TileBatches(
        small_memory, TileRule(80, 3, constant=constant), batch_size=6, scale=1, channels=3
    )
    for image, result in zip(images, tiled(batches, images, 1, 3), strict=True):
        np.testing.assert_allclose(result, blurred(image[None])[0], atol=1e-5)
    assert batches.rule.side <= 40
    assert shapes
    if most == 14 * 14:
        assert (batches.rule.side, batches.batch_size) == (14, 1), "then batches"


def test_a_tile_that_fails_concerns_no_other() -> None:
    def network(images: Any) -> Any:
        if (images == 5).any():
            raise ValueError("five")
        return images

    batches: TileBatches[str] = TileBatches(network, TileRule(8, 0), batch_size=4, scale=1, channels=1)
    tile = Tile(Span(0, 8, 0, 8), Span(0, 8, 0, 8))
    works = [TileWork(str(value), tile, np.full((8, 8, 1), value, np.float32)) for value in (3, 4, 5, 6)]
    results = [result for work in works for result in batches.add(work)]
    assert [result.owner for result in results] == ["3", "4", "5", "6"]
    for result in results:
        if result.owner == "5":
            assert isinstance(result.outcome, BadPicture)
            assert "five" in result.outcome.message
        else:
            assert (result.outcome == float(result.owner)).all(), "its own pixels"


def test_a_failed_picture_can_be_dropped() -> None:
    batches: TileBatches[str] = TileBatches(lambda images: images, TileRule(8, 0), batch_size=9, scale=1, channels=1)
    tile = Tile(Span(0, 8, 0, 8), Span(0, 8, 0, 8))
    owners = ["good", "bad", "good"]
    for owner in owners:
        assert not list(batches.add(TileWork(owner, tile, np.zeros((8, 8, 1), np.float32))))
    batches.drop(owners[1])
    assert [result.owner for result in batches.flush()] == ["good", "good"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_run_again_and_fails_in_float32(value: float) -> None:
    again = []

    def half(images: Any) -> Any:
        return np.where(images >= 5, value, images)

    def exact(images: Any) -> Any:
        again.append(images[:, 0, 0, 0].tolist())
        return np.where(images >= 6, value, images)

    batches: TileBatches[int] = TileBatches(
        half, TileRule(8, 0), batch_size=4, scale=1, channels=1, exact=lambda: exact
    )
    tile = Tile(Span(0, 8, 0, 8), Span(0, 8, 0, 8))
    results = {}
    for number in (4, 5, 6, 7):
        for result in batches.add(TileWork(number, tile, np.full((8, 8, 1), number, np.float32))):
            results[result.owner] = result.outcome
    assert again == [[5, 6, 7]]
    assert [number for number, outcome in results.items() if isinstance(outcome, BadPicture)] == [6, 7]
    assert all((results[number] == number).all() for number in (4, 5))


def test_what_is_not_finite_in_the_margin_does_no_harm() -> None:
    batches: TileBatches[int] = TileBatches(lambda images: images, TileRule(16, 4), batch_size=1, scale=1, channels=1)
    pixels = np.zeros((16, 16, 1), np.float32)
    pixels[15, 15] = np.nan
    (result,) = batches.add(TileWork(0, Tile(Span(0, 16, 0, 12), Span(0, 16, 0, 12)), pixels))
    assert not isinstance(result.outcome, BadPicture)


def test_batches_are_constant_where_shapes_are_compiled() -> None:
    shapes = set()

    def network(images: Any) -> Any:
        shapes.add(images.shape)
        return images

    images = [np.zeros((size, size, 3), np.float32) for size in (64, 100, 33, 70)]
    batches: TileBatches[int] = TileBatches(network, TileRule(32, 4, constant=True), batch_size=5, scale=1, channels=3)
    tiled(batches, images, 1, 3)
    assert shapes == {(5, 32, 32, 3)}
