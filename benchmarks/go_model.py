"""Steps a second of the CA Go model on one core: Levinthal's forces against the recipe as one would first write it.

Ours: dihedrals as one polynomial, and the repulsion either written out in pairs or as a compiled NonbondedForce with a
cutoff, on whichever platform `advance` chooses. The peer: two periodic torsions a dihedral and the repulsion as
CustomNonbondedForce with the same cutoff, on the faster of Reference and CPU (one thread). The molecules are packed
ideal helices: what counts for speed is the number of beads and contacts. All sides run in turn, several rounds; medians
are compared. Run it on one core: `taskset -c 0 python benchmarks/go_model.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import openmm
from undisturbed import watched

from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.go.go_model import go_forces, go_model
from levinthal.simulation.systems.molecular_system import Residue

BEADS = (20, 28, 35, 56, 106)
RESIDUES_A_HELIX = 14
KELVIN_AT_KT_1 = 1 / 0.00831446261815324
TIMESTEP_PS = 0.002


def packed_helices(n_beads: int) -> tuple[np.ndarray, np.ndarray]:
    """Return CA atoms of parallel ideal helices 0.9 nm apart, and which are closer than 0.75 nm."""
    k = np.arange(n_beads)
    turn, rise = np.radians(100) * (k % RESIDUES_A_HELIX), 0.15 * (k % RESIDUES_A_HELIX)
    helix = k // RESIDUES_A_HELIX
    centre = 0.9 * np.stack([helix % 3 + 0.5 * (helix // 3 % 2), helix // 3 * np.sqrt(0.75)], axis=1)
    native = np.stack([centre[:, 0] + 0.23 * np.cos(turn), centre[:, 1] + 0.23 * np.sin(turn), rise], axis=1)
    distances = np.linalg.norm(native[:, None] - native[None], axis=-1)
    first, second = np.triu_indices(n_beads, 4)
    near = distances[first, second] < 0.75
    return native, np.stack([first[near], second[near]], axis=1)


def first_written(native: np.ndarray, contacts: np.ndarray) -> openmm.System:
    """Return the same model with periodic torsions and CustomNonbondedForce."""
    system = go_forces(native, contacts, cutoff=False)
    for k in reversed(range(system.getNumForces())):
        force = system.getForce(k)
        if isinstance(force, openmm.CustomTorsionForce):
            torsions = openmm.PeriodicTorsionForce()
            for term in range(force.getNumTorsions()):
                *atoms, (phi0,) = force.getTorsionParameters(term)
                torsions.addTorsion(*atoms, 1, phi0 + np.pi, 1.0)
                torsions.addTorsion(*atoms, 3, 3 * phi0 + np.pi, 0.5)
            system.removeForce(k)
            system.addForce(torsions)
        elif force.getName() == "repulsion":
            system.removeForce(k)
    repulsion = openmm.CustomNonbondedForce("(0.4/r)^12")
    n_beads = len(native)
    for _ in range(n_beads):
        repulsion.addParticle([])
    near = {(i, j) for i in range(n_beads) for j in range(i + 1, min(i + 4, n_beads))}
    for i, j in sorted(near | {(i, j) for i, j in contacts.tolist()}):
        repulsion.addExclusion(i, j)
    repulsion.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffNonPeriodic)
    repulsion.setCutoffDistance(1.1)
    system.addForce(repulsion)
    return system


def stepper(system: openmm.System, native: np.ndarray, platform: str) -> Callable[[int], None]:
    """Return a function that makes steps."""
    integrator = openmm.LangevinMiddleIntegrator(KELVIN_AT_KT_1, 1.0, TIMESTEP_PS)
    integrator.setRandomNumberSeed(1)
    properties = {"Threads": "1"} if platform == "CPU" else {}
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)
    context.setPositions(native)
    context.setVelocitiesToTemperature(KELVIN_AT_KT_1, 1)

    def step(n_steps: int, kept: openmm.Context = context) -> None:
        kept.getIntegrator().step(n_steps)

    return step


def advancer(native: np.ndarray, contacts: np.ndarray, frame_interval: int) -> Callable[[int], None]:
    """Return a function that makes steps as a campaign does: chunks of 20,000 with their frames."""
    residues = [Residue("ALA", "A", str(k + 1), {"CA": tuple(place)}) for k, place in enumerate(native.tolist())]
    model = go_model(residues, contacts=contacts, timestep_fs=1000 * TIMESTEP_PS)
    state = start_replica(model.system, model.native_nm, 1)

    def step(n_steps: int) -> None:
        nonlocal state
        for seed in range(max(n_steps // 20_000, 1)):
            state, _ = advance(model.system, state, min(n_steps, 20_000), seed, frame_interval=frame_interval)

    return step


def measure(n_beads: int, rounds: int, seconds: float, frame_interval: int) -> dict[str, Any]:
    """Return medians of steps/s of every side."""
    native, contacts = packed_helices(n_beads)
    written_out, cut_off = (go_forces(native, contacts, cutoff=cutoff) for cutoff in (False, True))
    peer = first_written(native, contacts)
    sides = {
        "advance": advancer(native, contacts, frame_interval),
        "pairs, Reference": stepper(written_out, native, "Reference"),
        "pairs, CPU": stepper(written_out, native, "CPU"),
        "cutoff, Reference": stepper(cut_off, native, "Reference"),
        "cutoff, CPU": stepper(cut_off, native, "CPU"),
        "peer, Reference": stepper(peer, native, "Reference"),
        "peer, CPU": stepper(peer, native, "CPU"),
    }
    steps = {}
    for side, step in sides.items():
        step(200)
        began = time.perf_counter()
        step(1000)
        steps[side] = max(int(1000 * seconds / (time.perf_counter() - began)), 200)
        if side == "advance":
            steps[side] = max(steps[side] // 20_000, 1) * 20_000
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, step in sides.items():
            began = time.perf_counter()
            step(steps[side])
            rates[side].append(steps[side] / (time.perf_counter() - began))
    medians = {side: statistics.median(values) for side, values in rates.items()}
    best_peer = max(medians["peer, Reference"], medians["peer, CPU"])
    return {
        "case": f"{n_beads} beads, {len(contacts)} contacts",
        "ours": medians["advance"],
        "peer": best_peer,
        "ratio": medians["advance"] / best_peer,
        "sides": medians,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each side (default 5)")
    parser.add_argument("--seconds", type=float, default=0.4, help="about how long one measurement takes (default 0.4)")
    parser.add_argument("--beads", type=int, nargs="+", default=list(BEADS), help="sizes (default 20 28 35 56 106)")
    parser.add_argument("--frame-interval", type=int, default=500, help="steps between frames of advance (default 500)")
    options = parser.parse_args()
    cases = []
    for n_beads in options.beads:
        case = measure(n_beads, options.rounds, options.seconds, options.frame_interval)
        sides = "; ".join(f"{side} {rate:,.0f}" for side, rate in case["sides"].items())
        print(f"{case['case']}: {sides} steps/s; ratio {case['ratio']:.1f}", flush=True)
        cases.append(case)
    worst = min(cases, key=lambda case: case["ratio"])
    result = {
        "what": f"CA Go model on one core, frames taken every {options.frame_interval} steps",
        "unit": "step/s",
        "ours": worst["ours"],
        "peer": worst["peer"],
        "ratio": worst["ratio"],
        "cases": cases,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit(watched(main))
