"""AutoDock Vina itself, through its Python package: the baseline.

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
from typing import ClassVar

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.preparation import ligand_to_pdbqt, receptor_to_pdbqt
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.outcome import SearchOutcome, Trace


@dataclass(frozen=True)
class Vina(Search):
    """Search with Vina as it comes.

    Attributes
    ----------
    exhaustiveness : int
        Monte Carlo chains.
    max_evals : int
        Most evaluations of a chain; 0 leaves Vina's own rule, by the size of the ligand.
    n_poses : int
        Most poses of each conformation.
    threads : int
    """

    exhaustiveness: int = 8
    max_evals: int = 0
    n_poses: int = 9
    threads: int = 1

    shown: ClassVar[str] = "Vina, default"
    described: ClassVar[str] = "Vina by default"
    all_cores: ClassVar[bool] = True
    package: ClassVar[str] = "vina"
    installed_by: ClassVar[str] = "pip install vina (Python 3.11 and 3.12)"
    refines: ClassVar[bool] = True

    def warm_up(self, problem: Problem) -> None:
        """Do nothing: what Vina sets up is timed as its own."""

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Dock the ligand as a rigid body into each of the problem's receptors; its maps are not used.

        Raises
        ------
        UsageError
            The problem holds maps without their receptors, or the package `vina` is not installed.
        """
        if not problem.receptors:
            raise UsageError("AutoDock Vina makes maps of its own: give the problem its receptors")
        outcome = self.dock(
            problem.receptors, problem.ligand, problem.grids.box, function=problem.grids.function, seed=seed
        )
        return outcome.told_by(problem.goal)

    def dock(
        self, receptors: Sequence[Receptor], ligand: Ligand, box: Box, *, function: str = "vina", seed: int = 0
    ) -> SearchOutcome:
        """Dock a rigid ligand; several receptor conformations are docked one after another.

        Parameters
        ----------
        receptors : sequence of Receptor
        ligand : Ligand
            Its torsions are frozen, as in all our searches.
        box : Box
        function : {"vina", "vinardo"}
        seed : int
            From 0 on; Vina takes its own where it is 0, so that it is shifted by one.

        Returns
        -------
        SearchOutcome
            Its evaluations are those that Vina was allowed, 0 where its own rule set them: it does not report them.
            `setup_s` are the times of `set_receptor`, `set_ligand` and `compute_vina_maps`.

        Raises
        ------
        UsageError
            The package `vina` is not installed.
        """
        if importlib.util.find_spec(self.package) is None:
            raise UsageError(
                f"AutoDock Vina needs the package {self.package}: {self.installed_by}, or set methods without it"
            )
        runs = [self._dock_one(each, ligand, box, function, seed) for each in receptors]
        energies = np.concatenate(
            [found + each.energy_kcal_mol for (_, found, _), each in zip(runs, receptors, strict=True)]
        )
        conformations = np.concatenate([np.full(len(found), number) for number, (_, found, _) in enumerate(runs)])
        order = np.argsort(energies, kind="stable")
        *setup_s, search_s = (float(part) for part in np.sum([times for _, _, times in runs], axis=0))
        evaluations = len(receptors) * self.exhaustiveness * self.max_evals
        return SearchOutcome(
            np.concatenate([places for places, _, _ in runs])[order],
            conformations[order].astype(np.int64),
            energies[order],
            Trace(np.array([evaluations]), np.array([search_s]), energies[order[:1]], np.array([np.nan])),
            dict(zip(("receptor", "ligand", "maps"), setup_s, strict=True)),
        )

    def _dock_one(
        self, receptor: Receptor, ligand: Ligand, box: Box, function: str, seed: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return coordinates (poses, atoms, 3), energies, and times of receptor, ligand, maps and search."""
        from vina import Vina as Program

        text = ligand_to_pdbqt(ligand)
        with TemporaryDirectory() as folder:
            file = Path(folder) / "receptor.pdbqt"
            file.write_text(receptor_to_pdbqt(receptor))
            program = Program(sf_name=function, cpu=self.threads, seed=seed % (2**31 - 2) + 1, verbosity=0)
            clock = [time.perf_counter()]
            program.set_receptor(str(file))
            clock.append(time.perf_counter())
            program.set_ligand_from_string(text)
            clock.append(time.perf_counter())
            program.compute_vina_maps(center=list(box.centre_angstrom), box_size=list(box.size_angstrom))
            clock.append(time.perf_counter())
            program.dock(exhaustiveness=self.exhaustiveness, n_poses=self.n_poses, max_evals=self.max_evals)
            clock.append(time.perf_counter())
        places = np.asarray(program.poses(n_poses=self.n_poses, energy_range=20.0, coordinates_only=True), np.float64)
        energies = np.asarray(program.energies(n_poses=self.n_poses, energy_range=20.0), np.float64)[:, 0]
        return places.reshape(len(energies), -1, 3), energies, np.diff(clock)


SEARCH = Vina
