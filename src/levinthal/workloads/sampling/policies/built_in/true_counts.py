"""Least counts on the true cells: what counting gives with a perfect embedding."""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.workloads.sampling.policies.answering import Answered
from levinthal.workloads.sampling.policies.view import Answer


class TrueCountsPolicy(Answered):
    """Restarts from the cells of the observables that were seen least: a control of the embedding, not of the rule."""

    name = "true-counts"

    def scores(self, answer: Answer, counts: Integers) -> Doubles:
        """Put first what was seen least."""
        return np.asarray(-counts[self.cell], np.float64)


POLICY = TrueCountsPolicy
