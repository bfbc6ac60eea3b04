"""Bond orders for PDBQT ligands, which have none: from SMILES, given beside the file or written in it by meeko.

The scoring keeps what the file says (types, hydrogens, torsions); only the mol block that poses are written with is
another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.molecules.rmsd import plain_graph
from levinthal.workloads.docking.preparation.chemistry import FIX, atom_word, largest_fragment, parsed, sanitise
from levinthal.workloads.docking.preparation.libraries import refusing
from levinthal.workloads.docking.preparation.stereo import lost_stereo, stereo_of

_REMARK = "REMARK SMILES "
_MOST_MATCHES = 2_000
_MOST_TRIED = 64
_POLAR = (7, 8, 16)
SINGLE_BONDS = "a PDBQT file has no bond orders: all bonds in the poses are single: set template=SMILES"


def with_bond_orders(ligand: Ligand, text: str, template: str = "") -> Ligand:
    """Give a ligand of a PDBQT file the bond orders and charges of SMILES; a warning where there is none.

    Parameters
    ----------
    ligand : Ligand
        As `ligand_from_pdbqt` makes it.
    text : str
        The file: meeko writes SMILES into its remarks.
    template : str
        SMILES of the ligand; by default those of the file.

    Raises
    ------
    DataError
        It is another molecule, another tautomer, or another stereoisomer.
    """
    smiles = template.strip() or _remarked(text)
    if not smiles:
        return replace(ligand, warnings=(*ligand.warnings, SINGLE_BONDS))
    try:
        return _templated(ligand, smiles)
    except DataError as error:
        if template:
            raise
        words = f"the SMILES in its remarks do not fit its atoms ({error}); {SINGLE_BONDS}"
        return replace(ligand, warnings=(*ligand.warnings, words))


def _remarked(text: str) -> str:
    """Return the SMILES that meeko left in a file, in each model of it; none where there are several."""
    lines = [line for line in text.split("\n") if line.startswith(_REMARK) and not line.startswith(f"{_REMARK}IDX")]
    return lines[0].removeprefix(_REMARK).strip() if len(set(lines)) == 1 else ""


@dataclass(frozen=True)
class _Match:
    """Which heavy atom of the ligand each atom of the pattern is, and how many more hydrogens it has in the file."""

    atoms: npt.NDArray[np.int64]
    changes: tuple[int, ...]
    misfit: float


def _templated(ligand: Ligand, smiles: str) -> Ligand:
    from rdkit import Chem

    name = ligand.name[:80]
    pattern = parsed(lambda: Chem.MolFromSmiles(smiles, sanitize=False), "template", "SMILES")
    sanitise(pattern, "template")
    pattern, left_out = largest_fragment(pattern, "template")
    pattern = Chem.RemoveHs(pattern)
    wanted = stereo_of(pattern)
    has_polar = any(kind == "HD" for kind in ligand.types)
    lost: list[str] = []
    for match in _matches(pattern, ligand, has_polar):
        made, where = _built(pattern, ligand, match)
        if lost := lost_stereo(wanted, made):
            continue
        changed = [atom_word(pattern, k) for k, change in enumerate(match.changes) if change]
        charge = sum(atom.GetFormalCharge() for atom in made.GetAtoms())
        warnings = [f"template: {left_out}"] if left_out else []
        if changed:
            warnings.append(
                f"template has other hydrogens at {', '.join(changed)} than the file, whose protonation is kept "
                f"(charge {charge:+d})"
            )
        if not has_polar and _n_polar_hydrogens(pattern):
            warnings.append(
                "the file has no polar hydrogens, so that no donor is scored: prepare it again with hydrogens"
            )
        return replace(
            ligand,
            mol_block=Chem.MolToMolBlock(made),
            mol_block_atoms=np.array([where[k] for k in range(len(ligand.types))], np.int64),
            has_bond_orders=True,
            warnings=(*ligand.warnings, *warnings),
            notes=(*ligand.notes, f"bond orders as in {smiles}"),
        )
    raise DataError(
        f"{name} is another stereoisomer than template ({lost[0]}): write the SMILES of the one in the file"
    )


def _matches(pattern: Any, ligand: Ligand, has_polar: bool) -> list[_Match]:
    """Return the best ways to lay a pattern on a ligand: those with the fewest hydrogens changed, by bond lengths.

    Raises
    ------
    DataError
        Their elements or bonds differ, or hydrogens sit elsewhere (another tautomer).
    """
    heavy = ligand.heavy_atoms
    graph = plain_graph([ligand.elements[k] for k in heavy], ligand.heavy_bonds)
    ends = np.array([(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in pattern.GetBonds()], np.int64)
    query = plain_graph([atom.GetSymbol() for atom in pattern.GetAtoms()], ends)
    same_size = query.GetNumAtoms() == graph.GetNumAtoms() and query.GetNumBonds() == graph.GetNumBonds()
    found = graph.GetSubstructMatches(query, uniquify=False, maxMatches=_MOST_MATCHES) if same_size else ()
    if not found:
        raise DataError(
            f"{ligand.name[:80]}: template is another molecule ({query.GetNumAtoms()} heavy atoms and "
            f"{query.GetNumBonds()} bonds, {graph.GetNumAtoms()} and {graph.GetNumBonds()} in the file): write the "
            "SMILES of this ligand"
        )
    hydrogens = _hydrogens(ligand)
    atoms = list(pattern.GetAtoms())
    matches = []
    for each in np.array(found, np.int64):
        changes = tuple(
            int(hydrogens[heavy[k]]) - atom.GetTotalNumHs() if has_polar and atom.GetAtomicNum() in _POLAR else 0
            for atom, k in zip(atoms, each, strict=True)
        )
        matches.append(_Match(heavy[each], changes, _misfit(pattern, ligand, heavy[each])))
    fewest = min(sum(map(abs, one.changes)) for one in matches)
    best = sorted((one for one in matches if sum(map(abs, one.changes)) == fewest), key=lambda one: one.misfit)
    best = [one for one in best if min(one.changes) >= 0 or max(one.changes) <= 0]
    if not best:
        raise DataError(
            f"{ligand.name[:80]}: template has its hydrogens on other atoms than the file (another tautomer): write "
            "the SMILES of the one in the file"
        )
    return best[:_MOST_TRIED]


def _misfit(pattern: Any, ligand: Ligand, atoms: npt.NDArray[np.int64]) -> float:
    """Return how far bonds are from the lengths of their orders, summed, in A."""
    places = ligand.coordinates_angstrom[atoms]
    total = 0.0
    for bond in pattern.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        length = float(np.linalg.norm(places[ends[0]] - places[ends[1]]))
        # a double bond is some 0.2 A shorter than a single one, whatever its elements
        total += length * (bond.GetBondTypeAsDouble() - 1.0)
    return total


def _hydrogens(ligand: Ligand) -> npt.NDArray[np.int64]:
    """Return how many hydrogens of the file are bonded to each atom."""
    counts = np.zeros(len(ligand.types), np.int64)
    for i, j in ligand.bonds:
        counts[i] += ligand.elements[j] == "H"
        counts[j] += ligand.elements[i] == "H"
    return counts


def _n_polar_hydrogens(pattern: Any) -> int:
    return sum(atom.GetTotalNumHs() for atom in pattern.GetAtoms() if atom.GetAtomicNum() in _POLAR)


def _built(pattern: Any, ligand: Ligand, match: _Match) -> tuple[Any, dict[int, int]]:
    """Return the pattern in the places of the file with all hydrogens, and its atom of each atom of the ligand."""
    from rdkit import Chem

    name = ligand.name[:80]
    places = ligand.source_coordinates_angstrom
    hydrogens = _hydrogens(ligand)
    molecule = Chem.RWMol(pattern)
    for atom, k, change in zip(molecule.GetAtoms(), match.atoms, match.changes, strict=True):
        wanted = atom.GetTotalNumHs() + change
        if wanted < hydrogens[k]:
            raise DataError(f"{name}: {ligand.atom_names[k]} has more hydrogens than template: {FIX}")
        atom.SetFormalCharge(atom.GetFormalCharge() + change)
        atom.SetNoImplicit(True)
        atom.SetNumExplicitHs(int(wanted - hydrogens[k]))
    conformer = Chem.Conformer(molecule.GetNumAtoms())
    conformer.SetPositions(np.ascontiguousarray(places[match.atoms]))
    molecule.AddConformer(conformer)
    where = {int(k): number for number, k in enumerate(match.atoms)}
    for i, j in ligand.bonds:
        for parent, child in ((i, j), (j, i)):
            if ligand.elements[child] == "H" and parent in where and child not in where:
                where[child] = molecule.AddAtom(Chem.Atom("H"))
                molecule.AddBond(where[parent], where[child], Chem.BondType.SINGLE)
                molecule.GetConformer().SetAtomPosition(where[child], places[child].tolist())
    if len(where) < len(ligand.types):
        raise DataError(f"{name}: a hydrogen is bonded to no heavy atom: {FIX}")
    made = molecule.GetMol()
    sanitise(made, f"{name} with the bonds of template")
    with refusing(f"{name}: hydrogens cannot be added", FIX):
        made = Chem.AddHs(made, addCoords=True)
    made.GetConformer().Set3D(True)
    return made, where
