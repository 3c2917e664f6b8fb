import pytest

from gantk.wording import counted


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
