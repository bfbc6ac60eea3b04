"""ProteinNet text: the real records to the byte, random ones to the bit, and what is wrong named."""

from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import shared_files
from levinthal.errors import DataError
from levinthal.proteins.records import (
    Fault,
    FaultPolicy,
    ProteinRecord,
    RecordCache,
    format_record,
    read_text,
    read_tfrecord,
    write_cache,
    write_text,
    write_tfrecord,
)
from levinthal.proteins.records import text as text_module
from levinthal.proteins.residues import AMINO_ACIDS
from record_examples import plain_text, real_records


def text_of(record):
    return format_record(record).encode()


def small(**changes):
    values = {
        "name": "TBM#T0001",
        "sequence": "AC",
        "profile": np.full((2, 21), 0.05),
        "coordinates_pm": np.arange(1.0, 19.0).reshape(2, 3, 3),
        "mask": np.array([True, True]),
        "secondary": "HL",
    }
    return ProteinRecord(**{**values, **changes})


def assert_comes_back_to_the_byte(file, folder):
    original = file.read_bytes().rstrip(b"\n") + b"\n\n"
    records = list(read_text(file))
    assert len(records) == original.count(b"[ID]\n")
    for each in ("direct", "cache", "tfrecord"):
        path = folder / f"{file.stem}.{each}"
        if each == "direct":
            again = iter(records)
        elif each == "cache":
            write_cache(path, records)
            again = iter(RecordCache(path))
        else:
            write_tfrecord(path, records)
            again = read_tfrecord(path)
        assert write_text(folder / "again.txt", again) == len(records)
        assert (folder / "again.txt").read_bytes() == original, each


@pytest.fixture
def real_text(tmp_path):
    """Write records of real proteins as a plain program does."""
    (tmp_path / "real.txt").write_text(plain_text(real_records()))
    return tmp_path / "real.txt"


def test_records_of_real_proteins_come_back_to_the_byte(real_text, tmp_path):
    assert_comes_back_to_the_byte(real_text, tmp_path)


def test_published_records_come_back_to_the_byte(shared_data, tmp_path):
    for name in ("aqlab_text_sample.txt", "openprotein_testfile.txt"):
        assert_comes_back_to_the_byte(shared_data / "proteinnet" / name, tmp_path)


def test_values_are_those_that_a_plain_reading_gives(real_text):
    for path, group, identifier in [
        (real_text, "FM", "1VII"),
        *((path, "TBM", "T0366") for path in shared_files("proteinnet/aqlab_text_sample.txt")),
    ]:
        lines = path.read_text().split("\n")
        record = next(read_text(path))
        profile = np.array([line.split("\t") for line in lines[5:26]], float)
        axes = np.array([line.split("\t") for line in lines[27:30]], float)
        np.testing.assert_array_equal(record.profile, profile.T)
        for residue in range(len(record)):
            for atom in range(3):
                np.testing.assert_array_equal(record.coordinates_pm[residue, atom], axes[:, 3 * residue + atom])
        np.testing.assert_array_equal(record.mask, [sign == "+" for sign in lines[31]])
        bonds = np.linalg.norm(record.coordinates_nm[:, 1] - record.coordinates_nm[:, 0], axis=1)[record.mask]
        assert 0.14 < bonds.min() < bonds.max() < 0.155  # N-CA is 0.1458 nm
        assert (record.group, record.identifier) == (group, identifier)


def test_the_compiled_parser_reads_real_records_to_the_same_values(real_text, monkeypatch):
    plain = list(read_text(real_text))
    monkeypatch.setattr(text_module, "FEW_RECORDS", 0)
    assert list(read_text(real_text)) == plain == list(real_records())


finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.integers(0, 2**32 - 1), st.lists(finite, min_size=18, max_size=18), st.sampled_from([np.float32, np.float64]))
def test_random_records_come_back_to_the_bit(seed, numbers, dtype):
    rng = np.random.default_rng(seed)
    with np.errstate(over="ignore"):
        coordinates = np.array(numbers).astype(dtype).reshape(2, 3, 3)
    columns = int(rng.choice([20, 21]))
    record = ProteinRecord(
        name="30#1ABC_1_A",
        sequence="".join(rng.choice(list(AMINO_ACIDS), 2)),
        profile=rng.random((2, columns)).astype(dtype) if rng.random() < 0.7 else None,
        coordinates_pm=np.nan_to_num(coordinates) if rng.random() < 0.8 else None,
        mask=rng.random(2) < 0.5 if rng.random() < 0.7 else None,
        secondary="GT" if rng.random() < 0.3 else None,
    )
    (again,) = read_text(io.BytesIO(text_of(record)))
    assert format_record(again) == format_record(record)
    for name in ("profile", "coordinates_pm"):
        value = getattr(record, name)
        if value is not None:  # the shortest decimal of a float32 is the same float32 again
            np.testing.assert_array_equal(getattr(again, name).astype(dtype), value)
            assert (np.signbit(getattr(again, name)) == np.signbit(value)).all()
    if dtype == np.float64:
        assert again == record


def test_numbers_are_spelt_as_in_proteinnet():
    values = np.zeros((1, 3, 3))
    values[0, 0] = [1.0, 1.2006099098341959e-05, -230.2]
    values[0, 1] = [0.0, -0.0, 1e20]
    rows = format_record(ProteinRecord("a", "G", coordinates_pm=values)).split("\n")[5:8]
    assert rows == ["1.\t0\t0", "0.000012006099098341959\t-0.\t0", "-230.2\t100000000000000000000.\t0"]


def test_sections_may_be_missing_spaces_and_line_ends_differ():
    rows = b"1 2 3 4 5 6\r\n1e1 0 0 0 0 0\r\n0 0 0 0 0 -1.50\r\n"
    bare = b"[ID]\r\n1ABC_1_A\r\n[PRIMARY]\r\nAC\r\n[TERTIARY]\r\n" + rows + b"\r\n\r\n\r\n"
    first, second = read_text(io.BytesIO(bare + b"[ID]\nb\n[PRIMARY]\nGGG"))
    assert first.profile is None
    assert first.mask is None
    assert first.coordinates_pm[:, :, 0].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert first.coordinates_pm[0, 0].tolist() == [1, 10, 0]
    assert first.resolved.all()
    assert (first.group, first.identifier) == (None, "1ABC_1_A")
    assert second.sequence == "GGG"
    assert not second.resolved.any()


def test_gzip_and_streams_that_stay_open(tmp_path):
    data = text_of(small()) * 3
    (tmp_path / "a.gz").write_bytes(gzip.compress(data))
    stream = io.BytesIO(data)
    assert list(read_text(tmp_path / "a.gz")) == list(read_text(stream)) == [small()] * 3
    assert not stream.closed


GOOD = format_record(small())


@pytest.mark.parametrize("before", ["[PRIMARY]", "[EVOLUTIONARY]", "[TERTIARY]", "[MASK]", ""])
def test_further_sections_are_passed_over_and_counted(before):
    further = "[RAMA]\n-60.1\t-45.0\n\t\n[CHI]\n" + "0.1\t0.2\n" * 40 + "[NOTE 2]\nnot a number\n"
    text = GOOD.replace(before, further + before) if before else GOOD.rstrip("\n") + "\n" + further + "\n"
    policy = FaultPolicy("refuse")
    records = list(read_text(io.BytesIO((text + GOOD).encode()), policy))
    assert records == [*read_text(io.BytesIO(GOOD.encode()))] * 2
    assert policy.passed_over == {"[RAMA]": 1, "[CHI]": 1, "[NOTE 2]": 1}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD.replace("AC\n", "ACD\n"), 0, "lengths disagree"),
        (GOOD.replace("++\n", "+\n"), 0, "lengths disagree"),
        (GOOD.replace("HL\n", "H\n"), 0, "lengths disagree"),
        (GOOD.replace("0.05\t0.05\n", "0.05\n", 1), 0, "lengths disagree"),
        (GOOD.replace("0.05\t0.05\n", "", 1).replace("0.05\t0.05\n", "", 1), 0, "19 rows"),
        (GOOD.replace("0.05", "five", 1), 0, "'five' is not a number"),
        (GOOD.replace("0.05", "1_0", 1), 0, "is not a number"),
        (GOOD.replace("0.05", "0.0.5", 1), 0, "'0.0.5' is not a number"),
        (GOOD.replace("0.05", "0.1" * 999, 1), 0, "'0.10.10.10.10.10.10.10.10.10.10.10.10.10' is not a number"),
        (GOOD.replace("[MASK]\n++", "[MASK]\n+0"), 0, "must be of"),
        (GOOD.replace("HL", "HX"), 0, "secondary structure letters"),
        (GOOD.replace("AC\n", "a1\n"), 0, "capital letters"),
        (GOOD.replace("[PRIMARY]\nAC\n", ""), 0, r"\[PRIMARY\] is missing"),
        (GOOD.replace("[MASK]\n", "[MASK]\n++\n"), 0, "more lines than"),
        (GOOD.replace("[MASK]", "[mask]"), 0, r"must be written \[MASK\]"),
        (GOOD.replace("[MASK]", "[PRIMARY]"), 0, r"a second \[PRIMARY\]"),
        (GOOD.replace("TBM#T0001\n", ""), 0, r"\[ID\] has 0 lines"),
        (GOOD.rstrip("\n")[:-3], 0, r"\[MASK\] has 0 lines"),
        ("hello\n" + GOOD, 1, r"expected \[ID\]"),
        (GOOD + "hello\n", GOOD.count("\n") + 1, r"expected \[ID\]"),
    ],
)
def test_what_is_no_record_is_refused_or_skipped(text, line, message):
    data = text.encode()
    with pytest.raises(DataError, match=message) as caught:
        list(read_text(io.BytesIO(data)))
    assert f"line {line}" in str(caught.value) if line else "record 1" in str(caught.value)
    policy = FaultPolicy("skip")
    kept = list(read_text(io.BytesIO(data + b"\n" + GOOD.replace("T0001", "T0002").encode()), policy))
    assert kept[-1].identifier == "T0002"
    assert sum(policy.counts.values()) == 1
    assert policy.n_kept == len(kept)
    kind = Fault.LENGTHS_DISAGREE if "lengths" in message else Fault.MALFORMED
    assert policy.counts == {kind: 1}


def test_a_record_cut_short_does_not_swallow_the_next():
    cut = GOOD[: GOOD.index("[TERTIARY]") + len("[TERTIARY]\n1.\t")].rstrip() + "\n"
    policy = FaultPolicy("skip")
    kept = list(read_text(io.BytesIO((GOOD + cut + GOOD).encode()), policy))
    assert kept == [small(), small()]
    assert policy.n_skipped == 1
    assert "record 2" in policy.examples[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "has no ProteinNet record"),
        (b"\n\n\n", "has no ProteinNet record"),
        (b"\n" * 5000, "more than 1000 blank lines"),
        (b"[ID]\na\n[PRIMARY]\n" + b"A" * (9 << 20), "line 4 is longer than 8 MiB"),
        (b"[ID]\na\n[PRIMARY]\n" + b"A" * 60_000, "more than any protein has"),
        (gzip.compress(b"\x00" * (40 << 20)), "longer than 8 MiB"),
        (gzip.compress(GOOD.encode())[:-9], "gzip data is damaged"),
    ],
)
def test_hostile_files(data, message):
    with pytest.raises(DataError, match=message):
        list(read_text(io.BytesIO(data)))


def test_reading_holds_one_record_at_a_time(tmp_path):
    import tracemalloc

    one = text_of(small(sequence="A" * 80, profile=np.full((80, 21), 0.05), coordinates_pm=np.ones((80, 3, 3)),
                        mask=np.ones(80, bool), secondary=None))  # fmt: skip
    (tmp_path / "many.txt").write_bytes(one * 100)
    stream = read_text(tmp_path / "many.txt")
    next(stream)
    tracemalloc.start()
    count = sum(1 for _ in stream)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 99
    assert peak < 30 * len(one)


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, [small()])
    before = path.read_bytes()

    def broken():
        yield small()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_text(path, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError, match="cannot write"):
        write_text(tmp_path / "none" / "a.txt", [small()])
