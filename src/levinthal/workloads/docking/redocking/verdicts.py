"""How a docked pose is judged: success within 2 A of the crystal pose, and who is to blame otherwise."""

from __future__ import annotations

from typing import Literal

__all__ = ["SEARCH_TOLERANCE_KCAL_MOL", "SUCCESS_ANGSTROM", "Verdict", "judge"]

SUCCESS_ANGSTROM = 2.0
SEARCH_TOLERANCE_KCAL_MOL = 0.5

Verdict = Literal["success", "search failure", "scoring failure"]


def judge(rmsd_angstrom: float, energy_kcal_mol: float, best_known_kcal_mol: float) -> Verdict:
    """Distinguish a failure of the search from one of the score.

    A top pose beyond 2 A is a failure of the search when its energy is more than 0.5 kcal/mol above the best known:
    then something better was there to be found. Otherwise the score itself prefers a wrong pose.
    """
    if rmsd_angstrom <= SUCCESS_ANGSTROM:
        return "success"
    if energy_kcal_mol > best_known_kcal_mol + SEARCH_TOLERANCE_KCAL_MOL:
        return "search failure"
    return "scoring failure"
