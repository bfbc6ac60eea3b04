"""The workload `docking`: a rigid ligand in a flexible pocket, a trained search beside others, on one clock.

Files become molecules and a pocket becomes conformations (`inputs`); a library is screened where one is given
(`screening`); one ligand is docked by every search, and what each is worth is compared (`redocking`).
"""

from __future__ import annotations

from typing import ClassVar

import torch

from levinthal.harness import Run, Settings
from levinthal.harness.contract.workload import MainFigure
from levinthal.workloads.docking.inputs import read_inputs, with_library
from levinthal.workloads.docking.redocking.redock import redock
from levinthal.workloads.docking.screening.run import screen_library
from levinthal.workloads.docking.search.agent.checkpoint import load_policy
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.training.reporting import report_peak_memory
from levinthal.workloads.training.resuming import end_training


class DockingWorkload:
    """Docking of a rigid ligand in a flexible pocket by a trained policy and by the searches it has to beat."""

    name: ClassVar[str] = "docking"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = DockingSettings
    main_figures: ClassVar[tuple[MainFigure, ...]] = (
        "best known score", "poses scored with gradient", "screening", "success", "docking time",
    )  # fmt: skip

    def run(self, run: Run, settings: DockingSettings) -> None:
        """Prepare, make maps, train, dock and rescore; screen a library where one is given."""
        use_implementation(run, settings)
        if run.device == "cpu":
            # Batches are small: a second thread gains little on an idle machine and loses much beside a neighbour.
            torch.set_num_threads(1)
        if settings.policy:
            load_policy(settings.policy)  # a mistake is reported before anything long begins
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
