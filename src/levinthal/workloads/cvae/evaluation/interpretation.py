"""What a trained model has found: reconstruction of unseen frames, and its latent space beside PCA's and tICA's."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.harness import Run
from levinthal.workloads.cvae.data.features import Features
from levinthal.workloads.cvae.evaluation import scores as evaluation
from levinthal.workloads.cvae.evaluation.answer import displayed, leave_clusters
from levinthal.workloads.cvae.evaluation.figures import contact_map_figure, latent_figure
from levinthal.workloads.cvae.inference import decode, evaluate
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.settings import CVAESettings


class Space(NamedTuple):
    """Embeddings and their cluster labels; null where the method found none, and why."""

    points: Doubles | None
    labels: npt.NDArray[np.int32] | None
    why: str = ""

    @property
    def missing(self) -> str | None:
        """Why there are no embeddings; None where there are."""
        return self.why if self.points is None else None


def reconstruct_held_out(
    run: Run,
    settings: CVAESettings,
    model: CVAEModel,
    data: Features,
    latent: Doubles,
    batch_size: int,
    advice: str,
) -> None:
    """Measure reconstruction on the test frames, which neither training nor any choice has seen.

    `advice` says what to change where it is not good enough. Of a person's own frames that is a sanity check.

    A time-lagged model is asked for the frames that come `lag` later.
    """
    encoded, frames = data.pairs_in_time(data.split.test, settings.model_lag)
    first, second = data.pairs.first, data.pairs.second
    truth = data.pairs.contacts[frames]
    pair_logits = np.empty(truth.shape, np.float32)
    n = data.maps.n_residues
    reconstructed = np.zeros((n, n))
    for start in range(0, len(frames), batch_size):
        part = slice(start, start + batch_size)
        logits = decode(model, latent[encoded[part]], batch_size=batch_size)[:, :n, :n]
        # The model need not be symmetric: a pair's odds are the mean of its two places in the map.
        pair_logits[part] = 0.5 * (logits[:, first, second] + logits[:, second, first])
        both = 0.5 * (logits + logits.transpose(0, 2, 1))
        reconstructed += (1.0 / (1.0 + np.exp(-both))).sum(axis=0, dtype=np.float64)
    bits = evaluation.bits_per_contact(pair_logits, truth)
    mean_map = evaluation.mean_map_logits(data.pairs.contacts[data.split.train])
    mean_map_bits = evaluation.bits_per_contact(mean_map, truth)
    held_out = evaluate(
        model,
        data.source(data.split.test, settings.model_lag),
        batch_size=batch_size,
        seed=run.seed_for("noise", bits=31),
    )
    # Pairs that are neighbours in the chain are always in contact and would flatter the curve.
    far = second - first >= 3
    auc = evaluation.area_under_curve(pair_logits[:, far], truth[:, far])
    mean_map_auc = evaluation.area_under_curve(mean_map[far], truth[:, far])
    why = "all pairs of the test frames are alike"
    for name, its_bits, its_auc in ((settings.model_name, bits, auc), ("mean map", mean_map_bits, mean_map_auc)):
        of = {"predictor": name}
        run.metric("held-out bits per contact", its_bits, unit="bit", better="lower", kind="quality", labels=of)
        run.metric("held-out AUC", its_auc, unit="1", better="higher", kind="quality", reason=why, labels=of)
    run.finding(
        f"Frames that were held out: {bits:.3g} bits per contact by the {settings.model_name}, {mean_map_bits:.3g} by "
        "the mean map, which does not look at the frame."
    )
    run.metric("held-out loss", held_out.total, unit="nat/frame", better="lower", kind="quality")
    run.metric("KL divergence", held_out.kl, unit="nat/frame", better="lower", kind="quality")
    run.gate(
        "held-out bits per contact over those of the mean map",
        bits / mean_map_bits if mean_map_bits > 0 else None,
        at_most=1.0 - settings.margin,
        kind="sanity" if settings.frames_are_given else "benchmark",
        advice=advice,
    )
    picture = np.tril(reconstructed / len(frames), -1)
    picture[first, second] = 0.0
    observed = np.zeros((n, n))
    observed[first, second] = truth.mean(axis=0)
    run.artifact(
        "contact_map.svg",
        contact_map_figure(observed, picture),
        "Mean contact map of the held-out frames (above the diagonal) and of their reconstructions (below).",
    )


def embed_and_cluster(run: Run, settings: CVAESettings, data: Features, latent: Doubles) -> dict[str, Space]:
    """Cluster the model's space and leave what it says of the molecule; then do the same by PCA and tICA."""
    seed = run.seed_for("clusters", bits=31)
    fit, contacts = data.split.train, data.pairs.contacts
    with run.phase("cluster", items=len(latent), doing="clusters, PCA, tICA"):
        labels = evaluation.cluster_labels(latent, settings.clusters, seed)
        _draw(run, settings, data, latent, leave_clusters(run, settings, data, latent, labels))

        def embedded(name: str, embed: Callable[[], Doubles | None]) -> Space:
            try:
                points = embed()
                found = None if points is None else evaluation.cluster_labels(points, settings.clusters, seed)
            except (ArithmeticError, ValueError, RuntimeError, np.linalg.LinAlgError) as error:
                traceback.print_exc()  # a baseline that fails costs its own figures, and nothing else
                return Space(None, None, f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
            return Space(points, found, f"no contact varies in blocks longer than the lag of {settings.lag} frames")

        blocks = [contacts[block] for block in data.stretches(fit)]
        return {
            settings.model_name: Space(latent, labels),
            "PCA": embedded("PCA", lambda: evaluation.pca_embedding(contacts[fit], contacts, settings.latent, seed)),
            "tICA": embedded(
                "tICA", lambda: evaluation.tica_embedding(blocks, contacts, settings.latent, settings.lag)
            ),
        }


def interpret(run: Run, settings: CVAESettings, data: Features, spaces: Mapping[str, Space]) -> None:
    """Compare what the latent spaces of the model, PCA and tICA say of the molecule."""
    for name, space in spaces.items():
        _correlate(run, settings, data, name, space)
        _describe_states(run, data, name, space)


def _draw(run: Run, settings: CVAESettings, data: Features, latent: Doubles, clusters: npt.NDArray[np.integer]) -> None:
    label, values = displayed(*next(iter(data.properties.items())))
    if data.helical is None:
        groups = {f"cluster {number}": clusters == number for number in range(1, int(clusters.max()) + 1)}
        by, about = "cluster", "by cluster, the most populated first"
    else:
        groups = {"helix": data.helical, "coil": ~data.helical}
        by, about = "state", "by state; a frame is helix when at least half of its residues are"
    run.artifact(
        "latent.svg",
        latent_figure(latent, values, label, groups, by, run.seed_for("clusters", bits=31)),
        f"Latent space of the {settings.model_name}, turned to its principal axes; each point is a frame. "
        f"Left: coloured by {label}. Right: {about}.",
    )


def _correlate(run: Run, settings: CVAESettings, data: Features, name: str, space: Space) -> None:
    points = space.points
    fit, test = data.split.train, data.split.test
    for what, values in data.properties.items():
        found = None
        if points is not None:
            found = evaluation.linear_correlation(points[fit], values[fit], points[test], values[test])
        run.metric(
            "correlation with a property",
            found,
            unit="1",
            better="higher",
            kind="quality",
            reason=space.missing or "it does not vary",
            labels={"space": name, "property": what},
        )
    score = None
    if points is not None:
        held_out = np.sort(np.concatenate([data.split.validation, test]))
        fitted, scored = ([points[block] for block in data.stretches(frames)] for frames in (fit, held_out))
        score = evaluation.vamp2_held_out(fitted, scored, settings.lag)
    run.metric(
        "VAMP-2",
        score,
        unit="1",
        better="higher",
        kind="quality",
        reason=space.missing
        or f"its space does not vary, or no block held out is longer than the lag of {settings.lag} frames",
        labels={"space": name},
    )


def _describe_states(run: Run, data: Features, name: str, space: Space) -> None:
    points, labels, _ = space
    missing = space.missing
    agreement, why = None, "no states of this molecule are known beforehand: see clusters.csv"
    if data.helical is not None:
        states = data.helical.astype(np.int64)
        agreement = None if labels is None else evaluation.state_agreement(labels, states)
        why = f"all frames are {'helix' if states.all() else 'coil'}: there are no two states to compare"
    of = {"space": name}
    run.metric(
        "state agreement", agreement, unit="1", better="higher", kind="quality", reason=missing or why, labels=of
    )
    seed = run.seed_for("clusters", bits=31)
    run.metric(
        "silhouette",
        None if points is None or labels is None else evaluation.silhouette(points, labels, seed),
        unit="1",
        better="higher",
        kind="quality",
        reason=missing or "there is one cluster only",
        labels=of,
    )
