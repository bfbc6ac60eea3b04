"""Policies on disk: safetensors with a JSON header, written whole or not at all; nothing in a file is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings
from levinthal.workloads.training.tensor_file import DAMAGED, read_tensors, write_tensors

_POLICY_FORMAT = "levinthal.docking.policy/1"


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


def _policy(path: Path, described: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> DockingPolicy:
    try:
        policy = DockingPolicy(PolicySettings.from_dict(described["architecture"]))
        policy.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError):
        raise DataError(f"{path} holds no weights of the architecture it names: {DAMAGED}") from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DataError(f"{path} holds weights that are not finite: train again with a lower learning rate")
    return policy
