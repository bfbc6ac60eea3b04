"""The ranks of a training as `torch.distributed` sees them; outside of a process group there is one."""

from __future__ import annotations

import torch
from torch import Tensor, distributed

__all__ = ["rank_and_size", "sum_over_ranks"]


def rank_and_size() -> tuple[int, int]:
    """Return this process's rank and the number of ranks; 0 and 1 outside of a process group."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def sum_over_ranks(values: Tensor, device: torch.device) -> Tensor:
    """Return the sum over the ranks of values; `device` is what the ranks compute on."""
    if rank_and_size()[1] == 1:
        return values
    # nccl moves what is on the GPU only
    shared = values.to(device)
    distributed.all_reduce(shared)
    return shared.to(values.device)
