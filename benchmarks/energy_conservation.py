"""What precision does to dynamics: energy drift of OpenMM platforms, and of simulations restarted from rounded states.

    python benchmarks/energy_conservation.py --residues 2 --runs 8 --ps 20

States of a capped polyalanine are equilibrated at 300 K; from each, velocity Verlet runs without a bath on every
platform there is (on a GPU in single, mixed and double precision), from the state as it is and from positions that went
through fp32, fp16 and bf16. Told are the drift in kT a nanosecond and degree of freedom with its 95 % interval over the
runs, whether it is smaller than the Reference platform's or that cannot be told, and by how much energy a rounded state
jumps. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np
import openmm

from levinthal.simulation.analysis.drift import Drift, drifts_less, energy_drift
from levinthal.simulation.dynamics.conservation import Conserved
from levinthal.simulation.dynamics.replica import ReplicaState, advance, start_replica
from levinthal.simulation.systems.peptide import capped_peptide

_BOLTZMANN_KJ_MOL_K = 0.00831446261815324
PRECISIONS = ("fp32", "fp16", "bf16")
ON_A_GPU = ("single", "mixed", "double")


def modes() -> dict[str, tuple[str, dict[str, str]]]:
    """Return the platforms of this OpenMM by a name, each with its properties."""
    there = {openmm.Platform.getPlatform(k).getName() for k in range(openmm.Platform.getNumPlatforms())}
    found: dict[str, tuple[str, dict[str, str]]] = {name: (name, {}) for name in ("Reference", "CPU") if name in there}
    for name in there & {"CUDA", "HIP"}:
        found |= {f"{name} {precision}": (name, {"Precision": precision}) for precision in ON_A_GPU}
    return found


def states(residues: int, runs: int) -> tuple[Any, list[ReplicaState]]:
    """Return a system and equilibrated states."""
    system, starts = capped_peptide("polyalanine", "A" * residues, ("extended",))
    made = []
    for seed in range(runs):
        state = start_replica(system, starts["extended"], seed)
        made.append(advance(system, state, 2500, seed, frame_interval=2500)[0])
    return system, made


def told(drift: Drift, reference: Drift | None) -> dict[str, Any]:
    """Return a drift as plain data, and how it stands to the Reference platform's."""
    less = None if reference is None else drifts_less(reference, drift)
    words = {True: "more than Reference", False: "less than Reference", None: "cannot tell from Reference"}
    return {"kT_per_ns_dof": drift.value, "ci95": drift.interval, "verdict": words[less]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--residues", type=int, default=2)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--ps", type=float, default=20.0, help="length of a run")
    parser.add_argument("--timestep-fs", type=float, default=1.0)
    options = parser.parse_args()
    system, starts = states(options.residues, options.runs)
    frame_steps = 20
    n_frames = max(3, round(options.ps * 1e3 / options.timestep_fs / frame_steps))
    interval_ps = frame_steps * options.timestep_fs / 1e3
    kt = _BOLTZMANN_KJ_MOL_K * system.temperature_k
    cases: dict[str, Any] = {}
    reference: Drift | None = None
    for name, (platform, properties) in modes().items():
        conserved = Conserved(system, platform, timestep_fs=options.timestep_fs, properties=properties)

        def drift_from(precision: str, conserved: Conserved = conserved) -> Drift:
            energies = [conserved.energies(each, n_frames, frame_steps, precision=precision) for each in starts]
            return energy_drift(
                np.stack(energies), interval_ps, n_dof=conserved.n_dof, temperature_k=system.temperature_k
            )

        drift = drift_from("fp64")
        reference = reference or (drift if name == "Reference" else None)
        cases[name] = told(drift, None if name == "Reference" else reference)
        print(f"{name}: {drift.value:.3g} {drift.interval} kT/ns/dof, {cases[name]['verdict']}", file=sys.stderr)
        if name == "Reference":
            for precision in PRECISIONS:
                jumps = [abs(conserved.jump_kj_mol(each, precision)) / kt for each in starts]
                after = drift_from(precision)
                cases[f"restarted from {precision}"] = {**told(after, reference), "jump_kT": float(np.median(jumps))}
                print(f"restarted from {precision}: jump {np.median(jumps):.3g} kT", file=sys.stderr)
    what = f"drift without a bath, {system.name} of {options.residues} residues, {options.runs} runs of {options.ps} ps"
    print(json.dumps({"what": what, "unit": "kT/ns/dof", "cases": cases}))


if __name__ == "__main__":
    main()
