"""The CVAE's part in scaling studies: the paper's two map sizes, their data, and a trainer for each rank.

Speed does not depend on what a map holds, the time of an epoch does on how many there are: frames are repeated up to
`EPOCH_FRAMES`, which is the order of the paper's data sets, and simulations may be short.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
from torch import Tensor

from levinthal.harness import Choice, Rank, Run, ScalingCase
from levinthal.harness.contract.seeds import low_bits
from levinthal.simulation.dynamics.frame_store import FrameStore
from levinthal.workloads.cvae.data.frames import TrajectorySet
from levinthal.workloads.cvae.data.maps import PackedMaps
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.model.precision import Execution, choose_execution
from levinthal.workloads.cvae.settings import FS_PEPTIDE
from levinthal.workloads.cvae.training.stepper import Stepper
from levinthal.workloads.training.allocator import keep_freed_memory

EPOCH_FRAMES = 65_536

CASES = MappingProxyType(
    {
        "22x22": ScalingCase({"system": FS_PEPTIDE, "map_size": 22, "filters": 64, "latent": 3}, (256, 1024, 2048)),
        "106x106": ScalingCase({"residues": 106, "map_size": 106, "filters": 64, "latent": 10}, (32, 64, 128)),
    }
)
"""Panels A and B of the paper's Figure 3."""

_STORE = "frames"


def store_frames(run: Run, trajectories: TrajectorySet) -> None:
    """Leave the packed contact maps of all frames in `run.folder`, and say what they are."""
    trajectories.report_as_dataset(run)
    trajectories.store(run.folder / _STORE)
    if trajectories.n_frames < EPOCH_FRAMES:
        run.note(
            f"An epoch of {EPOCH_FRAMES:,} frames repeats the {trajectories.n_frames:,} of {trajectories.name}: the "
            "speed does not depend on what a map holds."
        )


def choice_of_execution(rank: Rank, config: CVAEConfig, batch_size: int) -> Choice:
    """Return the fastest way to train that the precision asked for allows, as this rank measures it.

    Parameters
    ----------
    rank : Rank
    config : CVAEConfig
    batch_size : int
        Frames of a step, over all ranks.
    """
    keep_freed_memory()
    model = CVAEModel(config, seed=low_bits(rank.seed)).to(rank.device)
    chosen = choose_execution(model, rank.precision, batch_size)
    return Choice(
        taken={"precision": chosen.precision, "implementation": "kernels" if chosen.compiled else "torch"},
        reason=", ".join(f"{name} {rate:.4g} frame/s" for name, rate in chosen.measured_frames_per_s),
    )


class CVAETrainer:
    """Training steps of one rank; see `levinthal.harness.Trainer`.

    Parameters
    ----------
    rank, config, batch_size
        As for `choice_of_execution`.
    optimizer : OptimizerSettings
    """

    def __init__(
        self,
        rank: Rank,
        config: CVAEConfig,
        batch_size: int,
        optimizer: OptimizerSettings,
    ) -> None:
        keep_freed_memory()
        store = FrameStore(rank.folder / _STORE)
        packed = np.asarray(store.contacts)
        self.n_items = max(len(packed), EPOCH_FRAMES)
        source = PackedMaps(np.resize(packed, (self.n_items, packed.shape[1])), store.header.n_residues, config.size)
        model = CVAEModel(config, seed=low_bits(rank.seed)).to(rank.device)
        execution = Execution(str(rank.choice["precision"]), compiled=rank.choice["implementation"] == "kernels")
        self.execution = execution.name
        self._stepper = Stepper(model, source, batch_size, optimizer, rank.seed, execution)

    @property
    def loading_s(self) -> float:
        """How long steps have waited for batches so far."""
        return self._stepper.loader.waited_s

    def step(self, *, synchronise: bool = True) -> Tensor:
        """Take a step; see `Stepper.step`."""
        return self._stepper.step(synchronise=synchronise)[0]

    def parameters(self) -> Iterable[Tensor]:
        """Return the model's parameters."""
        return self._stepper.model.parameters()

    def close(self) -> None:
        """End the thread that expands batches."""
        self._stepper.close()
