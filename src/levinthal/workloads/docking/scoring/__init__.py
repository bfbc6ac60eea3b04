"""Batched docking scores: Vina and Vinardo, exact or from maps, with rigid-body gradients.

Three modes: `exact_score` in "table" mode agrees with the `vina` package, in "analytic" mode it has gradients, and
`score_poses` and `score_and_gradient` read maps, which is fast. All run on any device of torch; on a CPU the maps are
made and read by compiled loops.
"""

from levinthal.workloads.docking.molecules.atom_types import VINA_TYPES
from levinthal.workloads.docking.scoring.exact import exact_score, exact_score_and_gradient
from levinthal.workloads.docking.scoring.functions import SCORING_FUNCTIONS, torsion_divisor
from levinthal.workloads.docking.scoring.grid_score import score_and_gradient, score_atoms, score_poses
from levinthal.workloads.docking.scoring.grids import GridMaps, build_grids
from levinthal.workloads.docking.scoring.rigid import AtomScores, RigidScore

__all__ = [
    "SCORING_FUNCTIONS",
    "VINA_TYPES",
    "AtomScores",
    "GridMaps",
    "RigidScore",
    "build_grids",
    "exact_score",
    "exact_score_and_gradient",
    "score_and_gradient",
    "score_atoms",
    "score_poses",
    "torsion_divisor",
]
