"""Whoever has no shared data tests nearly everything: what packages carry, or code makes, takes its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from carried import NEED_SHARED_DATA, PROTEINS, protein

MOST = 16
"""With those that a machine cannot run (a GPU, TensorFlow, a user who is not root), `make test` skips at most 20."""


def test_few_tests_need_shared_data(request: pytest.FixtureRequest) -> None:
    needing = request.config.stash[NEED_SHARED_DATA]
    assert len(needing) <= MOST, f"take files from tests/carried.py, or make them, for some of {needing}"


def test_no_other_way_leads_to_it() -> None:
    """A test that looks for the folder itself would be skipped uncounted."""
    tests = Path(__file__).parent
    named = [path.name for path in tests.rglob("*.py") if "LEVINTHAL_" + "TEST_DATA" in path.read_text()]
    assert sorted(named) == ["carried.py", "conftest.py"]


@pytest.mark.parametrize("name", PROTEINS)
def test_a_carried_file_is_there(name: str) -> None:
    assert protein(name).stat().st_size > 0
