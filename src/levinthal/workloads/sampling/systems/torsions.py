"""A molecule seen through its backbone torsions: for peptides so small that CA atoms say nothing."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from levinthal.arrays import Doubles, Floats, Integers
from levinthal.errors import DataError
from levinthal.workloads.sampling.systems.dynamics import DynamicsChunk
from levinthal.workloads.sampling.systems.particles import ParticleDynamics


def torsion_features(positions_nm: Floats, quartets: Integers) -> Doubles:
    """Return cosine and sine of each torsion.

    Parameters
    ----------
    positions_nm : ndarray, shape (n_frames, n_atoms, 3)
        All atoms.
    quartets : ndarray of int64, shape (n_torsions, 4)
        Atoms of each torsion.

    Returns
    -------
    ndarray of float64, shape (n_frames, 2 * n_torsions)
        Cosine and sine of the first, then of the next; IUPAC's sign (J. Mol. Biol. 52:1, 1970).
    """
    a, b, c, d = (np.asarray(positions_nm, np.float64)[:, quartets[:, k]] for k in range(4))
    first, middle, last = b - a, c - b, d - c
    before, after = np.cross(first, middle), np.cross(middle, last)
    cosine = np.einsum("fti,fti->ft", before, after)
    sine = np.einsum("fti,fti->ft", before, last) * np.linalg.norm(middle, axis=2)
    length = np.hypot(cosine, sine)
    return np.asarray(np.stack([cosine / length, sine / length], axis=2).reshape(len(a), -1), np.float64)


def backbone_torsions(topology_pdb: str) -> Integers:
    """Return the atoms of phi and psi of the one residue of a capped peptide, shape (2, 4).

    Raises
    ------
    DataError
        The topology has more than one residue with both torsions, or none.
    """
    from openmm import app

    residues = list(app.PDBFile(io.StringIO(topology_pdb)).topology.residues())
    atoms = {(k, atom.name): atom.index for k, residue in enumerate(residues) for atom in residue.atoms()}
    found = []
    for k in range(1, len(residues) - 1):
        names = [(k - 1, "C"), (k, "N"), (k, "CA"), (k, "C"), (k + 1, "N")]
        if all(name in atoms for name in names):
            found.append([atoms[name] for name in names])
    if len(found) != 1:
        raise DataError(f"{len(found)} residues have phi and psi: expected a capped peptide of one residue")
    (chain,) = found
    return np.array([chain[:4], chain[1:]], np.int64)


@dataclass(frozen=True, eq=False)
class TorsionDynamics:
    """The dynamics of a molecule whose frames are cosines and sines of torsions.

    Attributes
    ----------
    molecule : ParticleDynamics
        What is simulated.
    quartets : ndarray of int64, shape (n_torsions, 4)
        Atoms of each torsion.
    """

    molecule: ParticleDynamics
    quartets: Integers
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.molecule.sha256.encode() + np.ascontiguousarray(self.quartets, "<i8").tobytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def name(self) -> str:
        """The molecule's name."""
        return self.molecule.name

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Two numbers a torsion."""
        return (2 * len(self.quartets),)

    @property
    def state_width(self) -> int:
        """That of the molecule."""
        return self.molecule.state_width

    def start(self, number: int, seed: int) -> Doubles:
        """Return a walker's start."""
        return self.molecule.start(number, seed)

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Simulate, and look at the torsions."""
        chunk = self.molecule.advance(state, n_steps, seed, frame_interval, first_step)
        half = chunk.states.shape[1] // 2
        positions = chunk.states[:, :half].reshape(len(chunk.states), -1, 3)
        frames = torsion_features(positions, self.quartets).astype(np.float32)
        return DynamicsChunk(frames, chunk.states, chunk.end_state)

    def heated(self, factor: float) -> Self:
        """Return the same at so many times its temperature."""
        return replace(self, molecule=self.molecule.heated(factor))

    def reduced_energy(self, state: Doubles) -> float:
        """Return that of the molecule."""
        return self.molecule.reduced_energy(state)

    def carried(self, state: Doubles, factor: float) -> Doubles:
        """Return that of the molecule."""
        return self.molecule.carried(state, factor)
