"""Nanoseconds a day that one machine makes of Fs-peptide: Levinthal's set-up against the obvious one.

Ours: amber99sbildn + amber99_obc (compiled GBSAOBCForce), 1 nm cutoff, heavy hydrogens, 4 fs, one replica a core, each
worker pinned to its core. The obvious set-up: amber14-all + implicit/gbn2.xml, no cutoff, H-bond constraints, 2 fs, one
`Simulation` with OpenMM's default threads. Both run on the CPU, in turn, several rounds; medians are compared. The
force fields differ: this compares what a user gets by default, not the same physics at two speeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import openmm
from openmm import app, unit
from undisturbed import watched

from levinthal.harness.engines.built_in.local import pinned_pool
from levinthal.harness.engines.processes import available_cores
from levinthal.simulation.dynamics.ensemble import Chunk, Start, simulate_ensemble
from levinthal.simulation.systems.peptide import fs_peptide

SECONDS_A_DAY = 86_400


def obvious_simulation(topology_pdb: str, positions_nm: Any) -> app.Simulation:
    """Return Fs-peptide as the tutorials set it up."""
    import io

    topology = app.PDBFile(io.StringIO(topology_pdb)).topology
    force_field = app.ForceField("amber14-all.xml", "implicit/gbn2.xml")
    system = force_field.createSystem(topology, nonbondedMethod=app.NoCutoff, constraints=app.HBonds)
    integrator = openmm.LangevinMiddleIntegrator(300 * unit.kelvin, 1 / unit.picosecond, 2 * unit.femtosecond)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName("CPU"))
    simulation.context.setPositions(positions_nm * unit.nanometer)
    simulation.minimizeEnergy(maxIterations=20)
    simulation.context.setVelocitiesToTemperature(300 * unit.kelvin, 1)
    simulation.step(20)
    return simulation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each side (default 7)")
    parser.add_argument("--seconds", type=float, default=5.0, help="about how long one measurement takes (default 5)")
    options = parser.parse_args()

    system, starts = fs_peptide(("helix",))
    workers = len(available_cores())
    replicas = [Start("helix", starts["helix"])] * workers
    simulation = obvious_simulation(system.topology_pdb, starts["helix"])
    threads = simulation.context.getPlatform().getPropertyValue(simulation.context, "Threads")

    with pinned_pool(workers) as pool:

        def ours(n_steps: int) -> float:
            """Return ns/day of all replicas together: from the first submission to the last frame's return."""
            chunks: list[Chunk] = []
            began = time.perf_counter()
            simulate_ensemble(
                system,
                replicas,
                n_steps=n_steps,
                chunk_steps=1000,
                frame_interval=50,
                seed=len(rates["ours"]),
                executor=pool,
                on_chunk=chunks.append,
            )
            elapsed_s = time.perf_counter() - began
            return sum(chunk.n_steps for chunk in chunks) * system.timestep_fs * 1e-6 / elapsed_s * SECONDS_A_DAY

        def obvious(n_steps: int) -> float:
            """Return ns/day of the obvious set-up."""
            began = time.perf_counter()
            simulation.step(n_steps)
            return n_steps * 2e-6 / (time.perf_counter() - began) * SECONDS_A_DAY

        rates: dict[str, list[float]] = {"ours": [], "peer": []}
        # The first calls start the workers, and tell how many steps fill the wanted time.
        ours(100)
        our_steps = max(int(ours(500) / SECONDS_A_DAY / workers / (system.timestep_fs * 1e-6) * options.seconds), 500)
        peer_steps = max(int(obvious(40) / SECONDS_A_DAY / 2e-6 * options.seconds), 20)
        for _ in range(options.rounds):
            rates["peer"].append(obvious(peer_steps))
            rates["ours"].append(ours(our_steps))

    medians = {side: statistics.median(values) for side, values in rates.items()}
    ratio = medians["ours"] / medians["peer"]
    case = {
        "case": f"Fs-peptide, {system.n_atoms} atoms",
        "ours": medians["ours"],
        "peer": medians["peer"],
        "ratio": ratio,
        "ours_all": rates["ours"],
        "peer_all": rates["peer"],
        "ours_set_up": f"{system.force_field}, 1 nm cutoff, {system.timestep_fs:g} fs, {workers} pinned workers",
        "peer_set_up": f"amber14-all + implicit/gbn2, no cutoff, 2 fs, one Simulation of {threads} threads",
    }
    print(f"ours {medians['ours']:.0f} ns/day, the obvious set-up {medians['peer']:.1f} ns/day, ratio {ratio:.1f}")
    result = {
        "what": "simulated time a day of the whole machine, frames taken and brought back",
        "unit": "ns/day",
        "ours": medians["ours"],
        "peer": medians["peer"],
        "ratio": ratio,
        "cases": [case],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit(watched(main))
