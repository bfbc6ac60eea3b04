"""What a round has found: clusters in the learned space, which of them are new states, and where the next round begins.

The model is trained on all frames so far, from fresh weights: what it says of a round depends on the frames alone, so
that a run that was killed decides as one that was not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.harness.contract.seeds import low_bits
from levinthal.workloads.discovery.conformations import Pocket
from levinthal.workloads.discovery.ensemble import Round
from levinthal.workloads.discovery.settings import DiscoverySettings
from levinthal.workloads.sampling.learners.built_in.cvae import CVAELearner
from levinthal.workloads.sampling.policies.density import noise_radii, reference

_CLUSTERS_A_STATE = 3
_NEIGHBOURS = 5
_MOST_COMPARED = 20_000
_APART_FRAMES = 10


@dataclass(frozen=True, eq=False)
class State:
    """A state of the protein; the first is the structure that was given.

    Attributes
    ----------
    number : int
        From 0.
    round : int
        In which it was found; 0 for the structure.
    walker, frame : int
        Of the round, -1 for the structure.
    origin : {"structure", "novel", "promising"}
        Why its walker began where it did.
    share : float
        Of the round's frames, those of its cluster; NaN for the structure.
    positions_nm : ndarray of float64, shape (n_atoms, 3)
        All that was simulated.
    ca_nm : ndarray of float64, shape (n_residues, 3)
    """

    number: int
    round: int
    walker: int
    frame: int
    origin: str
    share: float
    positions_nm: Doubles
    ca_nm: Doubles


@dataclass(frozen=True, eq=False)
class Learned:
    """The learned space of all frames so far.

    Attributes
    ----------
    embedding : ndarray of float64, shape (n_frames, latent)
    validation_nats : float or None
        Held-out loss of the model a frame; None where there were too few frames to hold any out.
    """

    embedding: Doubles
    validation_nats: float | None


def learn(rounds: Sequence[Round], pocket: Pocket, settings: DiscoverySettings, seed: int, device: str) -> Learned:
    """Train the CVAE on the contact maps of the residues around the pocket, of all rounds, and embed them."""
    frames = np.concatenate([each.frames_nm[:, pocket.beads] for each in rounds])
    learner = CVAELearner(epochs=settings.epochs, deterministic=True, device=device)
    model = learner.fit(frames, None, seed)
    validation = model.validation
    return Learned(np.asarray(model.embed(frames), np.float64), None if validation is None else validation.total)


def new_states(
    found: Round,
    embedding: Doubles,
    known: Sequence[State],
    origins: Sequence[str],
    pocket: Pocket,
    settings: DiscoverySettings,
    seed: int,
) -> list[State]:
    """Return the states of a round that no state before it is like, the most populated first.

    Parameters
    ----------
    found : Round
    embedding : ndarray of float64, shape (n_frames of the round, latent)
    known : sequence of State
        All before.
    origins : sequence of str
        Of each walker.
    pocket : Pocket
    settings : DiscoverySettings
    seed : int
        Of the clustering.
    """
    n_clusters = min(_CLUSTERS_A_STATE * settings.states_per_round, len(embedding))
    from sklearn.cluster import KMeans

    clusters = KMeans(n_clusters, n_init=3, random_state=low_bits(seed)).fit(embedding)
    sizes = np.bincount(clusters.labels_, minlength=n_clusters)
    distances = clusters.transform(embedding)
    number, states = 1 + max(each.number for each in known), list(known)
    this_round = 1 + max(each.round for each in known)
    fresh: list[State] = []
    for cluster in np.argsort(-sizes, kind="stable"):
        members = np.flatnonzero(clusters.labels_ == cluster)
        if len(fresh) == settings.states_per_round or not len(members):
            break
        frame = int(members[distances[members, cluster].argmin()])
        ca_nm = found.frames_nm[frame].astype(np.float64)
        if min(pocket.rmsd_angstrom(10 * ca_nm, 10 * each.ca_nm) for each in states) < settings.new_state:
            continue
        walker = int(found.walker[frame])
        share = float(sizes[cluster] / len(embedding))
        state = State(
            number + len(fresh), this_round, walker, frame, origins[walker], share, found.positions_nm[frame], ca_nm
        )
        fresh.append(state)
        states.append(state)
    return fresh


def next_starts(
    rounds: Sequence[Round],
    embedding: Doubles,
    states: Sequence[State],
    worth: Mapping[int, float],
    n_walkers: int,
    rng: np.random.Generator,
) -> tuple[list[Doubles], list[str]]:
    """Return where the walkers of the next round begin, and why there.

    Half begin in frames that lie furthest out in the learned space, by the radius below which DBSCAN calls them noise;
    half in the states that bind best, as far as molecules have been docked: this feeds docking back into simulation.

    Parameters
    ----------
    rounds : sequence of Round
        All so far.
    embedding : ndarray of float64, shape (n_frames, latent)
        Of all their frames.
    states : sequence of State
    worth : mapping of int to float
        Mean affinity in kcal/mol, lower being better, of states that molecules were docked into.
    n_walkers : int
    rng : numpy.random.Generator
        Draws the sample that densities are measured in.
    """
    docked = sorted(
        (each for each in states if each.number in worth), key=lambda each: (worth[each.number], each.number)
    )
    n_promising = n_walkers // 2 if docked else 0
    positions = [each for found in rounds for each in found.positions_nm]
    frames = _furthest_out(embedding, _segments(rounds), n_walkers - n_promising, rng)
    starts = [positions[frame] for frame in frames]
    starts += [docked[k % len(docked)].positions_nm for k in range(n_walkers - len(starts))] if docked else []
    starts += [positions[int(rng.integers(len(positions)))] for _ in range(n_walkers - len(starts))]
    origins = ["novel"] * len(frames) + ["promising" if docked else "novel"] * (n_walkers - len(frames))
    return starts, origins


def _segments(rounds: Sequence[Round]) -> Integers:
    """Return for each frame a number that its neighbours in time share."""
    parts, base = [], 0
    for found in rounds:
        position = np.concatenate([np.arange((found.walker == w).sum()) for w in np.unique(found.walker)])
        parts.append(base + found.walker * len(found.walker) + position // _APART_FRAMES)
        base += (int(found.walker.max()) + 1) * len(found.walker)
    return np.concatenate(parts).astype(np.int64)


def _furthest_out(embedding: Doubles, segments: Integers, n: int, rng: np.random.Generator) -> list[int]:
    """Return frames by how thinly the learned space is populated around them, no two of them neighbours in time."""
    if len(embedding) < 2:
        return list(range(min(n, len(embedding))))
    radii = noise_radii(embedding, reference(embedding, _MOST_COMPARED, _NEIGHBOURS, rng))
    chosen: list[int] = []
    taken: set[int] = set()
    for frame in np.argsort(-radii, kind="stable"):
        if len(chosen) == n:
            break
        if int(segments[frame]) not in taken:
            chosen.append(int(frame))
            taken.add(int(segments[frame]))
    return chosen
