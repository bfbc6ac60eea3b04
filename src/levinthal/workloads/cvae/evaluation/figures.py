"""Pictures of a trained CVAE, as SVG: its latent space, and the mean contact map beside what the model makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from levinthal.workloads.drawing import PALETTE, new_figure, svg_of

_MOST_POINTS = 4000


def latent_figure(
    latent: npt.NDArray[np.floating],
    values: npt.NDArray[np.floating],
    label: str,
    groups: Mapping[str, npt.NDArray[np.bool_]],
    by: str,
    seed: int,
) -> str:
    """Draw the two widest directions of the latent space, coloured by a property, and by group.

    Parameters
    ----------
    latent : ndarray, shape (n_frames, n_latent)
        Embeddings; turned to their principal axes, which changes no distance.
    values : ndarray, shape (n_frames,)
        The property.
    label : str
        Its name and unit.
    groups : mapping of str to ndarray of bool, shape (n_frames,)
        Which frames are in each group: a state that is known, or a cluster.
    by : str
        What the groups are.
    seed : int
        Chooses which frames are drawn where there are more than 4,000.

    Returns
    -------
    str
        SVG.
    """
    figure = new_figure(7.2, 3.3)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    centred = np.asarray(latent, np.float64) - latent.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    plane = centred @ axes[:2].T
    if plane.shape[1] < 2:
        plane = np.column_stack([plane, np.zeros(len(plane))])
    rng = np.random.default_rng(seed)
    shown = rng.permutation(len(plane))[:_MOST_POINTS]  # also mixes the drawing order, so that no state hides another
    dots = panels[0].scatter(*plane[shown].T, c=values[shown], s=6, linewidths=0, cmap="viridis", rasterized=True)
    figure.colorbar(dots, ax=panels[0], label=label)
    panels[0].set(xlabel="latent axis 1", ylabel="latent axis 2", title=f"by {label.partition(' to ')[0]}")
    for k, (name, members) in enumerate(groups.items()):
        chosen = shown[members[shown]]
        if len(chosen):
            colour = PALETTE[k % len(PALETTE)]
            panels[1].scatter(*plane[chosen].T, color=colour, s=6, linewidths=0, label=name, alpha=0.7, rasterized=True)
    if len(groups) <= len(PALETTE):
        panels[1].legend(frameon=False, markerscale=3)
    panels[1].set(xlabel="latent axis 1", title=f"by {by}")
    return svg_of(figure)


def contact_map_figure(observed: npt.NDArray[np.floating], reconstructed: npt.NDArray[np.floating]) -> str:
    """Draw the mean contact map of held-out frames (upper triangle) against its reconstruction (lower triangle).

    Parameters
    ----------
    observed, reconstructed : ndarray, shape (n_residues, n_residues)
        Probability of each contact.

    Returns
    -------
    str
        SVG.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(4.2, 3.4)
    axes = figure.subplots()
    image = axes.imshow(
        np.triu(observed, 1) + np.tril(reconstructed, -1) + np.eye(len(observed)),
        cmap="Greys",
        vmin=0.0,
        vmax=1.0,
        extent=(0.5, len(observed) + 0.5, len(observed) + 0.5, 0.5),
    )
    figure.colorbar(image, ax=axes, label="probability of contact")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="residue", ylabel="residue", title="above: held-out frames; below: the model")
    return svg_of(figure)
