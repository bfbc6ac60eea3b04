"""What a user may import: listed, light, typed in one place, each name with an example that runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import io
import os
import re
import shlex
import subprocess
import sys
import warnings
from pathlib import Path

import mdtraj
import numpy as np
import pytest

import levinthal
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import make_settings, parse_assignments
from levinthal.moved import MOVED, NAMES_MOVED
from levinthal.proteins import pack_contacts
from levinthal.sampling import CVAE
from levinthal.simulation import capped_peptide

ROOT = Path(levinthal.__file__).parents[2]
FACES = {
    "levinthal": ["LevinthalError", "__version__", "load_result", "run"],
    "levinthal.harness": [
        "Choice", "Chooses", "Rank", "Result", "Run", "ScalingCase", "Settings", "Trainer", "Trains", "Workload",
        "load_result",
    ],
    "levinthal.proteins": [
        "BackboneChain", "ContactMaps", "FaultPolicy", "ProteinRecord", "SequenceDatabase", "build_backbone",
        "convert_contact_maps", "distance_rmsd", "expand_contacts", "fraction_native_contacts", "helical_fraction",
        "internal_coordinates", "make_families", "pack_contacts", "pack_maps", "radius_of_gyration", "read_backbone",
        "read_contact_maps", "read_fasta", "read_records", "rmsd", "score_structure", "search_profiles", "tm_score",
        "write_contact_maps", "write_mmcif", "write_pdb", "write_text", "write_tfrecord",
    ],
    "levinthal.simulation": [
        "ContactMapReporter", "FrameStore", "MuellerBrown", "advance", "better", "capped_peptide",
        "configurational_entropy", "cross_validated_vamp2", "durations", "effective_sample_size",
        "estimate_markov_model", "faster", "first_passage_durations", "from_pdb", "fs_peptide", "go_model", "greater",
        "jensen_shannon_nats", "kaplan_meier", "markov_chain", "mean_recurrence", "read_trajectories",
        "start_replica", "three_helix_bundle",
    ],
    "levinthal.metrics": [
        "EnergyMeter", "compare_samples", "describe_machine", "measure_peaks", "median_interval", "mlperf_score",
        "process_tree_usage",
    ],
    "levinthal.sampling": ["CVAE", "CampaignRecord", "Decision", "Policy", "View", "make_policy"],
    "levinthal.docking": [
        "Box", "DockingEnvironment", "DockingVectorEnv", "Problem", "RandomRestarts", "RigidDockingEnv", "Search",
        "build_grids", "pocket_box", "prepare_ligand", "prepare_receptor",
    ],
}  # fmt: skip
LIBRARY = sorted(set(FACES) - {"levinthal"})
EXAMPLES = [(face, name) for face in LIBRARY for name in FACES[face]] + [
    ("levinthal", "run"),
    ("levinthal", "load_result"),
]
HEAVY = {"torch", "openmm", "mdtraj", "numba", "numpy", "scipy", "sklearn", "rdkit", "gymnasium", "pydantic", "pyhmmer"}


@pytest.mark.parametrize("face", FACES)
def test_a_face_has_these_names_and_no_other(face):
    module = importlib.import_module(face)
    assert sorted(module.__all__) == sorted(FACES[face])
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("face", sorted(set(FACES) - {"levinthal"}))
def test_a_face_is_lazy_and_every_name_is_where_type_checkers_look(face):
    program = f"import sys, {face}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert not HEAVY & set(loaded.split())
    module = importlib.import_module(face)
    for name in FACES[face]:
        assert getattr(module, name).__name__ == name
        assert module.__dict__[name] is getattr(module, name)  # found once, kept


@pytest.mark.parametrize(("face", "name"), EXAMPLES)
def test_the_example_runs(face, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    thing = inspect.unwrap(getattr(importlib.import_module(face), name))
    (found,) = doctest.DocTestFinder(recurse=False).find(thing, name, globs={"__name__": "example"})
    assert found.examples, f"{face}.{name} has no example in its docstring"
    assert any(re.search(rf"\b{name}\b", each.source) for each in found.examples)
    assert not any(each.options.get(doctest.SKIP) for each in found.examples)
    said: list[str] = []
    result = doctest.DocTestRunner().run(found, out=said.append)
    assert result.failed == 0, "".join(said)


def imported(program: str) -> list[tuple[str, str]]:
    """Return the module and name of each import of Levinthal."""
    found = []
    for node in ast.walk(ast.parse(program)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "levinthal":
            found += [(str(node.module), alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names if alias.name.split(".")[0] == "levinthal"]
    return found


def programs(path: Path) -> list[str]:
    """Return the Python programs of a file of documentation or an example."""
    text = path.read_text()
    return [text] if path.suffix == ".py" else re.findall(r"```python\n(.*?)```", text, re.DOTALL)


TAUGHT = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.py")])


@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.name)
def test_what_is_taught_is_imported_from_a_face(path):
    for program in programs(path):
        for module, name in imported(program):
            assert module in FACES, f"{path.name} imports {module}, which is private"
            assert not name or name in FACES[module], f"{path.name}: {module} has no public {name}"


@pytest.mark.parametrize("old", sorted(MOVED))
def test_a_moved_module_is_found_under_its_old_name(old):
    program = (
        f"import importlib, warnings\n"
        f"with warnings.catch_warnings(record=True) as caught:\n"
        f"    warnings.simplefilter('always')\n"
        f"    module = importlib.import_module({old!r})\n"
        f"assert module is importlib.import_module({MOVED[old]!r})\n"
        f"print(*[each.message for each in caught if each.category is DeprecationWarning])\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert f"{old} is now {MOVED[old]}" in said


@pytest.mark.parametrize(("module", "name"), sorted(NAMES_MOVED))
def test_a_moved_name_is_found_with_a_warning(module, name):
    with pytest.warns(DeprecationWarning, match=f"{module}.{name} is now"):
        value = getattr(importlib.import_module(module), name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value is getattr(importlib.import_module(NAMES_MOVED[module, name]), name)


def test_a_module_of_that_name_is_not_made_up():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("levinthal.simulation.nothing")


def test_every_run_that_is_printed_has_settings_that_are_accepted():
    """What it reads need not be here; keys, values, policies and searches are checked before anything is read."""
    n_checked = 0
    for path in TAUGHT:
        for line in re.findall(r"levinthal run ((?!all)[a-z][^\n`|;]*)", path.read_text().replace("\\\n", " ")):
            words = iter(shlex.split(line.replace(",mine", "").replace(",furthest", ""), comments=True))
            name, size, assignments = next(words), "tiny", []
            for word in words:
                if word == "--set":
                    assignments.append(next(words))
                elif word == "--size":
                    size = next(words)
            make_settings(load_workload(name).Settings, size, parse_assignments(assignments))
            n_checked += 1
    assert n_checked > 25


def test_the_readme_runs_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = programs(ROOT / "README.md")
    small = first.replace(
        '{"latent": 6}, repeats=3', '{"latent": 6, "margin": 0}, size="smoke", precision="fp32", out="r1"'
    )
    assert small != first
    exec(small, {})
    maps = np.random.default_rng(0).integers(0, 2, (64, 12, 12), np.uint8)
    space = {"maps": np.maximum(maps, maps.transpose(0, 2, 1))}
    exec(second.replace("epochs=20", "epochs=1"), space)
    assert space["latent"].shape == (64, 3)


def _run_on_later_frames(program: str) -> None:
    """Carry out what the guide does with the model that a run has left."""
    system, _ = capped_peptide("helix", "A" * 12, ("helix",))
    Path("protein.pdb").write_text(system.topology_pdb)
    start = mdtraj.load("protein.pdb")
    moved = start.xyz + np.random.default_rng(0).normal(scale=0.003, size=(60, start.n_atoms, 3))
    mdtraj.Trajectory(moved, start.topology).save_xtc("run3.xtc")
    packed = pack_contacts(mdtraj.load("run3.xtc", top="protein.pdb").atom_slice(start.topology.select("name CA")).xyz)
    trained = CVAE(latent=3, filters=(4, 4, 4, 4), dense=8, n_residues=12, epochs=1).fit(packed)
    Path("r1/repeats/000").mkdir(parents=True)
    trained.save("r1/repeats/000/model.safetensors")  # what a run leaves
    space: dict[str, object] = {}
    exec(program, space)
    np.testing.assert_allclose(space["latent"], trained.transform(packed), atol=1e-5)


def _run_a_policy(program: str, folder: Path) -> None:
    """Install the guide's policy as a package would be, and sample by it."""
    (folder / "my_package.py").write_text(program)
    (folder / "my_package-1.dist-info").mkdir()
    (folder / "my_package-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    entry = "[levinthal.policies]\nfurthest = my_package:Furthest\n"
    (folder / "my_package-1.dist-info/entry_points.txt").write_text(entry)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(Path(levinthal.__file__).parents[1])])}
    settings = {
        "exact_replicas": 0, "steps": 4000, "chunk_steps": 200, "frame_interval": 10, "first_training_frames": 20,
        "policies": "plain,furthest",
    }  # fmt: skip
    command = [sys.executable, "-m", "levinthal", "run", "sampling", "--size", "smoke", "--engine", "local:1"]
    command += ["--out", "r2", *(part for key, value in settings.items() for part in ("--set", f"{key}={value}"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr + done.stdout  # so short a campaign may miss its gate
    decisions = (folder / "r2/repeats/000/decisions_furthest.csv").read_text()
    assert "the furthest along the first axis" in decisions


def test_the_guide_runs_as_printed(tmp_path, monkeypatch):
    import openmm
    from openmm import app

    monkeypatch.chdir(tmp_path)
    later, policy, first, second = programs(ROOT / "docs/guide.md")
    _run_on_later_frames(later)
    _run_a_policy(policy, tmp_path)
    system, starts = capped_peptide("short", "AAAA", ("extended",))
    topology = app.PDBFile(io.StringIO(system.topology_pdb)).topology
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.002)
    simulation = app.Simulation(topology, openmm.XmlSerializer.deserialize(system.system_xml), integrator)
    simulation.context.setPositions(starts["extended"])
    exec(first.replace("1000", "5"), {"simulation": simulation})
    simulation.step(500)
    simulation.reporters[-1].close()
    space: dict[str, object] = {}
    exec(second, space)
    assert space["latent"].shape == (100, 3)
