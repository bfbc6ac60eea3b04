"""The docking environment on tensors: a batch of rigid ligands that move in the maps of their pockets, in step.

State: a pose (an element of SE(3)), the receptor conformation it is in, and the time. Action: a translation and a
rotation vector in the frame of the ligand, and, where the agent chooses the conformation, a seventh number. All
episodes have the same length and begin together, so that nothing is ever reset halfway.

The reward is the fall of a bounded energy, a potential: going back and forth earns nothing, and the rewards of an
episode add up to what was gained between its ends (Ng, Harada and Russell, ICML 1999). At the end a bonus is paid for
the best pose of the episode, so that an agent may leave a good pose to look for a better one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import VINA_TYPES, AtomScores, score_atoms
from levinthal.workloads.docking.scoring.rigid import rigid_sums
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings, Observation, kind_of
from levinthal.workloads.docking.search.contract import Problem

Scorer = Callable[[Problem, Poses, Tensor], AtomScores]
"""Energies of and forces (along the axes of the box) on the heavy atoms of poses in their receptor conformations."""


class Transition(NamedTuple):
    """What a step yields.

    Attributes
    ----------
    observation : Observation
        After the step.
    rewards : Tensor, shape (N,)
    done : bool
        Whether the episodes are over, all at once; `reset` begins the next ones.
    """

    observation: Observation
    rewards: Tensor
    done: bool


def grid_scorer(problem: Problem, poses: Poses, conformations: Tensor) -> AtomScores:
    """Score by the maps of the problem."""
    return score_atoms(problem.grids, problem.ligand, poses, conformations)


class DockingEnvironment:
    """Environments for one or several problems, as many for each.

    Parameters
    ----------
    problems : sequence of Problem
        Ligands in the maps of their pockets, all on one device; environment i is in problem i // n_each.
    n_each : int
        Environments of each problem.
    settings : EpisodeSettings, optional
    scorer : Scorer
        How poses are scored; by default from the maps.
    n_atoms : int, optional
        Heavy atoms that observations are padded to; by default those of the largest ligand.

    Attributes
    ----------
    poses : Poses
        Of all environments.
    conformations : Tensor of int64, shape (N,)
    best_poses, best_conformations, best_energies : Poses and Tensor
        The best of each episode by total energy, the start included.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, DockingEnvironment, Problem, prepare_ligand, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> problem = Problem.of(receptor, prepare_ligand("Cc1ccc(C)cc1"), box)
    >>> environment = DockingEnvironment([problem], n_each=2)
    >>> observation = environment.reset(0)
    >>> environment.n_environments
    2
    """

    def __init__(
        self,
        problems: Sequence[Problem],
        n_each: int,
        settings: EpisodeSettings | None = None,
        *,
        scorer: Scorer = grid_scorer,
        n_atoms: int | None = None,
    ) -> None:
        if not problems or n_each < 1:
            raise UsageError("an environment needs at least one problem, and one environment for each")
        self.problems = tuple(problems)
        self.n_each = n_each
        self.settings = settings or EpisodeSettings()
        self.device = problems[0].grids.device
        self._scorer = scorer
        counts = [len(problem.ligand.heavy_atoms) for problem in problems]
        self.n_atoms = max(counts) if n_atoms is None else n_atoms
        if self.n_atoms < max(counts):
            raise UsageError(f"n_atoms={n_atoms} is less than the {max(counts)} heavy atoms of the largest ligand")
        places = torch.zeros(len(problems), self.n_atoms, 3)
        kinds = torch.zeros(len(problems), self.n_atoms, dtype=torch.int64)
        for k, (problem, count) in enumerate(zip(problems, counts, strict=True)):
            places[k, :count] = torch.from_numpy(problem.ligand.scored_template_angstrom)
            kinds[k, :count] = torch.tensor([kind_of(VINA_TYPES[each]) for each in problem.ligand.scored_types])
        mask = torch.arange(self.n_atoms) < torch.tensor(counts)[:, None]
        self._places, self._kinds, self._mask = (
            each.to(self.device).repeat_interleave(n_each, 0) for each in (places, kinds, mask)
        )
        self._time = self.settings.horizon

    @property
    def n_environments(self) -> int:
        """How many environments there are, N."""
        return len(self.problems) * self.n_each

    def reset(self, seeds: int | Sequence[int]) -> Observation:
        """Begin an episode everywhere.

        Parameters
        ----------
        seeds : int or sequence of int
            One for each environment, which alone decides its start; a single seed stands for the row of seeds that
            `numpy.random.SeedSequence` makes of it.
        """
        row: Sequence[int] = (
            np.random.SeedSequence(seeds).generate_state(self.n_environments, np.uint64).tolist()
            if isinstance(seeds, int)
            else seeds
        )
        if len(row) != self.n_environments:
            raise UsageError(f"{len(row)} seeds for {self.n_environments} environments: give one for each")
        starts = [
            self._starts(problem, row[k * self.n_each : (k + 1) * self.n_each])
            for k, problem in enumerate(self.problems)
        ]
        quaternions, centres, conformations = (torch.cat(each) for each in zip(*starts, strict=True))
        return self.reset_to(Poses(quaternions, centres), conformations)

    def reset_to(self, poses: Poses, conformations: Tensor | None = None) -> Observation:
        """Begin an episode everywhere, from given poses."""
        if len(poses) != self.n_environments:
            raise UsageError(f"{len(poses)} poses for {self.n_environments} environments: give one for each")
        self.poses = poses
        if conformations is None:
            conformations = torch.zeros(len(poses), dtype=torch.int64, device=self.device)
        self.conformations = conformations
        self._time = 0
        self._last_actions = poses.centres_angstrom.new_zeros(len(poses), 6)
        observation = self._observe()
        self._totals = observation.energies + observation.strains
        self.best_poses, self.best_conformations, self.best_energies = self.poses, self.conformations, self._totals
        return observation

    def step(self, actions: Tensor) -> Transition:
        """Move everywhere.

        Parameters
        ----------
        actions : Tensor, shape (N, 6) or (N, 7)
            Translation and rotation vector in the ligand's frame, in units of the longest step; what is longer than 1
            is cut to 1, its direction kept. Where the agent chooses the conformation, the seventh number does.

        Raises
        ------
        UsageError
            The episodes are over, or actions of another shape.
        """
        settings = self.settings
        if self._time >= settings.horizon:
            raise UsageError("the episodes are over: reset the environment before the next step")
        if actions.shape != (self.n_environments, settings.action_size):
            raise UsageError(
                f"actions have the shape {tuple(actions.shape)}: expected ({self.n_environments}, "
                f"{settings.action_size})"
            )
        actions = actions.to(self.poses.centres_angstrom)
        moves = [_cut(actions[:, :3]), _cut(actions[:, 3:6])]
        shrink = settings.step_decay**self._time
        self.poses = self.poses.moved(
            moves[0] * (settings.translation_step_angstrom * shrink), moves[1] * (settings.rotation_step_rad * shrink)
        )
        self._change_conformations(actions)
        self._time += 1
        self._last_actions = torch.cat(moves, dim=1)
        observation = self._observe()
        before, self._totals = self._totals, observation.energies + observation.strains
        better = self._totals < self.best_energies
        self.best_energies = torch.where(better, self._totals, self.best_energies)
        self.best_conformations = torch.where(better, self.conformations, self.best_conformations)
        self.best_poses = self.poses.where(better, self.best_poses)
        done = self._time == settings.horizon
        rewards = self.potential(self._totals) - self.potential(before)
        if done:
            rewards = rewards + settings.best_bonus * self.potential(self.best_energies)
        return Transition(observation, rewards, done)

    def first_conformation(self, problem: Problem) -> int:
        """Return the first of the conformations that episodes start in: not the given one where the agent chooses."""
        return int(self.settings.receptor == "choose" and problem.n_conformations > 1)

    def potential(self, energies_kcal_mol: Tensor) -> Tensor:
        """Return what a total energy is worth; its differences are the rewards."""
        bound, positive = self.settings.energy_bound_kcal_mol, energies_kcal_mol.clamp(min=0)
        bent = torch.where(energies_kcal_mol > 0, positive * bound / (bound + positive), energies_kcal_mol)
        return -bent / self.settings.energy_unit_kcal_mol

    def _starts(self, problem: Problem, seeds: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Draw poses and conformations for environments of one problem, each from its seed; keep the best of each."""
        box, n_draws = problem.grids.box, self.settings.start_draws
        free = (np.array(box.size_angstrom) - 2 * self.settings.start_margin_angstrom).clip(min=0)
        turns, places, layers = [], [], []
        first = self.first_conformation(problem)
        for seed in seeds:
            generator = np.random.default_rng(int(seed))
            turns.append(generator.normal(size=(n_draws, 4)))
            places.append(np.array(box.centre_angstrom) + generator.uniform(-0.5, 0.5, (n_draws, 3)) * free)
            layers.append(generator.integers(first, problem.n_conformations, size=n_draws))
        quaternions, centres = torch.tensor(np.concatenate(turns)), torch.tensor(np.concatenate(places))
        poses = Poses(quaternions / quaternions.norm(dim=1, keepdim=True), centres).to(torch.float32, self.device)
        conformations = torch.tensor(np.concatenate(layers), device=self.device)
        totals = self._scorer(problem, poses, conformations).energies_kcal_mol.sum(1) + problem.strain(conformations)
        best = totals.reshape(-1, n_draws).argmin(1) + n_draws * torch.arange(len(seeds), device=self.device)
        return poses.quaternions[best], poses.centres_angstrom[best], conformations[best]

    def _change_conformations(self, actions: Tensor) -> None:
        if self.settings.receptor == "start":
            return
        counts = torch.tensor([problem.n_conformations for problem in self.problems], device=self.device)
        counts = counts.repeat_interleave(self.n_each)
        step: Tensor | int = 1
        if self.settings.receptor == "choose":
            step = (actions[:, 6] > 1 / 3).long() - (actions[:, 6] < -1 / 3).long()
        self.conformations = (self.conformations + step) % counts

    def _observe(self) -> Observation:
        n, like = self.n_environments, self.poses.centres_angstrom
        atom_energies, atom_forces = like.new_zeros(n, self.n_atoms), like.new_zeros(n, self.n_atoms, 3)
        strains = like.new_zeros(n)
        for k, problem in enumerate(self.problems):
            part = slice(k * self.n_each, (k + 1) * self.n_each)
            scores = self._scorer(problem, self.poses[part], self.conformations[part])
            count = scores.energies_kcal_mol.shape[1]
            atom_energies[part, :count] = scores.energies_kcal_mol
            atom_forces[part, :count] = scores.forces
            strains[part] = problem.strain(self.conformations[part]).to(like.dtype)
        forces = self.poses.in_body_frame(atom_forces)
        places = self._places.to(like.dtype)
        net, torque = rigid_sums(forces, places)
        return Observation(
            atom_energies=atom_energies,
            atom_forces=forces,
            places=places,
            kinds=self._kinds,
            mask=self._mask,
            energies=atom_energies.sum(dim=1),
            strains=strains,
            forces=net,
            torques=torque,
            times=like.new_full((n,), self._time / self.settings.horizon),
            last_actions=self._last_actions,
        )


def _cut(moves: Tensor) -> Tensor:
    cut: Tensor = moves / moves.norm(dim=1, keepdim=True).clamp(min=1.0)
    return cut
