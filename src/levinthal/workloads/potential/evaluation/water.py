"""Runs of the student in explicit water: whether they hold, where they go, and how fast they are."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles
from levinthal.harness import Run
from levinthal.workloads.potential.dynamics.compiled import potential_of
from levinthal.workloads.potential.dynamics.langevin import Motion, torsions_rad
from levinthal.workloads.potential.dynamics.solvated import solvated
from levinthal.workloads.potential.evaluation.populations import in_basin
from levinthal.workloads.potential.learning.exploration import Committee
from levinthal.workloads.potential.settings import PotentialSettings

_KINETIC_TOLERANCE = 0.1
_WARM_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class WaterTask:
    """A run of one member of a committee in water, as any worker can make it."""

    committee: Committee
    member: int
    motion: Motion
    start: int
    n_steps: int
    interval: int
    padding_nm: float
    platform: str
    seed: int


@dataclass(frozen=True, eq=False)
class WaterRun:
    """What came of it.

    Attributes
    ----------
    positions_nm : ndarray, shape (n_frames, n_atoms, 3)
    temperatures_k : ndarray, shape (n_frames,)
        Of all velocities, the water's too.
    n_steps, n_waters : int
    whole : bool
        Whether no bond was outside its limits.
    duration_s : float
    """

    positions_nm: Doubles
    temperatures_k: Doubles
    n_steps: int
    n_waters: int
    whole: bool
    duration_s: float


def run_in_water(task: WaterTask) -> WaterRun:
    """Run the student in water, until its steps are made or a bond is outside its limits."""
    molecule = task.committee.molecule
    device = "cuda" if task.platform == "CUDA" else "cpu"
    potential = potential_of(task.committee.module(task.member), "fp32", device)
    box = solvated(
        potential, molecule, task.motion, task.seed, padding_nm=task.padding_nm, platform=task.platform,
        start=task.start,
    )  # fmt: skip
    integrator = box.context.getIntegrator()
    shortest, longest = molecule.bond_limits_nm()
    frames, temperatures, made, whole = [], [], 0, True
    began = time.perf_counter()
    while made < task.n_steps and whole:
        integrator.step(task.interval)
        made += task.interval
        frames.append(box.positions_nm())
        temperatures.append(box.kinetic_temperature_k())
        bonds = molecule.bond_lengths_nm(frames[-1])
        whole = bool(np.isfinite(bonds).all() and (bonds > shortest).all() and (bonds < longest).all())
    duration_s = time.perf_counter() - began
    return WaterRun(np.array(frames), np.array(temperatures), made, box.n_waters, whole, duration_s)


def report_water(run: Run, settings: PotentialSettings, committee: Committee, member: int, motion: Motion) -> None:
    """Run the student in water, one replica a worker, and report rate, failures, temperature and populations."""
    molecule, n = committee.molecule, run.n_workers
    seeds = np.random.SeedSequence(run.seed_for("water")).generate_state(n, np.uint32)
    platform = "CUDA" if run.device.startswith("cuda") else "CPU"
    tasks = [
        WaterTask(
            committee, member, motion, k, settings.water_steps, settings.frame_interval, settings.water_padding_nm,
            platform, int(seed),
        )
        for k, seed in enumerate(seeds)
    ]  # fmt: skip
    with run.phase("solvate", doing=f"{n} run(s) of the student in explicit water") as phase:
        found = list(run.executor.map(run_in_water, tasks))
        phase.items = sum(each.n_steps for each in found)
    longest_ps = 1e-3 * settings.timestep_fs * settings.water_steps
    run.metric(
        "simulation rate in water", sum(each.n_steps / each.duration_s for each in found), unit="step/s",
        better="higher", labels={"potential": "student"},
    )  # fmt: skip
    run.gate(
        "runs in water that failed", float(sum(not each.whole for each in found)), at_most=0.0,
        labels={"within_ps": longest_ps}, advice="explore more and hotter, or at a shorter time step",
    )  # fmt: skip
    warm = [each.temperatures_k[int(_WARM_SHARE * len(each.temperatures_k)) :] for each in found]
    temperature = float(np.mean(np.concatenate(warm))) / settings.temperature_k
    run.gate(
        "deviation of the kinetic temperature in water", abs(temperature - 1.0), at_most=_KINETIC_TOLERANCE,
        advice="simulate longer: more water_steps; or a shorter time step",
    )  # fmt: skip
    waters = ", ".join(f"{each.n_waters:,}" for each in found)
    run.note(
        f"In water: {waters} molecules of TIP3P around {molecule.name}; charges of MMFF94 and Lennard-Jones terms of "
        "UFF between them, the student within the molecule, which does not see the water."
    )
    if len(molecule.torsions):
        torsions = torsions_rad(np.concatenate([each.positions_nm for each in found]), molecule.torsions)
        for basin, inside in in_basin(torsions).items():
            run.metric(
                "population in water", float(inside.mean()), unit="1", better="higher", kind="quality",
                labels={"potential": "student", "basin": basin},
            )  # fmt: skip
