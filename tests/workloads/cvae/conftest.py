"""Contact maps with something to learn: two states and noise."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def two_states() -> tuple[np.ndarray, np.ndarray]:
    """Return maps (600, 13, 13) of 0 and 1 and the state of each: near the diagonal always, far contacts by state."""
    rng = np.random.default_rng(5)
    n = 13
    i, j = np.indices((n, n))
    states = rng.integers(0, 2, 600)
    helix, sheet = (abs(i - j) <= 4), (abs(i - j) <= 1) | (abs(i + j - n + 1) <= 1)
    maps = np.where(states[:, None, None] == 1, sheet, helix) ^ (rng.random((600, n, n)) < 0.03)
    upper = np.triu(maps, 1)
    return (upper | upper.transpose(0, 2, 1) | np.eye(n, dtype=bool)).astype(np.float32), states
