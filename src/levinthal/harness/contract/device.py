"""The device that a run computes on: what was asked for, held against what this machine has."""

from __future__ import annotations

from levinthal.errors import UsageError

__all__ = ["resolve_device"]


def resolve_device(asked: str) -> str:
    """Return `cpu`, `cuda` or `cuda:N`; `auto` is a GPU where torch sees one.

    torch is imported only where that is in question: not for `cpu`.

    Raises
    ------
    UsageError
        A device that is unknown, or that this machine does not have.
    """
    if asked == "cpu":
        return asked
    kind, _, number = asked.partition(":")
    if asked != "auto" and (kind != "cuda" or (":" in asked and not number.isdecimal())):
        raise UsageError(f"device {asked!r} is unknown: use auto, cpu, cuda or cuda:N")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if asked == "auto":
        return "cuda" if count else "cpu"
    if count == 0:
        raise UsageError(f"device {asked!r}: torch {torch.__version__} sees no GPU here: use --device cpu")
    if number and int(number) >= count:
        raise UsageError(f"device {asked!r}: torch sees {count} GPU(s), the last is cuda:{count - 1}")
    return asked
