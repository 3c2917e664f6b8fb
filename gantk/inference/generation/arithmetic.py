"""Arithmetic with latent vectors (Radford 2016, figure 7): `mean(1,2,3) - mean(4,5,6) + mean(7,8,9)`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gantk.engine.latents import LatentOptions
from gantk.errors import UsageError
from gantk.inference.generation.sampler import BundleSampler, as_pictures
from gantk.inference.generation.sheet import GAP

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TERM = re.compile(r"\s*([+-])?\s*(?:(\d{1,15})|mean\s*\(\s*(\d{1,15}(?:\s*,\s*\d{1,15})*)\s*\))\s*", re.ASCII)
_EXAMPLE = '--arithmetic "12 - 3 + 7", or "mean(1,2,3) - mean(4,5,6) + mean(7,8,9)"'
_MOST_PICTURES = 1000
_WHITE, _BLACK = 255, 0


@dataclass(frozen=True)
class Term:
    """A picture, or the mean of several.

    Args:
        sign: 1 or -1.
        numbers: The pictures.
    """

    sign: int
    numbers: tuple[int, ...]


def parsed_expression(text: str) -> tuple[Term, ...]:
    """Read sums and differences of picture numbers and of means.

    Raises:
        UsageError: It is something else. Says where.
    """
    terms: list[Term] = []
    position = 0
    while position < len(text) or not terms:
        found = _TERM.match(text, position)
        if found is None or (terms and found[1] is None):
            signed = not terms or text[position : position + 1] in ("+", "-")
            expected = "the number of a picture, or mean(1,2,3)" if signed else "+ or -"
            where = f"at {text[position:].strip()!r}" if text[position:].strip() else "and there is nothing"
            raise UsageError(
                f"Arithmetic: expected {expected} {where}. Received: {text!r}",
                hint=_EXAMPLE,
            )
        numbers = tuple(int(number) for number in re.findall(r"\d+", found[2] or found[3]))
        terms.append(Term(-1 if found[1] == "-" else 1, numbers))
        position = found.end()
    if sum(len(term.numbers) for term in terms) > _MOST_PICTURES:
        raise UsageError(f"Arithmetic takes at most {_MOST_PICTURES} pictures. Received: more")
    return tuple(terms)


def mean_vector(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of latent vectors, float64."""
    return np.asarray(vectors.astype(np.float64).mean(axis=0))


def result_vector(terms: Sequence[Term], vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the sum of the terms, float64; `vectors` are those of each term, count × size."""
    return np.asarray(sum(term.sign * mean_vector(own) for term, own in zip(terms, vectors, strict=True)))


def of_usual_length(
    vector: NDArray[np.float64], latents: LatentOptions, samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return a vector that was reckoned with the length that the generator has met.

    Vectors of `normal` numbers in many dimensions are all of about one length, those of a `hypersphere` exactly; the mean of
    some is shorter, and a sum longer. It gets the mean length of `samples`. `uniform` ones are left as they are (Radford 2016).
    """
    length = np.linalg.norm(vector)
    if latents.distribution == "uniform" or not length:
        return vector.astype(np.float32)
    usual = np.linalg.norm(samples.astype(np.float64), axis=1).mean()
    return np.asarray(vector * usual / length, np.float32)


def arithmetic_sheet(
    sampler: BundleSampler, terms: Sequence[Term], *, seed: int, label: int | None = None
) -> NDArray[np.uint8]:
    """Make the picture of an expression: its operands, with signs between them, and behind them the result.

    Above a mean stand the pictures it is of. An operand that is one picture is that picture.

    Args:
        sampler: The model.
        terms: The expression.
        seed: Of the pictures.
        label: The class of all pictures; None of a model without labels.

    Returns:
        uint8, height × width × channels.

    Raises:
        UsageError: A model with labels and none given.
        RunFailed: The network gives values that are not finite.
    """
    if sampler.classes and label is None:
        raise UsageError(
            "Arithmetic with a model of labels needs the one label of all pictures. Received: none, or several",
            hint=f"--labels {sampler.classes[0]}",
        )
    vectors = [
        np.concatenate([sampler.vectors(1, seed=seed, first=number) for number in term.numbers]) for term in terms
    ]
    samples = np.concatenate(vectors)
    columns = []
    for own in vectors:
        bottom = own[0] if len(own) == 1 else of_usual_length(mean_vector(own), sampler.latents, samples)
        columns.append(np.concatenate([own if len(own) > 1 else own[:0], bottom[None]]))
    if len(terms) > 1 or terms[0].sign < 0:
        columns.append(of_usual_length(result_vector(terms, vectors), sampler.latents, samples)[None])
    everything = np.concatenate(columns)
    labels = None if label is None else sampler.one_hot([label] * len(everything))
    pictures = as_pictures(sampler.images(everything, labels))
    ends = np.cumsum([len(column) for column in columns])[:-1]
    signs = ["-" if term.sign < 0 else "+" for term in terms]
    return _laid_out(np.split(pictures, ends), ["" if signs[0] == "+" else "-", *signs[1:], "="][: len(columns)])


def _laid_out(columns: Sequence[NDArray[np.uint8]], signs: Sequence[str]) -> NDArray[np.uint8]:
    """Put pictures into columns that end at the bottom, each behind its sign."""
    height, width, channels = columns[0].shape[1:]
    sign_width = max(9, width // 4)
    lefts, right = [], 0
    for sign in signs:
        lefts.append(right + (sign_width if sign else 0))
        right = lefts[-1] + width
    rows = max(map(len, columns))
    sheet = np.full((rows * (height + GAP) - GAP, right, channels), _WHITE, np.uint8)
    for left, column, sign in zip(lefts, columns, signs, strict=True):
        for above, picture in enumerate(column[::-1]):
            top = len(sheet) - height - above * (height + GAP)
            sheet[top : top + height, left : left + width] = picture
        if sign:
            _draw(sheet[len(sheet) - height :, left - sign_width : left], sign)
    return sheet


def _draw(place: NDArray[np.uint8], sign: str) -> None:
    height, width = place.shape[:2]
    arm, thick = max(2, width // 3), max(1, width // 9)
    middle, centre = height // 2, width // 2
    offsets = (-2 * thick, thick) if sign == "=" else (-(thick // 2),)
    for offset in offsets:
        place[max(0, middle + offset) : middle + offset + thick, centre - arm : centre + arm + 1] = _BLACK
    if sign == "+":
        begin = centre - thick // 2
        place[max(0, middle - arm) : middle + arm + 1, begin : begin + thick] = _BLACK
