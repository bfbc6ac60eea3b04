"""The built-in library: what was measured to bind, or not, to T4 lysozyme L99A, and drugs that cannot fit its cavity.

Those measured are `docking`'s library (Morton, Baase and Matthews, Biochemistry 34:8564, 1995). Drugs are decoys by
their size: the cavity of L99A holds some 150 cubic angstrom, ten or so heavy atoms. That makes them easy decoys, which
any score of shape must put last; the measured ones are hard.
"""

from __future__ import annotations

from collections.abc import Sequence

from levinthal.workloads.docking.preparation.library import L99A_LIBRARY, Library, LibraryEntry, read_library

_TOO_LARGE = {
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "naproxen": "COc1ccc2cc(ccc2c1)C(C)C(=O)O",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C", "lidocaine": "CCN(CC)CC(=O)Nc1c(C)cccc1C",
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O", "propranolol": "CC(C)NCC(O)COc1cccc2ccccc12",
    "atenolol": "CC(C)NCC(O)COc1ccc(CC(N)=O)cc1", "diazepam": "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc12",
    "carbamazepine": "NC(=O)N1c2ccccc2C=Cc2ccccc12", "phenytoin": "O=C1NC(=O)C(N1)(c1ccccc1)c1ccccc1",
    "warfarin": "CC(=O)CC(c1ccccc1)c1c(O)c2ccccc2oc1=O", "trimethoprim": "COc1cc(Cc2cnc(N)nc2N)cc(OC)c1OC",
    "metoprolol": "COCCc1ccc(OCC(O)CNC(C)C)cc1", "haloperidol": "O=C(CCCN1CCC(O)(CC1)c1ccc(Cl)cc1)c1ccc(F)cc1",
}  # fmt: skip

TESTED = frozenset(each.name for each in L99A_LIBRARY)
"""Names of the compounds whose binding was measured."""


def library_of(ligands: str) -> Library:
    """Read a library, or return the built-in one where none is named.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    if ligands:
        return read_library(ligands)
    large: Sequence[LibraryEntry] = [LibraryEntry(name, smiles, False) for name, smiles in _TOO_LARGE.items()]
    return Library((*L99A_LIBRARY, *large))
