"""The ranks of a training as `torch.distributed` sees them; outside of a process group there is one."""

from __future__ import annotations

import torch
from torch import Tensor, distributed


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


def largest_of_ranks(value: int, device: torch.device) -> int:
    """Return the largest of the ranks' numbers: what they agree on where each may have found another."""
    if rank_and_size()[1] == 1:
        return value
    shared = torch.tensor(value, device=device)
    distributed.all_reduce(shared, distributed.ReduceOp.MAX)
    return int(shared)


def choice_of_first(value: int, device: torch.device) -> int:
    """Return the number of the first rank: what all of them do where each has measured for itself."""
    if rank_and_size()[1] == 1:
        return value
    shared = torch.tensor(value, device=device)
    distributed.broadcast(shared, 0)
    return int(shared)
