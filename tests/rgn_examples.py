"""Small proteins to train on: helices and strands whose sequence tells which is which."""

from __future__ import annotations

import numpy as np
import torch

from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.proteins.records import ProteinRecord
from levinthal.workloads.rgn.model.config import RGNConfig

TINY = RGNConfig(
    n_hidden=12, n_layers=1, alphabet=8, input_dropout=0.0, initial_scale=None, initial_alphabet="ramachandran"
)


def make_records(n: int, seed: int = 0, shortest: int = 12, longest: int = 30) -> list[ProteinRecord]:
    """Return records with profile and mask; every fifth is of a validation group, the fourth is not resolved at all."""
    rng = np.random.default_rng(seed)
    records = []
    for k in range(n):
        length = int(rng.integers(shortest, longest + 1))
        helix = np.repeat(rng.random(1 + length // 8) < 0.5, 8)[:length]
        torsions = np.where(helix[:, None], [np.pi, -1.0, -0.8], [np.pi, -2.1, 2.4])
        torsions = torch.from_numpy(torsions.astype(np.float32))[None]
        mask = rng.random(length) < 0.9
        if k == 3:
            mask[:] = False
        coordinates = 1000 * build_backbone(torsions)[0].numpy() + np.float32(7)
        coordinates[~mask] = 0
        profile = rng.dirichlet(np.ones(20), length)
        records.append(
            ProteinRecord(
                name=f"{'30#' if k % 5 == 0 else ''}{k}ABC_1_A",
                sequence="".join(rng.choice(list("AELM" if h else "VITY")) for h in helix),
                profile=np.column_stack([profile, rng.random(length)]).astype(np.float32),
                coordinates_pm=coordinates,
                mask=mask,
            )
        )
    return records
