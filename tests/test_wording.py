import pytest

from gantk.wording import counted, figures


@pytest.mark.parametrize(
    ("count", "words", "expected"),
    [
        (0, ("picture",), "0 pictures"),
        (1, ("picture",), "1 picture"),
        (2, ("picture",), "2 pictures"),
        (1, ("other file",), "1 other file"),
        (3, ("box", "boxes"), "3 boxes"),
    ],
)
def test_nouns_follow_their_number(count, words, expected):
    assert counted(count, *words) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (0.0038, "0.0038"),
        (0.00001234, "0.000012"),
        (1.234, "1.23"),
        (81.24, "81.2"),
        (99.99, "100"),
        (12345.6, "12346"),
    ],
)
def test_small_numbers_are_not_rounded_away(value, expected):
    assert figures(value) == expected
