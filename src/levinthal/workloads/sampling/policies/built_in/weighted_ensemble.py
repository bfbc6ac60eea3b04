"""A weighted ensemble for populations."""

from __future__ import annotations

from levinthal.workloads.sampling.policies.weighting import Weighted


class WeightedEnsemblePolicy(Weighted):
    """Walkers are split and merged over bins of the learned space; populations come from their weights."""

    name = "weighted-ensemble"


POLICY = WeightedEnsemblePolicy
