"""What a trained model has found of the molecule: clusters, and its latent space beside PCA's and tICA's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers
from levinthal.harness import Run
from levinthal.workloads.cvae.data.features import Features
from levinthal.workloads.cvae.evaluation import kinetics
from levinthal.workloads.cvae.evaluation import scores as evaluation
from levinthal.workloads.cvae.evaluation.answer import displayed, leave_clusters
from levinthal.workloads.cvae.evaluation.baselines import Space
from levinthal.workloads.cvae.evaluation.figures import latent_figure
from levinthal.workloads.cvae.evaluation.kinetics import Reference, reference_of
from levinthal.workloads.cvae.settings import CVAESettings

__all__ = ["cluster_model", "interpret"]


def cluster_model(run: Run, settings: CVAESettings, data: Features, latent: Doubles) -> Reference:
    """Cluster the model's space, leave what it says of the molecule, and return the reference it is held against."""
    labels = evaluation.cluster_labels(latent, data.split.train, settings.clusters, run.seed_for("clusters", bits=31))
    clusters = leave_clusters(run, settings, data, latent, labels)
    reference = _reference(settings, data)
    if reference.states is not None:
        run.note(f"Macrostates are those of a Markov model of the reference: {reference.why}.")
    _draw(run, settings, data, latent, clusters, reference)
    return reference


def _reference(settings: CVAESettings, data: Features) -> Reference:
    if data.native is None:
        return Reference(None, [], "there are no coordinates to make a Markov model of the reference of")
    distance = next(values for what, values in data.properties.items() if what.startswith("RMSD to "))
    trajectories = data.stretches(np.arange(len(data.maps)))
    return reference_of(data.properties[data.native], distance, trajectories, settings.clusters)


def interpret(
    run: Run, settings: CVAESettings, data: Features, spaces: Mapping[str, Space], reference: Reference
) -> None:
    """Compare what the spaces of the model, PCA and tICA say of the molecule, on trajectories that fitted none."""
    fit, test = data.split.train, data.split.test
    lags = kinetics.lags_of(settings.lag, max(map(len, data.stretches(test))))
    for name, space in spaces.items():
        _correlate(run, data, name, space)
        _agree(run, settings, data, name, space, reference)
        fitted, scored = (
            [] if space.points is None else [space.points[each] for each in data.stretches(frames)]
            for frames in (fit, test)
        )
        run.metric(
            "VAMP-2",
            kinetics.vamp2_held_out(fitted, scored, settings.lag),
            unit="1",
            better="higher",
            kind="quality",
            reason=space.missing
            or f"its space does not vary, or no stretch held out is longer than the lag of {settings.lag} frames",
            labels={"method": name},
        )
        times = {lag: kinetics.held_out_timescale(fitted, scored, lag) for lag in lags}
        _report_timescales(run, settings, name, times, space.missing or "nothing is left of it after the lag")
    of_reference = {lag: reference.timescale_frames(lag) for lag in lags}
    _report_timescales(run, settings, "reference", of_reference, reference.why)


def _report_timescales(
    run: Run, settings: CVAESettings, name: str, times: Mapping[int, float | None], why: str
) -> None:
    known = {lag: frames for lag, frames in times.items() if frames is not None}
    if known:
        run.curve(
            "slowest implied timescale", known, known.values(), x_name="lag", x_unit="frame", unit="frame",
            labels={"method": name},
        )  # fmt: skip
    run.metric(
        "slowest implied timescale",
        known.get(settings.lag),
        unit="frame",
        better="higher",
        kind="quality",
        reason=why,
        labels={"method": name},
    )


def _draw(
    run: Run,
    settings: CVAESettings,
    data: Features,
    latent: Doubles,
    clusters: npt.NDArray[np.integer],
    reference: Reference,
) -> None:
    label, values = displayed(*next(iter(data.properties.items())))
    states, by, about = clusters, "cluster", "by cluster, the most populated first"
    if reference.states is not None:
        states, by, about = reference.states + 1, "macrostate", "by macrostate of the reference, the most native first"
    groups = {f"{by} {number}": states == number for number in range(1, int(states.max()) + 1)}
    run.artifact(
        "latent.svg",
        latent_figure(latent, values, label, groups, by, run.seed_for("clusters", bits=31)),
        f"Latent space of the {settings.model_name}, turned to its principal axes; each point is a frame. "
        f"Left: coloured by {label}. Right: {about}.",
    )


def _correlate(run: Run, data: Features, name: str, space: Space) -> None:
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
            labels={"method": name, "property": what},
        )


def _agree(run: Run, settings: CVAESettings, data: Features, name: str, space: Space, reference: Reference) -> None:
    """Report how clusters of the space agree with the macrostates of the reference, on the test frames."""
    agreement, why = None, "all test frames are in one macrostate"
    if reference.states is None:
        why = reference.why
    elif space.points is not None:
        seed = run.seed_for("clusters", bits=31)
        labels = evaluation.cluster_labels(space.points, data.split.train, settings.clusters, seed)
        test: Integers = data.split.test[reference.states[data.split.test] >= 0]
        agreement = evaluation.state_agreement(labels[test], reference.states[test])
    run.metric(
        "macrostate agreement",
        agreement,
        unit="1",
        better="higher",
        kind="quality",
        reason=space.missing or why,
        labels={"method": name},
    )
