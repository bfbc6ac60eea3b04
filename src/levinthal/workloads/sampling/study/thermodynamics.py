"""Entropy and kinetic temperature of the frames of a campaign, from at most 1,000 spread evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.simulation.analysis.entropy import configurational_entropy

if TYPE_CHECKING:
    from levinthal.simulation.systems.molecular_system import MolecularSystem

Doubles: TypeAlias = npt.NDArray[np.float64]

_MOST_FRAMES = 1000
_BOLTZMANN_KJ_MOL_K = 0.00831446261815324


def entropies(frames: npt.NDArray[np.float32], molecule: MolecularSystem | None) -> tuple[float, float, int]:
    """Return Schlitter's and the quasi-harmonic entropy of the CA atoms, each with the mass it is simulated with."""
    if molecule is None or frames.ndim != 3 or len(frames) < 3 or frames.shape[1] < 3:
        return float("nan"), float("nan"), 0
    masses, _ = _masses(molecule.system_xml)
    chosen = np.unique(np.linspace(0, len(frames) - 1, _MOST_FRAMES).astype(np.int64))
    found = configurational_entropy(
        np.asarray(frames[chosen], np.float64), masses[list(molecule.ca_indices)], molecule.temperature_k
    )
    return found.schlitter_j_mol_k, found.quasi_harmonic_j_mol_k, len(chosen)


def _masses(system_xml: str) -> tuple[Doubles, int]:
    """Return the mass of each particle in amu, and how many degrees of freedom are left to move in."""
    import openmm
    from openmm import unit

    parsed = openmm.XmlSerializer.deserialize(system_xml)
    masses = np.array([parsed.getParticleMass(k).value_in_unit(unit.dalton) for k in range(parsed.getNumParticles())])
    removed = any(isinstance(force, openmm.CMMotionRemover) for force in parsed.getForces())
    return masses, 3 * int((masses > 0).sum()) - parsed.getNumConstraints() - 3 * removed


def kinetic_ratio(states: Doubles, molecule: MolecularSystem | None) -> float:
    """Return the kinetic temperature over that asked for; NaN where nothing moves."""
    if molecule is None or not len(states):
        return float("nan")
    masses, freedom = _masses(molecule.system_xml)
    chosen = np.unique(np.linspace(0, len(states) - 1, _MOST_FRAMES).astype(np.int64))
    half = states.shape[1] // 2
    velocities = np.asarray(states[chosen, half:]).reshape(len(chosen), -1, 3)
    twice_kinetic = np.einsum("a,fai,fai->f", masses, velocities, velocities).mean()
    return float(twice_kinetic / (freedom * _BOLTZMANN_KJ_MOL_K * molecule.temperature_k))
