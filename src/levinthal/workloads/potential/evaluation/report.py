"""What is measured of a student, and how it is reported."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from levinthal.harness import Run
from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.survival import kaplan_meier, restricted_mean_duration
from levinthal.workloads.potential.dynamics.compiled import potential_of
from levinthal.workloads.potential.dynamics.langevin import Motion, simulate, start_state, torsions_rad
from levinthal.workloads.potential.dynamics.openmm_force import openmm_context
from levinthal.workloads.potential.evaluation.drift import drift_of, recommended, smaller, total_energies
from levinthal.workloads.potential.evaluation.errors import KJ_PER_KCAL, Errors, errors_of
from levinthal.workloads.potential.evaluation.maps import ramachandran_maps
from levinthal.workloads.potential.evaluation.populations import BASINS, populations, weights_of
from levinthal.workloads.potential.evaluation.production import (
    Replica,
    ReplicaTask,
    TeacherTask,
    failure_times,
    run_replicas,
    time_teacher,
)
from levinthal.workloads.potential.learning.active import Learned
from levinthal.workloads.potential.learning.exploration import Committee
from levinthal.workloads.potential.learning.labels import label
from levinthal.workloads.potential.settings import PotentialSettings
from levinthal.workloads.potential.students.contract import TorchPotential

_LEAST_EFFECTIVE = 50
_STANDARD_ERRORS = 2.0
_STAGE_CALLS = 50


def best_member(learned: Learned) -> int:
    """Return the member with the smallest force error on what was trained on: what is held out chooses nothing."""
    shown = learned.labels.take(slice(None, None, max(1, len(learned.labels) // 200)))
    return int(np.argmin([errors_of(each, shown).force for each in learned.committee.potentials()]))


def report_errors(run: Run, settings: PotentialSettings, learned: Learned, member: int) -> Errors:
    """Report errors on what was held out, after each training, and the gate."""
    scores = [errors_of(each.potentials()[member], learned.held_out) for each in learned.committees]
    found = scores[-1]
    unit = "kcal/mol/A"
    run.metric("force error", found.force, unit=unit, better="lower", kind="quality")
    run.metric("worst force error", found.worst, unit=unit, better="lower", kind="quality", labels={"percentile": 99})
    run.metric("force cosine", found.cosine, unit="1", better="higher", kind="quality")
    run.metric("energy error", found.energy, unit="kcal/mol", better="lower", kind="quality")
    run.metric("force error of no force", found.floor, unit=unit, better="lower", kind="quality")
    errors = [each.force for each in scores]
    run.curve("force error", learned.counts, errors, x_name="labels", x_unit="1", unit=unit)
    for number, losses in enumerate(learned.losses):
        steps = range(1, len(losses) + 1)
        run.curve("loss", steps, losses, x_name="training step", x_unit="1", unit="1", labels={"training": number})
    advice = "more labels or longer training: raise trajectories, rounds or training_steps"
    run.gate("force error", found.force, at_most=settings.largest_force_error, advice=advice)
    return found


def report_failures(run: Run, settings: PotentialSettings, replicas: list[Replica]) -> None:
    """Report how long runs of the student held, and the gate."""
    times = failure_times(replicas, settings.timestep_fs)
    longest = 1e-3 * settings.timestep_fs * settings.replica_steps
    curve = kaplan_meier(times)
    x = np.concatenate([[0.0], np.repeat(curve.steps, 2), [longest]])
    y = np.concatenate([[1.0, 1.0], np.repeat(curve.survival, 2)])[: len(x)]
    run.curve("runs that hold", x, y, x_name="time", x_unit="ps", unit="1")
    mean = restricted_mean_duration(times, longest) if times.n_censored or len(curve.steps) else None
    run.metric(
        "time to failure", None if mean is None else mean.value, unit="ps", better="higher", kind="quality",
        labels={"within_ps": longest}, reason="no run was made",
    )  # fmt: skip
    advice = (
        "explore more (rounds, explore_steps) and hotter (explore_temperature_k), or simulate at a lower temperature"
    )
    run.gate("runs that failed", float(times.n_observed), at_most=0.0, labels={"within_ps": longest}, advice=advice)


def report_drift(run: Run, settings: PotentialSettings, committee: Committee, member: int) -> None:
    """Report the drift at constant energy for each precision, the verdict and the gate."""
    module, molecule = committee.module(member), committee.molecule
    motion = Motion(settings.timestep_fs, settings.temperature_k, settings.label_friction_per_ps)
    n = settings.drift_replicas
    potential = potential_of(module)
    states = []
    for k in range(n):  # thermal states, for a minimum with velocities would not be one
        start = molecule.conformers_nm[k % len(molecule.conformers_nm)]
        state = start_state(molecule, start, settings.temperature_k, run.seed_for(f"drift {k}"))
        states.append(simulate(potential, molecule, motion, state, 500, run.seed_for(f"heat {k}"), 500).end)
    found: dict[str, Estimate] = {}
    for precision in settings.precisions:
        labels = {"precision": precision}
        if precision == "tf32" and not run.device.startswith("cuda"):
            reason = "tf32 is a kind of product that GPUs have"
            run.metric("energy drift", None, unit="kT/ns", better="lower", kind="quality", labels=labels, reason=reason)
            continue
        device = run.device if precision in ("tf32", "bf16") else "cpu"
        energies = total_energies(module, molecule, motion, np.array(states), settings.drift_steps, precision, device)
        duration_ns = 1e-6 * settings.timestep_fs * settings.drift_steps
        estimate = found[precision] = drift_of(energies, duration_ns, motion.kt, molecule.n_atoms)
        run.metric(
            "energy drift", abs(estimate.value), unit="kT/ns", better="lower", kind="quality", labels=labels,
            reason=estimate.method,
        )  # fmt: skip
        run.samples("energy drift interval", (estimate.low, estimate.high), unit="kT/ns", labels=labels)
        spread = float(np.nanmean(np.nanstd(energies, axis=1))) / motion.kt
        run.metric("energy fluctuation", spread, unit="kT", better="lower", kind="quality", labels=labels)
    for exact, cheap in (("fp64", "fp32"), ("fp32", "bf16")):
        if exact in found and cheap in found:
            run.finding(f"The drift of {exact} is smaller than that of {cheap}: {smaller(found[exact], found[cheap])}.")
    if len(found) > 1:
        run.finding(recommended(found))
    if settings.largest_drift and "fp32" in found:
        advice = "a shorter time step, or longer training"
        run.gate("energy drift", abs(found["fp32"].value), at_most=settings.largest_drift, advice=advice)


def report_populations(run: Run, settings: PotentialSettings, learned: Learned, replicas: list[Replica]) -> None:
    """Report populations of basins on student and teacher, maps, and the gate where the teacher corrects them."""
    molecule = learned.committee.molecule
    if not len(molecule.torsions):
        run.note("Populations are not measured: the molecule has no residue between two peptide bonds.")
        return
    frames = [each for each in replicas if len(each.positions_nm)]
    if not frames:
        return
    positions = np.concatenate([each.positions_nm for each in frames])
    runs = np.concatenate([np.full(len(each.positions_nm), k) for k, each in enumerate(frames)])
    torsions = torsions_rad(positions, molecule.torsions)
    kt = Motion(1.0, settings.temperature_k).kt
    weights, chosen = np.ones(len(positions)), np.arange(len(positions))
    corrected = settings.reference_frames > 0
    if corrected:
        chosen = chosen[:: max(1, len(chosen) // settings.reference_frames)]
        pieces = np.array_split(chosen, max(1, len(chosen) // 100))
        with run.phase("reference", items=len(chosen), doing="teacher energies of frames of the student"):
            asked = [run.executor.submit(label, settings.teacher, molecule, positions[piece]) for piece in pieces]
            taught = np.concatenate([each.result().energies for each in asked])
        if len(taught) < len(chosen):
            run.warn("The populations are not corrected: the teacher finds no energy of some frames of the student.")
            return
        weights = weights_of(taught, np.concatenate([each.energies for each in frames])[chosen], kt)
    found = populations(torsions[chosen], weights, runs[chosen], kt / KJ_PER_KCAL, run.seed_for("populations"))
    for basin, meaning in BASINS.items():
        run.metric(
            "population", found.student[basin], unit="1", better="higher", kind="quality",
            labels={"potential": "student", "basin": basin},
        )  # fmt: skip
        run.metric(
            "population", found.teacher[basin] if corrected else None, unit="1", better="higher", kind="quality",
            labels={"potential": "teacher", "basin": basin}, reason=f"reference_frames is 0 ({meaning})",
        )  # fmt: skip
    free = found.free_energy_kcal_mol
    run.metric(
        "free energy of C5 less C7eq", None if free is None else free[0], unit="kcal/mol", better="lower",
        kind="quality", reason="one of the basins was never visited",
    )  # fmt: skip
    if free is not None:
        run.finding(f"G(C5) - G(C7eq) is {free[0]:.2f} kcal/mol on the student, {free[1]:.2f} to {free[2]:.2f}.")
    maps = {"student": (torsions, np.ones(len(torsions)))}
    if corrected:
        run.metric("effective samples", found.effective_samples, unit="1", better="higher", kind="quality")
        advice = "more labels at temperature_k, so that the student's energies are closer to the teacher's"
        run.gate("effective samples", found.effective_samples, at_least=_LEAST_EFFECTIVE, advice=advice)
        run.gate("standard errors between populations", found.deviation, at_most=_STANDARD_ERRORS, advice=advice)
        maps["teacher, by reweighting"] = (torsions[chosen], weights)
    caption = "phi and psi on the student and, by reweighting, on the teacher; free energy in kT"
    run.artifact("ramachandran.svg", ramachandran_maps(maps), caption)


def report_speed(
    run: Run, settings: PotentialSettings, learned: Learned, member: int, replicas: list[Replica], motion: Motion
) -> None:
    """Report steps a second of teacher and student on the same cores, what learning cost, and when it pays."""
    n = run.n_workers
    task = ReplicaTask(
        learned.committee, member, motion, 0, settings.replica_steps, settings.frame_interval, run.seed_for("speed")
    )
    with run.phase("time", doing="steps of teacher and student, one replica a core"):
        asked = TeacherTask(settings.teacher, learned.committee, motion, settings.teacher_steps, run.seed_for("time"))
        teacher_s = list(run.executor.map(time_teacher, [asked] * n))
        same = replicas if settings.replicas == n else run_replicas(run.executor, task, n)
    student_rate = sum(each.n_steps / each.duration_s for each in same if each.duration_s > 0)
    teacher_rate = sum(1.0 / each for each in teacher_s)
    for name, rate in (("teacher", teacher_rate), ("student", student_rate)):
        run.metric("simulation rate", rate, unit="step/s", better="higher", labels={"potential": name})
    run.metric("speed-up", student_rate / teacher_rate, unit="1", better="higher")
    run.note(f"Simulation rates are those of {n} replicas side by side, one a core, of the teacher and of the student.")
    _report_break_even(run, settings, learned, n / teacher_rate, n / student_rate)
    _report_stages(run, settings, learned.committee, member, motion)


def _report_break_even(
    run: Run, settings: PotentialSettings, learned: Learned, teacher_s: float, student_s: float
) -> None:
    """Report after how many steps learning has paid; seconds are those of a core, a step of one replica."""
    n_labels = settings.trajectories * settings.trajectory_steps + sum(
        settings.walkers * -(-settings.round_labels // settings.walkers) for _ in range(settings.rounds)
    )
    labels_s = n_labels * teacher_s
    training_s = learned.training_core_s or None
    reason = "part of the training was done before the run was resumed"
    if training_s is not None and len(learned.losses) == settings.rounds + 1:
        cost_s = labels_s + training_s
        steps = cost_s / (teacher_s - student_s) if teacher_s > student_s else None
        why = "the student is not faster than the teacher"
        run.metric("steps to break even", steps, unit="step", better="lower", reason=why)
        x = np.geomspace(1e3, max(1e7, 10 * (steps or 1e6)), 40)
        for name, begin, each in (("teacher", 0.0, teacher_s), ("student", cost_s, student_s)):
            run.curve(
                "core-hours spent", x, (begin + x * each) / 3600, x_name="simulation steps", x_unit="1", unit="h",
                labels={"potential": name},
            )  # fmt: skip
        run.metric("training rate", learned.trained_frames / training_s, unit="frame/s", better="higher")
    else:
        run.metric("steps to break even", None, unit="step", better="lower", reason=reason)
    run.metric("label rate", 1.0 / teacher_s, unit="label/s", better="higher", labels={"cores": 1})


def _report_stages(run: Run, settings: PotentialSettings, committee: Committee, member: int, motion: Motion) -> None:
    """Report the time of a step by what it is made of."""
    module, molecule = committee.module(member), committee.molecule
    x = molecule.conformers_nm[0]
    fast = potential_of(module)
    context = openmm_context(fast, molecule, motion, run.seed_for("context", bits=31))
    state = start_state(molecule, x, motion.temperature_k, 0)
    eager = TorchPotential(module)
    stages: dict[str, Callable[[], Any]] = {
        "forces, called from Python": lambda: fast.energy_forces(x),
        "forces, by torch": lambda: eager.energy_forces(x),
        "step, OpenMM with PythonForce": lambda: context.getIntegrator().step(1),
        "step, compiled loop": lambda: simulate(fast, molecule, motion, state, 100, 0, 100),
    }
    for stage, call in stages.items():
        steps = 100 if stage == "step, compiled loop" else 1
        duration_s = _median_s(call) / steps
        run.metric("step time", 1e6 * duration_s, unit="us", better="lower", labels={"stage": stage})


def _median_s(call: Callable[[], Any]) -> float:
    call()
    taken: list[float] = []
    for _ in range(_STAGE_CALLS):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) if taken else math.nan
