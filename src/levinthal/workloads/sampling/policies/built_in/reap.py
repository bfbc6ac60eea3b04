"""Restarts by coordinates whose weights follow where the clusters seen least lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.cluster_restarts import (
    ClusterSettings,
    first_share,
    k_centers,
    members,
    novelty,
)
from levinthal.workloads.sampling.policies.restarting import Ranking, Restarting
from levinthal.workloads.sampling.policies.view import View


@dataclass(frozen=True)
class ReapSettings(ClusterSettings):
    """REAP.

    Attributes
    ----------
    weight_step : float
        Most that the weight of a coordinate changes from one look at all frames to the next.
    least_counted : int
        Clusters with the fewest frames, among which the reward chooses.
    """

    weight_step: float = 0.05
    least_counted: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, weight_step=(0.0, 1.0), least_counted=1)


def adapt_weights(weights: Doubles, rewards: Doubles, step: float) -> Doubles:
    """Return the weights that maximise the summed reward and differ from the old ones by at most `step` each.

    A linear programme over weights that are not negative and sum to 1; its solution takes from the coordinates that
    are worth least and gives to those that are worth most, as far as the bounds allow.

    Parameters
    ----------
    weights : ndarray of float64, shape (d,)
        Old ones.
    rewards : ndarray of float64, shape (d,)
        What one unit of each weight is worth.
    step : float
        Largest change.
    """
    low, high = np.maximum(weights - step, 0.0), np.minimum(weights + step, 1.0)
    adapted, left = low.copy(), 1.0 - float(low.sum())
    for k in np.argsort(-rewards, kind="stable"):
        given = min(left, float(high[k] - low[k]))
        adapted[k] += given
        left -= given
    return adapted


class ReapPolicy(Restarting[ReapSettings]):
    """Restarts by sum w_k |theta_k - mu_k| / sigma_k (Shamsi, Cheng and Shukla, J. Phys. Chem. B 122:8386, 2018).

    The coordinates theta are those of the embedding. The weights follow the coordinates along which the clusters with
    few frames lie far out; where the embedding gets another number of coordinates they begin again, all alike.
    """

    name = "reap"
    Settings = ReapSettings

    def __init__(self, settings: ReapSettings) -> None:
        super().__init__(settings)
        self.weights: Doubles = np.empty(0)

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Adapt the weights, then order the clusters with few frames by reward."""
        settings = self.settings
        clusters = k_centers(points, settings.clusters, rng)
        deviation = points.std(axis=0)
        away = np.abs(points[clusters.centre] - points.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
        few = np.lexsort((rng.random(len(clusters.count)), clusters.count))[: settings.least_counted]
        if len(self.weights) != points.shape[1]:
            self.weights = np.full(points.shape[1], 1.0 / points.shape[1])
        self.weights = adapt_weights(self.weights, away[few].sum(axis=0), settings.weight_step)
        reward = away @ self.weights
        order = few[np.argsort(-reward[few], kind="stable")]
        return Ranking(
            frames=members(clusters, view, rng)[order],
            scores=reward[order],
            reason=f"{{score}} weighted deviations out, in one of the {len(few)} clusters seen least",
            nothing="there is no cluster",
            novel=novelty(view, clusters, first_share(np.argsort(-reward, kind="stable"), settings.novel_share)),
            neighbourhood=0.0,
        )


POLICY = ReapPolicy
