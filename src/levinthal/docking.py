"""Docking: receptors, ligands and pockets made ready, maps, a search, and environments for agents.

What a library user may import. `RigidDockingEnv` registers `levinthal/RigidDocking-v0` with gymnasium.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.lazy import lazily

if TYPE_CHECKING:
    from levinthal.workloads.docking.molecules.molecule import Box
    from levinthal.workloads.docking.preparation.ligands import prepare_ligand
    from levinthal.workloads.docking.preparation.pockets import pocket_box
    from levinthal.workloads.docking.preparation.receptors import prepare_receptor
    from levinthal.workloads.docking.scoring.grids import build_grids
    from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
    from levinthal.workloads.docking.search.agent.gymnasium_faces import DockingVectorEnv, RigidDockingEnv
    from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
    from levinthal.workloads.docking.search.contract import Problem, Search

__all__ = [
    "Box",
    "DockingEnvironment",
    "DockingVectorEnv",
    "Problem",
    "RandomRestarts",
    "RigidDockingEnv",
    "Search",
    "build_grids",
    "pocket_box",
    "prepare_ligand",
    "prepare_receptor",
]

__getattr__, __dir__ = lazily(__name__)
