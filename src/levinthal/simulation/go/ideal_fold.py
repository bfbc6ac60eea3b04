"""Small proteins that everyone has: bundles of three and two helices from stated dihedrals, no real structures."""

from __future__ import annotations

from levinthal.proteins.residues import THREE_LETTER
from levinthal.simulation.go.go_model import GoModel, go_model
from levinthal.simulation.systems.molecular_system import Residue
from levinthal.simulation.systems.peptide import heavy_atoms

THREE_HELIX_SEQUENCE = "EKLLELLLLGNSKELLKLLLESNSLLKLLEKLL"
"""Made for this fold: leucine where two helices meet, glutamate and lysine outside, glycine where phi is positive."""

COMMON_FOLDING_KT = 1.0
"""kT/epsilon at which a third of the time is spent folded: from the stretched-out chain or after unfolding, Q rises to
0.9 after 5.3e4 steps in the mean, and from there falls to 0.25 after 2.9e4 (12 and 11 events in 1e6 steps of 2 fs)."""
RARE_FOLDING_KT = 1.05
"""kT/epsilon at which a tenth of the time is spent folded: 1.6e5 and 1.7e4 steps (11 events each in 2e6 steps); at 1.1
folding takes about 5e5 steps (2 events)."""

HAIRPIN_RESIDUES = 21
"""The first two helices of the bundle and their loop: as many residues as Fs-peptide."""
HAIRPIN_FOLDING_KT = 0.95
"""kT/epsilon at which half of the hairpin's native contacts are formed on average; it folds or unfolds some 3 times in
1e5 steps of 2 fs (of 0.8 and 0.4 of the contacts), and a frame is forgotten after 5e3."""

_HELIX_DEG = (-62.0, -42.0)
"""phi and psi of helices in proteins (Hovmoller, Zhou and Ohlson, Acta Cryst. D58:768, 2002)."""
_LOOPS_DEG = {
    9: (51.0, 26.0),
    10: (-106.0, -10.0),
    11: (-127.0, 125.0),
    21: (-61.0, 144.0),
    22: (-80.0, -13.0),
    23: (-132.0, -15.0),
}
"""phi and psi by residue, from 0. Found by a random search, in whole degrees, for the loops of three residues that
bring most CA atoms of different helices of nine together without two backbone atoms overlapping."""


def three_helix_residues() -> list[Residue]:
    """Return the heavy atoms of the bundle: 33 residues, helices 1-9, 13-21 and 25-33; the same bits each time.

    Side chains stand in their commonest rotamers and were not packed: where helices meet some pass through each other.
    The model takes from them only which residues touch.
    """
    dihedrals_deg = [_LOOPS_DEG.get(k, _HELIX_DEG) for k in range(len(THREE_HELIX_SEQUENCE))]
    built = zip(THREE_HELIX_SEQUENCE, heavy_atoms(THREE_HELIX_SEQUENCE, dihedrals_deg), strict=True)
    return [
        Residue(THREE_LETTER[code], "A", str(number), {name: _to_pdb_digits(nm) for name, nm in atoms.items()})
        for number, (code, atoms) in enumerate(built, start=1)
    ]


def _to_pdb_digits(position_nm: tuple[float, float, float]) -> tuple[float, float, float]:
    """Round to 0.001 A, as a PDB file does: atoms are placed one after another, in bits that a processor decides."""
    x, y, z = (round(each, 4) for each in position_nm)
    return x, y, z


def three_helix_bundle(kt_over_epsilon: float = COMMON_FOLDING_KT) -> GoModel:
    """Return the Go model of the bundle; errors as for `go_model`.

    Examples
    --------
    >>> from levinthal.simulation import three_helix_bundle
    >>> three_helix_bundle().native_nm.shape
    (33, 3)
    """
    return go_model(three_helix_residues(), name="three-helix bundle", kt_over_epsilon=kt_over_epsilon)


def two_helix_hairpin(kt_over_epsilon: float = HAIRPIN_FOLDING_KT) -> GoModel:
    """Return the Go model of the first two helices of the bundle; errors as for `go_model`.

    Examples
    --------
    >>> from levinthal.simulation.go.ideal_fold import two_helix_hairpin
    >>> two_helix_hairpin().native_nm.shape
    (21, 3)
    """
    residues = three_helix_residues()[:HAIRPIN_RESIDUES]
    return go_model(residues, name="two-helix hairpin", kt_over_epsilon=kt_over_epsilon)
