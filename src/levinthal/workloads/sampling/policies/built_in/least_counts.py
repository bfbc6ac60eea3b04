"""Restarts from clusters that were seen least."""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Doubles
from levinthal.workloads.sampling.policies.cluster_restarts import (
    ClusterSettings,
    first_share,
    k_centers,
    members,
    novelty,
)
from levinthal.workloads.sampling.policies.restarting import Ranking, Restarting
from levinthal.workloads.sampling.policies.view import View


class LeastCountsPolicy(Restarting[ClusterSettings]):
    """Restarts from clusters with few frames: a cluster's chance is inverse to its count.

    Weber and Pande, J. Chem. Theory Comput. 7:3405, 2011, call it counts-based adaptive sampling.
    """

    name = "least-counts"
    Settings = ClusterSettings

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Draw clusters without replacement, and a frame of each."""
        clusters = k_centers(points, self.settings.clusters, rng)
        count = clusters.count.astype(np.float64)
        # The order of exponential variables with these means is a draw without replacement (Efraimidis and Spirakis).
        order = np.argsort(rng.exponential(size=len(count)) * count, kind="stable")
        return Ranking(
            frames=members(clusters, view, rng)[order],
            scores=count[order],
            reason=f"of a cluster with {{score}} frames, one of {len(count)} clusters",
            nothing="there is no cluster",
            novel=novelty(view, clusters, first_share(np.argsort(count, kind="stable"), self.settings.novel_share)),
            neighbourhood=0.0,
        )


POLICY = LeastCountsPolicy
