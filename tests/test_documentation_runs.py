"""What the documentation shows is carried out: each page's Python in one namespace, and commands on real runs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app

import levinthal
from documented import PAGES, ROOT, Line, command_lines, inline_lines, programs
from levinthal.proteins import pack_contacts
from levinthal.sampling import CVAE
from levinthal.simulation import capped_peptide
from shown_commands import home_of_its_own, invoke, named

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def _nothing(space: dict[str, Any]) -> None:
    del space


@dataclass(frozen=True)
class Scene:
    """What a page takes for granted, what is made smaller to be quick, and what must hold at the end."""

    prepare: Callable[[dict[str, Any]], None] = _nothing
    smaller: Mapping[str, str] | None = None
    after: Callable[[dict[str, Any]], None] = _nothing


def _maps(space: dict[str, Any]) -> None:
    maps = np.random.default_rng(0).integers(0, 2, (64, 12, 12), np.uint8)
    space["maps"] = np.maximum(maps, maps.transpose(0, 2, 1))


def _after_readme(space: dict[str, Any]) -> None:
    assert space["latent"].shape == (64, 3)
    assert space["result"].summary["training rate"].unit


def _trained_model(space: dict[str, Any]) -> None:
    """Leave what a run leaves: a model; beside it frames that came later, and the packed maps of both."""
    system, _ = capped_peptide("helix", "A" * 12, ("helix",))
    Path("protein.pdb").write_text(system.topology_pdb)
    start = mdtraj.load("protein.pdb")
    moved = start.xyz + np.random.default_rng(0).normal(scale=0.003, size=(60, start.n_atoms, 3))
    mdtraj.Trajectory(moved, start.topology).save_xtc("run3.xtc")
    packed = pack_contacts(mdtraj.load("run3.xtc", top="protein.pdb").atom_slice(start.topology.select("name CA")).xyz)
    trained = CVAE(latent=3, filters=(4, 4, 4, 4), dense=8, n_residues=12, epochs=1).fit(packed)
    Path("r1/repeats/000").mkdir(parents=True)
    trained.save("r1/repeats/000/model.safetensors")
    space["expected"] = trained.transform(packed)


def _simulation(space: dict[str, Any]) -> None:
    """Have a simulation as a script of OpenMM has it."""
    system, starts = capped_peptide("short", "AAAA", ("extended",))
    topology = app.PDBFile(io.StringIO(system.topology_pdb)).topology
    integrator = openmm.LangevinMiddleIntegrator(300, 1, 0.002)
    space["simulation"] = app.Simulation(topology, openmm.XmlSerializer.deserialize(system.system_xml), integrator)
    space["simulation"].context.setPositions(starts["extended"])


def _trajectory(space: dict[str, Any]) -> None:
    _trained_model(space)
    _simulation(space)


def _after_trajectory(space: dict[str, Any]) -> None:
    assert space["latent"].shape == (100, 3)
    later = space["model"].transform(pack_contacts(space["later"].ca_nm))
    np.testing.assert_allclose(later, space["expected"], atol=1e-5)


def _two_runs(space: dict[str, Any]) -> None:
    del space
    for seed, out in enumerate(("r1", "r2")):
        levinthal.run("sampling", size="smoke", precision="fp32", seed=seed, out=out)


def _after_pandas(space: dict[str, Any]) -> None:
    assert set(space["both"]["run"]) == {"r1", "r2"}
    assert len(space["rates"])
    assert Path("figures.csv").stat().st_size > 1000


SCENES = {
    "README.md": Scene(
        _maps,
        {
            '{"latent": 6}, repeats=3': '{"latent": 6, "margin": 0}, size="smoke", precision="fp32", out="r1"',
            "epochs=20": "epochs=1",
        },
        _after_readme,
    ),
    "docs/tutorials/first-run.md": Scene(
        smaller={'"cvae", out="first"': '"cvae", {"epochs": 1}, size="smoke", precision="fp32", out="first"'}
    ),
    "docs/tutorials/own-trajectory.md": Scene(_trajectory, {"1000": "5", "50_000": "500"}, _after_trajectory),
    "docs/tutorials/pandas.md": Scene(_two_runs, after=_after_pandas),
}
PROGRAMMED = [page for page in PAGES if programs(page)]


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """An empty folder to be in, and no folders of the user's own."""
    monkeypatch.chdir(tmp_path)
    for name, value in home_of_its_own(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.mark.parametrize("page", PROGRAMMED, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_programs_of_a_page_run_one_after_the_other(page, somewhere):
    scene = SCENES.get(str(page.relative_to(ROOT)), Scene())
    text = programs(page)
    for shown, small in (scene.smaller or {}).items():
        assert any(shown in each for each in text), f"{page} says {shown} no more"
        text = [each.replace(shown, small) for each in text]
    space: dict[str, Any] = {"__name__": page.stem}
    scene.prepare(space)
    for number, each in enumerate(text):
        exec(compile(each, f"{page}, program {number}", "exec"), space)
    scene.after(space)


def test_the_policy_that_is_shown_samples(somewhere):
    """Install it as a package would be, by the entry point that is shown."""
    (program,) = [each for page in PROGRAMMED for each in programs(page) if "class Furthest" in each]
    (somewhere / "my_package.py").write_text(program)
    (somewhere / "my_package-1.dist-info").mkdir()
    (somewhere / "my_package-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    entry = "[levinthal.policies]\nfurthest = my_package:Furthest\n"
    (somewhere / "my_package-1.dist-info/entry_points.txt").write_text(entry)
    path = os.pathsep.join([str(somewhere), str(Path(levinthal.__file__).parents[1])])
    settings = {
        "exact_replicas": 0, "steps": 4000, "chunk_steps": 200, "frame_interval": 10, "first_training_frames": 20,
        "policies": "plain,furthest",
    }  # fmt: skip
    command = [sys.executable, "-m", "levinthal", "run", "sampling", "--size", "smoke", "--engine", "local:1"]
    command += ["--out", "r2", *(part for key, value in settings.items() for part in ("--set", f"{key}={value}"))]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr + done.stdout  # so short a campaign may miss its gate
    decisions = (somewhere / "r2/repeats/000/decisions_furthest.csv").read_text()
    assert "the furthest along the first axis" in decisions


def test_the_workload_that_is_shown_keeps_the_contract_and_runs(somewhere):
    """Install it by an entry point, as a package would be, and let it be checked as any other."""
    (program,) = [each for page in PROGRAMMED for each in programs(page) if "class MyModel" in each]
    (somewhere / "my_package.py").write_text(program)
    (somewhere / "my_package-1.dist-info").mkdir()
    (somewhere / "my_package-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: my_package\nVersion: 1\n")
    entry = "[levinthal.workloads]\nmy_model = my_package:MyModel\n"
    (somewhere / "my_package-1.dist-info/entry_points.txt").write_text(entry)
    path = os.pathsep.join([str(somewhere), str(Path(levinthal.__file__).parents[1])])
    for words in (("check", "--workload", "my_model"), ("run", "my_model", "--out", "r")):
        command = [sys.executable, "-m", "levinthal", *words]
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


ON_RUNS = {"resume", "compare", "check", "report", "fom", "plan"}
STANDS_FOR = {
    "R": "r1",
    "RUN": "r1",
    "FOLDER": "r1",
    "A": "r1",
    "B": "r2",
    "r": "r1",
    "s": "r1",
    "here": "r1",
    "there": "r2",
    "results/": ".",
    "runs/a": "r1",
    "runs/b": "r2",
    "runs": ".",
    "figure2": "r1",
    "figure3": "r2",
    "first": "r1",
    "second": "r2",
}


@pytest.mark.timeout(1200)
def test_what_is_shown_of_runs_works_on_runs(somewhere):
    _two_runs({})
    lines = {line.words[1:]: line for page in PAGES for line in [*command_lines(page), *inline_lines(page)]}
    n_run = 0
    for words, line in lines.items():
        if line.words[0] != "levinthal" or len(words) < 2 or words[0] not in ON_RUNS or "--workload" in words:
            continue
        if "--published" in words or "my_model" in words:  # tests of their own carry these out
            continue
        if "FILE" in " ".join(words) or words[-2:] == ("--reference", "mine.json"):
            continue
        _carry_out(line, [STANDS_FOR.get(word, word) for word in words])
        n_run += 1
    assert n_run > 10
    invoke(["fom", "r1", "--reference", "mine.json"], "a reference that was made", statuses=(0, 1))
    invoke(["compare", "r1", "--reference", "mine.json"], "a reference that was made")


def _carry_out(line: Line, words: list[str]) -> None:
    name, _, _ = named(words)
    words = [*words, "--chunks", "2"] if name == "plan" else words
    said = invoke(words, line, statuses=(0, 1) if name in {"check", "fom", "resume"} else (0,))
    assert said, line
    for option in ("-o", "--out", "--json", "--make-reference"):
        if option in words:
            assert Path(words[words.index(option) + 1]).stat().st_size > 0, line
