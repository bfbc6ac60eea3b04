"""Restarts from clusters that a reward of a directed and an undirected term puts first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.errors import UsageError
from levinthal.plugins import check_values
from levinthal.proteins.contact_maps.maps import pack_contacts, unpack_pairs
from levinthal.proteins.similarity.fractions import radius_of_gyration
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
class FastSettings(ClusterSettings):
    """FAST.

    Attributes
    ----------
    alpha : float
        Weight of the undirected term.
    term : {"auto", "contacts", "compactness", "spread"}
        The directed term: contacts between residues, a small radius of gyration, or the distance from the mean of the
        embedding. By default contacts, and for systems without residues the last.
    """

    alpha: float = 1.0
    term: Literal["auto", "contacts", "compactness", "spread"] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, alpha=0.0, term=("auto", "contacts", "compactness", "spread"))


def scaled(values: Doubles) -> Doubles:
    """Return values mapped linearly so that the least is 0 and the largest 1; all 0 where they are alike."""
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / (high - low) if high > low else np.zeros(len(values)), np.float64)


class FastPolicy(Restarting[FastSettings]):
    """Restarts by directed + alpha undirected, both scaled to 0 .. 1 (Zimmerman and Bowman, JCTC 11:5747, 2015).

    The directed term is one that needs no reference structure, taken at the clusters' centres; the undirected one
    prefers clusters with few frames.
    """

    name = "fast"
    Settings = FastSettings

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Order clusters by reward."""
        clusters = k_centers(points, self.settings.clusters, rng)
        term, values = self._directed_term(view, points, clusters.centre)
        reward = scaled(values) + self.settings.alpha * scaled(-clusters.count.astype(np.float64))
        order = np.argsort(-reward, kind="stable")
        return Ranking(
            frames=members(clusters, view, rng)[order],
            scores=reward[order],
            reason=f"of a cluster with the reward {{score}} ({term} and few frames)",
            nothing="there is no cluster",
            novel=novelty(view, clusters, first_share(order, self.settings.novel_share)),
            neighbourhood=0.0,
        )

    def _directed_term(self, view: View, points: Doubles, centres: Integers) -> tuple[str, Doubles]:
        molecular = view.frames.ndim == 3 and view.frames.shape[2] == 3
        term = self.settings.term
        if term == "auto":
            term = "contacts" if molecular else "spread"
        if term == "spread":
            return term, np.asarray(np.linalg.norm(points[centres] - points.mean(axis=0), axis=1), np.float64)
        if not molecular:
            raise UsageError(f"policy fast cannot count {term} in frames without residues: choose term=spread")
        frames = np.asarray(view.frames[centres])
        if term == "compactness":
            return term, -radius_of_gyration(frames)
        contacts = unpack_pairs(pack_contacts(frames, threads=1), frames.shape[1])
        return term, contacts.sum(axis=1).astype(np.float64)


POLICY = FastPolicy
