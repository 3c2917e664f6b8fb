"""The `tf.train.Example` message, encoded and decoded by hand, so that no TensorFlow is needed.

Wire format (protobuf 3): an Example holds Features in field 1; Features hold a map from name to
Feature in field 1, each entry a message of key (1) and value (2); a Feature holds one of BytesList
(1) or Int64List (3), whose values are in field 1. Entries are written in the order given, so equal
samples have equal bytes.

Reference: https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto,
https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_FIELD_1, _FIELD_2, _FIELD_3 = b"\x0a", b"\x12", b"\x1a"  # (number << 3) | 2: length-delimited


_ONE_BYTE = tuple(bytes([value]) for value in range(0x80))


def _varint(value: int) -> bytes:
    if value < 0x80:
        return _ONE_BYTE[value]
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _delimited(tag: bytes, payload: bytes) -> bytes:
    return b"".join((tag, _varint(len(payload)), payload))


def encode_example(features: Mapping[str, bytes | int]) -> bytes:
    """Encode one sample.

    Args:
        features: Bytes, or integers in [0, 2⁶³), by name; each becomes a feature of one value.

    Returns:
        A serialised `tf.train.Example`, readable by `tf.io.parse_single_example`.
    """
    entries = []
    for name, value in features.items():
        if isinstance(value, int):
            feature = _delimited(_FIELD_3, _delimited(_FIELD_1, _varint(value)))
        else:
            feature = _delimited(_FIELD_1, _delimited(_FIELD_1, value))
        entry = _delimited(_FIELD_1, name.encode()) + _delimited(_FIELD_2, feature)
        entries.append(_delimited(_FIELD_1, entry))
    return _delimited(_FIELD_1, b"".join(entries))


def _read_varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == 0:
            value, position = _read_varint(data, position)
            yield number, value
        elif wire_type == 2:
            length, position = _read_varint(data, position)
            if position + length > len(data):
                raise ValueError(f"a field of {length} bytes ends after its message")
            yield number, data[position : position + length]
            position += length
        else:
            raise ValueError(f"wire type {wire_type} does not occur in a tf.train.Example of bytes and integers")


def _messages(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    for number, value in _fields(data):
        if isinstance(value, int):
            raise ValueError("an integer where a message was expected")
        yield number, value


def _feature_value(feature: memoryview) -> bytes | int:
    for kind, values in _messages(feature):
        if kind == 1:
            for _, value in _messages(values):
                return bytes(value)
        if kind == 3:
            for _, number in _fields(values):
                # Other writers pack their integers into one length-delimited field; both forms are read.
                return number if isinstance(number, int) else _read_varint(number, 0)[0]
    raise ValueError("a feature holds neither bytes nor an integer")


def decode_example(data: bytes) -> dict[str, bytes | int]:
    """Decode what `encode_example` wrote.

    Args:
        data: A serialised `tf.train.Example` whose features hold one bytes or integer value each.

    Returns:
        The features by name, in the order written.

    Raises:
        ValueError: The bytes are no such message.
    """
    features: dict[str, bytes | int] = {}
    try:
        for _, message in _messages(memoryview(data)):
            for _, entry in _messages(message):
                name, value = (part for _, part in _messages(entry))
                features[bytes(name).decode()] = _feature_value(value)
    except IndexError as error:
        raise ValueError("a message that ends inside a number") from error
    return features
