"""Alanine dipeptide, seen through its two backbone torsions."""

from __future__ import annotations

import numpy as np

from levinthal.workloads.sampling.systems.folding import DEFAULT_TEMPERATURE_K, molecule_note
from levinthal.workloads.sampling.systems.observables import GridObservables, TorsionProjection
from levinthal.workloads.sampling.systems.particles import ParticleDynamics
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest
from levinthal.workloads.sampling.systems.torsions import TorsionDynamics, backbone_torsions

_CELLS = 36
# The left-handed helix, which the barrier at phi = 0 keeps apart, in degrees.
_ALPHA_L = (20.0, 120.0, -60.0, 120.0)


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.systems.peptide import capped_peptide

    molecule, starts = capped_peptide(
        "alanine dipeptide",
        "A",
        ("extended",),
        temperature_k=request.settings.temperature or DEFAULT_TEMPERATURE_K,
        timestep_fs=2.0,
    )
    edges = np.linspace(-180.0, 180.0 + 1e-9, _CELLS + 1)
    dynamics = ParticleDynamics(molecule, (starts["extended"],), platform=request.platform)
    centre = np.radians([60.0, 45.0])
    return System(
        name=molecule.name,
        version="1",
        synthetic=True,
        dynamics=TorsionDynamics(dynamics, backbone_torsions(molecule.topology_pdb)),
        observables=GridObservables(TorsionProjection(), edges, edges, "the left-handed helix is reached", _ALPHA_L),
        time_step_ps=1e-3 * molecule.timestep_fs,
        molecule=molecule,
        target=np.stack([np.cos(centre), np.sin(centre)], axis=1).ravel(),
        notes=(molecule_note(molecule),),
    )


SYSTEM = SystemKind(
    _make,
    campaign={"steps": 600_000, "chunk_steps": 5_000, "frame_interval": 500, "walkers": 8, "learner": "coordinates",
              "first_training_frames": 100},
)  # fmt: skip
