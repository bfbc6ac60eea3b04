"""How good predicted structures are, and what predictors that know nothing of the sequence reach."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import astuple

import numpy as np
import torch

from levinthal.arrays import Singles
from levinthal.proteins.geometry.backbone import build_backbone, internal_coordinates
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.structure_scores import StructureScores

IDEAL_HELIX_RAD = (math.pi, math.radians(-57.8), math.radians(-47.0))
"""omega, phi and psi of the alpha helix (IUPAC-IUB 1970)."""

_GRID_DEG = 15.0


def mean_torsions(records: Iterable[ProteinRecord]) -> tuple[float, float, float]:
    """Return the circular mean of omega, phi and psi over all residues whose neighbours are resolved too.

    It is what a torsion alphabet says when it does not look at the sequence.

    Parameters
    ----------
    records : iterable of ProteinRecord
        Those without coordinates say nothing.
    """
    sines, cosines = np.zeros(3), np.zeros(3)
    for record in records:
        atoms_nm, mask = record.coordinates_nm, record.resolved
        inner = np.flatnonzero(mask[:-2] & mask[1:-1] & mask[2:]) + 1
        if atoms_nm is not None and len(inner):
            atoms = torch.from_numpy(np.asarray(atoms_nm, np.float64)[None])
            dihedrals = internal_coordinates(atoms).dihedrals_rad[0, inner].numpy()
            sines += np.sin(dihedrals).sum(axis=0)
            cosines += np.cos(dihedrals).sum(axis=0)
    omega, phi, psi = np.arctan2(sines, cosines)
    return float(omega), float(phi), float(psi)


def best_constant_torsions(records: Sequence[ProteinRecord]) -> tuple[float, float, float]:
    """Return the omega, phi and psi that, given to every residue, come nearest to the records in mean dRMSD.

    The best that can be said without looking at the sequence, from a grid of 15 degrees with trans omega. A network
    that learns nothing ends there.

    Parameters
    ----------
    records : sequence of ProteinRecord
        With coordinates; a few dozen are enough.
    """
    angles = torch.arange(-math.pi, math.pi, math.radians(_GRID_DEG))
    phi, psi = (each.flatten() for each in torch.meshgrid(angles, angles, indexing="ij"))
    triplets = torch.stack([torch.full_like(phi, math.pi), phi, psi], dim=1)
    longest = max(len(record) for record in records)
    ca_nm = build_backbone(triplets[:, None].expand(-1, longest, 3).contiguous())[:, :, 1]
    total = torch.zeros(len(triplets))
    for record in records:
        truth = torch.from_numpy(np.asarray(record.coordinates_nm, np.float32)[:, 1].copy())
        mask = torch.from_numpy(record.resolved.copy())
        shape = (len(triplets), len(record))
        total += distance_rmsd(
            ca_nm[:, : len(record)].contiguous(), truth.expand(*shape, 3).contiguous(), mask.expand(shape).contiguous()
        )
    best = triplets[int(total.argmin())].tolist()
    return best[0], best[1], best[2]


def constant_backbones(torsions_rad: tuple[float, float, float], lengths: Sequence[int]) -> list[Singles]:
    """Return backbones (residues, 3, 3) in nm in which every residue has the same omega, phi and psi."""
    dihedrals = torch.tensor(torsions_rad).expand(1, max(lengths), 3)
    atoms = build_backbone(dihedrals.contiguous())[0].numpy()
    return [atoms[:length] for length in lengths]


def median_by_group(scores: Sequence[StructureScores], groups: Sequence[str]) -> dict[str, tuple[StructureScores, int]]:
    """Return for each group the median of every score, and how many proteins it has."""
    found = {}
    for group in dict.fromkeys(groups):
        mine = [score for score, each in zip(scores, groups, strict=True) if each == group]
        medians = np.nanmedian(np.array([astuple(each) for each in mine], np.float64), axis=0)
        found[group] = (StructureScores(*medians.tolist()), len(mine))
    return found
