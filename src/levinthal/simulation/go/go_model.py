"""CA structure-based (Go) model of a protein: one bead a residue, attracted to nothing but its native contacts.

The recipe is SMOG2's CA model (Noel et al., PLoS Comput. Biol. 12:e1004794, 2016; Clementi, Nymeyer and Onuchic, J.
Mol. Biol. 298:937, 2000) in its reduced units: mass 1, epsilon 1 kJ/mol, nm, and the time that follows called ps::

    bonds         1/2 20000 (r - r0)^2
    angles        1/2 40 (t - t0)^2
    dihedrals     [1 - cos d] + 1/2 [1 - cos 3d],  d = phi - phi0
    contacts      5 (s/r)^12 - 6 (s/r)^10          s the native distance
    other pairs   (0.4/r)^12                       beyond three bonds

Temperature is a dial: above the folding temperature folding is rare, below it unfolding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openmm
from openmm import app

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError, UsageError
from levinthal.proteins.residues import HEAVY_ATOMS
from levinthal.simulation.go.heavy_atoms import read_heavy_atoms
from levinthal.simulation.go.shadow_map import SHADOW_MIN_SEPARATION, shadow_map
from levinthal.simulation.systems.molecular_system import BOLTZMANN_KJ_MOL_K, MolecularSystem, Residue, prepare

NATIVE_FACTOR = 1.2
"""A native contact is kept up to this many times its native distance (Clementi, Nymeyer and Onuchic, 2000)."""

_BOND_STRENGTH = 20_000.0  # kJ/mol/nm^2
_ANGLE_STRENGTH = 40.0  # kJ/mol/rad^2
_REPULSION = 0.4**12  # kJ/mol nm^12
_REPULSION_CUTOFF_NM = 1.1
_BONDS_EXCLUDED = 3

# Below this many beads writing out all pairs is fastest (benchmarks/go_model.py): on the Reference platform a neighbour
# list costs more than it saves.
_CUTOFF_FROM_BEADS = 100
_DECIMALS = 9
# A Lennard-Jones potential this shallow, its r^-12 term that of the repulsion, has an r^-6 term of 1e-10 kJ/mol nm^6:
# so OpenMM's compiled and vectorised NonbondedForce can make the repulsion.
_SHALLOW_KJ_MOL = 1e-16
_SHALLOW_SIGMA_NM = (_REPULSION / (4 * _SHALLOW_KJ_MOL)) ** (1 / 12)
# Between the chains of an unfolded start.
_CHAIN_SPACING_NM = 2.0


@dataclass(frozen=True, eq=False)
class GoModel:
    """A Go model and the native structure it is made of.

    Attributes
    ----------
    system : MolecularSystem
        One bead a residue, so that a frame holds all there is.
    native_nm : ndarray of float64, shape (n_residues, 3)
        CA atoms of the native structure, where bonds, angles, dihedrals and contacts are all at rest.
    contacts : ndarray of int64, shape (n_contacts, 2)
        Residues in native contact, the first index the smaller.
    contact_distances_nm : ndarray of float64, shape (n_contacts,)
        Their native distances.
    unfolded_nm : ndarray of float64, shape (n_residues, 3)
        Each chain laid out flat as a zigzag with its native bonds and angles; hardly a contact is left.
    """

    system: MolecularSystem
    native_nm: Doubles
    contacts: Integers
    contact_distances_nm: Doubles
    unfolded_nm: Doubles

    @property
    def starts(self) -> dict[str, Doubles]:
        """Both start structures by name, `native` and `unfolded`."""
        return {"native": self.native_nm, "unfolded": self.unfolded_nm}

    @property
    def kt_over_epsilon(self) -> float:
        """Thermal energy in units of the depth of a contact."""
        return self.system.kt_kj_mol

    def at(self, kt_over_epsilon: float) -> GoModel:
        """Return the same model at another thermal energy.

        Raises
        ------
        UsageError
            One that is not positive.
        """
        return replace(self, system=replace(self.system, temperature_k=_temperature_k(kt_over_epsilon)))

    def fraction_native_contacts(
        self, coordinates_nm: npt.NDArray[np.floating], factor: float = NATIVE_FACTOR
    ) -> Doubles:
        """Return Q: the share of the native contacts shorter than `factor` times their native distance.

        Parameters
        ----------
        coordinates_nm : ndarray, shape (n_frames, n_residues, 3)
            CA coordinates.
        factor : float
            How far a contact may stretch.

        Returns
        -------
        ndarray of float64, shape (n_frames,)

        Raises
        ------
        DataError
            Frames of another shape.
        """
        if coordinates_nm.ndim != 3 or coordinates_nm.shape[1:] != self.native_nm.shape:
            raise DataError(
                f"coordinates have the shape {coordinates_nm.shape}: {self.system.name} needs "
                f"(frames, {len(self.native_nm)}, 3)"
            )
        between = coordinates_nm[:, self.contacts[:, 0]] - coordinates_nm[:, self.contacts[:, 1]]
        squared = np.einsum("fci,fci->fc", between, between)
        return np.asarray((squared < (factor * self.contact_distances_nm) ** 2).mean(axis=1), np.float64)


def _temperature_k(kt_over_epsilon: float) -> float:
    if not (np.isfinite(kt_over_epsilon) and kt_over_epsilon > 0):
        raise UsageError(f"kt_over_epsilon is {kt_over_epsilon}: it must be a positive number")
    return kt_over_epsilon / BOLTZMANN_KJ_MOL_K


def _settled(values: npt.NDArray[np.floating]) -> Doubles:
    """Return values to nine decimals: the last bits of sums and roots differ between processors, a model must not.

    References are kept, and shipped, by the content of a model.
    """
    return np.asarray(np.round(values, _DECIMALS), np.float64)


def _angles(beads_nm: Doubles) -> Doubles:
    back, on = beads_nm[:-2] - beads_nm[1:-1], beads_nm[2:] - beads_nm[1:-1]
    cosines = np.einsum("ki,ki->k", back, on) / (np.linalg.norm(back, axis=1) * np.linalg.norm(on, axis=1))
    return _settled(np.arccos(np.clip(cosines, -1.0, 1.0)))


def _dihedrals(beads_nm: Doubles) -> Doubles:
    bonds = np.diff(beads_nm, axis=0)
    normals = np.cross(bonds[:-1], bonds[1:])
    sines = np.einsum("ki,ki->k", normals[:-1], bonds[2:]) * np.linalg.norm(bonds[1:-1], axis=1)
    return _settled(np.arctan2(sines, np.einsum("ki,ki->k", normals[:-1], normals[1:])))


def _lengths(between_nm: Doubles) -> Doubles:
    return _settled(np.linalg.norm(between_nm, axis=1))


def bead_distances(beads_nm: Doubles, pairs: Integers) -> Doubles:
    """Return the distance of each pair of beads, shape (n_pairs,)."""
    return _lengths(beads_nm[pairs[:, 0]] - beads_nm[pairs[:, 1]])


def _contact_force(contacts: Integers, distances_nm: Doubles) -> openmm.CustomBondForce:
    force = openmm.CustomBondForce("A/r^12-B/r^10")
    force.setName("contacts")
    force.addPerBondParameter("A")
    force.addPerBondParameter("B")
    for (i, j), distance in zip(contacts.tolist(), distances_nm.tolist(), strict=True):
        force.addBond(i, j, [float(f"{each:.12g}") for each in (5 * distance**12, 6 * distance**10)])
    return force


def _repulsion_written_out(n_beads: int, exclusions: set[tuple[int, int]]) -> openmm.CustomBondForce:
    force = openmm.CustomBondForce(f"{_REPULSION!r}/r^12")
    force.setName("repulsion")
    for i in range(n_beads):
        for j in range(i + 1, n_beads):
            if (i, j) not in exclusions:
                force.addBond(i, j, [])
    return force


def _repulsion_with_cutoff(n_beads: int, exclusions: set[tuple[int, int]]) -> openmm.NonbondedForce:
    force = openmm.NonbondedForce()
    force.setName("repulsion")
    for _ in range(n_beads):
        force.addParticle(0.0, _SHALLOW_SIGMA_NM, _SHALLOW_KJ_MOL)
    for i, j in sorted(exclusions):
        force.addException(i, j, 0.0, _SHALLOW_SIGMA_NM, 0.0)
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffNonPeriodic)
    force.setCutoffDistance(_REPULSION_CUTOFF_NM)
    force.setUseDispersionCorrection(False)
    return force


def go_forces(
    native_nm: npt.NDArray[np.floating],
    contacts: npt.NDArray[np.integer],
    chain_lengths: Sequence[int] | None = None,
    *,
    cutoff: bool | None = None,
    distances_nm: Doubles | None = None,
) -> openmm.System:
    """Return an OpenMM System of beads of mass 1 with the forces of the model; the centre of mass is kept at rest.

    Parameters
    ----------
    native_nm : ndarray, shape (n_residues, 3)
        CA atoms of the native structure.
    contacts : ndarray of int, shape (n_contacts, 2)
        Residues in native contact, the first index the smaller.
    chain_lengths : sequence of int, optional
        Residues of each chain; without it there is one. No bond, angle or dihedral joins two chains.
    cutoff : bool, optional
        Whether the repulsion ends at 1.1 nm, where a pair has 5e-6 kJ/mol, as SMOG's does; else all its pairs are
        written out. Without it the number of beads decides, by speed.
    distances_nm : ndarray of float64, shape (n_contacts,), optional
        Where contacts are at rest; without it as in the native structure.

    Raises
    ------
    DataError
        A contact of a residue that is not there, or of near neighbours.
    """
    native = _settled(native_nm)
    n_beads = len(native)
    lengths = [n_beads] if chain_lengths is None else list(chain_lengths)
    chain_of = np.repeat(np.arange(len(lengths)), lengths)
    pairs = np.asarray(contacts, np.int64).reshape(-1, 2)
    wrong = (pairs[:, 0] < 0) | (pairs[:, 1] >= n_beads) | (pairs[:, 0] >= pairs[:, 1])
    if not wrong.any():
        same_chain = chain_of[pairs[:, 0]] == chain_of[pairs[:, 1]]
        wrong = same_chain & (pairs[:, 1] - pairs[:, 0] < SHADOW_MIN_SEPARATION)
    if wrong.any():
        i, j = pairs[wrong][0].tolist()
        raise DataError(
            f"contact ({i}, {j}): give each pair once, the smaller index first, at least {SHADOW_MIN_SEPARATION} "
            f"residues apart in a chain and below {n_beads}"
        )
    system = openmm.System()
    for _ in range(n_beads):
        system.addParticle(1.0)
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    # As a polynomial in the cosine, one dihedral of both periods is half the work of two.
    dihedrals = openmm.CustomTorsionForce("1.5+c*(0.5-2*c*c); c=cos(theta-phi0)")
    dihedrals.addPerTorsionParameter("phi0")
    first = 0
    for length in lengths:
        chain = native[first : first + length]
        for k, bond in enumerate(_lengths(np.diff(chain, axis=0)).tolist(), first):
            bonds.addBond(k, k + 1, bond, _BOND_STRENGTH)
        for k, angle in enumerate(_angles(chain).tolist() if length > 2 else [], first):
            angles.addAngle(k, k + 1, k + 2, angle, _ANGLE_STRENGTH)
        for k, dihedral in enumerate(_dihedrals(chain).tolist() if length > 3 else [], first):
            dihedrals.addTorsion(k, k + 1, k + 2, k + 3, [dihedral])
        first += length
    exclusions = {
        (i, j)
        for i in range(n_beads)
        for j in range(i + 1, min(i + _BONDS_EXCLUDED + 1, n_beads))
        if chain_of[i] == chain_of[j]
    } | {(i, j) for i, j in pairs.tolist()}
    if distances_nm is None:
        distances_nm = bead_distances(native, pairs)
    with_cutoff = n_beads >= _CUTOFF_FROM_BEADS if cutoff is None else cutoff
    repulsion = (_repulsion_with_cutoff if with_cutoff else _repulsion_written_out)(n_beads, exclusions)
    for force in (bonds, angles, dihedrals, _contact_force(pairs, distances_nm), repulsion, openmm.CMMotionRemover(1)):
        system.addForce(force)
    return system


def _stretched(native_nm: Doubles, chain_lengths: Sequence[int]) -> Doubles:
    """Lay each chain out in a plane as a zigzag of its native bonds and angles that never turns back."""
    chains, first = [], 0
    for k, length in enumerate(chain_lengths):
        chain = native_nm[first : first + length]
        turns = (np.pi - _angles(chain)).tolist() if length > 2 else []
        direction = turns[0] / 2 if turns else 0.0
        directions = [direction] if length > 1 else []
        for turn in turns[: length - 2]:
            direction += turn if direction < 0 else -turn
            directions.append(direction)
        bonds = _lengths(np.diff(chain, axis=0))
        steps = bonds[:, None] * np.stack([np.cos(directions), np.sin(directions), np.zeros(len(bonds))], axis=1)
        beads = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
        chains.append(beads - beads.mean(axis=0) + [0.0, 0.0, k * _CHAIN_SPACING_NM])
        first += length
    return _settled(np.concatenate(chains))


def _topology(residues: Sequence[Residue]) -> app.Topology:
    topology = app.Topology()
    for (chain_name, _), members in groupby(residues, key=lambda residue: residue.chain_key):
        chain = topology.addChain(chain_name or None)
        for residue in members:
            topology.addAtom("CA", app.element.carbon, topology.addResidue(residue.name, chain, residue.number))
    return topology


def _residues_of(
    structure: str | Path | Sequence[Residue],
) -> tuple[list[Residue], str, tuple[str, ...], tuple[str, ...]]:
    """Return residues, a name, and what was left out of a file and changed in it."""
    if isinstance(structure, str | Path):
        residues, notes, warnings = read_heavy_atoms(structure)
        return residues, Path(structure).stem, notes, warnings
    return list(structure), "protein", (), ()


def go_model(
    structure: str | Path | Sequence[Residue],
    *,
    name: str | None = None,
    kt_over_epsilon: float = 1.0,
    friction_per_ps: float = 1.0,
    timestep_fs: float = 2.0,
    contacts: npt.NDArray[np.integer] | None = None,
    distances_nm: Doubles | None = None,
) -> GoModel:
    """Make a Go model of a protein structure, which becomes its state of least energy.

    Parameters
    ----------
    structure : str, Path or sequence of Residue
        A PDB or mmCIF file (see `read_heavy_atoms`), or residues with their heavy atoms.
    name : str, optional
        What the system is called; without it the file's name.
    kt_over_epsilon : float
        Thermal energy in units of the depth of a contact; small proteins fold near 1.
    friction_per_ps, timestep_fs : float
        Of Langevin dynamics, in the model's reduced time.
    contacts : ndarray of int, shape (n_contacts, 2), optional
        Native contacts, the smaller index first; without it the shadow map.
    distances_nm : ndarray of float64, shape (n_contacts,), optional
        Of given contacts, where these are not at rest in the structure itself.

    Returns
    -------
    GoModel

    Raises
    ------
    DataError
        A file that cannot be used (the message names chain and residue), contacts that make no sense, or none at all.
    UsageError
        A temperature, friction or time step that is not positive.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.simulation import capped_peptide, go_model
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "A" * 9, ("helix",))[0].topology_pdb)
    >>> model = go_model("helix.pdb")
    >>> model.system.n_atoms  # one for each residue
    9
    """
    residues, own_name, notes, warnings = _residues_of(structure)
    name = name or own_name
    strange = [residue for residue in residues if "CA" not in residue.atoms or residue.name not in HEAVY_ATOMS]
    if strange or not residues:
        raise DataError(
            f"{name}: {', '.join(map(str, strange[:1])) or 'no residue'}: each needs a standard name and CA"
        )
    pairs = shadow_map(residues) if contacts is None else np.asarray(contacts, np.int64).reshape(-1, 2)
    if not len(pairs):
        raise DataError(f"{name} has no native contact, so nothing would fold it: take a folded structure")
    native_nm = _settled(np.array([residue.atoms["CA"] for residue in residues], np.float64))
    chain_lengths = [len(list(members)) for _, members in groupby(residues, key=lambda residue: residue.chain_key)]
    forces = go_forces(native_nm, pairs, chain_lengths, distances_nm=distances_nm)  # refuses contacts of no residue
    if distances_nm is None:
        distances_nm = bead_distances(native_nm, pairs)
    system = prepare(
        f"{name} (Go)",
        _topology(residues),
        forces,
        native_nm,
        temperature_k=_temperature_k(kt_over_epsilon),
        friction_per_ps=friction_per_ps,
        timestep_fs=timestep_fs,
        notes=notes,
    )
    rule = "shadow map" if contacts is None else "given contacts"
    return GoModel(
        system=replace(system, force_field=f"CA structure-based (SMOG2 recipe), {rule}", warnings=warnings),
        native_nm=native_nm,
        contacts=np.array(pairs),
        contact_distances_nm=distances_nm,
        unfolded_nm=_stretched(native_nm, chain_lengths),
    )
