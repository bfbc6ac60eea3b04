"""Records of real proteins, and ProteinNet's text of them as a plain program writes it, number by number."""

from __future__ import annotations

import functools

import numpy as np
from scipy.stats import entropy

from carried import protein
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.structures.backbone_files import read_backbone

CHAINS = {
    "FM#1VII": ("villin", 0),
    "TBM#1AP4": ("troponin-c", 0),
    "TBM#1S3V": ("human-dhfr", 0),
    "TBM#2GTL": ("haemoglobin", 0),  # four of its 151 residues were not resolved
    "1GTL_1_D": ("haemoglobin", 3),
}


@functools.cache
def real_records() -> tuple[ProteinRecord, ...]:
    """Return real backbones under a profile of many digits, one in five columns of which is of one amino acid alone."""
    rng = np.random.default_rng(3)
    found = []
    for name, (structure, number) in CHAINS.items():
        chain = read_backbone(protein(structure))[number]
        n = len(chain.sequence)
        shares = rng.dirichlet(np.full(20, 0.2), n)
        shares[::5] = np.eye(20)[rng.integers(0, 20, len(shares[::5]))]
        information = np.abs(1 - entropy(shares, base=20, axis=1))
        coordinates = np.round(1000 * chain.atoms_nm.astype(np.float64), 1)
        profile = np.column_stack([shares, information])
        found.append(ProteinRecord(name, chain.sequence, profile, coordinates, chain.mask))
    return tuple(found)


def plain_text(records: tuple[ProteinRecord, ...]) -> str:
    """Return ProteinNet's text of records that have everything but a secondary structure."""

    def rows(table: np.ndarray) -> list[str]:
        return ["\t".join("0" if x == 0 else np.format_float_positional(x, trim=".") for x in row) for row in table]

    lines = []
    for each in records:
        lines += ["[ID]", each.name, "[PRIMARY]", each.sequence, "[EVOLUTIONARY]", *rows(each.profile.T), "[TERTIARY]"]
        lines += rows(each.coordinates_pm.reshape(-1, 3).T)
        lines += ["[MASK]", "".join("+" if resolved else "-" for resolved in each.mask), ""]
    return "\n".join([*lines, ""])
