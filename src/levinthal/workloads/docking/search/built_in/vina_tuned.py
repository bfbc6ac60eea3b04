"""AutoDock Vina with many short chains: for rigid ligands twenty times faster than by default, at equal success."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from levinthal.workloads.docking.search.built_in.vina import Vina
from levinthal.workloads.docking.search.contract import Search


@dataclass(frozen=True)
class TunedVina(Vina):
    """Search with Vina well set; the fields are those of `Vina`."""

    exhaustiveness: int = 256
    max_evals: int = 1500

    shown: ClassVar[str] = "Vina, tuned"
    described: ClassVar[str] = "tuned Vina"
    is_reference: ClassVar[bool] = True

    def at_budget(self, amount: int) -> tuple[str, Search] | None:
        """Return it with fewer chains."""
        return f"Vina, {amount} chains", replace(self, exhaustiveness=amount)


SEARCH = TunedVina
