"""Ceilings: restarts by those who know the answer. What a policy reaches is told as a share of what they reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.errors import UsageError
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.answering import Answered, AnsweredSettings
from levinthal.workloads.sampling.policies.view import Answer

_STRATEGIES = ("passage", "target", "states", "cells")
_LEAST_MASS = 0.01


@dataclass(frozen=True, eq=False)
class OracleSettings(AnsweredSettings):
    """The strategy.

    Attributes
    ----------
    strategy : {"passage", "target", "states", "cells"}
        Restart where the event is soonest in the mean (of an exact chain); nearest to the native structure; where the
        cells with more than 1 % of the mass that were not seen yet are soonest in the mean (of an exact chain), and
        when all were, in the cell seen least; or always in the cell seen least.
    """

    strategy: str = "cells"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, strategy=_STRATEGIES)


class OraclePolicy(Answered):
    """Restarts by the answer. A study runs all strategies that its system allows.

    For each measure the ceiling is the strategy that is best on other seeds than those it is judged on.
    """

    name = "oracle"
    is_control, is_ceiling = False, True
    Settings = OracleSettings

    def __init__(self, settings: OracleSettings) -> None:
        super().__init__(settings)
        self.strategy = settings.strategy
        self._known: dict[bytes, Doubles] = {}

    @staticmethod
    def strategies(answer: Answer) -> tuple[str, ...]:
        """Return the strategies that an answer allows."""
        known = {
            "passage": answer.passage is not None and len(answer.event_cells) > 0,
            "target": answer.rmsd_axis is not None,
            "states": answer.passage is not None and answer.populations is not None,
            "cells": True,
        }
        return tuple(name for name in _STRATEGIES if known[name])

    def scores(self, answer: Answer, counts: Integers) -> Doubles:
        """Put first what the strategy likes most."""
        if self.strategy not in self.strategies(answer):
            raise UsageError(f"policy oracle cannot restart by {self.strategy}: the system's answer does not tell it")
        if answer.rmsd_axis is not None and self.strategy == "target":
            return np.asarray(-self.values[:, answer.rmsd_axis], np.float64)
        wanted = np.empty(0, np.int64)
        if self.strategy == "passage":
            wanted = answer.event_cells
        elif self.strategy == "states" and answer.populations is not None:
            wanted = np.flatnonzero((answer.populations > _LEAST_MASS) & (counts == 0))
        if answer.passage is None or not len(wanted):
            return np.asarray(-counts[self.cell], np.float64)
        key = wanted.tobytes()
        if key not in self._known:
            self._known = {key: answer.passage(wanted)}
        return np.asarray(-self._known[key][self.cell], np.float64)


POLICY = OraclePolicy
