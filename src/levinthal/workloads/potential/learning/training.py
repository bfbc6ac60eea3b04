"""How a student learns labels: Adam on the errors of forces and energies."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from levinthal.arrays import Doubles
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import STUDENTS, Labels
from levinthal.workloads.training.process_group import rank_and_size, sum_over_ranks
from levinthal.workloads.training.reproducible import reproducible

_ENERGY_WEIGHT = 0.03
_LARGEST_GRADIENT = 1.0
_EPSILON = 1e-12


@dataclass(frozen=True, eq=False)
class TrainingTask:
    """A training that any worker can do.

    Attributes
    ----------
    student : str
    molecule : Molecule
    made_from : Labels
        What the student's ranges and scales come from.
    labels : Labels
        What is learned.
    weights : mapping of str to Tensor, or None
        Where to begin.
    steps, batch_size : int
    learning_rate : float
        At its peak; it rises for a twentieth of the steps and falls as a cosine to nothing.
    seed : int
    device : str
    """

    student: str
    molecule: Molecule
    made_from: Labels
    labels: Labels
    weights: Mapping[str, Tensor] | None
    steps: int
    batch_size: int
    learning_rate: float
    seed: int
    device: str = "cpu"


class Trained(NamedTuple):
    """Weights, the loss of each step, and how long it took; the seconds are those of a core."""

    weights: dict[str, Tensor]
    losses: Doubles
    duration_s: float
    core_s: float


def make_student(
    name: str, molecule: Molecule, made_from: Labels, weights: Mapping[str, Tensor] | None, seed: int
) -> Any:
    """Return a student with these weights, or one that is about to be trained."""
    module = STUDENTS.load(name).of(molecule, made_from, seed)
    if weights is not None:
        module.load_state_dict(dict(weights))
    elif hasattr(module, "begin"):
        module.begin(made_from)
    return module


def train(task: TrainingTask) -> Trained:
    """Train on one thread: on a CPU the same task gives the same bits."""
    device = torch.device(task.device)
    began, began_cpu = time.perf_counter(), time.process_time()
    with reproducible(True, device):
        module = make_student(task.student, task.molecule, task.made_from, task.weights, task.seed).to(device)
        trainer = Trainer(module, task)
        losses = [trainer.step(k) for k in range(task.steps)]
    weights = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    return Trained(weights, np.array(losses), time.perf_counter() - began, time.process_time() - began_cpu)


class Trainer:
    """One training: what a step does depends on the task and the step's number alone.

    Ranks of a process group share a batch; the sum of their gradients is that of the whole.
    """

    def __init__(self, module: Any, task: TrainingTask) -> None:
        self.module, self._task = module, task
        device, labels = torch.device(task.device), task.labels
        self._device = device
        self._positions = torch.as_tensor(labels.positions_nm, dtype=torch.float32, device=device)
        energies = labels.energies - labels.energies.mean()
        self._energies = torch.as_tensor(energies, dtype=torch.float32, device=device)
        self._forces = torch.as_tensor(labels.forces, dtype=torch.float32, device=device)
        self._force_scale = float(np.mean(labels.forces**2)) + _EPSILON
        self._energy_scale = float(np.var(labels.energies)) + _EPSILON
        self._optimiser = torch.optim.Adam(module.parameters(), lr=task.learning_rate, betas=(0.9, 0.99))

    def step(self, number: int, *, synchronise: bool = True) -> float:
        """Make a step and return the loss of this rank's share: mean squares in units of the labels' own."""
        task, (rank, n_ranks) = self._task, rank_and_size()
        warm, share = max(1, task.steps // 20), min(1.0, number / task.steps)
        rate = min((number + 1) / warm, 0.5 * (1 + math.cos(math.pi * share)))
        self._optimiser.param_groups[0]["lr"] = rate * task.learning_rate
        size = min(task.batch_size, len(task.labels))
        batch = np.random.default_rng((task.seed, number)).choice(len(task.labels), size, replace=False)
        chosen = torch.as_tensor(batch[rank::n_ranks], device=self._device)
        x = self._positions[chosen].requires_grad_()
        energies = self.module(x)
        (gradient,) = torch.autograd.grad(energies.sum(), x, create_graph=True)
        error = energies - self._energies[chosen]
        total = error.detach().sum()
        mean = (sum_over_ranks(total, self._device) if synchronise else total * n_ranks) / size
        loss = ((gradient + self._forces[chosen]) ** 2).sum() / (size * x[0].numel() * self._force_scale)
        # energies are known less a constant
        loss = loss + _ENERGY_WEIGHT * ((error - mean) ** 2).sum() / (size * self._energy_scale)
        self._optimiser.zero_grad()
        loss.backward()
        if synchronise and n_ranks > 1:
            for weight in self.module.parameters():
                weight.grad = sum_over_ranks(weight.grad, self._device)
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), _LARGEST_GRADIENT)
        self._optimiser.step()
        return float(loss.detach())
