"""A whole molecule in explicit water: a potential within it, a classical force field between it and the water.

Mechanical embedding, no bond is cut: what the water does to the molecule comes from fixed partial charges (MMFF94:
Halgren, J. Comput. Chem. 17:490, 1996) and Lennard-Jones terms (UFF: Rappe et al., J. Am. Chem. Soc. 114:10024, 1992),
mixed by Lorentz and Berthelot with those of rigid TIP3P water (Jorgensen et al., J. Chem. Phys. 79:926, 1983); the
potential does not see the water. Long-ranged electrostatics by particle-mesh Ewald.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.teachers.contract import Potential

POTENTIAL_GROUP = 1
"""The force group of the potential within the molecule; all else is in group 0."""

_CLASH_NM = 0.24
_CUTOFF_NM = 0.9
_MINIMISE_STEPS = 100
_KJ_PER_KCAL, _NM_PER_A = 4.184, 0.1


@dataclass(frozen=True, eq=False)
class Solvated:
    """A molecule in its box.

    Attributes
    ----------
    context : openmm.Context
    molecule : Molecule
    first : int
        Number of the molecule's first atom; water comes before it.
    n_waters : int
    """

    context: Any
    molecule: Molecule
    first: int
    n_waters: int

    def positions_nm(self) -> Doubles:
        """Return the molecule's positions, shape (n_atoms, 3)."""
        from openmm import unit

        state = self.context.getState(positions=True)
        return np.asarray(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)[self.first :], np.float64)

    def kinetic_temperature_k(self) -> float:
        """Return the temperature that the velocities have now."""
        from openmm import unit

        system = self.context.getSystem()
        freedom = 3 * system.getNumParticles() - system.getNumConstraints() - 3
        kinetic = self.context.getState(energy=True).getKineticEnergy()
        return float(2 * kinetic / (freedom * unit.MOLAR_GAS_CONSTANT_R) / unit.kelvin)


def interaction_parameters(molecule: Molecule) -> Doubles:
    """Return charge (e), sigma (nm) and epsilon (kJ/mol) of each atom, shape (n_atoms, 3).

    Raises
    ------
    DataError
        MMFF94 has no charges, or UFF no terms, for it.
    """
    from rdkit import Chem
    from rdkit.Chem import rdForceFieldHelpers

    made = Chem.MolFromMolBlock(molecule.block, removeHs=False)
    charges = rdForceFieldHelpers.MMFFGetMoleculeProperties(made)
    terms = [rdForceFieldHelpers.GetUFFVdWParams(made, k, k) for k in range(molecule.n_atoms)]
    if charges is None or not all(terms):
        raise DataError(f"{molecule.name} has no charges in MMFF94, or no terms in UFF: set water_steps=0")
    return np.array(
        [
            (charges.GetMMFFPartialCharge(k), least * _NM_PER_A / 2 ** (1 / 6), depth * _KJ_PER_KCAL)
            for k, (least, depth) in enumerate(terms)
        ]
    )


def solvated(
    potential: Potential,
    molecule: Molecule,
    motion: Motion,
    seed: int,
    *,
    padding_nm: float = 1.0,
    platform: str = "CPU",
    start: int = 0,
) -> Solvated:
    """Put a molecule into a cube of water, minimise, and draw velocities.

    Parameters
    ----------
    potential : Potential
        Within the molecule.
    molecule : Molecule
    motion : Motion
        Langevin dynamics; water is rigid.
    seed : int
        Of velocities and noise.
    padding_nm : float
        Least distance between the molecule and the faces of the cube.
    platform : str
        OpenMM's; on CPU one thread.
    start : int
        Number of the structure that it begins from.
    """
    import openmm
    from openmm import app, unit

    x = np.asarray(molecule.conformers_nm[start % len(molecule.conformers_nm)])
    edge = float(np.ptp(x, axis=0).max()) + 2 * padding_nm
    x = x - x.mean(axis=0) + edge / 2
    field, box = app.ForceField("amber14/tip3p.xml"), app.Modeller(app.Topology(), [] * unit.nanometer)
    box.addSolvent(field, model="tip3p", boxSize=openmm.Vec3(edge, edge, edge) * unit.nanometer)
    _make_room(box, x, edge)
    cutoff = min(_CUTOFF_NM, 0.49 * edge)
    system = field.createSystem(
        box.topology, nonbondedMethod=app.PME, nonbondedCutoff=cutoff * unit.nanometer, rigidWater=True
    )
    first = system.getNumParticles()
    _add_molecule(system, molecule)
    force = _within(potential, first)
    force.setForceGroup(POTENTIAL_GROUP)
    system.addForce(force)
    integrator = openmm.LangevinMiddleIntegrator(
        motion.temperature_k * unit.kelvin, motion.friction_per_ps / unit.picosecond,
        motion.timestep_fs * unit.femtosecond,
    )  # fmt: skip
    integrator.setRandomNumberSeed(seed % (2**31 - 1) + 1)
    properties = {"Threads": "1"} if platform == "CPU" else {}
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName(platform), properties)
    water_nm = np.asarray(box.getPositions().value_in_unit(unit.nanometer)).reshape(-1, 3)
    context.setPositions(np.concatenate([water_nm, x]))
    openmm.LocalEnergyMinimizer.minimize(context, maxIterations=_MINIMISE_STEPS)
    context.setVelocitiesToTemperature(motion.temperature_k * unit.kelvin, seed % (2**31 - 1) + 1)
    return Solvated(context, molecule, first, first // 3)


def _make_room(box: Any, x: Doubles, edge: float) -> None:
    """Take away the waters that the molecule is in."""
    from openmm import unit

    water = np.asarray(box.getPositions().value_in_unit(unit.nanometer)).reshape(-1, 3)
    apart = water[:, None] - x[None]
    apart -= edge * np.round(apart / edge)
    near = np.linalg.norm(apart, axis=-1).min(axis=1) < _CLASH_NM
    of_residue = {atom.index: atom.residue for atom in box.topology.atoms()}
    box.delete(list({of_residue[int(index)] for index in np.flatnonzero(near)}))


def _add_molecule(system: Any, molecule: Molecule) -> None:
    """Add its atoms: they meet the water by the classical force field, and each other not at all."""
    import openmm

    nonbonded = next(each for each in system.getForces() if isinstance(each, openmm.NonbondedForce))
    first = system.getNumParticles()
    for mass, (charge, sigma, epsilon) in zip(molecule.masses_amu, interaction_parameters(molecule), strict=True):
        system.addParticle(mass)
        nonbonded.addParticle(charge, sigma, epsilon)
    for i in range(molecule.n_atoms):
        for j in range(i):
            nonbonded.addException(first + i, first + j, 0.0, 0.1, 0.0)


def _within(potential: Potential, first: int) -> Any:
    import openmm
    from openmm import unit

    def compute(state: Any) -> Any:
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
        forces = np.zeros(positions.shape)
        energy, forces[first:] = potential.energy_forces(np.asarray(positions[first:], np.float64))
        if not math.isfinite(energy):
            raise ValueError("the potential has no energy where the molecule went")
        return energy, forces

    return openmm.PythonForce(compute)
