"""Snapshots of a pocket from molecular dynamics in implicit solvent; the protein around it stands still.

Heavy atoms go to OpenMM, which adds hydrogens; atoms beyond the pocket have no mass, so that the frame of the crystal
is kept. Snapshots are grouped by the places of the pocket's atoms; a group's energy is -kT ln of its share.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import openmm
from openmm import app, unit

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.harness.contract.seeds import low_bits
from levinthal.proteins.residues import HEAVY_ATOMS
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.systems.molecular_system import MolecularSystem
from levinthal.simulation.systems.pdb_structure import from_pdb
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation.conformations.pocket import carry_hydrogens, heavy_atoms, pocket_atoms

_MARGIN_ANGSTROM = 3.0
_KT_KCAL_MOL = 0.593
_LONGEST_PEPTIDE_BOND_ANGSTROM = 2.0
_STEPS_PER_PS = 250


@dataclass(frozen=True)
class DynamicsSettings:
    """How long the pocket is simulated.

    Attributes
    ----------
    equilibration_ps, duration_ps : float
        Before the first snapshot, and from then on.
    snapshots_per_conformation : int
        Snapshots for each conformation that is wanted.
    platform : str
        As for `levinthal.simulation.dynamics.replica.advance`.
    threads : int
        Of the CPU platform.
    """

    equilibration_ps: float = 2.0
    duration_ps: float = 20.0
    snapshots_per_conformation: int = 5
    platform: str = "auto"
    threads: int = 1


def simulate_pocket(
    receptor: Receptor, box: Box, count: int, seed: int, settings: DynamicsSettings | None = None
) -> list[tuple[Doubles, float]]:
    """Simulate a pocket and return its most different conformations.

    Parameters
    ----------
    receptor : Receptor
        Its standard amino acids are simulated, what else there is stays where it is and is not felt.
    box : Box
        Residues that reach within 3 A of it move.
    count : int
        Conformations wanted.
    seed : int
    settings : DynamicsSettings, optional

    Returns
    -------
    list of (ndarray of shape (n, 3), float)
        Coordinates, and -kT ln of the share of snapshots that are like them, in kcal/mol above that of the largest.

    Raises
    ------
    DataError
        The receptor cannot be simulated; the message names the residue.
    SimulationError
        The simulation broke.
    """
    settings = settings or DynamicsSettings()
    atoms, text = _protein(receptor)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{receptor.name}.pdb"
        path.write_text(text)
        try:
            system, starts = from_pdb(path)
        except DataError as error:
            raise DataError(f"{receptor.name} cannot be simulated: {str(error).replace(str(path), 'it')}") from None
    ours, theirs = _matched(receptor, atoms, system)
    mobile = pocket_atoms(receptor, box, _MARGIN_ANGSTROM)
    system = _held(system, {int(index) for index in theirs[mobile[ours]]})
    state = start_replica(system, starts["structure"], seed, platform=settings.platform, threads=settings.threads)
    n_snapshots = max(settings.snapshots_per_conformation * count, count)
    interval = max(1, round(settings.duration_ps * _STEPS_PER_PS / n_snapshots))
    before = max(1, round(settings.equilibration_ps * _STEPS_PER_PS / interval)) * interval
    how = {"frame_interval": interval, "platform": settings.platform, "threads": settings.threads}
    state, _ = advance(system, state, before, seed + 1, **how)  # type: ignore[arg-type]
    _, frames = advance(system, state, interval * n_snapshots, seed + 2, full_states=True, **how)  # type: ignore[arg-type]
    if frames.states is None:
        raise AssertionError("full states were asked for")
    moving = mobile[ours]
    snapshots = 10.0 * frames.states[:, 0][:, theirs[moving]]
    from sklearn.cluster import KMeans

    groups = KMeans(count, n_init=4, random_state=low_bits(seed)).fit(snapshots.reshape(len(snapshots), -1))
    shares = np.bincount(groups.labels_, minlength=count) / len(snapshots)
    distances = groups.transform(snapshots.reshape(len(snapshots), -1))
    found = []
    for group in np.argsort(-shares, kind="stable"):
        members = np.flatnonzero(groups.labels_ == group)
        snapshot = members[distances[members, group].argmin()]
        places = receptor.coordinates_angstrom.copy()
        places[ours[moving]] = snapshots[snapshot]
        energy = -_KT_KCAL_MOL * float(np.log(shares[group] / shares.max()))
        found.append((carry_hydrogens(receptor, places), energy))
    return found


def _protein(receptor: Receptor) -> tuple[list[tuple[int, str, int]], str]:
    """Return index, name and new residue number of the protein's heavy atoms, and their PDB text.

    Residues are numbered from 1 and a chain ends where the next residue is not bonded, so that a gap does no harm.
    """
    residues: dict[str, list[int]] = {}
    for index in heavy_atoms(receptor):
        residues.setdefault(receptor.residues[index], []).append(int(index))
    atoms, lines = [], []
    chain, end = 0, None
    kept = [(name, members) for name, members in residues.items() if name.split()[0] in HEAVY_ATOMS]
    for number, (name, members) in enumerate(kept, 1):
        named = {receptor.atom_names[index]: receptor.coordinates_angstrom[index] for index in members}
        start = named.get("N")
        gap = end is not None and start is not None and np.linalg.norm(start - end) > _LONGEST_PEPTIDE_BOND_ANGSTROM
        chain, end = chain + int(gap), named.get("C")
        for index in members:
            x, y, z = receptor.coordinates_angstrom[index]
            atom = receptor.atom_names[index]
            atoms.append((index, atom, number))
            lines.append(
                f"ATOM  {len(atoms) % 100_000:5d} {atom if len(atom) == 4 else ' ' + atom:<4} {name.split()[0]:3} "
                f"{_letter(chain)}{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {atom[0]:>2}"
            )
    # A residue without neighbours would be taken for a ligand if no sequence named it.
    stated = [
        f"SEQRES   1 {line[21]}    1  {line[17:20]}"
        for line in lines
        if line[12:16] == " CA " and sum(other[21] == line[21] and other[12:16] == " CA " for other in lines) == 1
    ]
    return atoms, "\n".join([*stated, *lines, "END", ""])


def _letter(chain: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return letters[chain % len(letters)]


def _matched(
    receptor: Receptor, atoms: list[tuple[int, str, int]], system: MolecularSystem
) -> tuple[Integers, Integers]:
    """Return the indices of the same atoms in the receptor and in the simulated system."""
    topology = app.PDBFile(io.StringIO(system.topology_pdb)).topology
    place = {(int(atom.residue.id), atom.name): atom.index for atom in topology.atoms()}
    pairs = [(index, place[number, name]) for index, name, number in atoms if (number, name) in place]
    if len(pairs) < len(atoms):
        raise DataError(f"{receptor.name}: atoms were lost on the way to OpenMM: give the atoms their standard names")
    ours, theirs = (np.array(each, np.int64) for each in zip(*pairs, strict=True))
    return ours, theirs


def _held(system: MolecularSystem, mobile: set[int]) -> MolecularSystem:
    """Return the system with all atoms without mass whose residue has none of the mobile ones."""
    topology = app.PDBFile(io.StringIO(system.topology_pdb)).topology
    forces = openmm.XmlSerializer.deserialize(system.system_xml)
    for residue in topology.residues():
        members = [atom.index for atom in residue.atoms()]
        if not mobile.intersection(members):
            for index in members:
                forces.setParticleMass(index, 0.0 * unit.amu)
    return replace(system, system_xml=openmm.XmlSerializer.serialize(forces))
