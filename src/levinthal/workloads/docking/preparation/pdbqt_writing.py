"""Ligands and receptors as PDBQT files: for Vina, which reads them from there, and for other programs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor

__all__ = ["ligand_to_pdbqt", "receptor_to_pdbqt"]


def ligand_to_pdbqt(ligand: Ligand, coordinates_angstrom: npt.ArrayLike | None = None) -> str:
    """Write a ligand as one rigid fragment; for Vina it has no torsions.

    Parameters
    ----------
    ligand : Ligand
    coordinates_angstrom : array_like, shape (n, 3), optional
        Of all its atoms; by default those of the source.
    """
    places = ligand.source_coordinates_angstrom if coordinates_angstrom is None else np.asarray(coordinates_angstrom)
    rows = zip(ligand.atom_names, ["LIG L   1"] * len(places), ligand.types, places, strict=True)
    return "\n".join(["ROOT", *_lines(rows), "ENDROOT", "TORSDOF 0", ""])


def receptor_to_pdbqt(receptor: Receptor) -> str:
    """Write a receptor as Vina reads it."""
    residues = [_columns_of_residue(residue) for residue in receptor.residues]
    rows = zip(receptor.atom_names, residues, receptor.types, receptor.coordinates_angstrom, strict=True)
    return "\n".join([*_lines(rows), ""])


def _lines(rows: Iterable[tuple[str, str, str, npt.NDArray[np.float64]]]) -> list[str]:
    return [
        f"ATOM  {number % 100_000:>5} {name[:4] if len(name) > 3 else ' ' + name:<4} {residue:<10}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00     0.000 {kind:<2}"
        for number, (name, residue, kind, (x, y, z)) in enumerate(rows, 1)
    ]


def _columns_of_residue(residue: str) -> str:
    name, chain, number = [*residue.split(" "), "", ""][:3]
    digits = number.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    return f"{name[:3]:>3} {chain[:1]:1}{digits[-4:]:>4}{number[len(digits) :][:1]:1}"
