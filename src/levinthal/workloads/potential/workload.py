"""The workload `potential`: a learned potential in the place of an expensive one.

It reads from top to bottom: the molecule and the teacher, labels of teacher dynamics, a committee that learns them,
explores and asks for more, and what the student is worth: errors, runs that hold, drift, populations, speed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from levinthal.harness import Rank, Run, ScalingCase, Settings
from levinthal.harness.contract.infers import ALL
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure
from levinthal.harness.results.figures import Better
from levinthal.kernels.choice import choose
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.evaluation.production import ReplicaTask, run_replicas
from levinthal.workloads.potential.evaluation.report import (
    best_member,
    report_drift,
    report_errors,
    report_failures,
    report_populations,
    report_speed,
)
from levinthal.workloads.potential.evaluation.water import report_water
from levinthal.workloads.potential.learning.active import Learned, first_labels, learn
from levinthal.workloads.potential.learning.exploration import any_student
from levinthal.workloads.potential.learning.labels import write_labels
from levinthal.workloads.potential.learning.scaling import CASES, LABELS, PotentialTrainer
from levinthal.workloads.potential.molecule import Molecule, read_molecule
from levinthal.workloads.potential.serving import COSINE, ENERGY, PotentialInference, student_to_ask
from levinthal.workloads.potential.settings import PotentialSettings
from levinthal.workloads.potential.student_file import STUDENT, save_student
from levinthal.workloads.potential.teachers.contract import make_teacher
from levinthal.workloads.training.reporting import report_peak_memory

_FRICTION_PER_PS = 1.0


class PotentialWorkload:
    """Learned potential: labels of an expensive one, active learning, and dynamics that costs a fraction."""

    name: ClassVar[str] = "potential"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = PotentialSettings
    scaling_cases: ClassVar[Mapping[str, ScalingCase]] = CASES
    item: ClassVar[str] = "structure"
    query: ClassVar[str] = "structure"
    latency_bound_ms: ClassVar[float] = 10.0
    scenarios: ClassVar[tuple[str, ...]] = ("single-stream", "offline")
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "fp64", "tf32", "bf16")
    effects: ClassVar[Mapping[str, tuple[str, Better]]] = {ENERGY: ("kcal/mol", "lower"), COSINE: ("1", "higher")}
    figures_of_merit: ClassVar[tuple[FigureOfMerit, ...]] = (
        FigureOfMerit("simulation", "simulation rate", {"potential": "student"}),
        FigureOfMerit("training", "training rate"),
    )
    main_figures: ClassVar[tuple[MainFigure, ...]] = (
        "speed-up",
        "force error",
        "steps to break even",
        "time to failure",
        ("simulation rate", {"potential": "student"}),
    )

    def run(self, run: Run, settings: PotentialSettings) -> None:
        """Label, learn, explore, and measure."""
        use_implementation(run, settings)
        molecule = _prepare(run, settings)
        with run.phase("label", doing="dynamics on the teacher") as phase:
            labels, held_out = first_labels(run, settings, molecule)
            phase.items = len(labels)
        learned = learn(run, settings, molecule, labels, held_out)
        with run.phase("evaluate", items=len(held_out), doing="errors on trajectories that were held out"):
            member = best_member(learned)
            report_errors(run, settings, learned, member)
            _keep_student(run, learned, member)
        motion = Motion(settings.timestep_fs, settings.temperature_k, _FRICTION_PER_PS)
        task = ReplicaTask(
            learned.committee, member, motion, 0, settings.replica_steps, settings.frame_interval, run.seed_for("runs")
        )
        with run.phase("simulate", doing="runs of the student") as phase:
            replicas = run_replicas(run.executor, task, settings.replicas)
            phase.items = int(np.sum([each.n_steps for each in replicas]))
        report_failures(run, settings, replicas)
        with run.phase("conserve", doing="energies without a thermostat, by precision"):
            report_drift(run, settings, learned.committee, member)
        report_populations(run, settings, learned, replicas)
        if settings.water_steps:
            report_water(run, settings, learned.committee, member, motion)
        report_speed(run, settings, learned, member, replicas, motion)
        report_peak_memory(run)

    def inference_buckets(self, settings: PotentialSettings) -> tuple[str, ...]:
        """Return the one there is: structures are of one molecule."""
        del settings
        return (ALL,)

    def load_inference(self, run: Run, settings: PotentialSettings, source: Path | None) -> PotentialInference:
        """Return the student of a repeat, or a new one, and structures of its molecule."""
        choose(settings.implementation)
        if run.device == "cpu":
            torch.set_num_threads(1)  # a structure is little work: a second thread loses more than it gains
        return PotentialInference(student_to_ask(run, settings, source), run.device, run.precision)

    def prepare_training(self, run: Run, settings: PotentialSettings) -> None:
        """Make the first labels for the ranks of a scaling study."""
        labels, _ = first_labels(run, settings, _prepare(run, settings))
        write_labels(run.folder / LABELS, labels)

    def trainer(self, rank: Rank, settings: PotentialSettings) -> PotentialTrainer:
        """Return the trainer of one rank."""
        return PotentialTrainer(rank, settings)


def _keep_student(run: Run, learned: Learned, member: int) -> None:
    file = run.kept / STUDENT
    save_student(file, learned.committee, member, learned.held_out.positions_nm)
    run.artifact(STUDENT, file.read_bytes(), "The student: weights and molecule, for load_student and levinthal infer.")


def _prepare(run: Run, settings: PotentialSettings) -> Molecule:
    with run.phase("prepare", doing="the molecule, its structures and the teacher"):
        n_starts = settings.trajectories + settings.held_out
        molecule = read_molecule(settings.molecule, n_starts, run.seed_for("structures", bits=31))
        any_student(settings.model, molecule)
        make_teacher(settings.teacher, molecule).energy_forces(molecule.conformers_nm[0])
    run.dataset(molecule.name, version="1", sha256=molecule.sha256, synthetic=True)
    return molecule
