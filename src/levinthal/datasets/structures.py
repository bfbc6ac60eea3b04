"""Real structures that the dependency openmmtools carries, found without importing its code, which is heavy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from levinthal.errors import DataError

REAL_STRUCTURES: Mapping[str, str] = MappingProxyType(
    {
        "troponin-c": "amoeba/1AP4_14_wat.pdb",
        "dhfr": "dhfr/system.pdb",
        "t4-lysozyme-l99a": "T4-lysozyme-L99A-implicit/receptor.pdb",
        "src-kinase": "src-implicit/1yi6-minimized.pdb",
    }
)
"""Proteins in order of length, and the PDB file of each within the package's data."""


REAL_COMPLEXES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "t4-lysozyme-l99a-p-xylene": (
            "T4-lysozyme-L99A-implicit/receptor.pdb",
            "T4-lysozyme-L99A-implicit/ligand.tripos.mol2",
        ),
    }
)
"""Crystal complexes: the PDB file of the protein and the MOL2 file of the ligand, in one frame."""


def real_structure(name: str) -> Path:
    """Return the PDB file of one of `REAL_STRUCTURES`.

    Raises
    ------
    KeyError
        There is none of that name.
    DataError
        The package, or the file in it, is missing.
    """
    return _carried(REAL_STRUCTURES[name])


def real_complex(name: str) -> tuple[Path, Path]:
    """Return the files of protein and ligand of one of `REAL_COMPLEXES`; errors as `real_structure`."""
    receptor, ligand = REAL_COMPLEXES[name]
    return _carried(receptor), _carried(ligand)


def _carried(relative: str) -> Path:
    spec = find_spec("openmmtools")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package openmmtools, which carries real structures, is missing: pip install openmmtools")
    path = Path(next(iter(spec.submodule_search_locations))) / "data" / relative
    if not path.exists():
        raise DataError(f"openmmtools has no {path.name} any more: pip install 'openmmtools>=0.24'")
    return path
