"""The docking policy as others ask it: the score of a pose and the next move, a batch at a time."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from levinthal.arrays import Singles
from levinthal.harness.contract.infers import ALL
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, TrainedPolicy, features_of
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.lowering import computing_in

_POSES = 256

SCORE, MOVE = "median change of the score", "median change of the move"
"""In kcal/mol, and in A."""


class DockingInference:
    """See `levinthal.harness.Inference`; an answer is the total energy in kcal/mol and the mean action, shape (7,).

    Parameters
    ----------
    model : TrainedPolicy
    problem : Problem
        Its maps are on the policy's device.
    seed : int
        Of the poses.
    precision : str
        As asked for; `auto` is fp32.
    """

    deviation_of = "change of the score in kcal/mol, or of the move in longest steps"
    tolerance = 0.02

    def __init__(self, model: TrainedPolicy, problem: Problem, seed: int, precision: str = "auto") -> None:
        self.model, self.problem, self._seed = model, problem, seed
        self._precision = "fp32" if precision == "auto" else precision
        self._plain = copy.deepcopy(model.policy).double()
        generator = torch.Generator().manual_seed(seed)
        box, self._device = problem.grids.box, problem.grids.device
        margin = model.episode.start_margin_angstrom
        self._poses = Poses.random(_POSES, box, generator, margin_angstrom=margin, device=self._device)
        self._conformations = problem.spread(_POSES)
        self._environments: dict[int, DockingEnvironment] = {}
        self.buckets: Mapping[str, Sequence[int]] = {ALL: range(_POSES)}
        self.execution = f"{self._precision}, ligand of {len(problem.ligand.heavy_atoms)} heavy atoms"

    def in_precision(self, precision: str) -> DockingInference:
        """Return the same policy and poses in another precision."""
        return DockingInference(self.model, self.problem, self._seed, precision)

    def answer(self, samples: Sequence[int]) -> list[Singles]:
        """Return scores and moves."""
        if self._precision == "fp64":
            return self.reference(samples)
        return self._asked(samples, self.model.policy, torch.float32, self._precision)

    def reference(self, samples: Sequence[int]) -> list[Singles]:
        """Return scores and moves in fp64, from the maps as they are."""
        return self._asked(samples, self._plain, torch.float64)

    def deviation(self, answer: Singles, reference: Singles) -> float:
        """Return the largest difference of a number."""
        return float(np.abs(answer - reference).max())

    def effects(self, answers: Sequence[Singles], references: Sequence[Singles]) -> dict[str, float]:
        """Return the median changes of a score and of a move, in lengths: what the policy's next pose is shifted by."""
        mine, theirs = np.stack(answers), np.stack(references)
        moves = np.linalg.norm(mine[:, 1:4] - theirs[:, 1:4], axis=1) * self.model.episode.translation_step_angstrom
        return {SCORE: float(np.median(np.abs(mine[:, 0] - theirs[:, 0]))), MOVE: float(np.median(moves))}

    @torch.inference_mode()
    def _asked(
        self, samples: Sequence[int], policy: DockingPolicy, dtype: torch.dtype, precision: str = "fp64"
    ) -> list[Singles]:
        chosen = torch.as_tensor(samples, device=self._conformations.device)
        n = len(chosen)
        environment = self._environments.get(n)
        if environment is None:
            environment = self._environments[n] = DockingEnvironment([self.problem], n, self.model.episode)
        seen = environment.reset_to(self._poses[chosen].to(dtype), self._conformations[chosen])
        features = features_of(seen)
        with computing_in(precision, self._device.type):  # scores come from the maps in any case
            means: Tensor = policy(features, policy.first_memory(n)).means
        numbers = torch.cat(((seen.energies + seen.strains)[:, None], means), dim=1)
        return list(numbers.to(torch.float32).cpu().numpy())
