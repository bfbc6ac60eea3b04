"""A Go model of two structures of one chain, from the first to the second: `structures=open.pdb,closed.pdb`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.sampling.systems.folding import DEFAULT_KT, GO_CAMPAIGN, go_system
from levinthal.workloads.sampling.systems.observables import GridObservables, TwoStructures
from levinthal.workloads.sampling.systems.particles import ParticleDynamics
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest

_CELLS = 25
_REACHED = 1 / 3
_WIDEST = 2.0
"""Cells end at so many times the distance between both structures."""


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.go.two_basin import two_basin_model

    if len(request.settings.structures) != 2:
        raise UsageError("system two-basin is made of two structures of one chain: set structures=FIRST.pdb,SECOND.pdb")
    first, second = request.settings.structures
    made = two_basin_model(first, second, request.settings.temperature or DEFAULT_KT)
    model, reached_nm = made.model, _REACHED * made.apart_nm
    plain = go_system(model, request, f"two structures of one chain, {made.apart_nm:.2g} nm apart")
    edges = np.linspace(0.0, _WIDEST * made.apart_nm, _CELLS + 1)
    starts = (model.native_nm, made.second_nm)
    return replace(
        plain,
        dynamics=ParticleDynamics(model.system, starts[:1], platform=request.platform),
        reference_dynamics=ParticleDynamics(model.system, starts, platform=request.platform),
        observables=GridObservables(
            TwoStructures(*starts),
            edges,
            edges,
            f"the second structure is less than {reached_nm:.2g} nm away",
            (0.0, np.inf, 0.0, reached_nm),
        ),
        target=made.second_nm,
        notes=(
            *plain.notes,
            f"{len(model.contacts) - made.n_second_only} contacts are the first structure's, {made.n_second_only} only "
            "the second's; bonds, angles and dihedrals are at rest in the first.",
        ),
    )


SYSTEM = SystemKind(_make, campaign=GO_CAMPAIGN)
