"""Ramachandran maps side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from levinthal.arrays import Doubles
from levinthal.workloads.drawing import new_figure, svg_of

_BINS = 36
_DEEPEST_KT = 6.0


def ramachandran_maps(found: Mapping[str, tuple[Doubles, Doubles]]) -> str:
    """Draw the free energy over phi and psi for several sets of frames, as SVG.

    Parameters
    ----------
    found : mapping of str to (ndarray of shape (n, 2), ndarray of shape (n,))
        Torsions in radians and weights.
    """
    figure = new_figure(3.2 * len(found) + 0.6, 3.2)
    edges = np.linspace(-180.0, 180.0, _BINS + 1)
    drawn = None
    for k, (name, (torsions, weights)) in enumerate(found.items()):
        axes = figure.add_subplot(1, len(found), k + 1)
        phi, psi = np.degrees(torsions).T
        counts, _, _ = np.histogram2d(phi, psi, [edges, edges], weights=weights)
        with np.errstate(divide="ignore"):
            energy = -np.log(counts / counts.max())
        shown = np.ma.masked_invalid(energy.T)
        drawn = axes.pcolormesh(edges, edges, shown, cmap="viridis", vmin=0, vmax=_DEEPEST_KT, rasterized=True)
        axes.set(title=name, xlabel="phi (degrees)", ylabel="psi (degrees)" if k == 0 else "", aspect="equal")
        axes.set(xticks=(-180, 0, 180), yticks=(-180, 0, 180))
    if drawn is not None:
        figure.colorbar(drawn, ax=figure.axes, label="free energy (kT)", shrink=0.8)
    return svg_of(figure)
