"""Real structures that the dependency openmmtools carries, found without importing its code, which is heavy."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from levinthal.errors import DataError

__all__ = ["REAL_STRUCTURES", "real_structure"]

REAL_STRUCTURES: Mapping[str, str] = MappingProxyType(
    {
        "troponin-c": "amoeba/1AP4_14_wat.pdb",
        "dhfr": "dhfr/system.pdb",
        "t4-lysozyme-l99a": "T4-lysozyme-L99A-implicit/receptor.pdb",
        "src-kinase": "src-implicit/1yi6-minimized.pdb",
    }
)
"""Proteins in order of length, and the PDB file of each within the package's data."""


def real_structure(name: str) -> Path:
    """Return the PDB file of one of `REAL_STRUCTURES`.

    Raises
    ------
    KeyError
        There is none of that name.
    DataError
        The package, or the file in it, is missing.
    """
    spec = find_spec("openmmtools")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package openmmtools, which carries real structures, is missing: pip install openmmtools")
    path = Path(next(iter(spec.submodule_search_locations))) / "data" / REAL_STRUCTURES[name]
    if not path.exists():
        raise DataError(f"openmmtools has no {path.name} any more: pip install 'openmmtools>=0.24'")
    return path
