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


L99A_LIBRARY: tuple[LibraryEntry, ...] = (
    LibraryEntry("benzene", "c1ccccc1", True, -5.2),
    LibraryEntry("toluene", "Cc1ccccc1", True, -5.5),
    LibraryEntry("ethylbenzene", "CCc1ccccc1", True, -5.8),
    LibraryEntry("n-propylbenzene", "CCCc1ccccc1", True, -6.6),
    LibraryEntry("n-butylbenzene", "CCCCc1ccccc1", True, -6.7),
    LibraryEntry("isobutylbenzene", "CC(C)Cc1ccccc1", True, -6.5),
    LibraryEntry("o-xylene", "Cc1ccccc1C", True, -4.6),
    LibraryEntry("m-xylene", "Cc1cccc(C)c1", True, -4.8),
    LibraryEntry("p-xylene", "Cc1ccc(C)cc1", True, -4.7),
    LibraryEntry("indene", "C1C=Cc2ccccc12", True, -5.1),
    LibraryEntry("indole", "c1ccc2[nH]ccc2c1", True, -4.9),
    LibraryEntry("benzofuran", "c1ccc2occc2c1", True, -5.5),
    LibraryEntry("thianaphthene", "c1ccc2sccc2c1", True, -5.7),
    LibraryEntry("phenol", "Oc1ccccc1", False),
    LibraryEntry("aniline", "Nc1ccccc1", False),
    LibraryEntry("pyridine", "c1ccncc1", False),
    LibraryEntry("2-methylphenol", "Cc1ccccc1O", False),
    LibraryEntry("1,3,5-trimethylbenzene", "Cc1cc(C)cc(C)c1", False),
    LibraryEntry("tert-butylbenzene", "CC(C)(C)c1ccccc1", False),
    LibraryEntry("cyclohexane", "C1CCCCC1", False),
)
