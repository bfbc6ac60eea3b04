"""The plug-in of `examples/plugin`: its science against independent truth, and all of it installed as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

import levinthal
from levinthal.harness import Run
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.events import EventLog
from levinthal.sampling import View

SOURCE = Path(levinthal.__file__).parents[1]
PLUGIN = SOURCE.parent / "examples" / "plugin"
sys.path.insert(0, str(PLUGIN / "src"))
try:
    from levinthal_diffusion import langevin, observables, softmin, walks, workload
finally:
    sys.path.remove(str(PLUGIN / "src"))

PARTICLE = langevin.Particle(mass_amu=100.0, temperature_k=300.0, friction_per_ps=1.0)
NOISE = "noise = math.sqrt((1.0 - decay * decay) * particle.velocity_variance)"
WRONG = "noise = math.sqrt((1.0 - decay) * particle.velocity_variance)"


@pytest.mark.parametrize("time_ps", [1e-3, 0.5, 30.0])
def test_the_exact_displacement_is_the_integral_of_the_velocity_correlation(time_ps: float) -> None:
    variance = 8.31446261815324e-3 * 300.0 / 100.0
    integral, _ = quad(lambda s: (time_ps - s) * 3.0 * variance * np.exp(-s), 0.0, time_ps)
    assert PARTICLE.mean_squared_displacement(time_ps) == pytest.approx(2.0 * integral, rel=1e-7)


def test_the_observable_is_what_its_definition_says() -> None:
    paths = np.random.default_rng(0).normal(size=(5, 17, 3)).cumsum(axis=1)
    plain = [np.square(paths[:, lag:] - paths[:, : 17 - lag]).sum(axis=2).mean() for lag in range(17)]
    np.testing.assert_allclose(observables.mean_squared_displacement(paths), plain, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("interval_ps", [0.05, 1.0, 8.0])
def test_the_data_set_has_the_exact_displacements(interval_ps: float) -> None:
    found = observables.mean_squared_displacement(walks.exact_walks(PARTICLE, 101, interval_ps))[1:11]
    np.testing.assert_allclose(found, PARTICLE.mean_squared_displacement(interval_ps * np.arange(1, 11)), rtol=0.05)


def _run(tmp_path: Path, integrator: str) -> Run:
    run = Run(folder=tmp_path, events=EventLog(tmp_path / "events.jsonl"), seed=5, engine="inline")
    settings = make_settings(workload.DiffusionSettings, "smoke", {"integrator": integrator})
    workload.DiffusionWorkload().run(run, settings)
    run.close()
    return run


def test_its_gates_pass_and_every_figure_has_a_meaning(tmp_path: Path) -> None:
    repeat = _run(tmp_path, "baoab").record()
    assert repeat.verdict == "passed"
    meanings = tomllib.loads((PLUGIN / "src/levinthal_diffusion/meanings.toml").read_text())["meanings"]
    recorded = {each.name for each in (*repeat.metrics, *repeat.gates, *repeat.curves, *repeat.samples)}
    assert recorded == set(meanings)


@pytest.mark.parametrize(("factor", "missed"), [(0.9, "coefficient"), (1.1, "coefficient"), (0.9, "temperature")])
def test_particles_that_are_too_cold_or_too_hot_miss_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float, missed: str
) -> None:
    right: Callable[..., Callable[..., None]] = langevin._baoab

    def wrong(particle: langevin.Particle, time_step_ps: float) -> Callable[..., None]:
        bath = langevin.Particle(particle.mass_amu, factor * particle.temperature_k, particle.friction_per_ps)
        return right(bath, time_step_ps)

    monkeypatch.setitem(langevin._STEPS, "baoab", wrong)
    repeat = _run(tmp_path, "baoab").record()
    assert repeat.verdict == "failed"
    assert any(missed in gate.name for gate in repeat.gates if not gate.passed)
    assert {gate.name: gate.passed for gate in repeat.gates}["error of the measuring on exact walks"]


@given(st.lists(st.integers(1, 1000), min_size=2, max_size=30), st.floats(0.01, 100.0))
def test_chances_sum_to_one_and_fewer_frames_never_have_the_lower_chance(counts: list[int], temperature: float) -> None:
    chance = softmin.softmin(np.array(counts), temperature)
    assert chance.sum() == pytest.approx(1.0)
    order = np.argsort(counts, kind="stable")
    assert (np.diff(chance[order]) <= 1e-12).all()


def test_a_walker_in_a_crowd_begins_again_where_few_have_been() -> None:
    rng = np.random.default_rng(0)
    embedding = np.concatenate([rng.normal(scale=0.01, size=(96, 2)), [[5.0, 5.0]] * 4])
    trajectory, step = np.repeat([0, 1], [96, 4]), np.concatenate([np.arange(96), np.arange(4)])
    view = View.of_trajectories(embedding, trajectory, step, np.zeros((100, 1, 3), np.float32))
    policy = softmin.SoftminCounts(temperature=0.05, clusters=2)
    policy.refresh(view, rng)
    decision = policy.decide(0, view, rng)
    assert decision.frame in range(96, 100)
    assert decision.reason == "of a cluster with 4 frames"
    assert policy.decide(1, view, rng).frame is None, "its segment is short"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plug-in installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), str(PLUGIN)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return folder


def _levinthal(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(SOURCE)]), "COLUMNS": "120"}
    command = [sys.executable, "-m", "levinthal", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_installed_it_is_listed_described_run_compared_reported_and_checked(site: Path, tmp_path: Path) -> None:
    def said(*words: str, status: int = 0) -> str:
        done = _levinthal(site, tmp_path, *words)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    assert "diffusion" in {each["name"] for each in json.loads(said("list", "--json"))}
    described = said("describe", "diffusion")
    assert "Blocks of particles are simulated" in described
    assert "error of the temperature: How far the mean kinetic energy" in described
    for name in ("a", "b"):
        said("run", "diffusion", "--size", "smoke", "--engine", "local:2", "--repeats", "2", "--out", f"runs/{name}")
        assert "no rule is broken" in said("check", f"runs/{name}")
    assert "diffusion version 1: B against A" in said("compare", "runs/a", "runs/b")
    assert said("fom", "runs/a").startswith("FOM diffusion.integration = ")
    said("report", "runs/a", "runs/b", "-o", "both.html")
    both = (tmp_path / "both.html").read_text()
    assert "Side by side" in both
    assert "Steps of single particles that all workers" in both
    said("run", "diffusion", "--size", "smoke", "--set", "integrator=euler", "--out", "runs/hot", status=1)
    said("report", "--leaderboard", "runs", "--out", "board.html")
    board = (tmp_path / "board.html").read_text()
    assert board.count('<span class="rank">') == 3
    assert board.count("not ranked<") == 1
    assert "a gate was missed" in board


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_installed_it_keeps_the_contract_and_its_policy_samples(site: Path, tmp_path: Path) -> None:
    checked = _levinthal(site, tmp_path, "check", "--workload", "diffusion")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    settings = {
        "exact_replicas": 0, "steps": 4000, "chunk_steps": 200, "frame_interval": 10, "first_training_frames": 20,
        "policies": "plain,softmin-counts", "options": "softmin-counts.temperature=0.2",
    }  # fmt: skip
    command = ["run", "sampling", "--size", "smoke", "--engine", "local:1", "--out", "r"]
    command += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    done = _levinthal(site, tmp_path, *command)
    assert done.returncode in (0, 1), done.stderr + done.stdout  # so short a campaign may miss its gate
    assert "of a cluster with" in (tmp_path / "r/repeats/000/decisions_softmin-counts.csv").read_text()
    command[command.index("r")] = "refused"
    command[command.index("options=softmin-counts.temperature=0.2")] = "options=softmin-counts.temperature=-1"
    refused = _levinthal(site, tmp_path, *command)
    assert refused.returncode == 2
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("levinthal: setting of policy softmin-counts: temperature is -1, it must be at least 1e-06")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_broken_integrator_misses_its_gate(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    module = broken / "levinthal_diffusion/langevin.py"
    source = module.read_text()
    assert NOISE in source
    module.write_text(source.replace(NOISE, WRONG))
    shutil.rmtree(broken / "levinthal_diffusion/__pycache__", ignore_errors=True)
    done = _levinthal(broken, tmp_path, "run", "diffusion", "--size", "smoke", "--out", "r")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: error of the diffusion coefficient" in " ".join(done.stdout.split())
    assert "withheld: gate missed" in done.stdout
    result = levinthal.load_result(tmp_path / "r")
    assert result.verdict == "failed"
    assert result.summary["integration rate"].median is None
