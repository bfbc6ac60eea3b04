"""Whether the compiled loops are used, or their plain equals in numpy and torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

Implementation = Literal["auto", "torch"]
"""auto: compiled loops wherever there is one for the device; torch: nothing but numpy, torch and Python."""

_VARIABLE = "LEVINTHAL_IMPLEMENTATION"  # in the environment, so that processes started within see it


def kernels_allowed() -> bool:
    """Return whether compiled loops may be used."""
    return os.environ.get(_VARIABLE) != "torch"


def choose(name: Implementation) -> None:
    """Compute as `name` says from now on, in this process and in those that it starts."""
    os.environ[_VARIABLE] = name


@contextmanager
def implementation(name: Implementation) -> Iterator[None]:
    """Compute as `name` says within the block only; see `choose`."""
    before = os.environ.get(_VARIABLE)
    choose(name)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def chosen(kernel: Any) -> Callable[..., Any]:
    """Return a compiled function of plain loops, or the same loops run by Python."""
    return kernel if kernels_allowed() else kernel.py_func  # type: ignore[no-any-return]
