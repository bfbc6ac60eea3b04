"""How well held-out frames are made again: the model beside PCA and tICA with logistic decoders and the mean map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask, Singles
from levinthal.harness import Run
from levinthal.workloads.cvae.data.features import Features, PairSample
from levinthal.workloads.cvae.evaluation import scores as evaluation
from levinthal.workloads.cvae.evaluation.baselines import PCA, Space
from levinthal.workloads.cvae.evaluation.figures import contact_map_figure
from levinthal.workloads.cvae.inference import decode, evaluate
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.settings import CVAESettings

__all__ = ["MEAN_MAP", "Decoded", "decode_pairs", "reconstruct_held_out"]

MEAN_MAP = "mean map"


class Decoded(NamedTuple):
    """What the model makes of some frames: log odds of the sampled pairs, and the mean probability of all."""

    logits: Singles
    mean: Doubles


def decode_pairs(model: CVAEModel, latent: Doubles, pairs: PairSample, n_residues: int, batch_size: int) -> Decoded:
    """Decode latent points (n_frames, n_latent) to log odds of the pairs of a sample, and their mean map."""
    first, second, n = pairs.first, pairs.second, n_residues
    found = np.empty((len(latent), len(first)), np.float32)
    total = np.zeros((n, n))
    for start in range(0, len(latent), batch_size):
        part = slice(start, start + batch_size)
        logits = decode(model, latent[part], batch_size=batch_size)[:, :n, :n]
        # The model need not be symmetric: a pair's odds are the mean of its two places in the map.
        both = 0.5 * (logits + logits.transpose(0, 2, 1))
        found[part] = both[:, first, second]
        total += (1.0 / (1.0 + np.exp(-both))).sum(axis=0, dtype=np.float64)
    return Decoded(found, total / max(1, len(latent)))


def reconstruct_held_out(
    run: Run,
    settings: CVAESettings,
    model: CVAEModel,
    data: Features,
    spaces: Mapping[str, Space],
    batch_size: int,
    advice: str,
) -> None:
    """Measure reconstruction on the test frames, which neither training nor any choice has seen, and judge it.

    A time-lagged model is asked for the frames that come `lag` later, and so are the others.

    Parameters
    ----------
    run : Run
    settings : CVAESettings
    model : CVAEModel
    data : Features
    spaces : mapping of str to Space
        By method, the model's own among them.
    batch_size : int
        Frames decoded at a time.
    advice : str
        What to change where it is not good enough.
    """
    encoded, frames = data.pairs_in_time(data.split.test, settings.model_lag)
    truth = data.pairs.contacts[frames]
    latent = spaces[settings.model_name].points
    assert latent is not None
    made = decode_pairs(model, latent[encoded], data.pairs, data.maps.n_residues, batch_size)
    logits: dict[str, Doubles | Singles | None] = {
        settings.model_name: made.logits,
        MEAN_MAP: evaluation.mean_map_logits(data.pairs.contacts[data.split.train]),
    }
    for name, space in spaces.items():
        if space.decoder is not None and space.points is not None:
            logits[name] = space.decoder.logits(space.points[encoded])
        elif name != settings.model_name:
            logits[name] = None
    bits = _report(run, data, spaces, logits, truth)
    held_out = evaluate(
        model,
        data.source(data.split.test, settings.model_lag),
        batch_size=batch_size,
        seed=run.seed_for("noise", bits=31),
    )
    run.metric("held-out loss", held_out.total, unit="nat/frame", better="lower", kind="quality")
    run.metric("KL divergence", held_out.kl, unit="nat/frame", better="lower", kind="quality")
    _judge(run, settings, data, bits, encoded, advice)
    _draw(run, data, truth, made.mean)


def _report(
    run: Run,
    data: Features,
    spaces: Mapping[str, Space],
    logits: Mapping[str, Doubles | Singles | None],
    truth: Mask,
) -> dict[str, Doubles]:
    """Report bits and AUC of each method; return the bits of each frame."""
    # Pairs that are neighbours in the chain are always in contact and would flatter the curve.
    far = data.pairs.second - data.pairs.first >= 3
    bits = {}
    for name, each in logits.items():
        missing = spaces[name].missing if name in spaces else None
        its_bits = its_auc = None
        if each is not None:
            bits[name] = evaluation.frame_bits(each, truth)
            its_bits = float(bits[name].mean())
            its_auc = evaluation.area_under_curve(each[..., far], truth[:, far])
        of = {"method": name}
        run.metric(
            "held-out bits per contact", its_bits, unit="bit", better="lower", kind="quality", reason=missing, labels=of
        )
        why = missing or "all pairs of the test frames are alike"
        run.metric("held-out AUC", its_auc, unit="1", better="higher", kind="quality", reason=why, labels=of)
    return bits


def _judge(
    run: Run, settings: CVAESettings, data: Features, bits: Mapping[str, Doubles], encoded: Integers, advice: str
) -> None:
    """Compare the model's bits with those of the others, and hold them to the gates that ask what was learned."""
    own = bits[settings.model_name]
    ends = np.cumsum([len(stretch) for stretch in data.stretches(encoded)])[:-1]
    blocks = evaluation.blocks_of(np.split(np.arange(len(encoded)), ends), data.correlation_time)
    seed = run.seed_for("intervals", bits=31)
    told = []
    for name, others in bits.items():
        if name == settings.model_name:
            continue
        told.append(f"{others.mean():.3g} by {name}" + ("" if name == MEAN_MAP else " with a logistic decoder"))
    beside = ""
    if PCA in bits and bits[PCA].any():
        ratio = evaluation.ratio_of_bits(own, bits[PCA], blocks, seed=seed)
        limits = f"{ratio.low:.2f} to {ratio.high:.2f}" if np.isfinite(ratio.high) else "no interval"
        beside = f"; over those of PCA {ratio.value:.2f} ({limits}, {ratio.method})"
        value, high = ratio.value, ratio.high
    else:
        value = high = float("nan")
    if settings.judge == "learning":
        over_mean = float(own.mean() / bits[MEAN_MAP].mean()) if bits[MEAN_MAP].any() else None
        _gates(run, settings, over_mean, (value, high), advice)
    run.finding(
        f"Frames that were held out: {own.mean():.3g} bits per contact by the {settings.model_name}, "
        f"{', '.join(told)}{beside}."
    )


def _gates(
    run: Run, settings: CVAESettings, over_mean: float | None, over_pca: tuple[float, float], advice: str
) -> None:
    """Hold bits to those of the mean map and, but for a person's own molecule, of PCA (ratio and its upper limit)."""
    most = 1.0 - settings.margin
    run.gate(
        "held-out bits per contact over those of the mean map",
        over_mean,
        at_most=most,
        kind="sanity" if settings.is_own else "benchmark",
        advice=advice,
    )
    if settings.is_own:
        return
    run.gate(
        "held-out bits per contact over those of PCA with a logistic decoder",
        over_pca[0],
        at_most=most,
        advice=advice,
    )
    run.gate(
        "upper limit of held-out bits per contact over those of PCA with a logistic decoder",
        over_pca[1],
        at_most=1.0,
        advice="hold more frames out: simulate longer, or more replicas",
    )


def _draw(run: Run, data: Features, truth: Mask, made: Doubles) -> None:
    first, second, n = data.pairs.first, data.pairs.second, data.maps.n_residues
    picture = np.tril(made, -1)
    picture[first, second] = 0.0
    observed = np.zeros((n, n))
    observed[first, second] = truth.mean(axis=0)
    run.artifact(
        "contact_map.svg",
        contact_map_figure(observed, picture),
        "Mean contact map of the held-out frames (above the diagonal) and of their reconstructions (below).",
    )
