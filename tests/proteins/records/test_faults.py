"""Each fault is found, alone, and named; real records have none."""

from __future__ import annotations

import io

import numpy as np
import pytest

from carried import shared_files
from levinthal.errors import DataError, UsageError
from levinthal.proteins.records import (
    Fault,
    FaultPolicy,
    ProteinRecord,
    chain_breaks,
    find_faults,
    format_record,
    read_text,
    read_tfrecord,
    write_tfrecord,
)
from record_examples import plain_text, real_records


def sound(n=6):
    profile = np.zeros((n, 21))
    profile[:, :4] = 0.25
    profile[:, 20] = 0.5
    steps = np.cumsum(np.full((3 * n, 3), 80.0), axis=0) + 10  # 139 pm from atom to atom
    return {
        "name": "1ABC_1_A",
        "sequence": "ACDEFG"[:n],
        "profile": profile,
        "coordinates_pm": steps.reshape(n, 3, 3),
        "mask": np.ones(n, bool),
    }


def ca_only(values):
    values["coordinates_pm"][2:4, [0, 2]] = 0


def zero(values):
    values["coordinates_pm"][4] = 0


def half_zero(values):
    values["coordinates_pm"][4, 2] = 0


def empty(values):
    values["mask"][:] = False


def not_finite(values):
    values["coordinates_pm"][1, 1, 2] = np.inf


def profile_nan(values):
    values["profile"][3, 3] = np.nan


def wrong_sum(values):
    values["profile"][[1, 5], 0] = 0.3


def negative(values):
    values["profile"][2, :2] = [-0.5, 1.0]


def too_informative(values):
    values["profile"][0, 20] = 1.5


def unknown(values):
    values["sequence"] = "ACXXUG"


CASES = [
    (ca_only, Fault.CA_ONLY, "residues 3, 4"),
    (zero, Fault.ZERO_COORDINATES, "residue 5"),
    (half_zero, Fault.ZERO_COORDINATES, "residue 5"),
    (empty, Fault.EMPTY_MASK, "no residue"),
    (not_finite, Fault.NOT_FINITE, "coordinates of residue 2"),
    (profile_nan, Fault.NOT_FINITE, "profile at residue 4"),
    (wrong_sum, Fault.PROFILE_SUM, "residues 2, 6, the first sums to 1.05"),
    (negative, Fault.PROFILE_RANGE, "residue 3"),
    (too_informative, Fault.PROFILE_RANGE, "residue 1"),
    (unknown, Fault.UNKNOWN_LETTERS, "UX at residues 3, 4, 5"),
]


@pytest.mark.parametrize(("spoil", "fault", "detail"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_fault_alone(spoil, fault, detail, dtype):
    values = sound()
    spoil(values)
    values["profile"] = values["profile"].astype(dtype)
    (found,) = find_faults(ProteinRecord(**values))
    assert found.fault is fault
    assert detail in str(found)


def test_what_is_not_resolved_may_be_anything_and_what_is_absent_is_no_fault():
    values = sound()
    values["coordinates_pm"][2] = 0
    values["coordinates_pm"][3] = np.nan
    values["mask"][2:4] = False
    assert find_faults(ProteinRecord(**values)) == ()
    assert find_faults(ProteinRecord("a", "ACD")) == ()
    assert find_faults(ProteinRecord("a", "ACD", mask=np.zeros(3, bool))) == ()


def test_without_a_mask_all_residues_count_as_resolved():
    values = sound()
    del values["mask"]
    zero(values)
    assert [each.fault for each in find_faults(ProteinRecord(**values))] == [Fault.ZERO_COORDINATES]


def test_breaks_of_the_chain():
    values = sound()
    assert chain_breaks(ProteinRecord(**values)) == ()
    values["coordinates_pm"][3:] += 300
    assert chain_breaks(ProteinRecord(**values)) == (3,)
    values["mask"][2] = False
    assert chain_breaks(ProteinRecord(**values)) == ()


@pytest.mark.parametrize("form", ["text", "tfrecord"])
def test_skipping_counts_and_refusing_names(tmp_path, form):
    records = []
    for k, (spoil, _, _) in enumerate([*CASES[:9], (lambda values: None, None, None)]):
        values = sound() | {"name": f"R{k}"}
        spoil(values)
        records.append(ProteinRecord(**values))
    if form == "text":
        source = tmp_path / "a.txt"
        source.write_text("".join(map(format_record, records)))
        reader = read_text
    else:
        source = tmp_path / "a.tfrecord"
        write_tfrecord(source, records)
        reader = read_tfrecord
    assert len(list(reader(source))) == 10
    policy = FaultPolicy("skip")
    assert [record.name for record in reader(source, policy)] == ["R9"]
    assert (policy.n_kept, policy.n_skipped) == (1, 9)
    assert policy.counts[Fault.NOT_FINITE] == policy.counts[Fault.PROFILE_RANGE] == 2
    assert policy.counts[Fault.CA_ONLY] == 1
    assert policy.summary().startswith("1 records kept, 9 skipped (CA only 1, empty mask 1")
    place = "line 1 (record 1)" if form == "text" else "byte 0 (record 1)"
    assert policy.examples[0] == f"{source}, {place}, record R0: CA only: residues 3, 4"
    with pytest.raises(DataError, match="record R0: CA only: residues 3, 4: fix it, or"):
        list(reader(source, FaultPolicy("refuse")))
    lenient = FaultPolicy("refuse", ignored=set(Fault) - {Fault.MALFORMED, Fault.LENGTHS_DISAGREE})
    assert len(list(reader(source, lenient))) == 10
    assert lenient.counts[Fault.CA_ONLY] == 1


def test_a_policy_must_make_sense():
    with pytest.raises(UsageError, match="skip or refuse"):
        FaultPolicy("keep")
    with pytest.raises(UsageError, match="cannot be ignored"):
        FaultPolicy("skip", ignored=[Fault.MALFORMED])


def test_examples_are_bounded():
    policy = FaultPolicy("skip")
    bad = b"[ID]\na\n[PRIMARY]\nA1\n\n"
    assert list(read_text(io.BytesIO(bad * 1000), policy)) == []
    assert policy.counts[Fault.MALFORMED] == policy.n_skipped == 1000
    assert len(policy.examples) == 100


def test_real_records_are_sound(tmp_path):
    (tmp_path / "real.txt").write_text(plain_text(real_records()))
    write_tfrecord(tmp_path / "real.tfrecord", real_records())
    policy = FaultPolicy("refuse")
    for file in (tmp_path / "real.txt", *shared_files("proteinnet/*.txt")):
        assert all(chain_breaks(record) == () for record in read_text(file, policy))
    for file in (tmp_path / "real.tfrecord", *shared_files("proteinnet/*.tfrecord")):
        list(read_tfrecord(file, policy))
    assert policy.n_kept in (10, 18)  # eight are published
    assert not policy.counts
