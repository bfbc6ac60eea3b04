"""A molecule ready to be simulated, as plain text and numbers that travel to any worker process."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import openmm
from openmm import app, unit

from levinthal.errors import DataError, UsageError
from levinthal.proteins.residues import ONE_LETTER

FORCE_FIELD = ("amber99sbildn.xml", "amber99_obc.xml")
"""Amber99SB-ILDN (Lindorff-Larsen et al., Proteins 78:1950, 2010) with OBC implicit solvent (Onufriev, Bashford and
Case, Proteins 55:383, 2004). This file of OpenMM makes a GBSAOBCForce, which is compiled; `implicit/*.xml` make a
CustomGBForce, which is interpreted and on a CPU five times slower.
"""

BOLTZMANN_KJ_MOL_K = 0.00831446261815324
"""Boltzmann's constant times Avogadro's (CODATA 2018, exact)."""

CUTOFF_NM = 1.0
HYDROGEN_MASS_AMU = 3.0
"""Heavier hydrogens allow 4 fs (Hopkins, Le Grand, Walker and Roitberg, J. Chem. Theory Comput. 11:1864, 2015); with
4 amu simulations of Fs-peptide broke."""


@dataclass(frozen=True)
class MolecularSystem:
    """A molecule, its force field and how it is to be propagated.

    Attributes
    ----------
    name : str
        What the molecule is called.
    topology_pdb : str
        Atoms, residues and chains as PDB text (coordinates of the first start).
    system_xml : str
        OpenMM System: masses, constraints and forces.
    temperature_k, friction_per_ps, timestep_fs : float
        Of Langevin dynamics.
    n_atoms : int
        All atoms, hydrogens too.
    ca_indices : tuple of int
        The CA atom of each residue; caps (ACE, NME) have none.
    sequence : str
        One-letter code of these residues.
    force_field : str
        Where the parameters come from.
    notes : tuple of str
        What was completed in a user's file, or left out of it without harm.
    warnings : tuple of str
        What of a user's file is not simulated, or is as something else.
    sha256 : str
        Digest of what decides the dynamics and the frames; the start structure is not part of it.
    """

    name: str
    topology_pdb: str
    system_xml: str
    temperature_k: float
    friction_per_ps: float
    timestep_fs: float
    n_atoms: int
    ca_indices: tuple[int, ...]
    sequence: str
    force_field: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        numbers = (self.temperature_k, self.friction_per_ps, self.timestep_fs, self.ca_indices)
        digest = hashlib.sha256(f"{self.system_xml}{self.sequence}{numbers!r}".encode()).hexdigest()
        object.__setattr__(self, "sha256", digest)

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def kt_kj_mol(self) -> float:
        """Temperature times Boltzmann's constant."""
        return BOLTZMANN_KJ_MOL_K * self.temperature_k

    @property
    def n_residues(self) -> int:
        """How many residues have a CA atom."""
        return len(self.ca_indices)


@dataclass(frozen=True)
class Residue:
    """The heavy atoms of a residue; `chain` and `number` as the user knows them, `copy` tells copies apart."""

    name: str
    chain: str
    number: str
    atoms: dict[str, tuple[float, float, float]]
    copy: int = 0

    @property
    def chain_key(self) -> tuple[str, int]:
        """What changes where another chain begins."""
        return self.chain, self.copy

    def __str__(self) -> str:
        return f"{self.name} {self.chain} {self.number}".replace("  ", " ")


@contextmanager
def _one_cpu_thread() -> Iterator[openmm.Platform]:
    """Give the CPU platform with one thread, the only way in which it always sums in the same order."""
    platform = openmm.Platform.getPlatformByName("CPU")
    threads = platform.getPropertyDefaultValue("Threads")
    platform.setPropertyDefaultValue("Threads", "1")
    try:
        yield platform
    finally:
        platform.setPropertyDefaultValue("Threads", threads)


def _heavy_atom_modeller(residues: Sequence[Residue]) -> app.Modeller:
    topology = app.Topology()
    positions = []
    chain, chain_key = None, None
    for residue in residues:
        if chain is None or residue.chain_key != chain_key:
            chain, chain_key = topology.addChain(residue.chain or None), residue.chain_key
        entry = topology.addResidue(residue.name, chain, residue.number)
        for name, position in residue.atoms.items():
            topology.addAtom(name, app.element.get_by_symbol(name[0]), entry)
            positions.append(openmm.Vec3(*position))
    topology.createStandardBonds()
    topology.createDisulfideBonds(positions * unit.nanometer)
    return app.Modeller(topology, positions * unit.nanometer)


def minimised(system: openmm.System, positions: unit.Quantity, iterations: int) -> npt.NDArray[np.float64]:
    """Return positions in nm after some steps of minimisation on one thread, the same each time.

    Raises
    ------
    DataError
        Atoms that lie on each other.
    """
    with _one_cpu_thread() as platform:
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 10.0, iterations)
        state = context.getState(positions=True, energy=True)
    relaxed = np.array(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer), np.float64)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    if not (np.isfinite(relaxed).all() and np.isfinite(energy)):
        raise DataError("the start structure could not be minimised: two atoms lie on each other; fix the structure")
    return relaxed


def assemble(
    residues: Sequence[Residue], minimise_iterations: int
) -> tuple[app.Topology, openmm.System, npt.NDArray[np.float64]]:
    """Add hydrogens (pH 7) and forces to heavy atoms, and relax the strain.

    The same input gives the same positions: hydrogens start from places drawn with a fixed seed, and all of it runs
    on one thread.

    Returns
    -------
    topology, system, positions_nm
        Positions of shape (n_atoms, 3).

    Raises
    ------
    DataError
        A residue that the force field does not know.
    """
    force_field = app.ForceField(*FORCE_FIELD)
    modeller = _heavy_atom_modeller(residues)
    generator = random.getstate()
    random.seed(0)
    try:
        with _one_cpu_thread() as platform:
            # Only hydrogens move here, and they do not need the solvent, which takes most of the time.
            modeller.addHydrogens(app.ForceField(FORCE_FIELD[0]), pH=7.0, platform=platform)
        system = force_field.createSystem(
            modeller.topology,
            nonbondedMethod=app.CutoffNonPeriodic,
            nonbondedCutoff=CUTOFF_NM * unit.nanometer,
            constraints=app.HBonds,
            hydrogenMass=HYDROGEN_MASS_AMU * unit.amu,
        )
    except ValueError as error:
        raise DataError(
            f"the force field {FORCE_FIELD[0]} cannot describe the structure ({error}): complete or remove that residue"
        ) from None
    finally:
        random.setstate(generator)
    return modeller.topology, system, minimised(system, modeller.positions, minimise_iterations)


def prepare(
    name: str,
    topology: app.Topology,
    system: openmm.System,
    positions_nm: npt.NDArray[np.float64],
    *,
    temperature_k: float = 300.0,
    friction_per_ps: float = 1.0,
    timestep_fs: float = 4.0,
    notes: tuple[str, ...] = (),
) -> MolecularSystem:
    """Put an OpenMM topology and System into the form that travels.

    Parameters
    ----------
    name : str
        What the molecule is called.
    topology, system
        OpenMM objects; CA atoms are found by name in the standard residues.
    positions_nm : ndarray, shape (n_atoms, 3)
        Coordinates of the topology's PDB text.
    temperature_k, friction_per_ps, timestep_fs : float
        Of Langevin dynamics.
    notes : tuple of str
        What was changed in a user's file.

    Raises
    ------
    UsageError
        A temperature, friction or time step that is not positive.
    """
    for label, value in (
        ("temperature_k", temperature_k),
        ("friction_per_ps", friction_per_ps),
        ("timestep_fs", timestep_fs),
    ):
        if not (np.isfinite(value) and value > 0):
            raise UsageError(f"{label} is {value}: it must be a positive number")
    carbons = [atom for atom in topology.atoms() if atom.name == "CA" and atom.residue.name in ONE_LETTER]
    text = io.StringIO()
    app.PDBFile.writeFile(topology, positions_nm * unit.nanometer, text, keepIds=True)
    return MolecularSystem(
        name=name,
        # The writer's first line holds the date: without it the digest is the same tomorrow.
        topology_pdb="".join(line for line in text.getvalue().splitlines(True) if not line.startswith("REMARK")),
        system_xml=openmm.XmlSerializer.serialize(system),
        temperature_k=float(temperature_k),
        friction_per_ps=float(friction_per_ps),
        timestep_fs=float(timestep_fs),
        n_atoms=topology.getNumAtoms(),
        ca_indices=tuple(atom.index for atom in carbons),
        sequence="".join(ONE_LETTER[atom.residue.name] for atom in carbons),
        force_field=" + ".join(part.removesuffix(".xml") for part in FORCE_FIELD),
        notes=notes,
    )
