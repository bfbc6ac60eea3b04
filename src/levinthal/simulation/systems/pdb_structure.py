"""Any protein from a user's PDB or mmCIF file; what cannot be simulated as it stands is refused by name."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.proteins.residues import HEAVY_ATOMS
from levinthal.proteins.structures.protein_file import FileResidue, ProteinChain
from levinthal.proteins.structures.residue_kinds import (
    ResidueKind,
    is_selenomethionine,
    made_methionine,
    parent_name,
    standard_name,
)
from levinthal.simulation.systems.molecular_system import MolecularSystem, Residue, assemble, prepare
from levinthal.simulation.systems.protein_of_file import left_out, read_protein

_CAPS = {"ACE": ("CH3", "C", "O"), "NME": ("N", "C")}
_ATOM_ALIASES = {("ILE", "CD"): "CD1", ("NME", "CH3"): "C"}
_TERMINAL_ALIASES = {"OT1": "O", "OC1": "O", "O1": "O", "OT2": "OXT", "OC2": "OXT", "O2": "OXT"}
_PEPTIDE_BOND_LIMIT_NM = 0.2
_BOND_C_OXT_NM = 0.125
_MINIMISE_ITERATIONS = 30


def _named_atoms(where: str, residue: gemmi.Residue, name: str) -> dict[str, tuple[float, float, float]]:
    """Return the heavy atoms by their standard names, in standard order."""
    expected = HEAVY_ATOMS.get(name) or _CAPS[name]
    found: dict[str, tuple[float, float, float]] = {}
    for atom in residue:
        if atom.is_hydrogen():
            continue
        label = _ATOM_ALIASES.get((name, atom.name), atom.name)
        if label not in expected:
            label = _TERMINAL_ALIASES.get(label, label)
        if label not in expected and label != "OXT":
            raise DataError(
                f"{where} has the atom {atom.name}, which no {name} has: remove it or name the residue rightly"
            )
        x, y, z = (np.array(atom.pos.tolist(), np.float32).astype(np.float64) / 10).tolist()
        if not (math.isfinite(x) and math.isfinite(y) and math.isfinite(z)):
            raise DataError(f"{where}: the position of atom {atom.name} is not a number: fix that line")
        if label in found:
            raise DataError(f"{where} has the atom {label} twice: remove one copy, or give it a chain name of its own")
        found[label] = (x, y, z)
    missing = [atom for atom in expected if atom not in found]
    if missing:
        raise DataError(f"{where} lacks the atoms {', '.join(missing)}: complete it first, with PDBFixer for example")
    return {atom: found[atom] for atom in (*expected, "OXT") if atom in found}


def with_terminal_oxygen(residue: Residue) -> Residue:
    """Return a residue with OXT: the other oxygen mirrored on the axis CA-C."""
    alpha, carbon, oxygen = (np.array(residue.atoms[name]) for name in ("CA", "C", "O"))
    axis = (carbon - alpha) / np.linalg.norm(carbon - alpha)
    bond = oxygen - carbon
    mirrored = 2 * (bond @ axis) * axis - bond
    x, y, z = carbon + mirrored / np.linalg.norm(mirrored) * _BOND_C_OXT_NM
    atoms = {**residue.atoms, "OXT": (float(x), float(y), float(z))}
    return replace(residue, atoms=atoms)


def _standard(path: Path, each: FileResidue, warnings: list[str]) -> tuple[str, gemmi.Residue]:
    """Return name and atoms of a residue as a standard one or a cap."""
    residue = each.residue
    if each.kind is ResidueKind.CAP:
        if residue.name not in _CAPS:
            raise DataError(
                f"{path}: {each} caps the chain, and the force field does not have it: give the chain "
                f"{' or '.join(_CAPS)} instead, or free ends"
            )
        return residue.name, residue
    if is_selenomethionine(residue):
        warnings.append(f"selenomethionine {each} made methionine")
        return "MET", made_methionine(residue)
    name = standard_name(residue.name)
    if name is None:
        parent = parent_name(residue.name)
        instead = f"by {parent}, which it derives from," if parent else "by one,"
        raise DataError(
            f"{path}: residue {each} is not a standard amino acid: replace it {instead} with PDBFixer for example"
        )
    return name, residue


def _protein_of_chain(path: Path, chain: ProteinChain, warnings: list[str]) -> list[Residue]:
    kept: list[Residue] = []
    for each in chain.residues:
        name, residue = _standard(path, each, warnings)
        number = str(residue.seqid)
        where = f"{path}: residue {name} {chain.name} {number}".replace("  ", " ")
        if any(atom.has_altloc() for atom in residue):
            raise DataError(f"{where} has alternate locations: keep one, with `pdb_selaltloc` of pdb-tools for example")
        atoms = _named_atoms(where, residue, name)
        if kept and "C" in kept[-1].atoms and "N" in atoms:
            gap_nm = math.dist(kept[-1].atoms["C"], atoms["N"])
            if gap_nm > _PEPTIDE_BOND_LIMIT_NM:
                raise DataError(
                    f"{where} is {gap_nm:.2f} nm away from {kept[-1]}: the chain is broken there; "
                    "model the missing residues or give the pieces chain names of their own"
                )
        kept.append(Residue(name, chain.name or " ", number, atoms, chain.copy))
    return kept


def from_pdb(
    path: str | Path,
    *,
    temperature_k: float = 300.0,
    friction_per_ps: float = 1.0,
    timestep_fs: float = 4.0,
) -> tuple[MolecularSystem, dict[str, npt.NDArray[np.float64]]]:
    """Make a system of the protein in a PDB or mmCIF file.

    The first model is taken, with all its chains; water, ions and ligands are removed, selenomethionine is made
    methionine, hydrogens are placed for pH 7, a missing last oxygen (OXT) is added. What was completed stands in the
    system's `notes`, what was removed or changed in its `warnings`.

    Parameters
    ----------
    path : str or Path
        `.pdb`, `.ent`, `.cif` or `.mmcif`.
    temperature_k, friction_per_ps, timestep_fs : float
        Of Langevin dynamics.

    Returns
    -------
    system : MolecularSystem
        Named after the file.
    starts : dict of str to ndarray of float64, shape (n_atoms, 3)
        One start, `structure`: minimised positions in nm.

    Raises
    ------
    DataError
        The file cannot be read; alternate locations, missing atoms, modified residues, a ring, an unknown cap or a
        broken chain (the message names the residue and the fix).

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.simulation import capped_peptide, from_pdb
    >>> size = Path("dialanine.pdb").write_text(capped_peptide("dialanine", "AA", ("extended",))[0].topology_pdb)
    >>> system, starts = from_pdb("dialanine.pdb")
    >>> system.name, system.sequence
    ('dialanine', 'AA')
    """
    path = Path(path)
    found = read_protein(path)
    left, warnings = left_out(found)
    notes = ["hydrogens placed for pH 7", *left]
    residues: list[Residue] = []
    for chain in found.chains:
        protein = _protein_of_chain(path, chain, warnings)
        if protein and protein[-1].name in HEAVY_ATOMS and "OXT" not in protein[-1].atoms:
            protein[-1] = with_terminal_oxygen(protein[-1])
            notes.append(f"OXT added to {protein[-1]}")
        residues += protein
    topology, system, positions_nm = assemble(residues, _MINIMISE_ITERATIONS)
    prepared = prepare(
        path.stem,
        topology,
        system,
        positions_nm,
        temperature_k=temperature_k,
        friction_per_ps=friction_per_ps,
        timestep_fs=timestep_fs,
        notes=tuple(notes),
    )
    return replace(prepared, warnings=tuple(warnings)), {"structure": positions_nm}
