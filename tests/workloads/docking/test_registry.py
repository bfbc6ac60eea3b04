"""Searches that are added: by another package, and by one file in this one."""

from __future__ import annotations

import ast
import csv
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from import_graph import SOURCE, tree
from levinthal.harness.results.store import load_result
from levinthal.workloads.docking import settings
from levinthal.workloads.docking.registry import SEARCHES, make_search
from levinthal.workloads.docking.scoring import SCORING_FUNCTIONS
from levinthal.workloads.docking.search import built_in

PLUGIN = Path(__file__).parents[2] / "plugin"


@pytest.mark.slow
def test_a_search_of_another_package_is_compared_and_reported(levinthal, tmp_path):
    done = levinthal("run", "docking", "--size", "smoke", "--out", "r", "--set", "methods=restarts,one-draw")
    assert done.returncode == 0, done.stdout + done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    times = {each.labels["search"]: each.value for each in repeat.metrics if each.name == "time to success"}
    assert list(times) == ["random restarts", "one draw"]
    assert any("Random restarts found the best known score" in each and "one draw" in each for each in repeat.findings)
    folder = tmp_path / "r/repeats/000"
    rows = list(csv.DictReader((folder / "runs.csv").open()))
    assert rows[1]["search"] == "one-draw"
    draws = int(rows[1]["rounds"])
    assert 20_000 * (draws - 1) < int(rows[1]["evaluations"]) <= 20_000 * draws  # counted until the pose that succeeds
    assert ">one draw<" in (folder / "comparison.svg").read_text()
    assert "one draw" in (tmp_path / "r/report.html").read_text()

    broken = levinthal("run", "docking", "--size", "smoke", "--out", "b", "--set", "methods=half-a-search")
    assert broken.returncode == 2
    assert "'half-a-search' (levinthal_probe_search:HalfASearch) does not keep the contract: it is not a dataclass" in (
        broken.stderr
    )
    assert "docking search 'one-drew' is unknown: did you mean one-draw?" in (
        levinthal("run", "docking", "--size", "smoke", "--out", "c", "--set", "methods=one-drew").stderr
    )


def test_a_search_of_our_own_is_one_file(monkeypatch, tmp_path):
    """The plug-in's module among the built-ins: nothing else needs to know of it."""
    shutil.copy(PLUGIN / "levinthal_probe_search.py", tmp_path / "our_draw.py")
    monkeypatch.setattr(built_in, "__path__", [*built_in.__path__, str(tmp_path)])
    monkeypatch.setattr(built_in.__spec__, "submodule_search_locations", built_in.__path__)
    SEARCHES.check(["our-draw"])
    ours = make_search("our-draw", n_poses=3, threads=2, model=None)
    assert (ours.n_poses, ours.threads, ours.shown) == (3, 2, "one draw")


@pytest.mark.parametrize("name", SEARCHES.built_in())
def test_a_built_in_is_named_in_its_own_module_alone(name):
    """Settings may have it among their defaults; no table, no branch and no verdict knows it by name."""
    names = {name, SEARCHES.load(name).shown} - set(SCORING_FUNCTIONS)  # vina is a scoring function as well
    own = import_module(f"{built_in.__name__}.{name.replace('-', '_')}").__file__
    naming = {
        path
        for path in (SOURCE / "workloads" / "docking").rglob("*.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and node.value in names
    }
    assert naming <= {Path(own), Path(settings.__file__)}


def test_what_searches_declare():
    assert not any(SEARCHES.problems(name, SEARCHES.load(name)) for name in SEARCHES.built_in())
    declared = {
        what: [name for name in SEARCHES.built_in() if SEARCHES.declared(name, what)]
        for what in ("needs_model", "is_control", "is_reference", "all_cores", "refines", "package")
    }
    assert declared == {
        "needs_model": ["guided", "policy"],
        "is_control": ["restarts"],
        "is_reference": ["vina-tuned"],
        "all_cores": ["vina", "vina-tuned"],
        "refines": ["vina", "vina-tuned"],
        "package": ["cma-es", "vina", "vina-tuned"],
    }
