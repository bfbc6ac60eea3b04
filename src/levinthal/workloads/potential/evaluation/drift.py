"""Whether a student keeps the energy in dynamics without friction, for each precision in which it computes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special

from levinthal.arrays import Doubles
from levinthal.simulation.analysis.intervals import Estimate, unknown
from levinthal.workloads.potential.dynamics.compiled import is_compiled, potential_of
from levinthal.workloads.potential.dynamics.langevin import Motion, simulate
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import TorchPotential

_FRAMES = 50
_CONFIDENCE = 0.95


def total_energies(
    module: Any, molecule: Molecule, motion: Motion, states: Doubles, n_steps: int, precision: str, device: str
) -> Doubles:
    """Return total energies along runs at constant energy, shape (n_runs, n_frames), kJ/mol; NaN from a failure on.

    Parameters
    ----------
    module : Student
    molecule : Molecule
    motion : Motion
        Its friction is left out.
    states : ndarray, shape (n_runs, 2, n_atoms, 3)
        Where runs begin.
    n_steps : int
    precision, device : str
    """
    motion = Motion(motion.timestep_fs, motion.temperature_k, 0.0)
    interval = max(1, n_steps // _FRAMES)
    n_steps = interval * (n_steps // interval)
    found = np.full((len(states), n_steps // interval), math.nan)
    if not is_compiled(module, precision, device):
        return _side_by_side(TorchPotential(module, precision, device), molecule, motion, states, interval, found)
    potential = potential_of(module, precision, device)
    for k, state in enumerate(states):
        energies = simulate(potential, molecule, motion, state, n_steps, 0, interval).energies
        found[k, : len(energies)] = energies.sum(axis=1)
    return found


def _side_by_side(
    potential: TorchPotential, molecule: Molecule, motion: Motion, states: Doubles, interval: int, found: Doubles
) -> Doubles:
    """Fill in the energies of all runs, a batch a step."""
    x, v = states[:, 0].copy(), states[:, 1].copy()
    step_ps, masses = 1e-3 * motion.timestep_fs, molecule.masses_amu[:, None]
    _, forces = potential.batch(x)
    for step in range(interval * found.shape[1]):
        v += 0.5 * step_ps / masses * forces
        x += step_ps * v
        energies, forces = potential.batch(x)
        v += 0.5 * step_ps / masses * forces
        if (step + 1) % interval == 0:
            found[:, step // interval] = energies + 0.5 * (masses * v * v).sum(axis=(1, 2))
    return found


def drift_of(energies: Doubles, duration_ns: float, kt: float, n_atoms: int) -> Estimate:
    """Return the mean drift of runs in kT/ns for each degree of freedom, and Student's interval over runs.

    Parameters
    ----------
    energies : ndarray, shape (n_runs, n_frames)
        Total energies at equal times; a run that is not finite has no drift.
    duration_ns : float
        Of a run.
    kt : float
        Thermal energy in kJ/mol.
    n_atoms : int
        Each has three degrees of freedom; the six of the whole molecule are not counted.
    """
    whole = energies[np.isfinite(energies).all(axis=1)]
    if len(whole) < 3:
        return unknown(_CONFIDENCE, f"{len(whole)} of {len(energies)} runs held")
    time_ns = duration_ns * np.arange(1, energies.shape[1] + 1) / energies.shape[1]
    slopes = np.polyfit(time_ns, whole.T, 1)[0] / (kt * (3 * n_atoms - 6))
    half = special.stdtrit(len(slopes) - 1, 0.5 + _CONFIDENCE / 2) * slopes.std(ddof=1) / math.sqrt(len(slopes))
    value = float(slopes.mean())
    return Estimate(value, value - half, value + half, _CONFIDENCE, "Student's t over runs")


def smaller(a: Estimate, b: Estimate) -> str:
    """Say whether the drift of a is smaller than that of b: `yes`, `no`, or `cannot tell` where intervals overlap."""
    (low_a, high_a), (low_b, high_b) = (_size(each) for each in (a, b))
    if high_a < low_b:
        return "yes"
    return "no" if high_b < low_a else "cannot tell"


def _size(estimate: Estimate) -> tuple[float, float]:
    """Return the interval of the absolute drift."""
    low, high = estimate.low, estimate.high
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, math.inf
    return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def recommended(found: Mapping[str, Estimate]) -> str:
    """Return the cheapest precision that cannot be told from the most exact one, and a reason, in a sentence."""
    order = [each for each in ("bf16", "tf32", "fp32", "fp64") if each in found]
    exact = order[-1]
    for each in order[:-1]:
        if math.isfinite(found[each].value) and smaller(found[exact], found[each]) != "yes":
            return f"Use {each}: its drift cannot be told from that of {exact}."
    return f"Use {exact}: the drift of every cheaper precision that was measured is larger."
