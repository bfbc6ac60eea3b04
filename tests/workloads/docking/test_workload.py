"""The workload through the command line: the embedded complex, a person's own files, a library, and mistakes."""

from __future__ import annotations

import csv
import xml.etree.ElementTree as ET

import gemmi
import pytest
from rdkit import Chem

from carried import crystal_complex
from levinthal.datasets.structures import real_complex
from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.labels import find_figure
from levinthal.harness.results.store import load_result
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.settings import DockingSettings

QUICK = ("--size", "smoke", "--set", "methods=restarts")


def repeat_of(folder):
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return repeat


def values_of(repeat, search: str | None = None) -> dict[str, float | None]:
    """Return the figures of one search, or those that are of none, by name."""
    return {each.name: each.value for each in repeat.metrics if each.labels.get("search") == search}


def test_the_embedded_complex_end_to_end(levinthal, tmp_path):
    done = levinthal(
        "run", "docking", "--size", "smoke", "--seed", "2", "--out", "a", "--set", "methods=policy,restarts,vina-tuned",
        "--set", "flexible=modes", "--set", "n_conformations=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    repeat = repeat_of(tmp_path / "a")
    assert not repeat.dataset.synthetic
    names = [phase.name for phase in repeat.phases]
    assert [name for name in names if name in ("prepare", "maps", "train", "dock", "rescore")] == [
        "prepare", "maps", "train", "dock", "rescore",
    ]  # fmt: skip
    assert all(gate.passed for gate in repeat.gates)
    assert {gate.labels.get("search") for gate in repeat.gates} == {"trained policy", None}
    for search in ("trained policy", "random restarts", "Vina, tuned"):
        values = values_of(repeat, search)
        assert values["best score"] < -3.4
        labels = {"search": search, "case": "pocket"}
        share = find_figure(repeat.metrics, "succeeded within the budget", labels).value
        waited = find_figure(repeat.metrics, "time to success", labels)
        if search == "Vina, tuned":  # it tells of a run when it is over, which may be after the budget
            assert (share == 0.0) == (waited.value is None)
            assert share or waited.reason == "0 of 1 runs succeeded within the budget"
            continue
        assert share == 1.0
        assert waited.value > 0
    values = values_of(repeat)
    assert values["poses scored with gradient"] > 1e4
    assert values["training rate"] > 0
    assert len(find_figure(repeat.curves, "energy of the pose", {"pose": "best known"}).x) == 2
    assert any("random restarts on the same score" in each for each in repeat.findings)
    assert any(", after " in each and " s of training" in each for each in repeat.findings)
    folder = tmp_path / "a/repeats/000"
    poses = list(Chem.SDMolSupplier(str(folder / "poses.sdf"), removeHs=False))
    assert all(pose is not None and pose.GetNumAtoms() == 18 for pose in poses)
    assert float(poses[0].GetProp("rmsd_angstrom")) < 2.0
    assert (folder / "receptor.pdb").read_text().count("MODEL") == 2
    (scene,) = repeat.scenes
    assert [part.artifact for part in scene.parts] == ["receptor.pdb", "poses.sdf", "crystal.sdf"]
    for step in scene.steps:
        conformation, number, _ = step.models
        assert conformation == int(poses[number].GetProp("conformation"))
        assert step.words.startswith(f"{poses[number].GetProp('search')}, rank {poses[number].GetProp('rank')}: ")
    assert Chem.MolFromPDBFile(str(folder / "receptor.pdb"), sanitize=False).GetNumAtoms() > 1000
    assert "://" not in (folder / "pose.html").read_text().replace("http://www.w3.org/2000/svg", "")
    rows = list(csv.DictReader((folder / "runs.csv").open()))
    assert [row["search"] for row in rows] == ["policy", "restarts", "vina-tuned"]
    weights = folder / "policy.safetensors"

    done = levinthal(
        "run", "docking", *QUICK[:2], "--out", "b", "--set", f"policy={weights}", "--set", "methods=policy"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    again = repeat_of(tmp_path / "b")
    assert "train" not in {phase.name for phase in again.phases}
    assert any("not trained here" in note for note in again.notes)


def test_a_persons_own_complex_and_conformation(levinthal, tmp_path):
    receptor, ligand = crystal_complex()
    done = levinthal(
        "run", "docking", *QUICK, "--out", "a", "--set", f"receptor={receptor}", "--set", f"ligand={ligand}"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    repeat = repeat_of(tmp_path / "a")
    assert {gate.kind for gate in repeat.gates} == {"sanity"}  # what is right is not known here, what is wrong is
    assert all(gate.passed for gate in repeat.gates)
    assert "no rule is broken" in levinthal("check", "a").stdout
    values = values_of(repeat, "random restarts")
    assert values["success"] == 1.0
    assert values["plausible top poses"] == 1.0
    assert values_of(repeat)["best known score"] == pytest.approx(-12.8, abs=0.4)  # seconds bound the search


@pytest.mark.slow
def test_a_pose_that_cannot_be_is_not_passed_off_as_an_answer(levinthal, tmp_path):
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    own = ("--set", f"receptor={receptor}", "--set", f"pocket={ligand}")
    done = levinthal("run", "docking", *QUICK, "--out", "good", *own, "--set", f"ligand={ligand}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sanity checks of the answer: 6 of 6 met" in done.stdout
    assert "no rule is broken" in levinthal("check", "good").stdout
    # a steroid does not fit where xylene does
    steroid = "CC12CCC3C(C1CCC2O)CCC4=CC(=O)CCC34C"
    done = levinthal("run", "docking", *QUICK, "--out", "bad", *own, "--set", f"ligand={steroid}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: best score (kcal/mol) is " in done.stdout
    assert "the ligand does not fit there: set pocket to where the ligand binds" in " ".join(done.stdout.split())
    assert "(measured, but a gate was missed)" in done.stdout
    assert (tmp_path / "bad/repeats/000/poses.sdf").exists()
    assert "no rule is broken" in levinthal("check", "bad").stdout


def test_a_library_is_ranked_and_failures_stop_nothing(levinthal, tmp_path):
    (tmp_path / "library.smi").write_text(
        "c1ccccc1 benzene active\nCc1ccccc1 toluene active\nOc1ccccc1 phenol decoy\nC1CC broken decoy\n"
        "not-a-molecule nonsense\n[Pt] platinum\nCCO ethanol\n"
    )
    done = levinthal("run", "docking", *QUICK, "--out", "a", "--set", "ligands=library.smi")
    assert done.returncode == 0, done.stdout + done.stderr
    repeat = repeat_of(tmp_path / "a")
    rows = list(csv.DictReader((tmp_path / "a/repeats/000/ranked.csv").open()))
    ranked = [row["name"] for row in rows if row["rank"]]
    failed = {row["name"]: row["reason"] for row in rows if not row["rank"]}
    assert sorted(ranked) == ["benzene", "ethanol", "phenol", "toluene"]
    assert ranked[0] == "toluene"
    assert list(failed) == ["broken", "nonsense", "platinum"]
    assert all(failed.values())
    affinities = [float(row["affinity_kcal_mol"]) for row in rows if row["rank"]]
    assert affinities == sorted(affinities)
    poses = list(Chem.SDMolSupplier(str(tmp_path / "a/repeats/000/ranked.sdf"), removeHs=False))
    assert [pose.GetProp("_Name") for pose in poses] == ranked
    assert {gate.name for gate in repeat.gates} >= {"compounds with a score", "best score (kcal/mol)"}
    assert "no rule is broken" in levinthal("check", "a").stdout
    assert [estimate.sentence for estimate in repeat.estimates] == ["docking of 4 compounds"]
    assert values_of(repeat)["ligands that failed"] == 3
    for ranking in ("docking score", "ligand efficiency", "size alone"):
        found = find_figure(repeat.metrics, "screening ROC AUC", {"ranking": ranking})
        assert 0.0 <= found.value <= 1.0
    assert not values_of(repeat, "random restarts")
    assert repeat.warnings[0].startswith("3 of 7 compounds were left out (first: broken, line 4:")
    assert {row["conformers"] for row in rows if row["rank"]} == {"1"}  # nothing in them turns
    best = rows[0]
    assert float(best["efficiency_kcal_mol"]) == pytest.approx(affinities[0] / 7, abs=1e-3)
    assert "LEU 118" in best["residues_within_4_angstrom"]
    folder = tmp_path / "a/repeats/000"
    for name in ("top.svg", "top-contacts.svg", "rankings.svg"):
        ET.parse(folder / name)
    assert gemmi.read_structure(str(folder / "receptor.pdb"))[0].count_atom_sites() > 1000


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("receptor=nowhere.pdb", "ligand=CCO"), "nowhere.pdb"),
        (("pocket=500/500/500/20/20/20", "ligand=c1ccccc1"), "nowhere near receptor"),
        (("policy=nowhere.safetensors", "methods=policy"), "nowhere.safetensors"),
        (("guide=nowhere.safetensors", "methods=guided"), "nowhere.safetensors"),
    ],
)
def test_a_mistake_is_one_line(levinthal, tmp_path, settings, message):
    arguments = [part for setting in settings for part in ("--set", setting)]
    done = levinthal("run", "docking", "--size", "smoke", "--out", "a", *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("levinthal: ")
    assert message in last
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"receptor": "a.pdb"}, "without a ligand"),
        ({"methods": "guessing"}, "docking search 'guessing' is unknown"),
        ({"methods": "vina,vina"}, "named twice"),
        ({"policy": "a.safetensors", "methods": "restarts"}, "no search among the methods"),
        ({"guide": "a.safetensors", "methods": "policy"}, "no search among the methods"),
        ({"cases": "easy"}, "there is no case easy"),
        ({"spacing": "9"}, "setting spacing"),
        ({"flexible": "very"}, "setting flexible"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        make_settings(DockingSettings, "tiny", values)


@pytest.mark.parametrize("size", DockingSettings.sizes)
def test_every_size_is_a_set_of_values(size):
    assert make_settings(DockingSettings, size).searches >= 1


def test_a_mistake_in_a_ligand_names_it():
    with pytest.raises(DataError, match="C1CC"):
        prepare_ligand("C1CC")
