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
    # cut also where the event begins and ends
    x_finer, y_finer = np.union1d(x_edges, _SECOND_MINIMUM[:2]), np.union1d(y_edges, _SECOND_MINIMUM[2:])
    finer = surface.cell_probabilities(x_finer, y_finer).reshape(len(x_finer) - 1, -1)
    across = (x_finer[:-1] >= _SECOND_MINIMUM[0]) & (x_finer[:-1] < _SECOND_MINIMUM[1])
    along = (y_finer[:-1] >= _SECOND_MINIMUM[2]) & (y_finer[:-1] < _SECOND_MINIMUM[3])
    return System(
        name=surface.name,
        version="1",
        synthetic=True,
        dynamics=PlanarDynamics(surface),
        observables=GridObservables(
            PlaneProjection(), x_edges, y_edges, "the second minimum is reached", _SECOND_MINIMUM
        ),
        stationary=surface.cell_probabilities(x_edges, y_edges),
        event_population=float(finer[np.ix_(across, along)].sum()),
        target=np.array([0.623, 0.028]),
        notes=("The system is a particle on a made-up surface in the plane; its stationary distribution is known.",),
    )


SYSTEM = SystemKind(
    _make,
    is_exact=True,
    campaign={"steps": 60_000, "chunk_steps": 500, "frame_interval": 25, "walkers": 8, "learner": "coordinates",
              "first_training_frames": 100},
)  # fmt: skip
