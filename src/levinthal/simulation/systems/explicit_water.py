"""A protein in a box of explicit water, at constant volume."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from openmm import app, unit

from levinthal.errors import DataError
from levinthal.simulation.systems.molecular_system import HYDROGEN_MASS_AMU, MolecularSystem, minimised, prepare
from levinthal.simulation.systems.pdb_structure import from_pdb

WATER_FORCE_FIELD = ("amber99sbildn.xml", "tip3p.xml")
"""Amber99SB-ILDN with TIP3P water (Jorgensen et al., J. Chem. Phys. 79:926, 1983)."""

_CUTOFF_NM = 1.0
_PADDING_NM = 1.0
_IONIC_STRENGTH_MOLAR = 0.1
_MINIMISE_ITERATIONS = 100


def in_explicit_water(
    path: str | Path,
    *,
    temperature_k: float = 300.0,
    friction_per_ps: float = 1.0,
    timestep_fs: float = 4.0,
    padding_nm: float = _PADDING_NM,
) -> tuple[MolecularSystem, dict[str, npt.NDArray[np.float64]]]:
    """Put the protein of a file into a cube of water and 0.1 M salt, neutral, with PME.

    The volume is that of water as OpenMM places it and stays: there is no barostat, so that a replica's state is
    positions and velocities alone.

    Parameters
    ----------
    path, temperature_k, friction_per_ps, timestep_fs
        As for `from_pdb`.
    padding_nm : float
        Least distance from the protein to the wall of the box.

    Returns
    -------
    system : MolecularSystem
        Water and ions have no CA atom and are not residues of it.
    starts : dict of str to ndarray of float64, shape (n_atoms, 3)
        One start, `structure`: minimised positions in nm.

    Raises
    ------
    DataError
        As for `from_pdb`, or a box that the force field cannot describe.
    """
    dry, starts = from_pdb(path, temperature_k=temperature_k)
    force_field = app.ForceField(*WATER_FORCE_FIELD)
    topology = app.PDBFile(io.StringIO(dry.topology_pdb)).topology
    modeller = app.Modeller(topology, starts["structure"] * unit.nanometer)
    try:
        modeller.addSolvent(
            force_field,
            model="tip3p",
            padding=padding_nm * unit.nanometer,
            ionicStrength=_IONIC_STRENGTH_MOLAR * unit.molar,
        )
        system = force_field.createSystem(
            modeller.topology,
            nonbondedMethod=app.PME,
            nonbondedCutoff=_CUTOFF_NM * unit.nanometer,
            constraints=app.HBonds,
            hydrogenMass=HYDROGEN_MASS_AMU * unit.amu,
        )
    except ValueError as error:
        raise DataError(f"{path} cannot be put into water ({error}): complete or remove that residue") from None
    positions_nm = minimised(system, modeller.positions, _MINIMISE_ITERATIONS)
    n_waters = sum(residue.name == "HOH" for residue in modeller.topology.residues())
    prepared = prepare(
        dry.name,
        modeller.topology,
        system,
        positions_nm,
        temperature_k=temperature_k,
        friction_per_ps=friction_per_ps,
        timestep_fs=timestep_fs,
        notes=(*dry.notes, f"{n_waters} waters and {_IONIC_STRENGTH_MOLAR:g} M salt added, at constant volume"),
    )
    names = " + ".join(part.removesuffix(".xml") for part in WATER_FORCE_FIELD)
    return replace(prepared, force_field=names, warnings=dry.warnings), {"structure": positions_nm}
