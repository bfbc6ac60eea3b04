"""The same digits each time: threads, algorithms and random generators of torch within a block of code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def reproducible(deterministic: bool, device: torch.device) -> Iterator[None]:
    """Leave torch's generators as they were; where `deterministic`, compute the same digits each time.

    That is on one thread, with algorithms whose sums have an order. Settings are restored.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        if not deterministic:
            yield
            return
        before = torch.are_deterministic_algorithms_enabled()
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
        try:
            with on_threads(1):
                yield
        finally:
            torch.use_deterministic_algorithms(before)


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Let torch compute on so many threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
