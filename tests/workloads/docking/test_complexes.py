"""Real complexes as a person's own data: the run passes, `check` finds nothing, and its files open elsewhere."""

from __future__ import annotations

import gemmi
import pytest
from rdkit import Chem

from carried import crystal_complex, shared_files
from levinthal.harness.results.store import load_result

posebusters = pytest.importorskip("posebusters")
pytestmark = pytest.mark.slow

JE2 = "CC1(C)SCN(C1C(=O)NCc1ccccc1C)C(=O)C(O)C(Cc1ccccc1)NC(=O)c1cccc(O)c1C"
COMPLEXES = {
    "1iep": ("1iep_receptorH.pdb", "1iep_ligand.sdf", ""),
    "1kzk": ("1kzk-receptor.pdbqt", "1kzk-je2.pdbqt", JE2),
    "1oyt": ("1oyt-receptor.pdbqt", "1oyt-fsn.pdbqt", "NC(=N)c1ccc(cc1)C1C2C(C3CCCN13)C(=O)N(Cc1ccc(F)cc1)C2=O"),
    "1w2g": ("1w2g-receptor.pdbqt", "1w2g-thm.pdbqt", "Cc1cn([C@H]2C[C@H](O)[C@@H](CO)O2)c(=O)[nH]c1=O"),
    "2br1": ("2br1-receptor.pdbqt", "2br1-pfp.pdbqt", "COc1ccc(cc1)-c1oc2ncnc(NCCO)c2c1-c1ccc(OC)cc1"),
}  # fmt: skip
CASES = {"1s3v": (*crystal_complex(), "")} | {
    code: (path, path.with_name(ligand), template)
    for code, (receptor, ligand, template) in COMPLEXES.items()
    for path in shared_files(f"complexes/{code}/{receptor}")
}


@pytest.mark.parametrize("code", CASES)
def test_files_open_in_other_programs(levinthal, tmp_path, code):
    receptor, ligand, template = CASES[code]
    settings = [
        f"receptor={receptor}",
        f"ligand={ligand}",
        "methods=restarts",
        f"template={template}",
    ]
    done = levinthal(
        "run", "docking", "--size", "smoke", "--out", "a", *(part for each in settings for part in ("--set", each))
    )
    assert done.returncode == 0, done.stdout + done.stderr
    checked = levinthal("check", "a")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    (repeat,) = load_result(tmp_path / "a").repeats
    assert all(gate.kind == "sanity" and gate.passed for gate in repeat.gates)
    files = tmp_path / "a/repeats/000"
    poses = list(Chem.SDMolSupplier(str(files / "poses.sdf"), removeHs=False))
    assert poses
    assert all(poses)
    assert all(atom.GetNumImplicitHs() == 0 for pose in poses for atom in pose.GetAtoms())
    if template:
        expected = Chem.MolFromSmiles(template)
        n_aromatic = sum(atom.GetIsAromatic() for atom in expected.GetAtoms())
        assert {sum(atom.GetIsAromatic() for atom in pose.GetAtoms()) for pose in poses} == {n_aromatic}
    structure = gemmi.read_structure(str(files / "receptor.pdb"))
    assert structure[0].count_atom_sites() > 1500
    report = posebusters.PoseBusters(config="dock").bust([poses[0]], None, str(files / "receptor.pdb"))
    failed = [column for column in report.columns if not bool(report.iloc[0][column])]
    assert not [each for each in failed if "loaded" in each or "sanit" in each or "bond" in each or "distance" in each]
    rows = (files / "contacts.csv").read_text().splitlines()
    if code == "1kzk":  # its file calls all atoms LIG 1
        assert any("contacts cannot be told by residue" in words for words in repeat.warnings)
    else:
        assert len(rows) > 8
