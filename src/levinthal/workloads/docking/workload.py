"""The workload `docking`: a rigid ligand in a flexible pocket, a trained search beside others, on one clock.

Files become molecules and a pocket becomes conformations (`inputs`); a library is screened where one is given
(`screening`); one ligand is docked by every search, and what each is worth is compared (`redocking`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch

from levinthal.errors import UsageError
from levinthal.harness import Run, Settings
from levinthal.harness.contract.infers import ALL
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure
from levinthal.harness.results.figures import Better
from levinthal.kernels.choice import choose
from levinthal.workloads.docking.inputs import read_inputs, with_library
from levinthal.workloads.docking.redocking.learning import POLICY, episode_of, new_policy
from levinthal.workloads.docking.redocking.redock import redock
from levinthal.workloads.docking.redocking.replica import OneSearch
from levinthal.workloads.docking.screening.run import screen_library
from levinthal.workloads.docking.search.agent.checkpoint import load_policy
from levinthal.workloads.docking.search.agent.guide import Guide
from levinthal.workloads.docking.search.agent.policy import TrainedPolicy
from levinthal.workloads.docking.search.agent.serving import MOVE, SCORE, DockingInference
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.training.reporting import report_peak_memory
from levinthal.workloads.training.resuming import end_training


class DockingWorkload:
    """Docking of a rigid ligand in a flexible pocket by a trained policy and by the searches it has to beat."""

    name: ClassVar[str] = "docking"
    version: ClassVar[int] = 2
    Settings: ClassVar[type[Settings]] = DockingSettings
    query: ClassVar[str] = "pose"
    latency_bound_ms: ClassVar[float] = 50.0
    scenarios: ClassVar[tuple[str, ...]] = ("single-stream", "offline")
    replica_item: ClassVar[str] = "evaluation"
    precisions: ClassVar[tuple[str, ...]] = ("fp32", "fp64", "tf32", "bf16", "fp16")
    effects: ClassVar[Mapping[str, tuple[str, Better]]] = {SCORE: ("kcal/mol", "lower"), MOVE: ("A", "lower")}
    figures_of_merit: ClassVar[tuple[FigureOfMerit, ...]] = (
        FigureOfMerit("training", "training rate"),
        FigureOfMerit("scoring", "poses scored with gradient"),
    )
    main_figures: ClassVar[tuple[MainFigure, ...]] = (
        "best known score", "poses scored with gradient", "screening", "success",
        "evaluations to success", "time to success",
    )  # fmt: skip

    def run(self, run: Run, settings: DockingSettings) -> None:
        """Prepare, make maps, train, dock and rescore; screen a library where one is given."""
        use_implementation(run, settings)
        if run.device == "cpu":
            # Batches are small: a second thread gains little on an idle machine and loses much beside a neighbour.
            torch.set_num_threads(1)
        if settings.policy:
            load_policy(settings.policy)  # a mistake is reported before anything long begins
        if settings.guide:
            Guide.load(Path(settings.guide))
        with run.phase("prepare", doing="molecules, pocket and its conformations") as phase:
            inputs = read_inputs(run, settings)
            phase.items = len(inputs.receptors)
        inputs = with_library(run, settings, inputs)
        for sentence in inputs.warnings:
            run.warn(sentence)
        for sentence in inputs.notes:
            run.note(sentence)
        run.dataset(inputs.name, version="1", sha256=inputs.sha256, synthetic=False)
        if inputs.library:
            screen_library(run, settings, inputs)
        if inputs.ligand is not None:
            redock(run, settings, inputs, inputs.ligand)
        report_peak_memory(run)
        end_training(run, settings.checkpoint_interval)

    def inference_buckets(self, settings: DockingSettings) -> tuple[str, ...]:
        """Return the one there is: poses are of one ligand."""
        del settings
        return (ALL,)

    def load_inference(self, run: Run, settings: DockingSettings, source: Path | None) -> DockingInference:
        """Return the policy of a repeat, or a new one, and poses of the ligand in its pocket."""
        choose(settings.implementation)
        if run.device == "cpu":
            torch.set_num_threads(1)
        if source is not None:
            policy, _ = load_policy(source / POLICY, device=run.device)
        else:
            run.note("The policy is not trained: its moves mean nothing.")
            policy = new_policy(run)
        problem = _problem(run, settings)
        episode = episode_of(settings, chooses=policy.settings.chooses_conformation)
        model = TrainedPolicy(policy.eval(), episode)
        return DockingInference(model, problem, run.seed_for("poses", bits=31), run.precision)

    def load_replica(self, run: Run, settings: DockingSettings) -> OneSearch:
        """Return a search of the ligand's pose by random restarts; see `Replicates`."""
        choose(settings.implementation)
        if run.device == "cpu":
            torch.set_num_threads(1)
        return OneSearch(_problem(run, settings))


def _problem(run: Run, settings: DockingSettings) -> Problem:
    """Return the ligand in its pocket, without a goal."""
    inputs = read_inputs(run, settings)
    if inputs.ligand is None:
        raise UsageError("poses of a ligand are asked about: set ligand beside the library")
    run.dataset(inputs.name, version="1", sha256=inputs.sha256, synthetic=False)
    return Problem.of(
        inputs.receptors, inputs.ligand, inputs.box, settings.function, spacing_angstrom=settings.spacing,
        device=run.device,
    )  # fmt: skip
