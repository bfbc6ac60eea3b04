"""Policies, learners and systems: one from another package, and a new module in the package, each end to end.

That adding a built-in touches no other file is shown by adding one: the package is seen through links, with one file
more. That nothing else knows the names of those there are is read from the source.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import levinthal
from levinthal.harness.results.store import load_result
from levinthal.workloads.sampling.learners.learner import LEARNERS
from levinthal.workloads.sampling.policies.registry import POLICIES
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.systems.settings import SYSTEMS
from probes import probe_environment

PACKAGE = Path(levinthal.__file__).parent
SAMPLING = PACKAGE / "workloads/sampling"
SMOKE = (
    "run", "sampling", "--size", "smoke", "--engine", "local:1", "--set", "exact_replicas=0", "--set", "steps=2000",
    "--set", "chunk_steps=200", "--set", "frame_interval=10", "--set", "first_training_frames=20",
)  # fmt: skip


def kept(folder, policy):
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return repeat, CampaignRecord(folder / f"repeats/000/kept/campaigns/{policy}-000")


def test_a_policy_a_learner_and_a_system_from_another_package(levinthal, tmp_path):
    (tmp_path / "wide.surface").write_text("")
    done = levinthal(
        *SMOKE, "--out", "a", "--set", "system=wide.surface", "--set", "learner=stretched",
        "--set", "options=stretched.factor=3,back-to-the-first.age=30",
        "--set", "policies=plain,back-to-the-first,to-the-right",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    repeat, blind = kept(tmp_path / "a", "back-to-the-first")
    assert repeat.dataset.name == "a surface from wide.surface"
    assert (blind.header.learner, len(blind.models)) == ("", 0)  # it declares that it needs no model
    assert {decision.frame for decision in blind.decisions} == {None, 0}
    seeing = kept(tmp_path / "a", "to-the-right")[1]
    assert seeing.header.learner == "stretched"  # what does not say so is given a model
    assert seeing.models
    assert any(decision.frame for decision in seeing.decisions)
    assert any("to-the-right is given the target" in note for note in repeat.notes)
    done = levinthal(*SMOKE, "--out", "b", "--set", "system=surface", "--set", "policy=plain")
    assert done.returncode == 2
    assert "set system=surface:FILE.surface" in " ".join(done.stderr.split())


ADDED = {
    "policies/built_in/lazy.py": """
from dataclasses import dataclass
from levinthal.workloads.sampling.policies.view import Decision
@dataclass
class POLICY:
    name = "lazy"
    is_control = True
    def refresh(self, view, rng): ...
    def decide(self, walker, view, rng):
        return Decision(None, "too lazy to restart")
""",
    "learners/built_in/first_two.py": """
from dataclasses import dataclass
import numpy as np
@dataclass
class LEARNER:
    name = "first-two"
    def fit(self, frames, previous, seed):
        return self
    def embed(self, frames):
        return np.asarray(frames.reshape(len(frames), -1)[:, :2], np.float32)
""",
    "systems/built_in/wide_plane.py": """
from dataclasses import replace
from levinthal.workloads.sampling.systems.settings import SYSTEMS
from levinthal.workloads.sampling.systems.system import SystemKind
def make(request):
    return replace(SYSTEMS.load("mueller-brown").make(request), name="a wide plane")
SYSTEM = SystemKind(make, is_exact=True)
""",
}


def seen_through_links(root, added):
    """Lay the package down under `root`, each file a link to that of the project, with some files more."""

    def lay(source, target, inside):
        target.mkdir(parents=True)
        for each in source.iterdir():
            deeper = [Path(*path.parts[1:]) for path in inside if path.parts[0] == each.name and len(path.parts) > 1]
            if deeper:
                lay(each, target / each.name, deeper)
            else:
                (target / each.name).symlink_to(each)

    lay(PACKAGE, root / "levinthal", [Path("workloads/sampling", name) for name in added])
    for name, text in added.items():
        (root / "levinthal/workloads/sampling" / name).write_text(text)


def test_a_new_built_in_of_each_kind_is_one_file(tmp_path):
    seen_through_links(tmp_path / "src", ADDED)
    environment = probe_environment()
    environment["PYTHONPATH"] = f"{tmp_path / 'src'}:{environment['PYTHONPATH']}"
    done = subprocess.run(
        [
            sys.executable, "-m", "levinthal", *SMOKE, "--out", "a", "--set", "system=wide-plane",
            "--set", "learner=first-two", "--set", "policies=plain,lazy,least-counts",
        ],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    repeat, lazy = kept(tmp_path / "a", "lazy")
    assert repeat.dataset.name == "a wide plane"
    assert lazy.header.learner == "first-two"
    assert lazy.decisions[-1].reason == "too lazy to restart"
    # a control is what others are compared with
    assert ("least-counts", "lazy") in {(each.candidate, each.baseline) for each in repeat.comparisons}
    assert ("lazy", "least-counts") not in {(each.candidate, each.baseline) for each in repeat.comparisons}


# an attribute that policies of version 0.1 declare, keys in files and of settings, and attributes
OTHER_MEANINGS = {
    ("registry.py", "directed"), ("outcome.py", "plain"), ("tasks.py", "coordinates"), ("answer.py", "chain"),
}  # fmt: skip
# what a system wants in a panel, as a size does, and what a figure of merit is of
PRESETS = {
    ("system.py", "coordinates"), ("alanine_dipeptide.py", "coordinates"), ("mueller_brown.py", "coordinates"),
    ("lifted.py", "tica"), ("workload.py", "dbscan"), ("workload.py", "three-helix-bundle"),
}  # fmt: skip


@pytest.mark.parametrize(("registry", "folder"), [(POLICIES, "policies"), (LEARNERS, "learners"), (SYSTEMS, "systems")])
def test_no_other_module_knows_a_built_in(registry, folder):
    """Its name is in no other code; presets and defaults of settings, and texts that show a use, are not code."""
    own = SAMPLING / folder / "built_in"
    names = {name: f"{registry.package}.{name.replace('-', '_')}" for name in registry.built_in()}
    assert len(names) >= 3
    for path in SAMPLING.rglob("*.py"):
        if path.parent == own or path.name == "settings.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant):
                known = {*OTHER_MEANINGS, *PRESETS}
                assert node.value not in names or (path.name, node.value) in known, f"{path}:{node.lineno}"
            elif isinstance(node, ast.ImportFrom):
                assert node.module not in names.values(), f"{path}:{node.lineno}"
