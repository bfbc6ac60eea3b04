"""Levinthal: how fast, how right and at what cost machine learning runs beside molecular simulation.

>>> import levinthal
>>> result = levinthal.run("cvae", size="tiny")  # doctest: +SKIP
>>> result.summary["training throughput"].median  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from levinthal.errors import LevinthalError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from levinthal.harness.results.result import Result

__all__ = ["LevinthalError", "__version__", "load_result", "run"]

__version__ = "0.1.0"


def load_result(path: str | os.PathLike[str]) -> Result:
    """Read a result: see `levinthal.harness.results.store.load_result`."""
    from levinthal.harness.results.store import load_result

    return load_result(path)


def run(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    size: str = "tiny",
    repeats: int = 1,
    seed: int = 0,
    device: str = "auto",
    precision: str = "auto",
    engine: str = "local",
    out: Path | None = None,
) -> Result:
    """Run a workload and return its result: see `levinthal.harness.running.execute.start_run`."""
    from levinthal.harness.running.execute import start_run

    return start_run(
        name,
        settings,
        size=size,
        repeats=repeats,
        seed=seed,
        device=device,
        precision=precision,
        engine=engine,
        out=out,
    )
