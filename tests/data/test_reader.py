"""Random access to prepared samples."""

import json
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from gantk.data import PreparedDataset, prepare
from gantk.errors import RunFailed


@pytest.fixture
def dataset(source, tmp_path):
    prepare(source(train=20, test=3), directory=tmp_path / "data", unit_images=6)
    return PreparedDataset.open(tmp_path / "data")


def test_dataset_says_what_it_holds(dataset):
    assert dataset.layout == "unpaired"
    assert dataset.splits == ("train", "test")
    assert dataset.domains("train") == ("A", "B")
    assert dataset.domains("valid") == ()
    assert dataset.fields("test", "A") == ("image",)
    assert dataset.fields("test", "AB") == ()
    assert dataset.count("train", "B") == 20
    assert dataset.count("valid", "B") == 0
    assert dataset.domain_names == {}
    assert len(dataset.records("valid", "A")) == 0


def test_records_come_in_the_order_of_their_keys_across_shards(dataset):
    records = dataset.records("train", "A")
    assert len(dataset.manifest["splits"]["train"]["A"]["shards"]) >= 3
    assert [record["key"] for record in records] == [f"train/A/{number:06d}" for number in range(20)]
    assert [int(records[number]["image"][0, 0, 0]) for number in (19, 0, 11)] == [133, 0, 77]


def test_records_are_indexed_as_a_list_is(dataset):
    records = dataset.records("train", "A")
    assert records[-1]["key"] == records[19]["key"]
    assert records[np.int64(4)]["key"] == "train/A/000004"
    assert [record["key"][-2:] for record in records[17:]] == ["17", "18", "19"]
    for position in (20, -21):
        with pytest.raises(IndexError, match="from 0 to 19"):
            records[position]


def test_many_threads_read_the_same(dataset):
    records = dataset.records("train", "B")
    expected = [int(record["image"].sum()) for record in records]
    found = {}

    def read(number):
        found[number] = [int(records[index]["image"].sum()) for index in range(20)]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == expected for number in range(8))


def test_dataset_and_records_can_travel_to_another_process(dataset):
    copied = pickle.loads(pickle.dumps(dataset.records("train", "A")))
    np.testing.assert_array_equal(copied[7]["image"], dataset.records("train", "A")[7]["image"])


def test_damaged_shard_is_found_on_reading_and_on_verifying(dataset):
    name = dataset.manifest["splits"]["train"]["A"]["shards"][0]["name"]
    path = dataset.directory / "shards" / name
    assert list(dataset.damaged_shards()) == []
    data = bytearray(path.read_bytes())
    data[40] ^= 4
    path.write_bytes(data)
    with pytest.raises(RunFailed, match="valid checksums"):
        dataset.records("train", "A")[0]
    ((damaged, reason),) = dataset.damaged_shards()
    assert damaged == name
    assert "expected SHA-256" in reason


def test_missing_shard_is_an_error_that_names_it(dataset):
    name = dataset.manifest["splits"]["test"]["B"]["shards"][0]["name"]
    (dataset.directory / "shards" / name).unlink()
    with pytest.raises(RunFailed, match=name):
        dataset.records("test", "B")[0]


def test_index_of_another_length_is_an_error(dataset):
    shards = dataset.manifest["splits"]["train"]["A"]["shards"]
    index = dataset.directory / "shards" / (shards[0]["name"] + ".idx")
    other = dataset.directory / "shards" / (dataset.manifest["splits"]["test"]["A"]["shards"][0]["name"] + ".idx")
    index.write_bytes(other.read_bytes())
    with pytest.raises(RunFailed, match="as the manifest says"):
        dataset.records("train", "A")[0]


def test_a_folder_without_a_dataset_is_an_error(tmp_path):
    with pytest.raises(RunFailed, match="expected a prepared dataset"):
        PreparedDataset.open(tmp_path)


def test_a_dataset_of_another_format_is_an_error(dataset):
    path = dataset.directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(RunFailed, match="Received: 99"):
        PreparedDataset.open(dataset.directory)


def test_reading_needs_no_framework(dataset):
    code = (
        "import sys\n"
        "from gantk.data import PreparedDataset, training_batches\n"
        f"dataset = PreparedDataset.open({str(dataset.directory)!r})\n"
        "dataset.records('train', 'A')[0]\n"
        "import gantk.data.options\n"
        "print([name for name in ('tensorflow', 'keras', 'apache_beam') if name in sys.modules])\n"
        "sys.modules['tensorflow'] = sys.modules['apache_beam'] = None\n"
        "print(next(iter(training_batches(dataset, batch_size=2)))['A'].shape)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[]", "(2, 8, 8, 3)"]
