"""The molecule: its atoms, which of them are alike, its bonds, and structures to begin from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.libraries import refusing
from levinthal.workloads.docking.preparation.sources import source_of

ALANINE_DIPEPTIDE = "CC(=O)N[C@@H](C)C(=O)NC"
_RESIDUE = "C(=O)[NX3;H1,H0][CX4;!$([CX4]N=*)]C(=O)[NX3]"
_HYDROGEN_MASS_AMU = 3.0
_MOST_ATOMS = 100
_NM_PER_ANGSTROM = 0.1


@dataclass(frozen=True, eq=False)
class Molecule:
    """A molecule as teachers and students see it; plain data.

    Attributes
    ----------
    name, block : str
        The block is the molecule with all hydrogens as an SDF record, in the order of the atoms.
    charge : int
        Of the whole.
    numbers : ndarray of int64, shape (n_atoms,)
        Atomic numbers.
    masses_amu : ndarray of float64, shape (n_atoms,)
        Hydrogens weigh 3 amu, taken from the atoms that they are bound to: populations depend on no mass.
    kinds : ndarray of int64, shape (n_atoms,)
        Atoms of one number are alike: a symmetry of the bonds takes one to the other.
    bonds : ndarray of int64, shape (n_bonds, 2)
    separation : ndarray of int64, shape (n_atoms, n_atoms)
        Bonds between two atoms, 4 for four and more.
    torsions : ndarray of int64, shape (2, 4) or (0, 4)
        Atoms of phi and psi of the first residue between two peptide bonds, where there is one.
    conformers_nm : ndarray of float64, shape (n_conformers, n_atoms, 3)
        Structures to begin from.
    """

    name: str
    block: str
    charge: int
    numbers: Integers
    masses_amu: Doubles
    kinds: Integers
    bonds: Integers
    separation: Integers
    torsions: Integers
    conformers_nm: Doubles
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(str(self.charge).encode())
        for each in (self.numbers, self.masses_amu, self.kinds, self.bonds, self.conformers_nm):
            digest.update(np.ascontiguousarray(each).tobytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def n_atoms(self) -> int:
        """How many atoms."""
        return len(self.numbers)

    @property
    def symbols(self) -> list[str]:
        """Chemical symbols."""
        from rdkit import Chem

        table = Chem.GetPeriodicTable()
        return [table.GetElementSymbol(int(number)) for number in self.numbers]

    def bond_lengths_nm(self, positions_nm: Doubles) -> Doubles:
        """Return the length of each bond in positions (..., n_atoms, 3)."""
        first, second = self.bonds.T
        between = positions_nm[..., first, :] - positions_nm[..., second, :]
        return np.asarray(np.linalg.norm(between, axis=-1), np.float64)

    def bond_limits_nm(self) -> tuple[Doubles, Doubles]:
        """Return lengths between which a bond is whole: 0.6 and 1.5 times its mean in the structures to begin from."""
        mean = self.bond_lengths_nm(self.conformers_nm).mean(axis=0)
        return 0.6 * mean, 1.5 * mean


def read_molecule(source: str, n_conformers: int, seed: int) -> Molecule:
    """Read a molecule from a file or SMILES and give it structures to begin from (ETKDGv3, then MMFF94).

    Parameters
    ----------
    source : str
        SMILES, or an SDF, MOL2 or SMILES file; empty is alanine dipeptide.
    n_conformers : int
        How many structures.
    seed : int
        Of 31 bits, of these structures.

    Raises
    ------
    DataError
        It cannot be read, is more than one molecule or larger than 100 atoms, or no structure is found.

    Examples
    --------
    >>> from levinthal.workloads.potential.molecule import read_molecule
    >>> read_molecule("CO", 1, 0).numbers.tolist()
    [6, 8, 1, 1, 1, 1]
    """
    from rdkit import Chem

    given = source_of(source or ALANINE_DIPEPTIDE, None if source else "alanine dipeptide")
    what = given.name[:80]
    with refusing(what, "give one molecule as SMILES, SDF or MOL2"):
        if given.form == "SMILES":
            parsed = Chem.MolFromSmiles(given.text)
        elif given.form == "SDF":
            parsed = Chem.MolFromMolBlock(given.text, removeHs=False)
        elif given.form == "MOL2":
            parsed = Chem.MolFromMol2Block(given.text, removeHs=False)
        else:
            raise DataError(f"{what}: PDBQT has no bond orders: give SMILES, SDF or MOL2")
        if parsed is None:
            raise DataError(f"{what} cannot be read as {given.form}: fix it")
        molecule = Chem.AddHs(parsed, addCoords=True)
        if len(Chem.GetMolFrags(molecule)) != 1 or molecule.GetNumAtoms() < 3:
            raise DataError(f"{what} must be one molecule of at least 3 atoms: give one without salts and solvents")
        if molecule.GetNumAtoms() > _MOST_ATOMS:
            raise DataError(f"{what} has {molecule.GetNumAtoms()} atoms with hydrogens, more than {_MOST_ATOMS}")
        if any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
            raise DataError(f"{what} has unpaired electrons, which teachers here do not treat: give a closed shell")
        return _described(molecule, what, _conformers(molecule, n_conformers, seed, what))


def _conformers(molecule: Any, n_conformers: int, seed: int, what: str) -> Doubles:
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    how: Any = rdDistGeom.ETKDGv3()
    how.randomSeed, how.numThreads = seed % (2**31 - 1), 1
    found = rdDistGeom.EmbedMultipleConfs(molecule, n_conformers, how)
    if len(found) < n_conformers:
        raise DataError(f"{what}: RDKit finds {len(found)} of {n_conformers} structures: give another molecule")
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, numThreads=1, maxIters=500)
    return np.array([_NM_PER_ANGSTROM * molecule.GetConformer(k).GetPositions() for k in found])


def _described(molecule: Any, name: str, conformers_nm: Doubles) -> Molecule:
    from rdkit import Chem

    masses = np.array([atom.GetMass() for atom in molecule.GetAtoms()])
    for atom in molecule.GetAtoms():
        if atom.GetAtomicNum() == 1:
            carrier = atom.GetNeighbors()[0].GetIdx()
            masses[carrier] -= _HYDROGEN_MASS_AMU - masses[atom.GetIdx()]
            masses[atom.GetIdx()] = _HYDROGEN_MASS_AMU
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    matched = molecule.GetSubstructMatch(Chem.MolFromSmarts(_RESIDUE))
    # C(=O) N CA C(=O) N: phi is C-N-CA-C, psi N-CA-C-N
    torsions = [[matched[k] for k in (0, 2, 3, 4)], [matched[k] for k in (2, 3, 4, 6)]] if matched else []
    return Molecule(
        name=name,
        block=Chem.MolToMolBlock(molecule, confId=0),
        charge=Chem.GetFormalCharge(molecule),
        numbers=np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()], np.int64),
        masses_amu=masses,
        kinds=np.unique(ranks, return_inverse=True)[1].astype(np.int64),
        bonds=np.array([[b.GetBeginAtomIdx(), b.GetEndAtomIdx()] for b in molecule.GetBonds()], np.int64),
        separation=np.minimum(Chem.GetDistanceMatrix(molecule), 4).astype(np.int64),
        torsions=np.array(torsions, np.int64).reshape(-1, 4),
        conformers_nm=conformers_nm,
    )
