"""Steps/s of alanine dipeptide on one core: the student, torchani's architecture, the teacher by ASE's own loop.

Both networks run through the same PythonForce and integrator of OpenMM, neither trained: what a step costs does not
depend on the weights. torchani's is that of ANI-1x with one network (`pip install 'levinthal[peers]'`). The teacher
runs as a user of ASE would write it, its Langevin loop with tblite's calculator. All in turn, several rounds,
medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from levinthal.arrays import Doubles
from levinthal.workloads.potential.dynamics.compiled import CompiledPotential
from levinthal.workloads.potential.dynamics.langevin import Motion, simulate, start_state
from levinthal.workloads.potential.dynamics.openmm_force import openmm_context
from levinthal.workloads.potential.learning.labels import label
from levinthal.workloads.potential.molecule import Molecule, read_molecule
from levinthal.workloads.potential.students.built_in.moments import Moments
from levinthal.workloads.potential.students.contract import TorchPotential

MOTION = Motion(1.0, 300.0, 1.0)


class ANI:
    """One network of torchani's ANI-1x architecture, its weights drawn."""

    def __init__(self, molecule: Molecule) -> None:
        from torchani.arch import Assembler
        from torchani.models import SYMBOLS_1X

        parts = Assembler(periodic_table_index=True)
        parts.set_symbols(SYMBOLS_1X)
        parts.set_atomic_networks(ctor="ani1x")
        parts.set_global_cutoff_fn("cosine")
        parts.set_aev_computer(angular="ani1x", radial="ani1x", strategy="pyaev")
        parts.set_neighborlist("all_pairs")
        parts.set_gsaes_as_self_energies("wb97x-631gd")
        self._model: ANI = parts.assemble(1)
        self._model.requires_grad_(False)
        self._numbers = torch.as_tensor(molecule.numbers)[None]

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces; only their cost counts."""
        x = torch.as_tensor(10 * positions_nm, dtype=torch.float32)[None].requires_grad_()
        energy = self._model((self._numbers, x)).energies.sum()
        (gradient,) = torch.autograd.grad(energy, x)
        return float(energy) * 1e-6, gradient[0].double().numpy() * 0.0


def ase_rate(molecule: Molecule, n_steps: int) -> Callable[[], float]:
    """Return a function that times ASE's loop on GFN2-xTB."""
    from ase import Atoms, units
    from ase.md.langevin import Langevin
    from tblite.ase import TBLite

    atoms = Atoms(molecule.symbols, 10 * molecule.conformers_nm[0], calculator=TBLite(method="GFN2-xTB", verbosity=0))
    dynamics = Langevin(atoms, 1.0 * units.fs, temperature_K=300, friction=0.001 / units.fs)
    dynamics.run(2)

    def timed() -> float:
        began = time.perf_counter()
        dynamics.run(n_steps)
        return n_steps / (time.perf_counter() - began)

    return timed


def openmm_rate(potential: Any, molecule: Molecule, n_steps: int) -> Callable[[], float]:
    """Return a function that times OpenMM with a PythonForce."""
    context = openmm_context(potential, molecule, MOTION, 1)  # an integrator does not keep its context alive
    context.getIntegrator().step(5)

    def timed() -> float:
        began = time.perf_counter()
        context.getIntegrator().step(n_steps)
        return n_steps / (time.perf_counter() - began)

    return timed


def loop_rate(potential: CompiledPotential, molecule: Molecule, n_steps: int) -> Callable[[], float]:
    """Return a function that times the compiled loop."""
    state = start_state(molecule, molecule.conformers_nm[0], 300.0, 1)
    simulate(potential, molecule, MOTION, state, 10, 1, 10)

    def timed() -> float:
        began = time.perf_counter()
        course = simulate(potential, molecule, MOTION, state, n_steps, 1, n_steps)
        return course.n_steps / (time.perf_counter() - began)

    return timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each (default 7)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    molecule = read_molecule("", 4, 0)
    moved = molecule.conformers_nm + np.random.default_rng(0).normal(0, 0.003, (16, *molecule.conformers_nm.shape))
    student = Moments.of(molecule, label("mmff", molecule, moved.reshape(-1, molecule.n_atoms, 3)), 0)
    contestants = {
        "student, compiled loop": loop_rate(CompiledPotential(student), molecule, 3000),
        "student, PythonForce": openmm_rate(CompiledPotential(student), molecule, 2000),
        "student by torch, PythonForce": openmm_rate(TorchPotential(student), molecule, 200),
    }
    left_out = {}
    for name, make in (
        ("torchani ANI-1x, PythonForce", lambda: openmm_rate(ANI(molecule), molecule, 100)),
        ("GFN2-xTB, ASE's loop", lambda: ase_rate(molecule, 40)),
    ):
        try:
            contestants[name] = make()
        except ImportError as error:
            left_out[name] = f"not measured: {error}"
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, timed in contestants.items():
            rates[name].append(timed())
    found = {name: statistics.median(each) for name, each in rates.items()}
    ours, peer = found["student, PythonForce"], found.get("torchani ANI-1x, PythonForce")
    teacher = found.get("GFN2-xTB, ASE's loop")
    print(
        json.dumps(
            {
                "what": "steps of alanine dipeptide on one core",
                "unit": "step/s",
                "ours": ours,
                "peer": peer,
                "ratio": None if peer is None else ours / peer,
                "over_the_teacher": None if teacher is None else found["student, compiled loop"] / teacher,
                "cases": {**found, **left_out},
            }
        )
    )


if __name__ == "__main__":
    main()
