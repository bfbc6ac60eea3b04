"""Plain simulation for the rate of the event: what weights have to beat."""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Mask
from levinthal.simulation.analysis.weighted_ensemble import Resampled
from levinthal.workloads.sampling.policies.view import View
from levinthal.workloads.sampling.policies.weighting import Weighted


class PlainRatePolicy(Weighted):
    """Walkers of one weight that go back to their start when they meet the event, and are never split or merged.

    Its rate is by the same relation as that of `weighted-rate`, so that at equal steps the spread of both can be
    compared.
    """

    name = "plain-rate"
    needs_model = False
    wants_event = recycles = True

    def _resampled(self, view: View, arrived: Mask, rng: np.random.Generator) -> Resampled:
        """Leave all as they are."""
        assert view.weights is not None
        return Resampled(np.arange(len(view.weights)), view.weights)


POLICY = PlainRatePolicy
