"""What a user may import: listed, light, typed in one place, each name with an example that runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
import subprocess
import sys
import warnings

import pytest

from documented import PAGES, ROOT, programs
from levinthal.moved import MOVED, NAMES_MOVED

FACES = {
    "levinthal": ["LevinthalError", "__version__", "load_result", "run"],
    "levinthal.harness": [
        "Choice", "Chooses", "Embedded", "Embeds", "FigureOfMerit", "Inference", "Infers", "Lowers", "Plans", "Rank",
        "Replicated", "Replicates", "Result", "Run", "ScalingCase", "ScenePart", "SceneStep", "Sends", "Settings",
        "StageTimes", "Trainer", "Trains", "Workload", "load_result",
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
# `load_result` is that of `levinthal.harness`, whose example runs there.
EXAMPLES = [(face, name) for face in LIBRARY for name in FACES[face]] + [
    ("levinthal", "run"),
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


TAUGHT = [*PAGES, *sorted(ROOT.glob("examples/**/*.py"))]


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
