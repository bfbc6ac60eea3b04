"""`advance` is a pure function with the right temperature, and says so when a simulation breaks."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openmm
import pytest
from openmm import unit

from levinthal.errors import DataError, SimulationError, UsageError
from levinthal.simulation.dynamics.replica import ReplicaState, _resolved, advance, choose_platform, start_replica
from levinthal.simulation.go.ideal_fold import three_helix_bundle
from levinthal.simulation.systems.peptide import capped_peptide

BOLTZMANN = 0.00831446261815324


def thermometer(system):
    """Return a function from a state to its kinetic temperature."""
    decoded = openmm.XmlSerializer.deserialize(system.system_xml)
    masses = np.array([decoded.getParticleMass(k).value_in_unit(unit.amu) for k in range(system.n_atoms)])
    degrees = 3 * system.n_atoms - decoded.getNumConstraints() - 3  # the centre of mass is kept at rest
    return lambda state: float((masses[:, None] * state.velocities_nm_ps**2).sum() / (degrees * BOLTZMANN))


def same(a, b):
    return a.positions_nm.tobytes() == b.positions_nm.tobytes() and (
        a.velocities_nm_ps.tobytes() == b.velocities_nm_ps.tobytes()
    )


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_same_arguments_give_the_same_bits(dialanine, platform):
    system, positions = dialanine
    start = start_replica(system, positions, 3, platform=platform)
    before = start.positions_nm.copy(), start.velocities_nm_ps.copy()
    one, frames = advance(system, start, 200, 7, frame_interval=50, platform=platform)
    advance(system, one, 123, 99, frame_interval=10, platform=platform)
    again, frames_again = advance(system, start, 200, 7, frame_interval=50, platform=platform)
    other, _ = advance(system, start, 200, 8, frame_interval=50, platform=platform)
    assert same(one, again)
    assert frames.coordinates_nm.tobytes() == frames_again.coordinates_nm.tobytes()
    assert not same(one, other)
    np.testing.assert_array_equal(start.positions_nm, before[0])
    np.testing.assert_array_equal(start.velocities_nm_ps, before[1])
    assert same(start, start_replica(system, positions, 3, platform=platform))


def test_another_process_gives_the_same_bits(dialanine):
    code = (
        "import hashlib\n"
        "from levinthal.simulation.systems.peptide import capped_peptide\n"
        "from levinthal.simulation.dynamics.replica import advance, start_replica\n"
        "system, starts = capped_peptide('dialanine', 'AA', ('extended',))\n"
        "state = start_replica(system, starts['extended'], 1)\n"
        "state, _ = advance(system, state, 100, 2, frame_interval=50)\n"
        "print(hashlib.sha256(state.positions_nm.tobytes()).hexdigest())\n"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.strip()) == 64


def test_fs_peptide_on_one_cpu_thread_gives_the_same_bits(fs):
    system, starts = fs
    start = start_replica(system, starts["helix"], 1)
    assert same(
        advance(system, start, 60, 5, frame_interval=20, platform="auto")[0],
        advance(system, start, 60, 5, frame_interval=30, platform="CPU")[0],
    ), "frames must not disturb the dynamics"


def test_threads_of_one_process_do_not_disturb_each_other(dialanine):
    system, positions = dialanine
    start = start_replica(system, positions, 1)

    def run(seed):
        return advance(system, start, 300, seed, frame_interval=100)[0]

    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(run, range(6)))
    assert all(same(state, run(seed)) for seed, state in enumerate(together))


def test_frames_lie_on_multiples_of_the_interval(dialanine):
    system, positions = dialanine
    state = start_replica(system, positions, 1)
    steps = []
    for n_steps, seed in ((70, 1), (5, 2), (25, 3), (150, 4)):
        state, frames = advance(system, state, n_steps, seed, frame_interval=50)
        steps += frames.step.tolist()
        assert frames.coordinates_nm.shape == (len(frames), 2, 3)
        assert frames.coordinates_nm.dtype == np.float32
    assert steps == [50, 100, 150, 200, 250]
    assert state.step == 250
    assert state.lineage == (1, 1, 2, 3, 4)
    np.testing.assert_allclose(frames.coordinates_nm[-1], state.positions_nm[list(system.ca_indices)], atol=1e-6)


def test_temperature_is_the_one_asked_for(dialanine):
    system, positions = dialanine
    temperature = thermometer(system)
    for wanted in (300.0, 450.0):
        state = start_replica(system, positions, 1)
        state, _ = advance(system, state, 2000, 1, frame_interval=2000, temperature_k=wanted)
        found = []
        for seed in range(400):
            state, _ = advance(system, state, 25, seed, frame_interval=1000, temperature_k=wanted)
            found.append(temperature(state))
        # 61 degrees of freedom: one draw scatters by 18 %, the mean of 400 correlated ones by about 2 %.
        assert np.mean(found) == pytest.approx(wanted, rel=0.06)


def test_velocities_are_drawn_for_the_temperature(dialanine):
    system, positions = dialanine
    temperature = thermometer(system)
    drawn = [temperature(start_replica(system, positions, seed)) for seed in range(200)]
    assert np.mean(drawn) == pytest.approx(300 * 64 / 61, rel=0.05)  # the centre of mass moves until the first step
    assert np.std(drawn) > 20


def test_chunks_join_without_a_seam(dialanine):
    system, positions = dialanine
    state = start_replica(system, positions, 1)
    state, _ = advance(system, state, 2000, 1, frame_interval=2000)
    moves, energies = [], []
    for seed in range(60):
        previous = state.positions_nm[list(system.ca_indices)]
        state, frames = advance(system, state, 50, seed, frame_interval=1)
        path = np.concatenate([previous[None], frames.coordinates_nm])
        moves.append(np.linalg.norm(np.diff(path, axis=0), axis=-1).mean(axis=1))
        energies.append(state.potential_energy_kj_mol)
    typical = np.mean(moves, axis=0)  # the mean move at each step of a chunk
    assert typical[0] == pytest.approx(typical[1:].mean(), rel=0.25)
    whole = [advance(system, state, 50, 1000, frame_interval=50)[0]]
    for seed in range(60):
        whole.append(advance(system, whole[-1], 500, 2000 + seed, frame_interval=500)[0])
    long_chunks = [s.potential_energy_kj_mol for s in whole]
    error = np.hypot(np.std(energies), np.std(long_chunks)) / np.sqrt(20)
    assert np.mean(energies) == pytest.approx(np.mean(long_chunks), abs=3 * error)


def go_on(system, state, n_chunks, platform):
    for seed in range(n_chunks):
        state, _ = advance(system, state, 200, seed, frame_interval=100, platform=platform)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_too_long_a_time_step_is_named(platform):
    system, starts = capped_peptide("dialanine", "AA", ("extended",), timestep_fs=30)
    state = start_replica(system, starts["extended"], 1, platform=platform)
    with pytest.raises(SimulationError, match=r"dialanine broke at step \d+: .* time step below 30 fs") as caught:
        go_on(system, state, 20, platform)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("platform", ["Reference", "CPU"])
def test_atoms_on_each_other_are_named(dialanine, platform):
    system, positions = dialanine
    clash = positions.copy()
    clash[-6:] = clash[:6] + 1e-4
    state = ReplicaState(clash, np.zeros_like(clash))
    with pytest.raises(SimulationError, match="dialanine broke at step"):
        go_on(system, state, 3, platform)


def test_a_healthy_start_from_a_minimum_is_no_explosion(fs):
    system, starts = fs
    state = ReplicaState(starts["extended"], np.zeros_like(starts["extended"]))
    state, _ = advance(system, state, 300, 1, frame_interval=100)
    assert state.potential_energy_kj_mol is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"positions_nm": np.full((32, 3), np.nan)}, "positions of dialanine.*NaN"),
        ({"positions_nm": np.zeros((31, 3))}, r"\(31, 3\)"),
        ({"velocities_nm_ps": np.full((32, 3), np.inf)}, "velocities of dialanine"),
    ],
)
def test_states_that_do_not_fit_are_refused(dialanine, change, words):
    system, positions = dialanine
    state = dataclasses.replace(ReplicaState(positions, np.zeros_like(positions)), **change)
    with pytest.raises(DataError, match=words):
        advance(system, state, 10, 1, frame_interval=10)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_steps": 0}, "n_steps"),
        ({"frame_interval": 0}, "frame_interval"),
        ({"platform": "Abacus"}, "Abacus"),
        ({"temperature_k": -1.0}, "temperature"),
        ({"seed": -1}, "seed"),
    ],
)
def test_mistakes_are_named(dialanine, options, words):
    system, positions = dialanine
    arguments = {"n_steps": 10, "seed": 1, "frame_interval": 10, **options}
    with pytest.raises(UsageError, match=words):
        advance(system, ReplicaState(positions, np.zeros_like(positions)), **arguments)


def test_platform_is_chosen_by_size():
    assert choose_platform(32) == "Reference"
    assert choose_platform(264) == "CPU"
    available = {openmm.Platform.getPlatform(k).getName() for k in range(openmm.Platform.getNumPlatforms())}
    if not available & {"CUDA", "HIP", "OpenCL"}:
        with pytest.raises(UsageError, match="no GPU platform"):
            choose_platform(264, "cuda")
    else:
        assert choose_platform(264, "cuda:1").partition(":")[2] == "1"


FORKS = """
import os, subprocess, threading
from levinthal.simulation.go.ideal_fold import three_helix_bundle
from levinthal.simulation.dynamics.replica import start_replica

model = three_helix_bundle()
for platform in ("Reference", "CPU"):
    start_replica(model.system, model.native_nm, 1, platform=platform)
fork = threading.Thread(target=lambda: subprocess.run(["true"], preexec_fn=os.setpgrp, check=True))
fork.start()
fork.join()
print("done")
"""


def test_another_thread_may_fork_beside_a_simulation():
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "done\n"


def test_the_platform_follows_size_and_device(dialanine, monkeypatch):
    assert [choose_platform(n) for n in (22, 169, 170, 600)] == ["Reference", "Reference", "CPU", "CPU"]
    monkeypatch.setattr(openmm.Platform, "getNumPlatforms", lambda: 2)
    monkeypatch.setattr(
        openmm.Platform,
        "getPlatform",
        lambda number: type("Named", (), {"getName": lambda self: ("Reference", "CUDA")[number]})(),
    )
    assert [choose_platform(n, "cuda:1") for n in (22, 264)] == ["Reference", "CUDA:1"]
    model, big = three_helix_bundle().system, capped_peptide("long", "A" * 30, ("helix",))[0]
    for asked in ("auto", "auto:cuda"):
        assert _resolved(model, asked) == "Reference"  # a Go model of some tens of beads, whatever there is
    assert _resolved(big, "auto") == "CPU"
    assert _resolved(big, "auto:cuda") == "CUDA"
    assert _resolved(big, "HIP") == "HIP"
