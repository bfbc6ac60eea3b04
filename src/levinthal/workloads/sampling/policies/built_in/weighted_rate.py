"""A weighted ensemble for the rate of the event."""

from __future__ import annotations

from levinthal.workloads.sampling.policies.weighting import Weighted


class WeightedRatePolicy(Weighted):
    """As `weighted-ensemble`, and walkers that meet the event go back to their start: its rate by Hill's relation."""

    name = "weighted-rate"
    wants_event = recycles = True


POLICY = WeightedRatePolicy
