"""A particle on the surface of Mueller and Brown (Theor. Chim. Acta 53:75, 1979)."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics
from levinthal.workloads.sampling.systems.observables import GridObservables, PlaneProjection
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest

_CELLS = (20, 20)
# The surface is worth looking at here.
_PLANE = (-1.6, 1.2, -0.4, 2.0)
_SECOND_MINIMUM = (0.3, 1.1, -0.3, 0.4)


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.exact.potential import MuellerBrown

    kt = request.settings.temperature
    surface = MuellerBrown(kt=kt) if kt else MuellerBrown()
    x_edges = np.linspace(_PLANE[0], _PLANE[1], _CELLS[0] + 1)
    y_edges = np.linspace(_PLANE[2], _PLANE[3], _CELLS[1] + 1)
    return System(
        name=surface.name,
        version="1",
        synthetic=True,
        dynamics=PlanarDynamics(surface),
        observables=GridObservables(
            PlaneProjection(), x_edges, y_edges, "the second minimum is reached", _SECOND_MINIMUM
        ),
        stationary=surface.cell_probabilities(x_edges, y_edges),
        target=np.array([0.623, 0.028]),
        notes=("The system is a particle on a made-up surface in the plane; its stationary distribution is known.",),
    )


SYSTEM = SystemKind(_make, is_exact=True)
