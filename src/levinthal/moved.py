"""Modules and names that were documented under another path: found there for one version, with a DeprecationWarning."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import CodeType, ModuleType
from typing import Any

MOVED = {
    "levinthal.harness.scaling_rank": "levinthal.harness.study.scaling.rank",
    "levinthal.harness.workload": "levinthal.harness.contract.workload",
    "levinthal.proteins.contact_map_files": "levinthal.proteins.contact_maps.files",
    "levinthal.simulation.contact_map_reporter": "levinthal.simulation.dynamics.contact_map_reporter",
    "levinthal.simulation.frame_store": "levinthal.simulation.dynamics.frame_store",
    "levinthal.workloads.docking.gymnasium_faces": "levinthal.workloads.docking.search.agent.gymnasium_faces",
    "levinthal.workloads.rgn.ranks": "levinthal.workloads.rgn.training.ranks",
}
"""Modules, from where they were to where they are."""

NAMES_MOVED = {
    ("levinthal.workloads.cvae", "CVAE"): "levinthal.sampling",
    ("levinthal.workloads.sampling.record", "CampaignRecord"): "levinthal.sampling",
}
"""Names of modules that are still there, and the face that has them now."""


class _OldPath(InspectLoader):
    def exec_module(self, module: ModuleType) -> None:
        """Put the module that has moved in the place of an empty one."""
        sys.modules[module.__name__] = import_module(MOVED[module.__name__])

    def get_code(self, fullname: str) -> CodeType | None:
        """Return the code of the module that has moved, for `python -m`."""
        spec = find_spec(MOVED[fullname])
        return spec.loader.get_code(MOVED[fullname]) if spec and isinstance(spec.loader, InspectLoader) else None

    def get_source(self, fullname: str) -> str | None:
        """Return the source of the module that has moved."""
        spec = find_spec(MOVED[fullname])
        return spec.loader.get_source(MOVED[fullname]) if spec and isinstance(spec.loader, InspectLoader) else None


class MovedModules(MetaPathFinder):
    """Finds a module under its old path where nothing else does."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a moved module is loaded; None for any other."""
        if fullname not in MOVED:
            return None
        _warn(fullname, MOVED[fullname])
        return ModuleSpec(fullname, _OldPath())


def moved_names(module: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module some of whose names have moved to a face.

    Parameters
    ----------
    module : str
        Its `__name__`.

    Raises
    ------
    AttributeError
        From `__getattr__`, for any other name.
    """

    def get(name: str) -> Any:
        face = NAMES_MOVED.get((module, name))
        if face is None:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        _warn(f"{module}.{name}", f"{face}.{name}")
        return getattr(import_module(face), name)

    return get


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is now {new}: import that, the old name goes with the next version", DeprecationWarning, 3)
