"""A record checks itself."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.proteins.records import ProteinRecord


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "is not a name"),
        ({"name": "a\nb"}, "is not a name"),
        ({"name": " a"}, "is not a name"),
        ({"name": "a" * 300}, "is not a name"),
        ({"sequence": ""}, "capital letters"),
        ({"sequence": "AcD"}, "capital letters"),
        ({"sequence": "A" * 60_000}, "more than any protein"),
        ({"profile": np.zeros((3, 22))}, r"profile has the shape \(3, 22\)"),
        ({"profile": np.zeros((4, 21))}, "for 3 residues"),
        ({"profile": np.zeros((3, 21), int)}, "float32 or float64"),
        ({"profile": np.zeros((3, 21), np.float16)}, "float32 or float64"),
        ({"coordinates_pm": np.zeros((9, 3))}, "coordinates_pm has the shape"),
        ({"mask": np.ones(3)}, "must be boolean"),
        ({"mask": np.ones(2, bool)}, "mask has the shape"),
        ({"secondary": "HH"}, "2 secondary structure letters for 3"),
        ({"secondary": "H-H"}, "must be of LHBEGITS"),
    ],
)
def test_mistakes_are_refused(changes, message):
    with pytest.raises(DataError, match=message):
        ProteinRecord(**{"name": "a", "sequence": "ACD", **changes})


def test_arrays_are_read_only_and_their_owner_is_not_touched():
    coordinates = np.ones((2, 3, 3), np.float32)
    record = ProteinRecord("10#1ABC_2_B", "AC", coordinates_pm=coordinates)
    with pytest.raises(ValueError, match="read-only"):
        record.coordinates_pm[0] = 0
    coordinates[0] = 5
    np.testing.assert_allclose(record.coordinates_nm[1], 0.001)
    assert record.coordinates_nm.dtype == np.float32
    assert (record.group, record.identifier, len(record)) == ("10", "1ABC_2_B", 2)
    assert ProteinRecord("a", "A").coordinates_nm is None


def test_equal_means_the_same_values_and_precision():
    one = ProteinRecord("a", "AC", profile=np.zeros((2, 21)))
    assert one == ProteinRecord("a", "AC", profile=np.zeros((2, 21)))
    assert hash(one) == hash(ProteinRecord("a", "AC", profile=np.zeros((2, 21))))
    assert one != ProteinRecord("a", "AC", profile=np.zeros((2, 21), np.float32))
    assert one != ProteinRecord("a", "AC")
    assert one != "a"
