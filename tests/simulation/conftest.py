"""Molecules that many tests share; building one takes a second."""

from __future__ import annotations

import pytest

from levinthal.simulation.systems.peptide import capped_peptide, fs_peptide


@pytest.fixture(scope="session")
def fs():
    """Return Fs-peptide and both starts."""
    return fs_peptide()


@pytest.fixture(scope="session")
def dialanine():
    """Return a peptide of 32 atoms, fast on the Reference platform, and its extended start."""
    system, starts = capped_peptide("dialanine", "AA", ("extended",))
    return system, starts["extended"]
