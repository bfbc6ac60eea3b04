"""One way to the conformations of a pocket, however they are made; the given one is always the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation.conformations.normal_modes import displace, pocket_modes
from levinthal.workloads.docking.preparation.conformations.pocket import carry_hydrogens, heavy_atoms, pocket_atoms
from levinthal.workloads.docking.scoring.functions import FunctionName

Flexibility = Literal["none", "modes", "rotamers", "md"]
FLEXIBILITIES: tuple[Flexibility, ...] = ("none", "modes", "rotamers", "md")
"""How conformations are made."""

_N_MODES = 8
_MODES_MARGIN_ANGSTROM = 3.0
_AMPLITUDE_ANGSTROM = 0.5


def make_conformations(
    receptor: Receptor,
    box: Box,
    flexible: Flexibility,
    count: int,
    *,
    seed: int = 0,
    function: FunctionName = "vina",
    amplitude_angstrom: float = _AMPLITUDE_ANGSTROM,
) -> tuple[Receptor, ...]:
    """Make conformations of a receptor's pocket.

    Parameters
    ----------
    receptor : Receptor
        The first of the ensemble.
    box : Box
        What reaches into it is the pocket.
    flexible : {"none", "modes", "rotamers", "md"}
        Nothing moves; thermal displacements along eight normal modes (no energy: they are drawn as often as their
        strain lets them be, which charges it once); side-chain rotamers (each there once, with its energy with the
        protein on the scoring function); molecular dynamics (energy -kT ln of the share of snapshots).
    count : int
        Conformations in all; fewer come back where a pocket has fewer rotamers.
    seed : int
    function : {"vina", "vinardo"}
        For the energies of rotamers.
    amplitude_angstrom : float
        Root mean square displacement of the pocket's atoms along the modes.

    Returns
    -------
    tuple of Receptor
        Energies are above the lowest of the ensemble; names say how each was made.

    Raises
    ------
    UsageError
        A way of making them that does not exist, or fewer than one.
    DataError
        The box is nowhere near the receptor, or the receptor cannot be simulated.
    SimulationError
        The simulation broke.
    """
    if flexible not in FLEXIBILITIES:
        raise UsageError(f"flexible={flexible!r} is unknown: choose one of {', '.join(FLEXIBILITIES)}")
    if count < 1:
        raise UsageError(f"{count} conformations are asked for: take 1 or more")
    found: list[tuple[npt.NDArray[np.float64], float]] = []
    if count > 1 and flexible == "modes":
        found = _along_modes(receptor, box, count - 1, seed, amplitude_angstrom)
    elif count > 1 and flexible == "rotamers":
        from levinthal.workloads.docking.preparation.conformations.rotamers import draw_rotamers

        found = draw_rotamers(receptor, box, count - 1, seed, function)
    elif count > 1 and flexible == "md":
        from levinthal.workloads.docking.preparation.conformations.dynamics import simulate_pocket

        found = simulate_pocket(receptor, box, count - 1, seed)
    lowest = min([0.0, *(energy for _, energy in found)])
    made = [
        receptor.in_conformation(places, energy_kcal_mol=energy - lowest, name=f"{receptor.name} ({flexible} {number})")
        for number, (places, energy) in enumerate(found, 1)
    ]
    return (receptor.in_conformation(receptor.coordinates_angstrom, energy_kcal_mol=-lowest), *made)


def given_conformations(receptor: Receptor, others: Sequence[Receptor]) -> tuple[Receptor, ...]:
    """Return a receptor with conformations of the same atoms that a user gives, each with the energy it has.

    Atoms are found by residue and name, whatever their order; hydrogens that a file lacks follow their heavy atoms.

    Raises
    ------
    DataError
        A conformation lacks a heavy atom; the message names it.
    """
    heavy = set(heavy_atoms(receptor).tolist())
    made = [receptor]
    for other in others:
        place = {
            (residue, name): index
            for index, (residue, name) in enumerate(zip(other.residues, other.atom_names, strict=True))
        }
        places, lacking = receptor.coordinates_angstrom.copy(), []
        for index, key in enumerate(zip(receptor.residues, receptor.atom_names, strict=True)):
            if key in place:
                places[index] = other.coordinates_angstrom[place[key]]
            elif index in heavy:
                raise DataError(
                    f"conformation {other.name} lacks the atom {key[1]} of {key[0]}, which {receptor.name} has: give "
                    "files with the same atoms"
                )
            else:
                lacking.append(index)
        if lacking:
            carried = carry_hydrogens(receptor, places)
            places[lacking] = carried[lacking]
        made.append(receptor.in_conformation(places, energy_kcal_mol=other.energy_kcal_mol, name=other.name))
    return tuple(made)


def _along_modes(
    receptor: Receptor, box: Box, count: int, seed: int, amplitude_angstrom: float
) -> list[tuple[npt.NDArray[np.float64], float]]:
    heavy = heavy_atoms(receptor)
    mobile = pocket_atoms(receptor, box, _MODES_MARGIN_ANGSTROM)[heavy]
    places = receptor.coordinates_angstrom[heavy]
    modes = pocket_modes(places, mobile, _N_MODES)
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        weights = generator.normal(size=_N_MODES)
        moved = receptor.coordinates_angstrom.copy()
        moved[heavy] = displace(places, modes, weights, amplitude_angstrom)
        found.append((carry_hydrogens(receptor, moved), 0.0))
    return found
