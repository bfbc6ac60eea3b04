"""Virtual screening: every compound of a library docked into the same maps and ranked; failures with their reasons.

Maps are made once, for the atom types of the whole library. Compounds compete by the affinity that Vina prints: the
exact energy over 1 + 0.05846 times the rotatable bonds, although they are docked as rigid bodies: in the conformer that
their source has, or RDKit makes, and in those of an ensemble, all in one batch.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, LevinthalError
from levinthal.workloads.docking.molecules.contacts import Contact, contacts_of
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.pose_files import pose_record
from levinthal.workloads.docking.preparation.conformers import conformers_of
from levinthal.workloads.docking.preparation.library import Failure, LibraryEntry, Prepared
from levinthal.workloads.docking.scoring import GridMaps, torsion_divisor
from levinthal.workloads.docking.screening.ensemble import ConformerProblem
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SearchOutcome


@dataclass(frozen=True, eq=False)
class Hit:
    """A docked compound.

    Attributes
    ----------
    entry : LibraryEntry
    ligand : Ligand
    affinity_kcal_mol : float
        What it is ranked by.
    coordinates : ndarray, (atoms, 3)
        Its best pose.
    conformation : int
        The receptor conformation of that pose.
    search_s : float
        Docking time, set-up excluded.
    contacts : tuple of Contact
        What the pose touches.
    n_conformers : int
        Conformers of the compound that were docked.
    """

    entry: LibraryEntry
    ligand: Ligand
    affinity_kcal_mol: float
    coordinates: npt.NDArray[np.float64]
    conformation: int
    search_s: float
    contacts: tuple[Contact, ...] = ()
    n_conformers: int = 1

    @property
    def efficiency_kcal_mol(self) -> float:
        """Affinity for each heavy atom."""
        return self.affinity_kcal_mol / len(self.ligand.heavy_atoms)


@dataclass(frozen=True, eq=False)
class Screening:
    """A library after docking: hits by affinity, and failures with their reasons."""

    hits: tuple[Hit, ...]
    failures: tuple[Failure, ...]


def screen(
    prepared: Sequence[Prepared],
    failures: Sequence[Failure],
    receptors: Sequence[Receptor],
    grids: GridMaps,
    search: Callable[[Problem, int], SearchOutcome],
    *,
    n_conformers: int = 1,
    on_ligand: Callable[[], None] = lambda: None,
) -> Screening:
    """Dock every compound and rank them.

    Parameters
    ----------
    prepared, failures : sequences
        From `prepare_library`.
    receptors : sequence of Receptor
        The conformations of the maps.
    grids : GridMaps
        For the atom types of all compounds.
    search : callable
        From a problem and a number, which varies the seed, to an outcome.
    n_conformers : int
        Conformers of each compound at most.
    on_ligand : callable
        Called after each compound.
    """
    hits, failed = [], list(failures)
    for number, each in enumerate(prepared):
        try:
            conformers = conformers_of(each.ligand, n_conformers)
            hits.append(_dock(each.entry, conformers, receptors, grids, lambda problem: search(problem, number)))  # noqa: B023
        except LevinthalError as error:
            failed.append(Failure(each.entry.name, str(error)))
        on_ligand()
    hits.sort(key=lambda hit: hit.affinity_kcal_mol)
    return Screening(tuple(hits), tuple(failed))


def _dock(
    entry: LibraryEntry,
    conformers: Sequence[Ligand],
    receptors: Sequence[Receptor],
    grids: GridMaps,
    search: Callable[[Problem], SearchOutcome],
) -> Hit:
    problem = ConformerProblem.of_conformers(grids, conformers)
    _must_fit(problem.ligand, grids.box)
    outcome = search(problem)
    best: tuple[float, Ligand, npt.NDArray[np.float64], int] | None = None
    for ligand, final in problem.rescored(receptors, outcome):
        strains = np.array([receptors[int(k)].energy_kcal_mol for k in final.conformations])
        affinities = (final.energies_kcal_mol - strains) / torsion_divisor(ligand.n_torsions) + strains
        first = int(np.argmin(affinities))
        if best is None or affinities[first] < best[0]:
            best = float(affinities[first]), ligand, final.coordinates[first], int(final.conformations[first])
    if best is None:
        raise DataError("the search returned no pose")
    affinity, ligand, pose, conformation = best
    return Hit(
        entry=entry,
        ligand=ligand,
        affinity_kcal_mol=affinity,
        coordinates=pose,
        conformation=conformation,
        search_s=outcome.duration_s,
        contacts=contacts_of(receptors[conformation], ligand, pose),
        n_conformers=len(conformers),
    )


def _must_fit(ligand: Ligand, box: Box) -> None:
    spans = np.ptp(ligand.scored_template_angstrom, axis=0)
    longest = float(np.linalg.norm(spans))
    diagonal = float(np.linalg.norm(box.size_angstrom))
    if longest > diagonal:
        raise DataError(f"it is {longest:.1f} A long and the box has a diagonal of {diagonal:.1f} A: raise padding")


def ranked_csv(screening: Screening) -> str:
    """Return the ranked list; compounds that failed stand at its end, with the reason."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(
        ["rank", "name", "affinity_kcal_mol", "efficiency_kcal_mol", "heavy_atoms", "rotatable_bonds", "conformers",
         "conformation", "known", "measured_kcal_mol", "search_s", "residues_within_4_angstrom", "hydrogen_bonds",
         "preparation", "reason"]
    )  # fmt: skip
    for rank, hit in enumerate(screening.hits, 1):
        rows.writerow(
            [
                rank,
                hit.entry.name,
                f"{hit.affinity_kcal_mol:.3f}",
                f"{hit.efficiency_kcal_mol:.3f}",
                len(hit.ligand.heavy_atoms),
                f"{hit.ligand.n_torsions:g}",
                hit.n_conformers,
                hit.conformation,
                {True: "active", False: "decoy", None: ""}[hit.entry.active],
                "" if hit.entry.binding_kcal_mol is None else hit.entry.binding_kcal_mol,
                f"{hit.search_s:.4f}",
                "; ".join(each.residue for each in hit.contacts),
                "; ".join(f"{each.residue} {bond}" for each in hit.contacts for bond in each.hydrogen_bonds),
                "; ".join((*hit.ligand.warnings, *hit.ligand.notes)),
                "",
            ]
        )
    for failure in screening.failures:
        rows.writerow(["", failure.name, *[""] * 12, failure.reason])
    return table.getvalue()


def ranked_sdf(screening: Screening) -> str:
    """Return the best pose of every hit, in the order of the list."""
    return "".join(
        pose_record(
            hit.ligand,
            hit.coordinates,
            hit.entry.name,
            {
                "rank": rank,
                "affinity_kcal_mol": hit.affinity_kcal_mol,
                "efficiency_kcal_mol": hit.efficiency_kcal_mol,
                "conformation": hit.conformation,
            },
        )
        for rank, hit in enumerate(screening.hits, 1)
    )
