"""A small CVAE and contact maps for it, the same in every process."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.cvae.model.config import CVAEConfig

CONFIG = CVAEConfig(size=14, filters=(16, 16, 16), kernels=(3, 3, 3), strides=(1, 2, 1), dense=32, latent=2)


def example_maps(n: int, seed: int = 5) -> np.ndarray:
    """Return maps (n, 13, 13) of 0 and 1: near the diagonal always, far contacts by state, and noise."""
    rng = np.random.default_rng(seed)
    i, j = np.indices((13, 13))
    helix, sheet = (abs(i - j) <= 4), (abs(i - j) <= 1) | (abs(i + j - 12) <= 1)
    maps = np.where(rng.random(n)[:, None, None] < 0.5, sheet, helix) ^ (rng.random((n, 13, 13)) < 0.03)
    upper = np.triu(maps, 1)
    return (upper | upper.transpose(0, 2, 1) | np.eye(13, dtype=bool)).astype(np.float32)
