"""Ceilings: restarts by those who know the answer. What a policy reaches is told as a share of what they reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.errors import UsageError
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.answering import Answered, AnsweredSettings
from levinthal.workloads.sampling.policies.view import Answer

_STRATEGIES = ("passage", "target", "mass", "cells")


@dataclass(frozen=True, eq=False)
class OracleSettings(AnsweredSettings):
    """The strategy.

    Attributes
    ----------
    strategy : {"passage", "target", "mass", "cells"}
        Restart where the event is soonest in the mean (of an exact chain), nearest to the native structure, in the
        cell whose stationary mass was seen least for its size, or in that seen least among those that hold some.
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
    settings: OracleSettings

    @staticmethod
    def strategies(answer: Answer) -> tuple[str, ...]:
        """Return the strategies that an answer allows."""
        known = {
            "passage": answer.passage_steps is not None,
            "target": answer.rmsd_axis is not None,
            "mass": answer.populations is not None,
            "cells": answer.populations is not None,
        }
        return tuple(name for name, allowed in known.items() if allowed)

    def scores(self, answer: Answer, counts: Integers) -> Doubles:
        """Put first what the strategy likes most."""
        strategy = self.settings.strategy
        if strategy not in self.strategies(answer):
            raise UsageError(f"policy oracle cannot restart by {strategy} here: the system's answer does not tell it")
        if answer.passage_steps is not None and strategy == "passage":
            return np.asarray(-answer.passage_steps[self.cell], np.float64)
        if answer.rmsd_axis is not None and strategy == "target":
            return np.asarray(-self.values[:, answer.rmsd_axis], np.float64)
        assert answer.populations is not None
        populations = answer.populations
        if strategy == "mass":
            return np.asarray((populations / np.maximum(counts, 1))[self.cell], np.float64)
        held = populations > _LEAST_SHARE * populations.max()
        return np.asarray(np.where(held, -counts, -np.inf)[self.cell], np.float64)


_LEAST_SHARE = 1e-3
POLICY = OraclePolicy
