"""Classes out of the names of sub-folders, in folders and in archives."""

import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from gantk import RunFailed
from gantk.config.components import SourceChoice, TransformChoice
from gantk.data import PreparedDataset, prepare
from gantk_sources.archive import ArchiveSource
from gantk_sources.folder import FolderSource
from gantk_sources.layout import split_and_class
from gantk_sources.options import ArchiveOptions, FolderOptions


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())


def source_of(root):
    return FolderSource(FolderOptions(root=str(root), pairing="single", labels="folders"))


def listed(root):
    return {item.key: (item.domain, item.split, item.label) for item in source_of(root).items()}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cat/1.png", (None, "cat")),
        ("cat/deep/er/1.png", (None, "cat")),
        ("train/cat/1.png", ("train", "cat")),
        ("val/cat/deep/1.png", ("valid", "cat")),
        ("cat/Test/1.png", ("test", "cat")),
        ("train/cat/test/1.png", ("train", "cat")),
        ("1.png", (None, "")),
        ("train/1.png", ("train", "")),
    ],
)
def test_split_and_class_of_a_path(path, expected):
    assert split_and_class(path) == expected


def test_sub_folders_are_classes(tmp_path):
    touch(tmp_path, "2/a.png", "10/a.png", "10/deep/b.png", "readme.txt", ".cache/x.png", "2/notes.txt")
    assert listed(tmp_path) == {
        "2/a.png": ("image", None, "2"),
        "10/a.png": ("image", None, "10"),
        "10/deep/b.png": ("image", None, "10"),
    }


def test_splits_stand_around_the_classes_or_inside_them(tmp_path):
    touch(tmp_path / "above", "train/cat/1.png", "train/dog/1.png", "test/cat/2.png")
    assert listed(tmp_path / "above") == {
        "train/cat/1.png": ("image", "train", "cat"),
        "train/dog/1.png": ("image", "train", "dog"),
        "test/cat/2.png": ("image", "test", "cat"),
    }
    touch(tmp_path / "below", "cat/train/1.png", "cat/test/2.png", "dog/train/1.png", "dog/3.png")
    assert listed(tmp_path / "below") == {
        "cat/train/1.png": ("image", "train", "cat"),
        "cat/test/2.png": ("image", "test", "cat"),
        "dog/train/1.png": ("image", "train", "dog"),
        "dog/3.png": ("image", None, "dog"),
    }


def test_folders_around_the_data_are_no_class(tmp_path):
    touch(tmp_path, "digits/png/3/a.png", "digits/png/4/b.png")
    assert {label for _, _, label in listed(tmp_path).values()} == {"3", "4"}
    touch(tmp_path / "other", "wrapped/train/cat/1.png", "wrapped/train/dog/1.png")
    assert {place[1:] for place in listed(tmp_path / "other").values()} == {("train", "cat"), ("train", "dog")}


def test_a_single_class_is_one(tmp_path):
    touch(tmp_path, "cat/1.png", "cat/2.png")
    assert {label for _, _, label in listed(tmp_path).values()} == {"cat"}


@pytest.mark.parametrize(
    ("names", "received"),
    [
        (["cat/1.png", "2.png"], "'2.png', which lies in none"),
        (["train/cat/1.png", "train/2.png"], "'train/2.png', which lies in the folder of a split alone"),
        (["car/1.png", "train/2.png"], "'train/2.png', which lies in the folder of a split alone"),
        (["1.png"], "'1.png', which lies in none"),
    ],
)
def test_a_picture_without_a_class_is_an_error(tmp_path, names, received):
    touch(tmp_path, *names)
    with pytest.raises(RunFailed, match="must lie in the folder of its class") as caught:
        listed(tmp_path)
    assert caught.value.message.endswith(f"Received: {received}")
    assert "`train/cat/`" in caught.value.hint


def test_a_folder_without_pictures_is_an_error(tmp_path):
    touch(tmp_path, "cat/notes.txt")
    with pytest.raises(RunFailed, match="There is no single picture data"):
        listed(tmp_path)


def test_class_names_are_composed_in_one_way(tmp_path):
    touch(tmp_path, "cafe\u0301/1.png", "the\u0301/1.png")
    assert {label for _, _, label in listed(tmp_path).values()} == {"caf\u00e9", "th\u00e9"}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_archives_have_classes_alike(tmp_path, kind):
    touch(tmp_path / "in", "set/train/cat/1.png", "set/train/dog/1.png", "set/test/dog/2.png")
    path = tmp_path / f"set.{kind}"
    names = sorted(each for each in (tmp_path / "in").rglob("*.png"))
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.write(name, name.relative_to(tmp_path / "in"))
    else:
        with tarfile.open(path, "w") as archive:
            for name in names:
                archive.add(name, name.relative_to(tmp_path / "in"))
    source = ArchiveSource(ArchiveOptions(path=str(path), pairing="single", labels="folders"))
    items = list(source.items())
    assert {item.key: (item.split, item.label) for item in items} == {
        "set/train/cat/1.png": ("train", "cat"),
        "set/train/dog/1.png": ("train", "dog"),
        "set/test/dog/2.png": ("test", "dog"),
    }
    assert all(fields == {"image": item.key.encode()} for item, fields in source.read(items))


def test_a_file_that_cannot_be_read_keeps_its_class(tmp_path):
    touch(tmp_path, "cat/1.png", "dog/1.png")
    (tmp_path / "cat" / "2.png").symlink_to(tmp_path / "gone.png")
    items = {item.key: item for item in source_of(tmp_path).items()}
    assert items["cat/2.png"].label == "cat"
    assert items["cat/2.png"].locator.startswith("!the file cannot be found")


@pytest.mark.parametrize("pairing", ["unpaired", "aligned"])
def test_labels_are_for_single_pictures(pairing):
    with pytest.raises(ValidationError, match=f"set `pairing: single`. Received: pairing '{pairing}'"):
        FolderOptions(root="x", pairing=pairing, labels="folders")


def test_a_folder_of_classes_is_prepared_with_a_pyramid(tmp_path):
    for number in range(12):
        (tmp_path / "set" / str(number)).mkdir(parents=True)
        for picture in range(2):
            pixels = np.full((6, 6), 20 * number + picture, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / str(number) / f"{picture}.png")
    choose = TypeAdapter(SourceChoice).validate_python
    source = choose({"type": "folder", "root": str(tmp_path / "set"), "pairing": "single", "labels": "folders"})
    pad = TypeAdapter(TransformChoice).validate_python({"type": "pad", "margin": 1, "fill": "edge"})
    prepare(
        source,
        directory=tmp_path / "out",
        transforms=[pad],
        channels=1,
        pyramid={"smallest": 4},
        splits={"train": 1.0},
    )
    dataset = PreparedDataset.open(tmp_path / "out")
    assert dataset.classes == tuple(map(str, range(12)))
    assert dataset.resolutions == (4, 8)
    for record in dataset.records("train", "image", 4):
        number, picture = record["key"].removesuffix(".png").split("/")
        assert record["label"] == number
        assert (record["image"] == 20 * int(number) + int(picture)).all()
