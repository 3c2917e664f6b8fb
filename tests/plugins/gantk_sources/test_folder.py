"""The folder source: layouts, names, links, and what happens to files that cannot be read."""

import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

import gantk_sources
from gantk import RunFailed
from gantk_sources.folder import FolderSource
from gantk_sources.options import FolderOptions


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(buffer, "png")
    return buffer.getvalue()


def write(root, **files):
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def listed(root, **options):
    source = FolderSource(FolderOptions(root=str(root), **options))
    return [(item.key, item.domain, item.split) for item in source.items()]


def read(source):
    return {item.key: fields for item, fields in source.read(list(source.items()))}


def test_unpaired_folders_of_cyclegan(tmp_path):
    touch(tmp_path, "trainA/1.jpg", "trainA/deep/2.PNG", "trainB/1.jpg", "testA/x.webp", "testB/x.webp", "valB/v.tif")
    touch(tmp_path, "paired/train/no.png", "readme.txt", "trainA/notes.txt", "trainA/.hidden.jpg", "trainA/Thumbs.db")
    touch(tmp_path, "trainB/__MACOSX/1.jpg")
    assert listed(tmp_path) == [
        ("testA/x.webp", "A", "test"),
        ("testB/x.webp", "B", "test"),
        ("trainA/1.jpg", "A", "train"),
        ("trainA/deep/2.PNG", "A", "train"),
        ("trainB/1.jpg", "B", "train"),
        ("valB/v.tif", "B", "valid"),
    ]


def test_other_places_of_the_two_domains(tmp_path):
    for layout in (["A/1.png", "B/train/2.png"], ["train/A/1.png", "train/B/2.png"], ["wrap/A/1.png", "wrap/B/2.png"]):
        root = tmp_path / layout[0].replace("/", "-")
        touch(root, *layout)
        assert [(key, domain) for key, domain, _ in listed(root)] == [(layout[0], "A"), (layout[1], "B")]
    assert [split for _, _, split in listed(tmp_path / "A-1.png")] == [None, "train"]
    touch(tmp_path / "train-A-1.png", "test/A/3.png")
    assert [split for _, _, split in listed(tmp_path / "train-A-1.png")] == ["test", "train", "train"]


def test_two_named_folders(tmp_path):
    touch(tmp_path, "horses/1.png", "zebras/test/1.png", "zebras/2.jpeg")
    source = FolderSource(FolderOptions(a=str(tmp_path / "horses"), b=str(tmp_path / "zebras")))
    items = list(source.items())
    assert [(item.key, item.domain, item.split) for item in items] == [
        ("A/1.png", "A", None),
        ("B/2.jpeg", "B", None),
        ("B/test/1.png", "B", "test"),
    ]
    assert [fields["image"] for _, fields in source.read(items)] == [
        b"horses/1.png",
        b"zebras/2.jpeg",
        b"zebras/test/1.png",
    ]
    assert source.domain_names() == {"A": "horses", "B": "zebras"}
    below = FolderSource(FolderOptions(root=str(tmp_path), a="horses", b="zebras", domain_names={"B": "stripes"}))
    assert list(below.items()) == items
    assert below.domain_names() == {"A": "horses", "B": "stripes"}


def test_single_pictures_have_the_names_given_alone(tmp_path):
    assert FolderSource(FolderOptions(root="data/horse2zebra", pairing="single")).domain_names() == {}
    named = FolderOptions(root=str(tmp_path), pairing="single", domain_names={"A": "edges", "B": "photo"})
    assert FolderSource(named).domain_names() == {"A": "edges", "B": "photo"}


def test_domain_names_out_of_the_root(tmp_path):
    assert FolderSource(FolderOptions(root="data/horse2zebra/")).domain_names() == {"A": "horse", "B": "zebra"}
    assert FolderSource(FolderOptions(root="data/summer2winter_yosemite")).domain_names()["B"] == "winter"
    assert FolderSource(FolderOptions(root="data/maps")).domain_names() == {"A": "A", "B": "B"}
    assert FolderSource(FolderOptions(root="cats", pairing="single")).domain_names() == {}


def test_single_keeps_the_label_in_the_key(tmp_path):
    touch(tmp_path, "cat/1.jpg", "dog/1.jpg", "0.bmp", "dog/raw.dng")
    assert listed(tmp_path, pairing="single") == [
        ("0.bmp", "image", None),
        ("cat/1.jpg", "image", None),
        ("dog/1.jpg", "image", None),
    ]
    assert ("dog/raw.dng", "image", None) in listed(tmp_path, pairing="single", suffixes=["DNG"])


def test_splits_of_single_folders(tmp_path):
    touch(tmp_path, "train/cat/1.jpg", "val/cat/2.jpg", "test/3.jpg", "trainer/4.jpg")
    assert {key: split for key, _, split in listed(tmp_path, pairing="single")} == {
        "train/cat/1.jpg": "train",
        "val/cat/2.jpg": "valid",
        "test/3.jpg": "test",
        "trainer/4.jpg": None,
    }


def test_aligned_folders_match_by_name_without_suffix(tmp_path):
    touch(tmp_path, "trainA/s/1.jpg", "trainB/s/1.png", "testA/1.jpg", "testB/1.jpg")
    source = FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned"))
    items = list(source.items())
    assert [(item.key, item.domain, item.split) for item in items] == [
        ("test/1", "AB", "test"),
        ("train/s/1", "AB", "train"),
    ]
    assert items[1].size == len(b"trainA/s/1.jpg") + len(b"trainB/s/1.png")
    assert dict(source.read(items[1:])) == {items[1]: {"A": b"trainA/s/1.jpg", "B": b"trainB/s/1.png"}}


def test_aligned_files_without_a_partner_are_read_errors(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/2.jpg", "B/2.jpg", "B/3.jpg", "A/4.jpg", "A/4.png", "B/4.jpg")
    found = read(FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned")))
    assert set(found) == {"1", "2", "3", "4"}
    assert set(found["2"]) == {"A", "B"}
    for key, reason in {
        "1": "a pair needs one picture '1' in the folder of B. Received: none",
        "3": "a pair needs one picture '3' in the folder of A. Received: none",
        "4": "a pair needs one picture '4' in the folder of A. Received: '4.jpg', '4.png'",
    }.items():
        assert isinstance(found[key], ValueError)
        assert str(found[key]) == reason


def test_the_stamp_of_a_pair_changes_when_its_partner_comes(tmp_path):
    touch(tmp_path, "A/1.jpg", "A/2.jpg", "B/2.jpg")
    source = FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned"))
    before = {item.key: item.stamp for item in source.items()}
    touch(tmp_path, "B/1.jpg")
    after = {item.key: item.stamp for item in source.items()}
    assert before["1"] != after["1"]
    assert before["2"] == after["2"]


def test_side_by_side_pictures_are_split_in_the_middle(tmp_path):
    write(tmp_path, train__1_dot_png=png([[[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]]))
    for left, right in (("A", "B"), ("B", "A")):
        source = FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned", left=left))
        (item,) = source.items()
        assert (item.key, item.domain, item.split) == ("train/1.png", "AB", "train")
        ((_, fields),) = source.read([item])
        np.testing.assert_array_equal(fields[left], [[[1, 2, 3], [4, 5, 6]]])
        np.testing.assert_array_equal(fields[right], [[[7, 8, 9], [10, 11, 12]]])
        assert fields[left].flags.c_contiguous
        assert fields[left].dtype == np.uint8


def test_side_by_side_pictures_of_one_channel_and_with_alpha(tmp_path):
    alpha = Image.fromarray(np.array([[[10, 255], [20, 0]]], np.uint8), "LA")
    buffer = io.BytesIO()
    alpha.save(buffer, "png")
    write(tmp_path, grey_dot_png=png([[5, 6]]), alpha_dot_png=buffer.getvalue())
    found = read(FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned")))
    np.testing.assert_array_equal(found["grey.png"]["B"], [[[6]]])
    np.testing.assert_array_equal(found["alpha.png"]["A"], [[[10, 10, 10, 255]]])
    np.testing.assert_array_equal(found["alpha.png"]["B"], [[[20, 20, 20, 0]]])


def test_bad_side_by_side_pictures_are_read_errors_and_the_rest_goes_on(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    jpeg = io.BytesIO()
    Image.fromarray(noise).save(jpeg, "jpeg")
    files = {"a_odd": png(noise[:, :59]), "b_cut": png(noise)[:-500], "d_empty": b"", "e_text": b"no picture at all"}
    for name, content in {**files, "z_good": png(noise)}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    (tmp_path / "c_cut.jpg").write_bytes(jpeg.getvalue()[:-700])
    found = read(FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned")))
    assert [isinstance(fields, Exception) for fields in found.values()] == [True] * 5 + [False]
    assert "even width. Received: 59 x 40 pixels" in str(found["a_odd.png"])


def test_order_does_not_depend_on_the_order_of_creation(tmp_path):
    names = [f"trainA/{number}.jpg" for number in (3, 1, 2)] + ["trainA/b/1.jpg", "trainA/a/1.jpg", "trainB/1.jpg"]
    touch(tmp_path / "x", *names)
    touch(tmp_path / "y", *reversed(names))
    assert listed(tmp_path / "x") == listed(tmp_path / "y")
    assert [key for key, _, _ in listed(tmp_path / "x")][:5] == [
        "trainA/1.jpg",
        "trainA/2.jpg",
        "trainA/3.jpg",
        "trainA/a/1.jpg",
        "trainA/b/1.jpg",
    ]


def test_stamp_follows_size_and_time(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    source = FolderSource(FolderOptions(root=str(tmp_path), pairing="single"))
    before = {item.key: item.stamp for item in source.items()}
    status = (tmp_path / "1.jpg").stat()
    assert before["1.jpg"] == f"5-{status.st_mtime_ns}"
    os.utime(tmp_path / "1.jpg", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    after = {item.key: item.stamp for item in source.items()}
    assert [key for key in before if before[key] != after[key]] == ["1.jpg"]


def test_links_are_followed_and_their_loops_end(tmp_path):
    touch(tmp_path, "data/1.jpg", "data/deep/2.jpg", "elsewhere/3.jpg")
    (tmp_path / "data" / "deep" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "self").symlink_to(".")
    (tmp_path / "data" / "4.jpg").symlink_to(tmp_path / "elsewhere" / "3.jpg")
    keys = [key for key, _, _ in listed(tmp_path / "data", pairing="single")]
    assert keys == ["1.jpg", "4.jpg", "deep/2.jpg", "other/3.jpg"]


def test_a_folder_that_holds_nothing_but_itself(tmp_path):
    (tmp_path / "again").symlink_to(".")
    for pairing in ("unpaired", "aligned", "single"):
        with pytest.raises(RunFailed, match="There is no"):
            listed(tmp_path, pairing=pairing)


def test_broken_links_and_pipes_are_read_errors(tmp_path):
    touch(tmp_path, "1.jpg")
    (tmp_path / "2.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "3.jpg")
    found = read(FolderSource(FolderOptions(root=str(tmp_path), pairing="single")))
    assert found["1.jpg"] == {"image": b"1.jpg"}
    assert "cannot be found" in str(found["2.jpg"])
    assert "regular file" in str(found["3.jpg"])


def test_a_file_that_vanishes_after_the_listing_is_a_read_error(tmp_path):
    touch(tmp_path, "1.jpg", "2.jpg")
    source = FolderSource(FolderOptions(root=str(tmp_path), pairing="single"))
    items = list(source.items())
    (tmp_path / "1.jpg").unlink()
    results = [fields for _, fields in source.read(items)]
    assert isinstance(results[0], FileNotFoundError)
    assert results[1] == {"image": b"2.jpg"}


def test_names_beyond_ascii(tmp_path):
    composed, decomposed = "trainA/caf\u00e9 \u9a6c.jpg", "trainB/cafe\u0301.jpg"
    touch(tmp_path, composed, decomposed)
    raw = os.path.join(os.fsencode(tmp_path), b"trainB", b"\xff\xfe.jpg")
    with open(raw, "wb") as file:
        file.write(b"raw name")
    source = FolderSource(FolderOptions(root=str(tmp_path)))
    items = pickle.loads(pickle.dumps(list(source.items())))
    # Keys are composed on every system, and valid Unicode; locators and keys can be stored as UTF-8.
    assert [item.key for item in items] == [
        "trainA/caf\u00e9 \u9a6c.jpg",
        "trainB/caf\u00e9.jpg",
        r"trainB/\xff\xfe.jpg",
    ]
    assert all((item.key + item.locator).encode() for item in items)
    assert [fields["image"] for _, fields in source.read(items)] == [
        composed.encode(),
        decomposed.encode(),
        b"raw name",
    ]


def test_names_that_differ_only_in_composition_stay_apart(tmp_path):
    touch(tmp_path, "caf\u00e9.jpg", "cafe\u0301.jpg")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this file system composes names itself")
    assert len({key for key, _, _ in listed(tmp_path, pairing="single")}) == 2


def test_aligned_names_match_across_compositions(tmp_path):
    touch(tmp_path, "A/caf\u00e9.jpg", "B/cafe\u0301.jpg")
    ((key, fields),) = read(FolderSource(FolderOptions(root=str(tmp_path), pairing="aligned"))).items()
    assert key == "caf\u00e9"
    assert set(fields) == {"A", "B"}


def test_missing_folder(tmp_path):
    with pytest.raises(RunFailed, match=r"(?s)nowhere' cannot be listed. Received: No such file.*Check the path"):
        listed(tmp_path / "nowhere")
    with pytest.raises(RunFailed, match="nowhere' cannot be listed"):
        list(FolderSource(FolderOptions(root=str(tmp_path), a="nowhere", b="x")).items())


def test_a_folder_without_the_layout_says_what_was_looked_for_and_found(tmp_path):
    touch(tmp_path, "trainA/1.jpg", "paired/1.jpg", "0.png", "readme.md")
    with pytest.raises(RunFailed) as caught:
        listed(tmp_path)
    assert "Looked for the sub-folders trainA and trainB (testA, testB, valA, valB), or A and B" in caught.value.message
    assert caught.value.message.endswith("Received: 2 folders (paired, trainA), 1 picture, 1 other file")
    assert "pairing" in caught.value.hint


def test_an_empty_domain_is_named(tmp_path):
    touch(tmp_path, "trainA/1.jpg", "trainB/notes.txt")
    with pytest.raises(RunFailed, match=r"No picture is in: trainB\."):
        listed(tmp_path)


@pytest.mark.parametrize("pairing", ["aligned", "single"])
def test_a_folder_without_pictures(tmp_path, pairing):
    touch(tmp_path, "notes.txt")
    with pytest.raises(RunFailed, match=r"Received: 0 folders, 0 pictures, 1 other file"):
        listed(tmp_path, pairing=pairing)


def test_a_root_that_is_a_file(tmp_path):
    touch(tmp_path, "data.zip")
    with pytest.raises(RunFailed, match="cannot be listed"):
        listed(tmp_path / "data.zip")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": "x"},
        {"root": "x", "b": "y"},
        {"a": "x", "b": "y", "pairing": "single"},
        {"root": "x", "suffixes": ["a/b"]},
    ],
)
def test_impossible_options_are_refused(values):
    with pytest.raises(ValidationError):
        FolderOptions(**values)


def test_layout_is_the_pairing():
    assert FolderOptions(root="x").layout == "unpaired"
    assert FolderOptions(root="x", pairing="aligned").layout == "aligned"


def test_records_name_existing_factories_and_describe_every_option():
    import importlib

    records = gantk_sources.gantk_sources()
    assert [record.name for record in records] == ["folder", "archive", "text", "tfds", "gaussians"]
    for record in records:
        module, attribute = record.factory.split(":")
        assert callable(getattr(importlib.import_module(module), attribute))
        assert all(field.description for field in record.options.model_fields.values())


def test_a_test_share_may_be_held_out_where_only_training_folders_are_there(tmp_path):
    touch(tmp_path, "trainA/1.png", "trainB/2.png")
    assert [split for _, _, split in listed(tmp_path)] == [None, None]
    touch(tmp_path, "testA/3.png")
    assert [split for _, _, split in listed(tmp_path)] == ["test", "train", "train"]
