"""TFRecord files against hand-made bytes, published check values, protobuf, a real file, and TensorFlow."""

from __future__ import annotations

import gzip
import io
import struct

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.proteins.records import (
    Fault,
    FaultPolicy,
    ProteinRecord,
    format_record,
    read_text,
    read_tfrecord,
    sequence_example,
    write_tfrecord,
)
from levinthal.proteins.records.proteinnet_example import from_example, to_example
from levinthal.proteins.records.sequence_example import (
    SequenceExample,
    decode_example,
    decode_sequence_example,
    encode_example,
    encode_sequence_example,
)
from levinthal.proteins.records.tfrecord import frame_bytes, masked_crc32c, read_frames, write_frames
from levinthal.proteins.residues import AMINO_ACIDS
from record_examples import real_records


@given(st.binary(max_size=70))
def test_the_checksum_is_the_bitwise_one(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    assert masked_crc32c(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_frames_come_back(payloads):
    data = b"".join(map(frame_bytes, payloads))
    for source in (data, gzip.compress(data)):
        assert [frame.data for frame in read_frames(io.BytesIO(source))] == payloads


def test_a_frame_whose_length_looks_like_gzip():
    payload = bytes(0x088B1F)
    (frame,) = read_frames(io.BytesIO(frame_bytes(payload)))
    assert frame.data == payload


def head(length):
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_crc32c(packed))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (frame_bytes(b"abc")[:7], "byte 0: the file ends within"),
        (frame_bytes(b"abc")[:-1], "byte 0: the file ends within"),
        (frame_bytes(b"abc") + b"\x01" * 12, "byte 19: the checksum of a frame's length is wrong"),
        (head(1 << 60) + b"abc", "a frame says it has 1,152,921,504,606,846,976 bytes"),
        (head(60 << 20) + b"abc", "the file ends within"),
        (b"[ID]\nTBM#T0366\n[PRIMARY]\n", "byte 0: the checksum of a frame's length"),
    ],
)
def test_broken_frames(data, message):
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(DataError, match=message):
        list(read_frames(io.BytesIO(data)))
    assert tracemalloc.get_traced_memory()[1] < 3 << 20  # what is declared is not allocated
    tracemalloc.stop()


def test_damaged_data_is_told_and_the_next_frame_is_found():
    data = bytearray(frame_bytes(b"first") + frame_bytes(b"second"))
    data[13] ^= 1
    assert [frame.intact for frame in read_frames(io.BytesIO(bytes(data)))] == [False, True]


@pytest.mark.parametrize(
    "data", [b"\x08", b"\x0a\x05abc", b"\x0a" + b"\xff" * 9 + b"\x01", b"\x02\x01", b"\x80" * 11, b"\x0d\x01\x02"]
)
def test_bytes_that_are_no_message(data):
    for decode in (decode_example, decode_sequence_example):
        with pytest.raises(DataError, match="not a TensorFlow"):
            decode(data)


def test_an_example_byte_by_byte():
    example = b"\x0a\x1e" + b"\x0a\x0c\x0a\x01m\x12\x07\x0a\x05\x0a\x03\x00\xff\x01"
    example += b"\x0a\x0e\x0a\x01i\x12\x09\x1a\x07\x0a\x05\x03\x8e\x02\x96\x01"
    assert encode_example({"m": (b"\x00\xff\x01",), "i": np.array([3, 270, 150])}) == example
    decoded = decode_example(example)
    assert decoded["m"] == (b"\x00\xff\x01",)
    assert decoded["i"].tolist() == [3, 270, 150]


def test_numbers_that_are_not_packed_and_fields_that_are_unknown():
    floats = b"\x0d" + struct.pack("<f", 1.5) + b"\x0d" + struct.pack("<f", -2)
    feature = b"\x12" + bytes([len(floats) + 2]) + floats + b"\x50\x07"
    entry = b"\x0a\x01x\x12" + bytes([len(feature)]) + feature + b"\x7a\x01?"
    features = b"\x0a" + bytes([len(entry)]) + entry
    decoded = decode_example(b"\x0a" + bytes([len(features)]) + features + b"\x11" + bytes(8))
    assert decoded["x"].tolist() == [1.5, -2]
    assert decoded["x"].dtype == np.float32


def test_contact_maps_as_bytes_lists(tmp_path):
    rng = np.random.default_rng(0)
    maps = [rng.bytes(48) for _ in range(20)]
    write_frames(tmp_path / "maps", (encode_example({"contacts": (each,), "n": np.array([28])}) for each in maps))
    read = [decode_example(frame.data) for frame in read_frames(tmp_path / "maps")]
    assert [each["contacts"] for each in read] == [(each,) for each in maps]


numbers = st.floats(width=32, allow_nan=False)
integers = st.integers(-(2**63), 2**63 - 1)
feature = st.one_of(
    st.lists(st.binary(max_size=9), max_size=4).map(tuple),
    st.lists(numbers, min_size=1, max_size=6).map(lambda values: np.array(values, np.float32)),
    st.lists(integers, min_size=1, max_size=6).map(lambda values: np.array(values, np.int64)),
)
table = st.one_of(
    st.tuples(st.integers(1, 6), st.integers(1, 5), numbers).map(lambda t: np.full(t[:2], t[2], np.float32)),
    st.tuples(st.integers(1, 6), st.integers(1, 5), integers).map(lambda t: np.full(t[:2], t[2], np.int64)),
    st.lists(st.lists(st.binary(max_size=9), max_size=3).map(tuple), min_size=1, max_size=4).map(tuple),
)


def same(first, second):
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()
    return first == second


@given(
    st.dictionaries(st.text(max_size=5), feature, max_size=3), st.dictionaries(st.text(max_size=5), table, max_size=3)
)
def test_any_sequence_example_comes_back(context, lists):
    example = SequenceExample(context, lists)
    again = decode_sequence_example(encode_sequence_example(example))
    for one, other in ((context, again.context), (lists, again.feature_lists)):
        assert one.keys() == other.keys()
        assert all(same(one[name], other[name]) for name in one)


def test_irregular_lists_are_read_by_the_long_way_to_the_same_values():
    rows = [np.array([1, 2], np.int64), np.array([300, 4], np.int64), np.array([-1, 5], np.int64)]
    encoded = encode_sequence_example(SequenceExample({}, {"a": tuple(rows)}))
    np.testing.assert_array_equal(decode_sequence_example(encoded).feature_lists["a"], rows)
    ragged = (np.array([1.0], np.float32), np.array([2.0, 3.0], np.float32), ())
    decoded = decode_sequence_example(encode_sequence_example(SequenceExample({}, {"a": ragged}))).feature_lists["a"]
    assert isinstance(decoded, tuple)
    assert all(same(one, other) for one, other in zip(ragged, decoded, strict=True))


def test_a_small_message_cannot_become_a_large_object(monkeypatch):
    monkeypatch.setattr(sequence_example, "MAX_PARTS", 1000)
    monkeypatch.setattr(sequence_example, "MAX_INTEGERS", 1000)
    empty = encode_sequence_example(SequenceExample({}, {"a": ((),) * 1001}))
    with pytest.raises(DataError, match="more than 1,000 parts"):
        decode_sequence_example(empty)
    with pytest.raises(DataError, match="more than 1,000 integers"):
        decode_example(encode_example({"a": np.zeros(1001, np.int64)}))


def sequence_example_of_tensorflow():
    """Return the class of TensorFlow's SequenceExample, made by protobuf from the published schema, maps and all."""
    file = descriptor_pb2.FileDescriptorProto(name="tensorflow.proto", package="tf", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def field(message, name, number, kind, *, repeated=False):
        label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
        basic = isinstance(kind, int)
        message.field.add(name=name, number=number, label=label, type=kind if basic else kinds.TYPE_MESSAGE)
        if not basic:
            message.field[-1].type_name = f".tf.{kind}"

    for name, kind in (
        ("BytesList", kinds.TYPE_BYTES),
        ("FloatList", kinds.TYPE_FLOAT),
        ("Int64List", kinds.TYPE_INT64),
    ):
        field(file.message_type.add(name=name), "value", 1, kind, repeated=True)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(("BytesList", "FloatList", "Int64List"), start=1):
        field(feature, kind.replace("List", "_list").lower(), number, kind)
        feature.field[-1].oneof_index = 0
    field(file.message_type.add(name="FeatureList"), "feature", 1, "Feature", repeated=True)
    for name, key, kind in (("Features", "feature", "Feature"), ("FeatureLists", "feature_list", "FeatureList")):
        message = file.message_type.add(name=name)
        entry = message.nested_type.add(name=f"{kind}Entry")
        entry.options.map_entry = True
        field(entry, "key", 1, kinds.TYPE_STRING)
        field(entry, "value", 2, kind)
        field(message, key, 1, f"{name}.{kind}Entry", repeated=True)
    example = file.message_type.add(name="SequenceExample")
    field(example, "context", 1, "Features")
    field(example, "feature_lists", 2, "FeatureLists")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tf.SequenceExample"))


def test_real_records_are_to_the_byte_what_protobuf_makes_of_tensorflows_schema(tmp_path):
    make, written = sequence_example_of_tensorflow(), b""
    for record in real_records():
        theirs = make()
        theirs.context.feature["id"].bytes_list.value.append(record.name.encode())
        lists = theirs.feature_lists.feature_list
        for letter in record.sequence:
            lists["primary"].feature.add().int64_list.value.append(AMINO_ACIDS.index(letter))
        for name, rows in (
            ("evolutionary", record.profile),
            ("tertiary", record.coordinates_pm.reshape(-1, 3)),
            ("mask", record.mask[:, None]),
        ):
            for row in rows:
                lists[name].feature.add().float_list.value.extend(row)
        written += frame_bytes(theirs.SerializeToString(deterministic=True))
    (tmp_path / "theirs").write_bytes(written)
    write_tfrecord(tmp_path / "ours", real_records(), exact=False)
    assert (tmp_path / "ours").read_bytes() == written
    again = list(read_tfrecord(tmp_path / "theirs"))
    assert [each.sequence for each in again] == [each.sequence for each in real_records()]
    for each, record in zip(again, real_records(), strict=True):
        np.testing.assert_array_equal(each.profile, record.profile.astype(np.float32))
        np.testing.assert_array_equal(each.coordinates_pm, record.coordinates_pm.astype(np.float32))
        np.testing.assert_array_equal(each.mask, record.mask)


def test_the_published_file_to_the_byte_and_as_its_text(shared_data, tmp_path):
    original = shared_data / "proteinnet" / "aqlab_tf_sample.tfrecord"
    (record,) = read_tfrecord(original)
    assert record.profile.shape == (106, 20)  # this file has no information content
    assert write_tfrecord(tmp_path / "again", [record]) == 1
    assert (tmp_path / "again").read_bytes() == original.read_bytes()
    lines = (shared_data / "proteinnet" / "aqlab_text_sample.txt").read_text().split("\n")
    ours = format_record(record).split("\n")
    assert ours[:5] == lines[:5]
    assert ours[25:] == lines[26:]  # [TERTIARY] and [MASK] are the same bytes
    for row, line in zip(ours[5:25], lines[5:25], strict=True):
        exact = np.array(line.split("\t"), float)
        np.testing.assert_array_equal(np.array(row.split("\t"), float).astype(np.float32), exact.astype(np.float32))
    (again,) = read_text(io.BytesIO(format_record(record).encode()))
    assert format_record(again) == format_record(record)


def some(**changes):
    rng = np.random.default_rng(1)
    values = {
        "name": "30#1ABC_1_A",
        "sequence": "ACDY",
        "profile": np.hstack([rng.dirichlet(np.ones(20), 4), rng.random((4, 1))]),
        "coordinates_pm": np.round(rng.normal(0, 1000, (4, 3, 3)), 1),
        "mask": np.array([True, False, True, True]),
        "secondary": "LHBS",
    }
    return ProteinRecord(**{**values, **changes})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_records_come_back_in_their_precision(tmp_path, dtype):
    full = some(profile=some().profile.astype(dtype), coordinates_pm=some().coordinates_pm.astype(dtype))
    records = [full, some(profile=None, secondary=None), some(coordinates_pm=None, mask=None), ProteinRecord("a", "G")]
    write_tfrecord(tmp_path / "a", records)
    assert list(read_tfrecord(tmp_path / "a")) == records


def test_the_plain_schema_rounds_the_profile_and_nothing_else(tmp_path):
    write_tfrecord(tmp_path / "a", [some()], exact=False)
    (record,) = read_tfrecord(tmp_path / "a")
    np.testing.assert_array_equal(record.profile, some().profile.astype(np.float32))
    assert format_record(record).split("[TERTIARY]")[1] == format_record(some()).split("[TERTIARY]")[1]
    assert set(to_example(some(), exact=False).context) == {"id"}


def replaced(**lists):
    example = to_example(some(), exact=False)
    return SequenceExample(example.context, {**example.feature_lists, **lists})


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (SequenceExample({}, {}), "no id"),
        (SequenceExample({"id": (b"\xff",)}, {}), "not text"),
        (SequenceExample({"id": (b"a",)}, {}), "no primary"),
        (SequenceExample({"id": (b"",)}, {"primary": np.zeros((2, 1), np.int64)}), "is not a name"),
        (replaced(primary=np.full((4, 1), 20)), "outside 0 to 19"),
        (replaced(primary=np.full((4, 1), -1)), "outside 0 to 19"),
        (replaced(primary=np.zeros((4, 2), np.int64)), "one integer"),
        (replaced(primary=np.zeros((4, 1), np.float32)), "one integer"),
        (replaced(primary=np.zeros((50_001, 1), np.int64)), "more than any protein"),
        (replaced(secondary=np.zeros((3, 1), np.int64)), "3 secondary structure letters for 4"),
        (replaced(evolutionary=np.zeros((4, 22), np.float32)), "20 or 21 floats"),
        (replaced(evolutionary=np.zeros((4, 21), np.int64)), "20 or 21 floats"),
        (replaced(tertiary=np.zeros((11, 3), np.float32)), "lengths disagree"),
        (replaced(mask=np.zeros((5, 1), np.float32)), "lengths disagree"),
        (replaced(mask=np.full((4, 1), 0.5, np.float32)), "of 0 and 1"),
        (
            SequenceExample({"id": (b"a",), "tertiary_double": (b"1",)}, replaced().feature_lists),
            "one float64 for each",
        ),
        (SequenceExample({"id": (b"a",), "tertiary_double": (bytes(288),)}, replaced().feature_lists), "was changed"),
    ],
)
def test_examples_that_are_no_record(example, message):
    with pytest.raises(DataError, match=message):
        from_example(example)
    good = frame_bytes(encode_sequence_example(to_example(some())))
    bad = frame_bytes(encode_sequence_example(example))
    policy = FaultPolicy("skip")
    assert list(read_tfrecord(io.BytesIO(good + bad + good), policy)) == [some(), some()]
    assert policy.n_skipped == 1
    with pytest.raises(DataError, match=f"byte {len(good)} .record 2.*{message}"):
        list(read_tfrecord(io.BytesIO(good + bad)))


def test_damage_and_emptiness():
    good = frame_bytes(encode_sequence_example(to_example(some())))
    flipped = bytearray(good * 2)
    flipped[100] ^= 1
    policy = FaultPolicy("skip")
    assert len(list(read_tfrecord(io.BytesIO(bytes(flipped)), policy))) == 1
    assert policy.counts == {Fault.MALFORMED: 1}
    with pytest.raises(DataError, match="checksum of the data is wrong"):
        list(read_tfrecord(io.BytesIO(bytes(flipped))))
    with pytest.raises(DataError, match="is empty"):
        list(read_tfrecord(io.BytesIO(b"")))
    with pytest.raises(DataError, match="no number for the letters X"):
        to_example(ProteinRecord("a", "AXA"))


def test_tensorflow_reads_what_is_written_and_writes_what_is_read(tmp_path):
    tf = pytest.importorskip("tensorflow")
    write_tfrecord(tmp_path / "ours", [some()])
    (raw,) = [each.numpy() for each in tf.data.TFRecordDataset(str(tmp_path / "ours"))]
    context, lists = tf.io.parse_single_sequence_example(
        raw,
        context_features={"id": tf.io.FixedLenFeature((1,), tf.string)},
        sequence_features={
            "primary": tf.io.FixedLenSequenceFeature((1,), tf.int64),
            "evolutionary": tf.io.FixedLenSequenceFeature((21,), tf.float32),
            "tertiary": tf.io.FixedLenSequenceFeature((3,), tf.float32),
            "mask": tf.io.FixedLenSequenceFeature((1,), tf.float32),
        },
    )
    assert context["id"].numpy()[0].decode() == some().name
    assert "".join(AMINO_ACIDS[k] for k in lists["primary"].numpy()[:, 0]) == some().sequence
    np.testing.assert_array_equal(lists["evolutionary"], some().profile.astype(np.float32))
    np.testing.assert_array_equal(lists["tertiary"], some().coordinates_pm.reshape(-1, 3).astype(np.float32))
    for zipped in ("", "GZIP"):
        with tf.io.TFRecordWriter(str(tmp_path / "theirs"), zipped) as writer:
            writer.write(tf.train.SequenceExample.FromString(raw).SerializeToString())
        assert list(read_tfrecord(tmp_path / "theirs")) == [some()]
