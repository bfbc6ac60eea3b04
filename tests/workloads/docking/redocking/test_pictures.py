"""What people are shown: the scene, the viewer, the table, the curves, and files for other programs."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import gemmi
import numpy as np
import pytest
from rdkit import Chem

from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.molecules.pose_files import pose_record, receptor_pdb
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.redocking.comparison import Summary, verdict_of
from levinthal.workloads.docking.redocking.figures import anytime_figure, table_svg
from levinthal.workloads.docking.redocking.viewer import scene_html, scene_of, scene_svg
from levinthal.workloads.docking.registry import SEARCHES
from levinthal.workloads.docking.search.outcome import Trace

HOSTILE = "</script><script>alert(1)</script>&"


@pytest.fixture(scope="module")
def ligand():
    return prepare_ligand("OCc1ccc(C)cc1", "an alcohol")


@pytest.fixture(scope="module")
def receptor():
    """Return two residues beside the origin, one of them with a hostile name, and one far away."""
    names, places = ("N", "CA", "C", "O"), np.array([[0, 0, 0], [1.46, 0, 0], [2.0, 1.4, 0], [1.3, 2.4, 0]], float)
    shifts = np.array([[4.0, 0, 0], [-5.0, 1, 0], [60.0, 0, 0]])
    residues = ("SER A 7", f"{HOSTILE} A 8", "ALA B 900")
    return Receptor(
        name="toy",
        coordinates_angstrom=np.concatenate([places + shift for shift in shifts]),
        types=("N", "C", "C", "OA") * 3,
        vina_types=np.array([2, 1, 1, 8] * 3, np.int8),
        atom_names=names * 3,
        residues=tuple(residue for residue in residues for _ in names),
    )


def test_the_scene_is_whole_residues_near_the_pose(ligand, receptor):
    pose = ligand.coordinates_angstrom
    scene = scene_of(receptor, ligand, pose, pose + 0.5)
    parts = {part.name: part for part in scene.parts}
    assert list(parts) == ["pocket", "crystal", "pose"]
    assert len(parts["pocket"].elements) == 8
    assert len(scene.labels) == 2
    assert len(parts["pose"].elements) == 9
    assert len(parts["pose"].bonds) == 9
    # turned, not bent, and flat: the longest axis lies along x, the thinnest along z
    before = np.linalg.norm(pose[ligand.heavy_atoms][:, None] - pose[ligand.heavy_atoms][None], axis=-1)
    xyz = parts["pose"].xyz
    assert np.allclose(np.linalg.norm(xyz[:, None] - xyz[None], axis=-1), before)
    assert np.ptp(xyz[:, 0]) > np.ptp(xyz[:, 1]) > np.ptp(xyz[:, 2])


def test_the_viewer_is_one_file_and_nothing_in_it_escapes(ligand, receptor):
    scene = scene_of(receptor, ligand, ligand.coordinates_angstrom)
    page = scene_html(scene, HOSTILE, HOSTILE)
    assert page.count("<script") == page.count("</script>") == 2
    assert "alert(1)</script>" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)\s*=", page)
    data = json.loads(re.search(r'id="scene">(.*?)</script>', page, re.S).group(1))
    assert [part["name"] for part in data["parts"]] == ["pocket", "docked pose"]
    assert any(HOSTILE in text for text, _ in data["labels"])
    drawing = ET.fromstring(scene_svg(scene))
    texts = [element.text for element in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert "SER 7" in texts
    assert "docked pose" in texts


def test_a_pose_keeps_its_chemistry_and_moves_as_one_body(ligand):
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    pose = ligand.coordinates_angstrom @ turn.T + [10.0, -20.0, 30.0]
    record = pose_record(ligand, pose, "one\ntwo", {"rank": 1, "score": -1.25, "why": "a\nb", "none": ""})
    supplier = Chem.SDMolSupplier()
    supplier.SetData(record, removeHs=False)
    (molecule,) = supplier
    assert Chem.MolToSmiles(Chem.RemoveHs(molecule)) == Chem.CanonSmiles("OCc1ccc(C)cc1")
    assert molecule.GetNumAtoms() == 19
    places = molecule.GetConformer().GetPositions()[ligand.mol_block_atoms]
    assert np.allclose(places, pose, atol=2e-4)
    assert (molecule.GetProp("_Name"), molecule.GetProp("score"), molecule.GetProp("why")) == (
        "one two",
        "-1.250",
        "a b",
    )


def test_receptors_are_written_as_models(receptor):
    named = replace(receptor, residues=tuple(each.replace(HOSTILE, "GLY") for each in receptor.residues))
    moved = named.in_conformation(named.coordinates_angstrom + 1.0)
    structure = gemmi.read_pdb_string(receptor_pdb([named, moved]))
    assert len(structure) == 2
    assert [residue.name for chain in structure[0] for residue in chain] == ["SER", "GLY", "ALA"]
    assert [chain.name for chain in structure[0]] == ["A", "B"]
    first = [atom.pos.tolist() for chain in structure[1] for residue in chain for atom in residue]
    assert np.allclose(first, moved.coordinates_angstrom, atol=1e-3)


def method(name: str, **changes) -> Summary:
    known = Summary(SEARCHES.load(name), 10, 0.9, -8.0, -7.9, 1.2, 0.5, 0.0, 1000, 1, 0, 9, 0.9)
    return replace(known, **changes)


def test_the_verdict_says_what_the_table_says():
    policy, restarts = method("policy", found=1.0, search_s=0.2), method("restarts")
    words = verdict_of([policy, restarts, method("vina-tuned", search_s=2.0)])
    assert words.startswith("The trained policy found the best known score more often than random restarts")
    assert "in 0.2 s against 0.5 s" in words
    assert "Random restarts found the best known score as often as tuned Vina, in 0.5 s against 2 s." in words
    trained = verdict_of([policy, restarts], training_s={"trained policy": 40.0})
    assert "in 0.2 s against 0.5 s, after 40 s of training." in trained
    assert "training" not in verdict_of([restarts, method("enumeration")], training_s={"trained policy": 40.0})
    nowhere = verdict_of([replace(each, success=0.0) for each in (policy, restarts)])
    assert nowhere.startswith("No search has a top pose within 2 A of the crystal pose. The trained policy")
    assert "No search" not in verdict_of([replace(policy, success=None), replace(restarts, success=None)])
    assert "less often" in verdict_of([method("policy", found=0.2), restarts])
    assert "in about the same time (0.5 s against 0.5 s)." in verdict_of([method("policy"), restarts])
    assert "not in half of its runs against in 0.5 s" in verdict_of([method("policy", search_s=None), restarts])
    assert "Random restarts ran alone" in verdict_of([restarts])
    assert "Random restarts found the best known score as often as enumeration" in verdict_of(
        [restarts, method("enumeration")]
    )


def test_table_and_curves_are_drawn():
    rows = [method("policy"), method("vina", success=None, rmsd_angstrom=None, evaluations=None, setup_s=1.0)]
    texts = [element.text for element in ET.fromstring(table_svg(rows, "A & B < C")).iter() if element.text]
    assert {"9 of 10", "shared", "not reported", "trained policy", "search time", "A & B < C"} <= set(texts)
    known = [method("policy", succeeded=1.0), method("restarts", succeeded=0.4, search_s=None, evaluations=None)]
    texts = [element.text for element in ET.fromstring(table_svg(known, "")).iter() if element.text]
    assert {"10 of 10", "4 of 10", "–", "evaluations to success"} <= set(texts)
    curve = Trace(np.array([10, 100]), np.array([0.01, 0.1]), np.array([-1.0, -3.0]), np.full(2, np.nan))
    point = Trace(np.array([0]), np.array([0.5]), np.array([-3.0]), np.array([np.nan]))
    drawing = anytime_figure({"random restarts": [curve, curve], "vina": [point]})
    assert ET.fromstring(drawing).tag.endswith("svg")
    assert drawing == anytime_figure({"random restarts": [curve, curve], "vina": [point]})
