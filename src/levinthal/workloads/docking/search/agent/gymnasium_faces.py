"""The docking environment as gymnasium knows environments: a vector of them, and a single one.

Both are thin faces of `DockingEnvironment`, which moves the ligands, observes and rewards. Episodes have a fixed
length, all end together, and are reported as truncated: the pose an episode ends with is not a special state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from levinthal.arrays import Singles
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings, Observation
from levinthal.workloads.docking.search.contract import Problem

ENVIRONMENT_ID = "levinthal/RigidDocking-v0"


class DockingVectorEnv(gymnasium.vector.VectorEnv[Singles, Singles, npt.NDArray[Any]]):
    """Many episodes in step, as arrays; autoreset mode NEXT_STEP: the call after the last step begins new episodes.

    Parameters
    ----------
    problems : sequence of Problem
    n_each : int
        Environments of each problem.
    settings : EpisodeSettings, optional

    Notes
    -----
    An observation is a row of `Observation.flat`. `infos["energy_kcal_mol"]` holds the total energies.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, DockingVectorEnv, Problem, prepare_ligand, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> problem = Problem.of(receptor, prepare_ligand("Cc1ccc(C)cc1"), box)
    >>> environment = DockingVectorEnv([problem], 2)
    >>> observation, info = environment.reset(seed=0)
    >>> observation.shape
    (2, 47)
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012 - as gymnasium has it

    def __init__(self, problems: Sequence[Problem], n_each: int, settings: EpisodeSettings | None = None) -> None:
        self.environment = DockingEnvironment(problems, n_each, settings)
        self.num_envs = self.environment.n_environments
        self.single_observation_space, self.single_action_space = _spaces(self.environment)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._done = False

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin all episodes; `seed` as in gymnasium: environment i has seed + i where one number is given."""
        if isinstance(seed, int):
            super().reset(seed=seed)
            seeds = [seed + number for number in range(self.num_envs)]
        else:
            drawn = self.np_random.integers(2**62, size=self.num_envs).tolist()
            seeds = [int(other) if given is None else given for given, other in zip(seed or drawn, drawn, strict=True)]
        self._done = False
        observation = self.environment.reset(seeds)
        return _rows(observation), _infos(observation)

    def step(
        self, actions: Singles
    ) -> tuple[Singles, npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any], dict[str, Any]]:
        """Move all ligands, or, after the last step of the episodes, begin new ones."""
        nothing = np.zeros(self.num_envs, np.bool_)
        if self._done:
            observations, infos = self.reset()
            return observations, np.zeros(self.num_envs), nothing, nothing.copy(), infos
        observation, rewards, self._done = self.environment.step(torch.as_tensor(np.asarray(actions, np.float32)))
        truncated = np.full(self.num_envs, self._done)
        return _rows(observation), rewards.cpu().numpy().astype(np.float64), nothing, truncated, _infos(observation)


class RigidDockingEnv(gymnasium.Env[Singles, Singles]):
    """One episode at a time, registered as `levinthal/RigidDocking-v0`.

    Parameters
    ----------
    problem : Problem, optional
        By default p-xylene in the cavity of T4 lysozyme L99A.
    settings : EpisodeSettings, optional

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, Problem, RigidDockingEnv, prepare_ligand, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> problem = Problem.of(receptor, prepare_ligand("Cc1ccc(C)cc1"), box)
    >>> environment = RigidDockingEnv(problem)
    >>> observation, info = environment.reset(seed=0)
    >>> observation.shape
    (47,)
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - as gymnasium has it

    def __init__(self, problem: Problem | None = None, settings: EpisodeSettings | None = None) -> None:
        self.environment = DockingEnvironment([problem or default_problem()], 1, settings)
        self.observation_space, self.action_space = _spaces(self.environment)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Singles, dict[str, Any]]:
        """Begin an episode; a seed decides this start and those of later episodes."""
        super().reset(seed=seed)
        observation = self.environment.reset([int(self.np_random.integers(2**62))])
        return _rows(observation)[0], _info(observation)

    def step(self, action: Singles) -> tuple[Singles, float, bool, bool, dict[str, Any]]:
        """Move the ligand."""
        actions = torch.as_tensor(np.asarray(action, np.float32))[None]
        observation, rewards, done = self.environment.step(actions)
        return _rows(observation)[0], float(rewards[0]), False, done, _info(observation)


def register() -> None:
    """Make `levinthal/RigidDocking-v0` known to gymnasium; importing this module does it."""
    if ENVIRONMENT_ID not in gymnasium.registry:
        gymnasium.register(ENVIRONMENT_ID, entry_point=f"{__name__}:RigidDockingEnv")


def default_problem() -> Problem:
    """Return p-xylene in the cavity of T4 lysozyme L99A, in a box that leaves 4 A around its crystal pose."""
    from levinthal.datasets.structures import real_complex
    from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor

    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    guest = prepare_ligand(str(ligand))
    return Problem.of(prepare_receptor(receptor), guest, guest.box())


def _spaces(environment: DockingEnvironment) -> tuple[Any, Any]:
    size = 4 * environment.n_atoms + 15
    bounds = np.full(size, 10.0, np.float32)
    bounds[-7:] = 1.0
    return (
        gymnasium.spaces.Box(-bounds, bounds, dtype=np.float32),
        gymnasium.spaces.Box(-1.0, 1.0, (environment.settings.action_size,), np.float32),
    )


def _rows(observation: Observation) -> Singles:
    return observation.flat().cpu().numpy().astype(np.float32)


def _infos(observation: Observation) -> dict[str, Any]:
    return {"energy_kcal_mol": (observation.energies + observation.strains).cpu().numpy()}


def _info(observation: Observation) -> dict[str, Any]:
    return {name: float(values[0]) for name, values in _infos(observation).items()}


register()
