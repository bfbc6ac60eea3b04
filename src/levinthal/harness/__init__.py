"""What a benchmark is: the contract of a workload, what it is handed, what is kept of it.

For those who write a workload: `Workload`, `Settings`, `Run`; and `Trains`, for scaling studies, `Replicates`, for
replicas against cores, `Infers`, for studies that ask its model. For those who read results: `Result`, `load_result`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.lazy import lazily

if TYPE_CHECKING:
    from levinthal.harness.contract.embeds import Embedded, Embeds
    from levinthal.harness.contract.infers import Inference, Infers, Lowers
    from levinthal.harness.contract.plans import Plans, StageTimes
    from levinthal.harness.contract.replicates import Replicated, Replicates
    from levinthal.harness.contract.run import Run
    from levinthal.harness.contract.sends import Sends
    from levinthal.harness.contract.settings import Settings
    from levinthal.harness.contract.trains import Chooses, Rank, ScalingCase, Trainer, Trains
    from levinthal.harness.contract.workload import FigureOfMerit, Workload
    from levinthal.harness.results.grid import Choice
    from levinthal.harness.results.result import Result
    from levinthal.harness.results.scenes import ScenePart, SceneStep
    from levinthal.harness.results.store import load_result

__all__ = [
    "Choice",
    "Chooses",
    "Embedded",
    "Embeds",
    "FigureOfMerit",
    "Inference",
    "Infers",
    "Lowers",
    "Plans",
    "Rank",
    "Replicated",
    "Replicates",
    "Result",
    "Run",
    "ScalingCase",
    "ScenePart",
    "SceneStep",
    "Sends",
    "Settings",
    "StageTimes",
    "Trainer",
    "Trains",
    "Workload",
    "load_result",
]

__getattr__, __dir__ = lazily(__name__)
