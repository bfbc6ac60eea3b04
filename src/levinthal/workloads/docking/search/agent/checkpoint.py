"""Policies and the state of training on disk: safetensors with a JSON header, written whole or not at all.

Nothing in a file is executed. Randomness depends on (seed, iteration) alone, so that a checkpoint needs no state of a
random generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings
from levinthal.workloads.docking.search.agent.ppo import Iteration, PPOSettings, Training
from levinthal.workloads.training.tensor_file import DAMAGED, below, read_tensors, write_tensors

__all__ = ["has_training", "load_policy", "load_training", "save_policy", "save_training"]

_POLICY_FORMAT = "levinthal.docking.policy/1"
_TRAINING_FORMAT = "levinthal.docking.training/1"
_FILE = "training.safetensors"
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


def save_training(folder: Path, training: Training, settings: PPOSettings, seed: int) -> None:
    """Write the state of training to a folder, made if need be; a reader sees the old state or the new one.

    Raises
    ------
    DataError
        The folder cannot be written to.
    """
    tensors = {f"weights/{name}": tensor for name, tensor in training.policy.state_dict().items()}
    for name, parameter in training.policy.named_parameters():
        state = training.optimiser.state.get(parameter, {})
        tensors |= {f"{moment}/{name}": torch.as_tensor(state[moment]) for moment in _MOMENTS if moment in state}
    described = {
        "architecture": training.policy.settings.to_dict(),
        "settings": asdict(settings),
        "seed": seed,
        "history": [asdict(iteration) for iteration in training.history],
    }
    write_tensors(folder / _FILE, tensors, _TRAINING_FORMAT, described)


def has_training(folder: Path) -> bool:
    """Return whether there is something in the folder to go on from."""
    return (folder / _FILE).is_file()


def load_training(folder: Path, settings: PPOSettings, seed: int, *, device: str | torch.device = "cpu") -> Training:
    """Read what `save_training` wrote.

    Raises
    ------
    DataError
        The file is missing or damaged.
    UsageError
        It was made with other settings or another seed, with which training cannot go on.
    """
    path = folder / _FILE
    tensors, described = read_tensors(path, _TRAINING_FORMAT)
    if described.get("settings") != asdict(settings) or described.get("seed") != seed:
        raise UsageError(f"{path} was made with other settings or another seed: use those, or another folder")
    policy = _policy(path, described, below("weights/", tensors)).to(device)
    training = Training.start(policy, settings)
    try:
        history = described["history"]
        training.history = [Iteration(**{each.name: row[each.name] for each in fields(Iteration)}) for row in history]
        moments = {moment: below(f"{moment}/", tensors) for moment in _MOMENTS}
        for name, parameter in policy.named_parameters():
            if name in moments["step"]:
                state = {moment: moments[moment][name] for moment in _MOMENTS}
                if state["exp_avg"].shape != parameter.shape or state["exp_avg_sq"].shape != parameter.shape:
                    raise ValueError
                training.optimiser.state[parameter] = {
                    moment: tensor if moment == "step" else tensor.to(device) for moment, tensor in state.items()
                }
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} lacks parts of a checkpoint: {DAMAGED}") from None
    return training


def _policy(path: Path, described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> DockingPolicy:
    try:
        policy = DockingPolicy(PolicySettings(**described["architecture"]))
        policy.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError):
        raise DataError(f"{path} holds no weights of the architecture it names: {DAMAGED}") from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DataError(f"{path} holds weights that are not finite: train again with a lower learning rate")
    return policy
