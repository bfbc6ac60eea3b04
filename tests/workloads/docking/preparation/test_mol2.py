"""MOL2 without hydrogens: the molecule that its Sybyl types say, the same as from SDF, or a refusal."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.preparation.mol2 import molecule_of_mol2

RING = [(1, 2, "ar"), (2, 3, "ar"), (3, 4, "ar"), (4, 5, "ar"), (5, 6, "ar"), (6, 1, "ar")]
FIVE = [(1, 2, "ar"), (2, 3, "ar"), (3, 4, "ar"), (4, 5, "ar"), (5, 1, "ar")]
BARE = {
    "ammonium": ("C.3 N.4", [(1, 2, 1)], "C[NH3+]"),
    "quaternary": ("C.3 N.4 C.3 C.3 C.3", [(1, 2, 1), (2, 3, 1), (2, 4, 1), (2, 5, 1)], "C[N+](C)(C)C"),
    "amine": ("C.3 N.3", [(1, 2, 1)], "CN"),
    "guanidinium": ("C.3 N.pl3 C.cat N.pl3 N.pl3", [(1, 2, 1), (2, 3, 1), (3, 4, 1), (3, 5, 1)], "CNC(N)=[NH2+]"),
    "guanidinium, ar": (
        "C.3 N.pl3 C.cat N.pl3 N.pl3", [(1, 2, 1), (2, 3, "ar"), (3, 4, "ar"), (3, 5, "ar")], "CNC(N)=[NH2+]",
    ),
    "amidinium": ("C.3 C.cat N.pl3 N.pl3", [(1, 2, 1), (2, 3, 1), (2, 4, 1)], "CC(N)=[NH2+]"),
    "amidinium, N.4": ("C.3 C.2 N.pl3 N.4", [(1, 2, 1), (2, 3, 1), (2, 4, 2)], "CC(N)=[NH2+]"),
    "amidine": ("C.3 C.2 N.2 N.pl3", [(1, 2, 1), (2, 3, 2), (2, 4, 1)], "CC(=N)N"),
    "carboxylate": ("C.3 C.2 O.co2 O.co2", [(1, 2, 1), (2, 3, "ar"), (2, 4, "ar")], "CC(=O)[O-]"),
    "acid": ("C.3 C.2 O.2 O.3", [(1, 2, 1), (2, 3, 2), (2, 4, 1)], "CC(=O)O"),
    "amide": ("C.3 C.2 O.2 N.am", [(1, 2, 1), (2, 3, 2), (2, 4, "am")], "CC(N)=O"),
    "phenol": ("C.ar C.ar C.ar C.ar C.ar C.ar O.3", [*RING, (1, 7, 1)], "Oc1ccccc1"),
    "aniline": ("C.ar C.ar C.ar C.ar C.ar C.ar N.pl3", [*RING, (1, 7, 1)], "Nc1ccccc1"),
    "pyridine": ("C.ar C.ar C.ar C.ar C.ar N.ar", RING, "c1ccncc1"),
    "pyridone": ("C.ar C.ar C.ar C.ar C.ar N.ar O.2", [*RING, (1, 7, 2)], "O=c1cccc[nH]1"),
    "pyrrole": ("C.ar C.ar C.ar C.ar N.pl3", FIVE, "c1cc[nH]c1"),
    "pyrrole, alternating": (
        "C.2 C.2 C.2 C.2 N.pl3", [(1, 2, 2), (2, 3, 1), (3, 4, 2), (4, 5, 1), (5, 1, 1)], "c1cc[nH]c1",
    ),
    "imidazole": ("C.ar C.ar N.ar C.ar N.pl3", FIVE, "c1c[nH]cn1"),
    "nitro": ("C.3 N.pl3 O.2 O.2", [(1, 2, 1), (2, 3, 2), (2, 4, 2)], "C[N+](=O)[O-]"),
    "azide": ("C.3 N.2 N.1 N.1", [(1, 2, 1), (2, 3, 2), (3, 4, 2)], "CN=[N+]=[N-]"),
    "nitrile": ("C.3 C.1 N.1", [(1, 2, 1), (2, 3, 3)], "CC#N"),
    "sulfonamide": ("C.3 S.o2 O.2 O.2 N.3", [(1, 2, 1), (2, 3, 2), (2, 4, 2), (2, 5, 1)], "CS(N)(=O)=O"),
    "phosphate": (
        "C.3 O.3 P.3 O.co2 O.co2 O.co2", [(1, 2, 1), (2, 3, 1), (3, 4, 2), (3, 5, 1), (3, 6, 1)],
        "COP(=O)([O-])[O-]",
    ),
    "thiol": ("C.3 S.3", [(1, 2, 1)], "CS"),
}  # fmt: skip


def mol2(types: str, bonds: list[tuple[int, int, object]], charges: tuple[float, ...] = ()) -> str:
    kinds = types.split()
    charges = charges or (0.0,) * len(kinds)
    atoms = [
        f"{k} {kind.split('.')[0]}{k} {1.4 * k:.3f} {k % 2} {k % 3} {kind} 1 LIG {charge:.3f}"
        for k, (kind, charge) in enumerate(zip(kinds, charges, strict=True), 1)
    ]
    rows = [f"{k} {i} {j} {order}" for k, (i, j, order) in enumerate(bonds, 1)]
    head = ["@<TRIPOS>MOLECULE", "x", f" {len(kinds)} {len(bonds)} 0 0 0", "SMALL", "USER_CHARGES", "", "@<TRIPOS>ATOM"]
    return "\n".join([*head, *atoms, "@<TRIPOS>BOND", *rows, ""])


@pytest.mark.parametrize("name", BARE)
def test_types_say_charges_and_hydrogens(name):
    types, bonds, expected = BARE[name]
    molecule, warnings = molecule_of_mol2(mol2(types, bonds), name)
    assert Chem.MolToSmiles(molecule) == Chem.CanonSmiles(expected)
    assert warnings == []
    assert not any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())


def test_what_hydrogens_alone_could_tell_is_refused():
    with pytest.raises(DataError, match="which nitrogen of an aromatic ring has one"):
        molecule_of_mol2(mol2("C.ar C.ar N.ar C.ar N.ar", FIVE), "imidazole")


def test_partial_charges_that_do_not_fit_are_told():
    whole = "C.3 N.3 H H H H H"
    bonds = [(1, 2, 1), (1, 3, 1), (1, 4, 1), (1, 5, 1), (2, 6, 1), (2, 7, 1)]
    assert molecule_of_mol2(mol2(whole, bonds, (-0.2, -0.4, 0.1, 0.1, 0.1, 0.15, 0.15)), "x")[1] == []
    (warning,) = molecule_of_mol2(mol2(whole, bonds, (0.1, 0.2, 0.1, 0.1, 0.1, 0.2, 0.2)), "x")[1]
    assert "give the charge +0, its partial charges +1" in warning


def test_the_files_of_the_reports(shared_data):
    folder = shared_data / "cases/05-mol2-without-hydrogens"
    of_mol2, of_sdf = prepare_ligand(folder / "ima_noH.mol2"), prepare_ligand(folder / "ima_noH.sdf")
    assert sorted(of_mol2.types) == sorted(of_sdf.types)
    assert (of_mol2.scored_types == of_sdf.scored_types).all()
    assert of_mol2.n_torsions == of_sdf.n_torsions
    np.testing.assert_allclose(of_mol2.scored_template_angstrom, of_sdf.scored_template_angstrom, atol=1e-3)
    assert "32 hydrogens added" in " ".join(of_mol2.warnings)
    for name, smiles in (("ammon_noH", "CC[NH3+]"), ("benzamidine_noH", "NC(=[NH2+])c1ccccc1")):
        ligand = prepare_ligand(folder / f"{name}.mol2")
        assert Chem.MolToSmiles(Chem.MolFromMolBlock(ligand.mol_block)) == Chem.CanonSmiles(smiles)
