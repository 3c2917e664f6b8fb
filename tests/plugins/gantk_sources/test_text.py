"""The text source: lines, lengths, encodings and splits."""

import pytest
from pydantic import ValidationError

from gantk import RunFailed
from gantk_sources.options import TextOptions
from gantk_sources.text import TextSource


def source_of(path, **options):
    return TextSource(TextOptions(path=path, **options))


def read(source):
    return {item.key: fields for item, fields in source.read(list(source.items()))}


@pytest.fixture
def poem(tmp_path):
    path = tmp_path / "poem.txt"
    path.write_bytes("\ufeffeins\r\n\r\n  zwei drei  \nfünf\n\t \nende".encode())
    return str(path)


def test_one_sample_a_line(poem):
    source = source_of(poem)
    items = list(source.items())
    assert [(item.key, item.domain, item.split) for item in items] == [
        ("poem.txt:000000001", "text", None),
        ("poem.txt:000000003", "text", None),
        ("poem.txt:000000004", "text", None),
        ("poem.txt:000000006", "text", None),
    ]
    assert [fields for _, fields in source.read(items[::-1])] == [
        {"text": "ende"},
        {"text": "fünf"},
        {"text": "zwei drei"},
        {"text": "eins"},
    ]
    assert source.options.layout == "text"


def test_without_stripping(poem):
    found = read(source_of(poem, strip=False))
    assert [fields["text"] for fields in found.values()] == ["eins", "  zwei drei  ", "fünf", "\t ", "ende"]


def test_lengths_count_characters(poem):
    # The lines have 4, 0, 9, 4 (five bytes), 0 and 4 characters.
    assert list(read(source_of(poem, max_length=4))) == [f"poem.txt:{line:09d}" for line in (1, 4, 6)]
    assert list(read(source_of(poem, min_length=5))) == ["poem.txt:000000003"]
    assert len(read(source_of(poem, min_length=0))) == 6


def test_lines_that_do_not_decode_are_read_errors(tmp_path):
    (tmp_path / "x.txt").write_bytes(b"good\nb\xe4d\nfine\n")
    found = read(source_of(str(tmp_path / "x.txt")))
    assert found["x.txt:000000001"] == {"text": "good"}
    assert isinstance(found["x.txt:000000002"], UnicodeDecodeError)
    assert found["x.txt:000000003"] == {"text": "fine"}
    assert read(source_of(str(tmp_path / "x.txt"), encoding="latin-1"))["x.txt:000000002"] == {"text": "bäd"}


def test_endless_lines_are_read_errors(tmp_path):
    limit = 1024
    lines = [b"a" * limit, b"b" * (limit + 1), b"c" * (limit * 3 + 7), b"d", b"e" * (limit * 2)]
    (tmp_path / "x.txt").write_bytes(b"\n".join(lines))
    found = read(source_of(str(tmp_path / "x.txt"), max_line_mib=limit / 2**20))
    assert [fields["text"][0] if isinstance(fields, dict) else str(fields) for fields in found.values()] == [
        "a",
        "the line is longer than max_line_mib allows (1024 bytes)",
        "the line is longer than max_line_mib allows (1024 bytes)",
        "d",
        "the line is longer than max_line_mib allows (1024 bytes)",
    ]


def test_folders_splits_and_equal_names(tmp_path):
    for name in ("data/train.txt", "data/valid.txt", "data/.hidden.txt", "data/notes.md", "other/train.txt", "test.en"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name + "\n")
    paths = [str(tmp_path / "data"), str(tmp_path / "other/train.txt"), str(tmp_path / "test.en")]
    items = list(source_of(paths).items())
    assert [(item.key.rpartition(":")[0], item.split) for item in items] == [
        ("train.txt", "train"),
        ("valid.txt", "valid"),
        ("other/train.txt", "train"),
        ("test.en", "test"),
    ]


def test_appended_lines_leave_the_stamps_of_the_others(poem):
    before = [(item.key, item.stamp) for item in source_of(poem).items()]
    with open(poem, "a") as file:
        file.write("\nmehr\n")
    after = [(item.key, item.stamp) for item in source_of(poem).items()]
    # The last line had no line end before, which is part of it.
    assert after[:3] == before[:3]
    assert len(after) == len(before) + 1


def test_equal_lines_are_of_one_group(tmp_path):
    (tmp_path / "x.txt").write_text("one\ntwo\none\n")
    groups = [item.group for item in source_of(str(tmp_path / "x.txt")).items()]
    assert groups[0] == groups[2] != groups[1]


def test_a_file_changed_after_the_listing_is_a_read_error(poem):
    source = source_of(poem)
    items = list(source.items())
    with open(poem, "r+b") as file:
        file.write(b"\xef\xbb\xbfEINS")
    results = [fields for _, fields in source.read(items)]
    assert str(results[0]) == "the file has changed since it was listed"
    assert results[1] == {"text": "zwei drei"}


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(RunFailed, match=r"expected at '.*nowhere.txt'. Received: nothing there"):
        list(source_of(str(tmp_path / "nowhere.txt")).items())
    (tmp_path / "a.md").write_text("x")
    with pytest.raises(RunFailed, match=r"expected to hold .txt files. Received: 1 of another kind"):
        list(source_of(str(tmp_path)).items())
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(RunFailed, match=r"No line of 1 to any number of characters .* 1 file \(empty.txt\)"):
        list(source_of(str(tmp_path / "empty.txt")).items())


@pytest.mark.parametrize(
    "values", [{"encoding": "utf-16"}, {"encoding": "klingon"}, {"min_length": 5, "max_length": 4}, {"path": []}]
)
def test_impossible_options_are_refused(values):
    with pytest.raises(ValidationError):
        TextOptions(**{"path": "x.txt", **values})
