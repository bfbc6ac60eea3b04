"""What the figures and gates of a workload mean: one sentence each, in a file `meanings.toml` beside the workload.

A plug-in has one too if it wishes; nothing else mentions it. Its one table has each metric, gate, curve and comparison
as a key::

    [meanings]
    "training rate" = "Frames that training works through in a second, over all its steps."
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files

from levinthal.errors import LevinthalError
from levinthal.harness.contract.registry import WORKLOADS

__all__ = ["MEANINGS_FILE", "meanings_of"]

MEANINGS_FILE = "meanings.toml"


def meanings_of(name: str) -> Mapping[str, str]:
    """Return a sentence for each name that a workload measures, in its file's order; the workload is not imported.

    Parameters
    ----------
    name : str
        A workload.

    Returns
    -------
    mapping of str to str
        Empty where the workload is not installed here, or has no such file, or one that cannot be read: what a figure
        is does not hang on the words beside it.

    Examples
    --------
    >>> meanings_of("cvae")["training rate"].endswith(".")
    True
    """
    try:
        point = WORKLOADS.plug_ins().get(name)
        if point is None:
            return {}
        text = files(point.module.rpartition(".")[0] or point.module).joinpath(MEANINGS_FILE).read_text("utf-8")
        found = dict(tomllib.loads(text)["meanings"])
    except (LevinthalError, ImportError, OSError, ValueError, KeyError, TypeError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}
