"""Trajectories made by code: a peptide whose every conformation is built from its torsions."""

from __future__ import annotations

import mdtraj
import numpy as np

from levinthal.proteins.residues import THREE_LETTER
from levinthal.simulation.systems.peptide import FS_SEQUENCE, heavy_atoms


def built_conformations(n_frames: int, seed: int = 0) -> mdtraj.Trajectory:
    """Return the heavy atoms of Fs-peptide without its caps in conformations of helical turns and strands."""
    rng = np.random.default_rng(seed)
    topology, frames = mdtraj.Topology(), []
    for _ in range(n_frames):
        helical = np.repeat(rng.random(7) < 0.6, rng.multinomial(21, np.full(7, 1 / 7)))[:, None]
        angles = np.where(helical, [-57.0, -47.0], [-120.0, 130.0]) + rng.normal(0, 6, (21, 2))
        residues = heavy_atoms(FS_SEQUENCE, map(tuple, angles))
        frames.append([place for atoms in residues for place in atoms.values()])
    chain = topology.add_chain()
    for number, (code, atoms) in enumerate(zip(FS_SEQUENCE, residues, strict=True), start=1):
        residue = topology.add_residue(THREE_LETTER[code], chain, resSeq=number)
        for name in atoms:
            topology.add_atom(name, mdtraj.element.get_by_symbol(name[0]), residue)
    topology.create_standard_bonds()
    return mdtraj.Trajectory(np.array(frames), topology)
