"""Levinthal: how fast, how right and at what cost machine learning runs beside molecular simulation.

What may be imported is in this module and in its faces: `levinthal.proteins`, `levinthal.simulation`,
`levinthal.metrics`, `levinthal.sampling`, `levinthal.docking`, and `levinthal.harness` for the author of a workload.
All other modules are private.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levinthal.errors import LevinthalError
from levinthal.moved import MovedModules

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from levinthal.harness.results.result import Result

__all__ = ["LevinthalError", "__version__", "load_result", "run"]

__version__ = "0.1.0"

sys.meta_path.append(MovedModules())


def load_result(path: str | os.PathLike[str]) -> Result:
    """Read the result of a run.

    Parameters
    ----------
    path : str or path
        A run folder, or the `result.json` in it.

    Raises
    ------
    LevinthalError
        There is no result, or it is damaged or of a later version.

    Examples
    --------
    >>> import levinthal
    >>> result = levinthal.run("cvae", size="smoke", precision="fp32", out="r1")
    >>> levinthal.load_result("r1") == result
    True
    """
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
    out: str | Path | None = None,
) -> Result:
    """Run a workload and return its result.

    Parameters
    ----------
    name : str
        Of a workload: `levinthal list` names them.
    settings : mapping, optional
        Settings that differ from those of the size: `levinthal settings NAME` lists them.
    size : str
        `smoke`, `tiny`, `small` or `paper`.
    repeats : int
        How often it is run, each time in a process of its own.
    seed : int
        Decides what is random.
    device, precision, engine : str
        As the options of `levinthal run`.
    out : str or path, optional
        The run folder; by default a new one under `results`.

    Raises
    ------
    LevinthalError
        A mistake in one of these, in one line.

    Examples
    --------
    >>> import levinthal
    >>> result = levinthal.run("cvae", {"latent": 2, "margin": 0}, size="smoke", precision="fp32", out="r1")
    >>> result.summary["training rate"].unit
    'frame/s'
    """
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
        out=None if out is None else Path(out),
    )
