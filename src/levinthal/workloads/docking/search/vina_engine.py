"""AutoDock Vina itself, through its Python package: the baseline, by default and well tuned.

A fresh `Vina` object is made for every run: repeated `dock` calls on one object diverge in spite of the seed. What it
does is timed in its own parts: receptor, ligand (its tables are built there), maps, search.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.preparation import ligand_to_pdbqt, receptor_to_pdbqt
from levinthal.workloads.docking.search.outcome import SearchOutcome, Trace

__all__ = ["VINA_DEFAULT", "VINA_TUNED", "VinaRun", "VinaSettings", "dock_with_vina", "has_vina"]


@dataclass(frozen=True)
class VinaSettings:
    """How Vina searches.

    Attributes
    ----------
    exhaustiveness : int
        Monte Carlo chains.
    max_evals : int
        Most evaluations of a chain; 0 leaves Vina's own rule, by the size of the ligand.
    """

    exhaustiveness: int = 8
    max_evals: int = 0


VINA_DEFAULT = VinaSettings()
VINA_TUNED = VinaSettings(exhaustiveness=256, max_evals=1500)
"""Many short chains: for rigid ligands about twenty times faster than the default at equal success."""


@dataclass(frozen=True, eq=False)
class VinaRun:
    """One run of Vina and where its time went.

    Attributes
    ----------
    outcome : SearchOutcome
        Its evaluations are those it was allowed, 0 where its own rule set them: Vina does not tell.
    receptor_s, ligand_s, maps_s, search_s : float
        Wall-clock of `set_receptor`, `set_ligand`, `compute_vina_maps` and `dock`.
    """

    outcome: SearchOutcome
    receptor_s: float
    ligand_s: float
    maps_s: float
    search_s: float

    @property
    def total_s(self) -> float:
        """All parts."""
        return self.receptor_s + self.ligand_s + self.maps_s + self.search_s


def has_vina() -> bool:
    """Say whether the package `vina` is installed."""
    return importlib.util.find_spec("vina") is not None


def dock_with_vina(
    receptor: Receptor | Sequence[Receptor],
    ligand: Ligand,
    box: Box,
    settings: VinaSettings = VINA_DEFAULT,
    *,
    function: str = "vina",
    seed: int = 0,
    threads: int = 1,
    n_poses: int = 9,
    method: str = "Vina",
) -> VinaRun:
    """Dock a rigid ligand with Vina; several receptor conformations are docked one after another.

    Parameters
    ----------
    receptor : Receptor or sequence of Receptor
    ligand : Ligand
        Its torsions are frozen, as in all our searches.
    box : Box
    settings : VinaSettings
    function : {"vina", "vinardo"}
    seed : int
        From 0 on; Vina takes its own where it is 0, so that it is shifted by one.
    threads : int
    n_poses : int
        Most poses of each conformation.
    method : str
        The name of the outcome.

    Raises
    ------
    UsageError
        The package `vina` is not installed.
    """
    if not has_vina():
        raise UsageError(
            "AutoDock Vina needs the package vina (Python 3.11 and 3.12): pip install vina, or set methods without it"
        )
    stack = [receptor] if isinstance(receptor, Receptor) else list(receptor)
    runs = [
        _dock_one(each, ligand, box, settings, function=function, seed=seed, threads=threads, n_poses=n_poses)
        for each in stack
    ]
    energies = np.concatenate([found + each.energy_kcal_mol for (_, found, _), each in zip(runs, stack, strict=True)])
    conformations = np.concatenate([np.full(len(found), number) for number, (_, found, _) in enumerate(runs)])
    order = np.argsort(energies, kind="stable")
    receptor_s, ligand_s, maps_s, search_s = (float(part) for part in np.sum([times for _, _, times in runs], axis=0))
    evaluations = len(stack) * settings.exhaustiveness * settings.max_evals
    trace = Trace(np.array([evaluations]), np.array([search_s]), np.array([energies[order[0]]]))
    outcome = SearchOutcome(
        method,
        np.concatenate([places for places, _, _ in runs])[order],
        conformations[order].astype(np.int64),
        energies[order],
        trace,
    )
    return VinaRun(outcome, receptor_s, ligand_s, maps_s, search_s)


def _dock_one(
    receptor: Receptor,
    ligand: Ligand,
    box: Box,
    settings: VinaSettings,
    *,
    function: str,
    seed: int,
    threads: int,
    n_poses: int,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float, float, float]]:
    """Return coordinates (poses, atoms, 3), energies and times of one receptor conformation."""
    from vina import Vina

    text = ligand_to_pdbqt(ligand)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "receptor.pdbqt"
        file.write_text(receptor_to_pdbqt(receptor))
        vina = Vina(sf_name=function, cpu=threads, seed=seed % (2**31 - 2) + 1, verbosity=0)
        clock = [time.perf_counter()]
        vina.set_receptor(str(file))
        clock.append(time.perf_counter())
        vina.set_ligand_from_string(text)
        clock.append(time.perf_counter())
        vina.compute_vina_maps(center=list(box.centre_angstrom), box_size=list(box.size_angstrom))
        clock.append(time.perf_counter())
        vina.dock(exhaustiveness=settings.exhaustiveness, n_poses=n_poses, max_evals=settings.max_evals)
        clock.append(time.perf_counter())
    places = np.asarray(vina.poses(n_poses=n_poses, energy_range=20.0, coordinates_only=True), np.float64)
    energies = np.asarray(vina.energies(n_poses=n_poses, energy_range=20.0), np.float64)[:, 0]
    receptor_s, ligand_s, maps_s, search_s = np.diff(clock)
    return places.reshape(len(energies), -1, 3), energies, (receptor_s, ligand_s, maps_s, search_s)
