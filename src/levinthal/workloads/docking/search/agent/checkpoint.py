"""Policies and the state of training on disk: safetensors with a JSON header, written whole or not at all.

Nothing in a file is executed. Randomness depends on (seed, iteration) alone, so that a checkpoint needs no state of a
random generator.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings
from levinthal.workloads.docking.search.agent.ppo import Iteration, PPOSettings, Training
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.training.checkpoint import CHECKPOINT, Checkpoint, Form, resume, save_checkpoint
from levinthal.workloads.training.tensor_file import DAMAGED, below, read_tensors, write_tensors

_POLICY_FORMAT = "levinthal.docking.policy/1"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def save_policy(path: str | Path, policy: DockingPolicy, about: Mapping[str, Any] | None = None) -> None:
    """Write a policy to one file, to search with on any machine.

    Parameters
    ----------
    path : str or Path
    policy : DockingPolicy
    about : mapping, optional
        What it was trained on, as plain data.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    described = {"architecture": policy.settings.to_dict(), "about": dict(about or {})}
    write_tensors(Path(path), policy.state_dict(), _POLICY_FORMAT, described)


def load_policy(path: str | Path, *, device: str | torch.device = "cpu") -> tuple[DockingPolicy, dict[str, Any]]:
    """Read what `save_policy` wrote: the policy, and what it was trained on.

    Raises
    ------
    DataError
        The file is missing, damaged, of another kind, or holds numbers that are not finite.
    """
    path = Path(path)
    tensors, described = read_tensors(path, _POLICY_FORMAT)
    policy = _policy(path, described, tensors)
    about = described.get("about")
    return policy.to(device).eval(), dict(about) if isinstance(about, dict) else {}


def save_training(
    folder: Path,
    training: Training,
    settings: PPOSettings,
    seed: int,
    environment: DockingEnvironment | None = None,
) -> None:
    """Write the state of training to a folder, made if need be; a reader sees the old state or the new one.

    Give the environment, and only a training on the same ligands, maps and episodes goes on from there.

    Raises
    ------
    WriteError
        The folder cannot be written to.
    """
    policy, states = training.policy, training.optimiser.state
    moments = {
        f"{moment}/{name}": torch.as_tensor(states[parameter][moment])
        for name, parameter in policy.named_parameters()
        if parameter in states
        for moment in _MOMENTS
    }
    fingerprint = _fingerprint(policy, settings, seed, environment)
    save_checkpoint(folder, _FORM, Checkpoint(fingerprint, training.history, policy.state_dict(), moments))


def resume_training(
    folder: Path,
    training: Training,
    settings: PPOSettings,
    seed: int,
    environment: DockingEnvironment | None = None,
) -> bool:
    """Bring a training that has just begun to the state in a folder; return whether there is one.

    Raises
    ------
    DataError
        The file is damaged or (`ForeignCheckpointError`) of another architecture, other settings, another seed or
        another environment.
    """
    kept = resume(folder, _FORM, _fingerprint(training.policy, settings, seed, environment), training.policy)
    if kept is None:
        return False
    training.history = kept.progress
    moments = {moment: below(f"{moment}/", kept.moments) for moment in _MOMENTS}
    for name, parameter in training.policy.named_parameters():
        if name in moments["step"]:
            state = {moment: moments[moment].get(name, torch.empty(0)) for moment in _MOMENTS}
            if state["exp_avg"].shape != parameter.shape or state["exp_avg_sq"].shape != parameter.shape:
                raise DataError(f"{folder / CHECKPOINT} lacks parts of a checkpoint: {DAMAGED}")
            training.optimiser.state[parameter] = {
                moment: tensor if moment == "step" else tensor.to(parameter.device) for moment, tensor in state.items()
            }
    return True


def _fingerprint(
    policy: DockingPolicy, settings: PPOSettings, seed: int, environment: DockingEnvironment | None
) -> dict[str, Any]:
    found = {"architecture": policy.settings.to_dict(), "settings": asdict(settings), "seed": seed}
    if environment is not None:
        found["environment"] = {
            "n_each": environment.n_each,
            **asdict(environment.settings),
            "problems": [_checksum(problem) for problem in environment.problems],
        }
    return found


def _checksum(problem: Problem) -> int:
    """Return a checksum of the maps of a problem and of the atoms that move in them."""
    maps, ligand = problem.grids, problem.ligand
    value = 0
    for part in (
        maps.energies_kcal_mol.cpu().numpy(),
        maps.receptor_energies_kcal_mol.cpu().numpy(),
        np.array([*maps.low_angstrom, maps.spacing_angstrom]),
        np.asarray(ligand.scored_template_angstrom),
        np.asarray(ligand.scored_types, np.int64),
    ):
        value = zlib.crc32(np.ascontiguousarray(part).tobytes(), value)
    return value


_FORM: Form[list[Iteration]] = Form(
    "levinthal.docking.training/2",
    lambda history: ({"history": [asdict(iteration) for iteration in history]}, {}),
    lambda about, _: [Iteration(**row) for row in about["history"]],
)


def _policy(path: Path, described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> DockingPolicy:
    with refused(DataError, path, "holds no weights of the architecture it names", DAMAGED):
        policy = DockingPolicy(PolicySettings.from_dict(described["architecture"]))
        policy.load_state_dict(tensors)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DataError(f"{path} holds weights that are not finite: train again with a lower learning rate")
    return policy
