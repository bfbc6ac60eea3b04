"""A few hundred mutated files, as `benchmarks/fuzz_records.py` makes ten thousand."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "benchmarks" / "fuzz_records.py"
_spec = importlib.util.spec_from_file_location("fuzz_records", SOURCE)
fuzz_records = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz_records)


@pytest.mark.alone
def test_mutated_files_are_read_or_refused():
    result = fuzz_records.fuzz(range(1_000_000, 1_000_540))
    assert result["failures"] == []
    assert result["passed"], result
    for kind, outcomes in result["outcomes"].items():
        assert outcomes["read"] > 10, kind  # else the mutants are too broken to test what lies deeper
        assert outcomes["refused"] > 10, kind


def test_mutated_caches_are_read_or_refused(tmp_path):
    outcomes = Counter(
        fuzz_records.read_cache(tmp_path, fuzz_records.cache_mutant(tmp_path, seed)) for seed in range(60)
    )
    assert outcomes["refused"] > 30
    assert outcomes.total() == 60
