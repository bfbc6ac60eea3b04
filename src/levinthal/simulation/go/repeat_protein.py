"""A made-up protein of any number of residues: one repeat of two helices, wound into a superhelix; no real structure.

Real repeat proteins (HEAT, ankyrin) are built so and reach thousands of residues. Of the structure only CA atoms are
used: its Go model's contacts are the CA atoms nearer than the cutoff of a contact map.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from levinthal.errors import UsageError
from levinthal.proteins.contact_maps.maps import n_pairs, pack_contacts, unpack_pairs
from levinthal.proteins.residues import THREE_LETTER
from levinthal.simulation.go.go_model import GoModel, go_model
from levinthal.simulation.go.shadow_map import SHADOW_MIN_SEPARATION
from levinthal.simulation.systems.molecular_system import Residue

REPEAT_RESIDUES = 28
_SEQUENCE = "ELLKLLEELLKGNSELLKLLEELLKGNS"
_HELIX_DEG = (-62.0, -42.0)
"""phi and psi of helices in proteins (Hovmoller, Zhou and Ohlson, Acta Cryst. D58:768, 2002)."""
_LOOPS_DEG = {
    11: (-53.0, -32.0),
    12: (72.0, 17.0),
    13: (-68.0, -48.0),
    25: (-70.0, -45.0),
    26: (79.0, -5.0),
    27: (-75.0, 142.0),
}
"""phi and psi by residue of the repeat, from 0. Found by a random search, in whole degrees, for loops that bring many
CA atoms of different helices together and keep those of 1,024 residues 0.44 nm apart (four or more in sequence)."""

FEWEST_RESIDUES, MOST_RESIDUES = 8, 8192


def repeat_protein_ca_nm(n_residues: int) -> npt.NDArray[np.float64]:
    """Return the CA atoms of the first residues of the superhelix, shape (n_residues, 3); the same bits each time.

    Raises
    ------
    UsageError
        Fewer than 8 residues, or more than 8,192.
    """
    if not FEWEST_RESIDUES <= n_residues <= MOST_RESIDUES:
        raise UsageError(
            f"residues={n_residues}: the made-up protein has {FEWEST_RESIDUES} to {MOST_RESIDUES}; for another give "
            "your own structure or trajectory"
        )
    import torch

    from levinthal.proteins.geometry.backbone import build_backbone

    dihedrals_deg = np.full((1, n_residues, 3), 180.0)
    dihedrals_deg[0, :, 1:] = [_LOOPS_DEG.get(k % REPEAT_RESIDUES, _HELIX_DEG) for k in range(n_residues)]
    atoms = build_backbone(torch.from_numpy(np.radians(dihedrals_deg)), threads=1)
    return np.asarray(atoms[0, :, 1].numpy(), np.float64)


def repeat_protein(n_residues: int, kt_over_epsilon: float) -> GoModel:
    """Return the Go model of the superhelix; errors as for `repeat_protein_ca_nm` and `go_model`."""
    native_nm = repeat_protein_ca_nm(n_residues)
    bits = unpack_pairs(pack_contacts(native_nm[None]), n_residues)[0]
    first, second = np.triu_indices(n_residues, 1)
    assert bits.shape == (n_pairs(n_residues),)
    chosen = bits & (second - first >= SHADOW_MIN_SEPARATION)
    residues = [
        Residue(THREE_LETTER[_SEQUENCE[k % REPEAT_RESIDUES]], "A", str(k + 1), {"CA": (float(x), float(y), float(z))})
        for k, (x, y, z) in enumerate(native_nm)
    ]
    return go_model(
        residues,
        name=f"repeat protein of {n_residues} residues",
        kt_over_epsilon=kt_over_epsilon,
        contacts=np.column_stack([first[chosen], second[chosen]]),
    )
