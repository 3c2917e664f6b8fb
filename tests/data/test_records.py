"""TFRecord shards and the tf.train.Example inside, written and read without TensorFlow."""

import hashlib
import struct
from itertools import pairwise

import numpy as np
import pytest

from gantk.data.example import decode_example, encode_example
from gantk.data.tfrecord import ShardWriter, frame, masked_crc, read_index, read_record
from gantk.errors import RunFailed


def written(path, records):
    with open(path, "wb") as file:
        writer = ShardWriter(file)
        for record in records:
            writer.write(record)
    path.with_name(path.name + ".idx").write_bytes(writer.index())
    return writer


def test_example_has_the_bytes_worked_out_by_hand():
    # Feature {bytes_list {value: "x"}} = 0a 03 0a 01 78; entry = 0a 01 61 12 05 …; features; example.
    expected = bytes.fromhex("0a 0c 0a 0a 0a 01 61 12 05 0a 03 0a 01 78")
    assert encode_example({"a": b"x"}) == expected


def test_example_integer_has_the_bytes_worked_out_by_hand():
    # 300 = varint ac 02; Int64List {value: [300]} = 0a 02 ac 02 packed; Feature field 3 = 1a 04 …
    expected = bytes.fromhex("0a 0d 0a 0b 0a 01 6e 12 06 1a 04 0a 02 ac 02")
    assert encode_example({"n": 300}) == expected


def test_example_is_decoded_to_what_was_encoded():
    features = {"key": "ä/1".encode(), "image": bytes(range(256)) * 3, "image/height": 2**40, "empty": b"", "zero": 0}
    assert decode_example(encode_example(features)) == features
    assert list(decode_example(encode_example(features))) == list(features)


@pytest.mark.parametrize("damage", [b"\x0a", b"\x0a\x05ab", b"\x08\x01", b"\x0d\0\0\0\0", b"\x0a\x02\x0a\xff"])
def test_damaged_example_is_an_error(damage):
    with pytest.raises(ValueError, match=r".+"):
        decode_example(damage)


def test_masked_crc_of_the_rfc_vector():
    # RFC 3720 B.4: CRC-32C of 32 zero bytes is 8a9136aa; rotated right by 15 and plus a282ead8.
    crc = 0x8A9136AA
    assert masked_crc(bytes(32)) == ((crc >> 15 | crc << 17 & 0xFFFFFFFF) + 0xA282EAD8) % 2**32


def test_record_is_framed_by_length_and_checksums():
    record = frame(b"abc")
    assert record[:8] == struct.pack("<Q", 3)
    assert record[12:15] == b"abc"
    assert len(record) == 8 + 4 + 3 + 4


def test_every_record_is_read_by_its_offsets(tmp_path):
    records = [b"", b"one", bytes(1000)]
    writer = written(tmp_path / "s.tfrecord", records)
    offsets = read_index(tmp_path / "s.tfrecord")
    assert offsets.tolist() == [0, 16, 35, 1051]
    assert writer.size == 1051
    assert writer.count == 3
    ends = pairwise(offsets)
    assert [read_record(tmp_path / "s.tfrecord", int(a), int(b)) for a, b in ends] == records


def test_records_after_a_mark_can_be_taken_back(tmp_path):
    path = tmp_path / "s.tfrecord"
    with open(path, "wb") as file:
        writer = ShardWriter(file)
        writer.write(b"one")
        mark = writer.mark()
        for wrong in (b"two", bytes(5000)):
            writer.write(wrong)
            writer.roll_back(mark)
        writer.roll_back(mark)
        writer.write(b"three")
    assert path.read_bytes() == frame(b"one") + frame(b"three")
    assert writer.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (writer.count, writer.size) == (2, path.stat().st_size)


@pytest.mark.parametrize("position", [0, 9, 13, 17])
def test_one_wrong_bit_is_found_wherever_it_is(tmp_path, position):
    path = tmp_path / "s.tfrecord"
    written(path, [b"abcd"])
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunFailed, match="valid checksums"):
        read_record(path, 0, 20)


def test_shard_cut_short_is_an_error(tmp_path):
    path = tmp_path / "s.tfrecord"
    written(path, [b"abcd"])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunFailed, match="19 bytes that are not one"):
        read_record(path, 0, 20)


def test_index_of_another_format_is_an_error(tmp_path):
    (tmp_path / "s.tfrecord.idx").write_bytes(b"something")
    with pytest.raises(RunFailed, match="gantkidx"):
        read_index(tmp_path / "s.tfrecord")


def test_tensorflow_reads_the_shard(tmp_path):
    tf = pytest.importorskip("tensorflow")
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    examples = [
        encode_example({"key": f"k{n}".encode(), "image": image.tobytes(), "image/height": n}) for n in (2, 300)
    ]
    written(tmp_path / "s.tfrecord", examples)
    features = {
        "key": tf.io.FixedLenFeature([], tf.string),
        "image": tf.io.FixedLenFeature([], tf.string),
        "image/height": tf.io.FixedLenFeature([], tf.int64),
    }
    dataset = tf.data.TFRecordDataset(str(tmp_path / "s.tfrecord")).map(
        lambda record: tf.io.parse_single_example(record, features)
    )
    rows = list(dataset.as_numpy_iterator())
    assert [row["key"] for row in rows] == [b"k2", b"k300"]
    assert [row["image/height"] for row in rows] == [2, 300]
    assert rows[0]["image"] == image.tobytes()
    # What TensorFlow itself writes is the same message, though its map may be in another order.
    message = tf.train.Example.FromString(examples[1])
    assert decode_example(message.SerializeToString()) == decode_example(examples[1])
