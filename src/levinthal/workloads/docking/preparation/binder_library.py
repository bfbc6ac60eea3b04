"""A small library for virtual screening: what is known to bind in the cavity of T4 lysozyme L99A, and what is not.

Binders and their binding free energies after Morton, Baase and Matthews, Biochemistry 34:8564 (1995); compounds of
similar size that were not seen to bind after the same and Wei et al., J. Mol. Biol. 322:339 (2002).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["L99A_LIBRARY", "LibraryEntry"]


@dataclass(frozen=True)
class LibraryEntry:
    """One compound of a library.

    Attributes
    ----------
    name, smiles : str
    active : bool or None
        Whether it is known to bind; None where nothing is known.
    binding_kcal_mol : float or None
        Measured binding free energy.
    """

    name: str
    smiles: str
    active: bool | None = None
    binding_kcal_mol: float | None = None


_BINDERS = {
    "benzene": ("c1ccccc1", -5.2),
    "toluene": ("Cc1ccccc1", -5.5),
    "ethylbenzene": ("CCc1ccccc1", -5.8),
    "n-propylbenzene": ("CCCc1ccccc1", -6.6),
    "n-butylbenzene": ("CCCCc1ccccc1", -6.7),
    "isobutylbenzene": ("CC(C)Cc1ccccc1", -6.5),
    "o-xylene": ("Cc1ccccc1C", -4.6),
    "m-xylene": ("Cc1cccc(C)c1", -4.8),
    "p-xylene": ("Cc1ccc(C)cc1", -4.7),
    "indene": ("C1C=Cc2ccccc12", -5.1),
    "indole": ("c1ccc2[nH]ccc2c1", -4.9),
    "benzofuran": ("c1ccc2occc2c1", -5.5),
    "thianaphthene": ("c1ccc2sccc2c1", -5.7),
}
_NOT_SEEN_TO_BIND = {
    "phenol": "Oc1ccccc1", "aniline": "Nc1ccccc1", "pyridine": "c1ccncc1",
    "2-methylphenol": "Cc1ccccc1O", "1,3,5-trimethylbenzene": "Cc1cc(C)cc(C)c1",
    "tert-butylbenzene": "CC(C)(C)c1ccccc1", "cyclohexane": "C1CCCCC1",
}  # fmt: skip

L99A_LIBRARY: tuple[LibraryEntry, ...] = (
    *(LibraryEntry(name, smiles, True, binding) for name, (smiles, binding) in _BINDERS.items()),
    *(LibraryEntry(name, smiles, False) for name, smiles in _NOT_SEEN_TO_BIND.items()),
)
