"""Capped peptides built from their sequence; first of all Fs-peptide, the smallest of the paper.

Side chains are PeptideBuilder's: PDBFixer, which could add them to our own backbones, relaxes them on whatever platform
OpenMM finds, and the starts, like those of the three-helix bundle, must be the same bits on every machine.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import PeptideBuilder
from openmm import app
from PeptideBuilder import Geometry

from levinthal.errors import DataError, UsageError
from levinthal.proteins.residues import HEAVY_ATOMS, THREE_LETTER
from levinthal.simulation.systems.molecular_system import MolecularSystem, Residue, assemble, prepare
from levinthal.simulation.systems.pdb_structure import with_terminal_oxygen

FS_SEQUENCE = "A" * 5 + "AAARA" * 3 + "A"
"""Ace-A5(AAARA)3A-NME (Lockhart and Kim, Science 257:947, 1992)."""

START_DIHEDRALS_DEG = {"helix": (-57.0, -47.0), "extended": (-120.0, 130.0)}
"""phi and psi of the starts: alpha helix (Arnott and Dover, J. Mol. Biol. 30:209, 1967) and open strand."""

# Enough to relax what ideal geometry strains; thermal motion does the rest in the first picoseconds.
_MINIMISE_ITERATIONS = 60


def heavy_atoms(
    sequence: str, dihedrals_deg: Iterable[tuple[float, float]]
) -> list[dict[str, tuple[float, float, float]]]:
    """Build the heavy atoms of each residue (nm, by name) from phi and psi; omega is 180 degrees."""
    structure, previous_psi = None, 0.0
    for code, (phi, psi) in zip(sequence, dihedrals_deg, strict=True):
        geometry = Geometry.geometry(code)
        geometry.phi, geometry.psi_im1, geometry.omega = phi, previous_psi, 180.0
        previous_psi = psi
        if structure is None:
            structure = PeptideBuilder.initialize_res(geometry)
        else:
            PeptideBuilder.add_residue(structure, geometry)
    assert structure is not None
    # Angstrom to nm.
    return [
        {atom.id: (float(x) / 10, float(y) / 10, float(z) / 10) for atom in residue for x, y, z in (atom.coord,)}
        for residue in structure.get_residues()
    ]


def _backbone(sequence: str, phi_deg: float, psi_deg: float) -> list[Residue]:
    """Build heavy atoms from internal coordinates; a residue more at both ends is cut down to the caps."""
    first, *inner, last = heavy_atoms(f"A{sequence}A", [(phi_deg, psi_deg)] * (len(sequence) + 2))
    residues = [Residue("ACE", "A", "0", {"CH3": first["CA"], "C": first["C"], "O": first["O"]})]
    for number, (code, atoms) in enumerate(zip(sequence, inner, strict=True), start=1):
        residues.append(Residue(THREE_LETTER[code], "A", str(number), atoms))
    residues.append(Residue("NME", "A", str(len(sequence) + 1), {"N": last["N"], "C": last["CA"]}))
    return residues


def capped_peptide(
    name: str,
    sequence: str,
    starts: Sequence[str] = ("helix", "extended"),
    *,
    temperature_k: float = 300.0,
    friction_per_ps: float = 1.0,
    timestep_fs: float = 4.0,
) -> tuple[MolecularSystem, dict[str, npt.NDArray[np.float64]]]:
    """Build a peptide between an acetyl and an N-methyl cap; the same call gives the same positions.

    Parameters
    ----------
    name : str
        What the peptide is called.
    sequence : str
        One-letter code, at least one residue.
    starts : sequence of {"helix", "extended"}
        Which start structures to build.
    temperature_k, friction_per_ps, timestep_fs : float
        Of Langevin dynamics.

    Returns
    -------
    system : MolecularSystem
        The caps have no CA atom and are not residues of it.
    starts : dict of str to ndarray of float64, shape (n_atoms, 3)
        Minimised positions in nm.

    Raises
    ------
    UsageError
        An unknown start or residue.

    Examples
    --------
    >>> from levinthal.simulation import capped_peptide
    >>> system, starts = capped_peptide("dialanine", "AA", ("extended",))
    >>> system.n_atoms, starts["extended"].shape
    (32, (32, 3))
    """
    strange = [code for code in sequence if code not in THREE_LETTER]
    if strange or not sequence:
        raise UsageError(f"peptide {name}: residue {''.join(strange[:1])!r} is none of {''.join(THREE_LETTER)}")
    unknown = [start for start in starts if start not in START_DIHEDRALS_DEG]
    if unknown or not starts:
        raise UsageError(f"start {''.join(unknown[:1])!r} is unknown: choose of {', '.join(START_DIHEDRALS_DEG)}")
    built = {
        start: assemble(_backbone(sequence, *START_DIHEDRALS_DEG[start]), _MINIMISE_ITERATIONS)
        for start in dict.fromkeys(starts)
    }
    topology, system, positions_nm = built[starts[0]]
    prepared = prepare(
        name,
        topology,
        system,
        positions_nm,
        temperature_k=temperature_k,
        friction_per_ps=friction_per_ps,
        timestep_fs=timestep_fs,
    )
    return prepared, {start: positions for start, (_, _, positions) in built.items()}


def extended_start(molecule: MolecularSystem) -> npt.NDArray[np.float64]:
    """Build the positions of a protein of one chain with free ends as an open strand; of its structure nothing is used.

    Parameters
    ----------
    molecule : MolecularSystem
        As `from_pdb` makes it.

    Returns
    -------
    ndarray of float64, shape (n_atoms, 3)
        Minimised positions in nm.

    Raises
    ------
    DataError
        A protein of several chains, with caps, or with other protonation than an open strand has.
    """
    sequence = molecule.sequence
    built = heavy_atoms(sequence, [START_DIHEDRALS_DEG["extended"]] * len(sequence))
    residues = []
    for number, (code, atoms) in enumerate(zip(sequence, built, strict=True), start=1):
        name = THREE_LETTER[code]
        residues.append(Residue(name, "A", str(number), {each: atoms[each] for each in HEAVY_ATOMS[name]}))
    residues[-1] = with_terminal_oxygen(residues[-1])
    topology, _, positions_nm = assemble(residues, _MINIMISE_ITERATIONS)
    known = app.PDBFile(io.StringIO(molecule.topology_pdb)).topology
    names = [[(atom.residue.name, atom.name) for atom in each.atoms()] for each in (topology, known)]
    if names[0] != names[1]:
        raise DataError(
            f"{molecule.name} cannot begin extended: it has {len(names[1])} atoms, an open strand of {sequence} "
            f"with free ends {len(names[0])}, or they differ (chains, caps, protonation): give start=OTHER.pdb"
        )
    return positions_nm


def fs_peptide(
    starts: Sequence[str] = ("helix", "extended"),
    *,
    temperature_k: float = 300.0,
    friction_per_ps: float = 1.0,
    timestep_fs: float = 4.0,
) -> tuple[MolecularSystem, dict[str, npt.NDArray[np.float64]]]:
    """Build Fs-peptide: 264 atoms, 21 residues; parameters, returns and errors as for `capped_peptide`.

    Examples
    --------
    >>> from levinthal.simulation import fs_peptide
    >>> system, starts = fs_peptide(("helix",))
    >>> system.n_atoms, system.sequence
    (264, 'AAAAAAAARAAAARAAAARAA')
    """
    return capped_peptide(
        "Fs-peptide",
        FS_SEQUENCE,
        starts,
        temperature_k=temperature_k,
        friction_per_ps=friction_per_ps,
        timestep_fs=timestep_fs,
    )
