"""Training of the guide: descents from anywhere on the training problems, and from where the guide itself proposes.

What a start was worth is known when its descent has ended. The networks learn to put first what ends lowest: for the
starts of one problem and stage, and for the places of one pocket, the cross-entropy to weights exp(-E / T) of the final
energies E. Problems stand side by side and never mix, so that no energy scale has to be learned. A second generation
learns also from its own proposals, as fitted value iteration does: what it overrates is met and corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.agent.guide import Guide, GuidedPocket
from levinthal.workloads.docking.search.agent.places import Places
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.descent import Descent

_STAGE_STEPS = 6
_N_STAGES = 3
_END_STEPS = 12
_HALF = 0.5


@dataclass(frozen=True)
class GuidingSettings:
    """Settings of the training.

    Attributes
    ----------
    n_starts : int
        Descents on each problem in each generation.
    generations : int
    updates : int
        Steps of Adam in each generation, each over all problems.
    learning_rate, weight_decay : float
    temperature_kcal_mol : float
        How much lower an end has to be to be worth e times as much.
    """

    n_starts: int = 2048
    generations: int = 2
    updates: int = 150
    learning_rate: float = 5e-3
    weight_decay: float = 1e-3
    temperature_kcal_mol: float = 0.7

    def __post_init__(self) -> None:
        if min(self.n_starts, self.generations, self.updates) < 1:
            raise UsageError("a guide needs at least one start, generation and update")


@dataclass(frozen=True, eq=False)
class Descents:
    """What was seen of descents on one problem.

    Attributes
    ----------
    poses : list of Poses
        At the start and after each stage.
    states : list of (Tensor, Tensor, Tensor)
        Energies, gradients and what the last stage gained, at the same times.
    conformations : Tensor, shape (N,)
    end_centres : Tensor, shape (N, 3)
    end_energies : Tensor, shape (N,)
    """

    poses: list[Poses]
    states: list[tuple[Tensor, Tensor, Tensor]]
    conformations: Tensor
    end_centres: Tensor
    end_energies: Tensor

    @property
    def n_evaluations(self) -> int:
        """Evaluations that they took."""
        return len(self.end_energies) * (1 + _N_STAGES * _STAGE_STEPS + _END_STEPS)


@dataclass(frozen=True)
class Generation:
    """What a generation was: the losses of its first and last updates, both networks together, and what it cost."""

    number: int
    first_loss: float
    last_loss: float
    evaluations: int


@torch.no_grad()
def descend(problem: Problem, poses: Poses, conformations: Tensor) -> Descents:
    """Follow all poses to the end, and keep what could have been seen of them on the way."""
    descent = Descent.start(problem.evaluate, poses, conformations, problem.radius_angstrom)
    before, seen, states = descent.energies_kcal_mol, [], []
    for _ in range(_N_STAGES):
        energies = descent.energies_kcal_mol
        seen.append(descent.poses)
        states.append((energies, descent.gradients, before - energies))
        before = energies
        for _ in range(_STAGE_STEPS):
            descent.step(problem.evaluate)
    for _ in range(_END_STEPS):
        descent.step(problem.evaluate)
    return Descents(seen, states, conformations, descent.poses.centres_angstrom, descent.energies_kcal_mol)


def train_guide(
    guide: Guide,
    problems: Sequence[Problem],
    settings: GuidingSettings | None = None,
    *,
    seed: int,
    on_generation: Callable[[Generation], None] = lambda _: None,
) -> list[Generation]:
    """Train a guide on some problems; it is changed in place.

    Parameters
    ----------
    guide : Guide
    problems : sequence of Problem
        On proteins other than those that it will be judged on.
    settings : GuidingSettings, optional
    seed : int
    on_generation : callable
        Called after each.
    """
    settings = settings or GuidingSettings()
    places = [Places.of(problem) for problem in problems]
    data: list[list[Descents]] = [[] for _ in problems]
    history = []
    for number in range(settings.generations):
        for k, problem in enumerate(problems):
            generator = torch.Generator().manual_seed(
                int(np.random.SeedSequence((seed, number, k)).generate_state(1)[0])
            )
            with torch.no_grad():
                pocket = GuidedPocket.of(guide, problem, places[k])
                poses, conformations = pocket.propose(settings.n_starts, generator, _HALF if number else 1.0)
            data[k].append(descend(problem, poses, conformations))
        losses = _learn(guide, problems, places, data, settings)
        evaluations = sum(each[-1].n_evaluations for each in data)
        history.append(Generation(number, losses[0], losses[-1], evaluations))
        on_generation(history[-1])
    guide.eval()
    return history


def _learn(
    guide: Guide,
    problems: Sequence[Problem],
    places: Sequence[Places],
    data: Sequence[Sequence[Descents]],
    settings: GuidingSettings,
) -> list[float]:
    temperature = settings.temperature_kcal_mol
    of_places = _fit(guide.place, lambda: _place_loss(guide, problems, places, data, temperature), settings)
    seen = _seen(guide, problems, places, data, temperature)
    of_poses = _fit(guide.worth, lambda: _worth_loss(guide, seen), settings)
    return [sum(both) for both in zip(of_places, of_poses, strict=True)]


def _fit(network: nn.Module, loss_of: Callable[[], Tensor], settings: GuidingSettings) -> list[float]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.updates)
    losses = []
    for _ in range(settings.updates):
        loss = loss_of()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


def _place_loss(
    guide: Guide,
    problems: Sequence[Problem],
    places: Sequence[Places],
    data: Sequence[Sequence[Descents]],
    temperature: float,
) -> Tensor:
    """Cross-entropy of the proposals to where the good ends are."""
    total = torch.zeros(())
    for problem, lattice, mine in zip(problems, places, data, strict=True):
        chances = GuidedPocket.of(guide, problem, lattice).log_probabilities
        energies = torch.cat([each.end_energies for each in mine])
        index = torch.cat([lattice.index(each.end_centres, each.conformations) for each in mine])
        weights = (-energies / temperature).softmax(0)
        total = total - (weights * chances[index].clamp(min=-30.0)).sum() / len(problems)
    return total


def _seen(
    guide: Guide,
    problems: Sequence[Problem],
    places: Sequence[Places],
    data: Sequence[Sequence[Descents]],
    temperature: float,
) -> list[tuple[Tensor, Tensor]]:
    """Return what is seen of the starts of each problem at each stage, and what they were worth in the end."""
    found = []
    for problem, lattice, mine in zip(problems, places, data, strict=True):
        with torch.no_grad():
            pocket = GuidedPocket.of(guide, problem, lattice)
        for each in mine:
            weights = (-each.end_energies / temperature).softmax(0)
            for stage, (poses, state) in enumerate(zip(each.poses, each.states, strict=True)):
                numbers = pocket.pose_numbers(poses, each.conformations, *state, stage * _STAGE_STEPS)
                found.append((numbers, weights))
    return found


def _worth_loss(guide: Guide, seen: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """Cross-entropy of the order of starts to the order of their ends, relative to knowing nothing."""
    total = torch.zeros(())
    for numbers, weights in seen:
        total = total - (weights * guide.worth(numbers)[:, 0].log_softmax(0)).sum() / len(seen)
    return total


@dataclass(frozen=True)
class Insight:
    """What a guide knows of a problem: how much likelier than by chance it puts first what ends well, in nats.

    Attributes
    ----------
    places_nats : float
        Of the places where good ends are; 0 for starts drawn anywhere.
    starts_nats : float
        Of the starts, at all stages, that lead there; 0 for starts taken as they come.
    """

    places_nats: float
    starts_nats: float


@torch.no_grad()
def insight(guide: Guide, problem: Problem, n_starts: int, *, seed: int) -> Insight:
    """Judge a guide on a problem, by descents from anywhere in it."""
    generator = torch.Generator().manual_seed(seed)
    blank, lattice = Guide().to(problem.grids.device), Places.of(problem)
    poses, conformations = GuidedPocket.of(blank, problem, lattice).propose(n_starts, generator, 1.0)
    data, temperature = [[descend(problem, poses, conformations)]], GuidingSettings().temperature_kcal_mol
    losses = [
        (
            float(_place_loss(each, [problem], [lattice], data, temperature)),
            float(_worth_loss(each, _seen(guide, [problem], [lattice], data, temperature))),
        )
        for each in (blank, guide)
    ]
    return Insight(*(before - after for before, after in zip(*losses, strict=True)))
