"""Docking of the library into one state: a task for a worker, whose answer is kept as a file.

What a worker was killed in is made again with the same seeds; what is kept is read.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.files.writing import write_whole
from levinthal.harness.contract.seeds import low_bits
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation.library import Prepared
from levinthal.workloads.docking.scoring import build_grids
from levinthal.workloads.docking.scoring.functions import FunctionName
from levinthal.workloads.docking.screening.screen import screen
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SearchOutcome


@dataclass(frozen=True, eq=False)
class DockingTask:
    """A state, the library, and how they are docked.

    Attributes
    ----------
    state : int
    receptor : Receptor
        In the conformation of the state.
    box : Box
    library : tuple of Prepared
    types : tuple of int
        Vina types of the library, for the maps.
    function, spacing_angstrom
        Of the maps.
    search : RandomRestarts
    seed : int
        The same for every state, so that the same pose is found in the same pocket.
    path : Path
        Where the answer is kept.
    """

    state: int
    receptor: Receptor
    box: Box
    library: tuple[Prepared, ...]
    types: tuple[int, ...]
    function: FunctionName
    spacing_angstrom: float
    search: RandomRestarts
    seed: int
    path: Path


@dataclass(frozen=True)
class DockedState:
    """How the compounds of the library bind to a state.

    Attributes
    ----------
    state : int
    affinities_kcal_mol : tuple of float
        Of each compound; NaN where it could not be docked.
    poses_angstrom : tuple of ndarray, each of shape (n_atoms, 3)
        Its best pose; empty where there is none.
    reasons : tuple of str
        Why there is none, empty where there is one.
    began_s, duration_s : float
        Seconds since 1970, and how long it took, maps included.
    worker : str
        Which process did it.
    """

    state: int
    affinities_kcal_mol: tuple[float, ...]
    poses_angstrom: tuple[Doubles, ...]
    reasons: tuple[str, ...]
    began_s: float
    duration_s: float
    worker: str

    @property
    def mean_kcal_mol(self) -> float:
        """Mean affinity of the compounds that were docked: how well the state binds, whoever is known to."""
        return float(np.nanmean(self.affinities_kcal_mol)) if np.isfinite(self.affinities_kcal_mol).any() else math.nan


def dock_state(task: DockingTask) -> Path:
    """Dock the library into a state, unless that is done; return the file of the answer."""
    if task.path.exists():
        return task.path
    torch.set_num_threads(1)
    began_s, clock_s = time.time(), time.perf_counter()
    grids = build_grids(
        (task.receptor,), list(task.types), task.box, task.function, spacing_angstrom=task.spacing_angstrom
    )

    def search(problem: Problem, number: int) -> SearchOutcome:
        return task.search.search(problem, seed=low_bits(task.seed + number))

    screening = screen(task.library, (), (task.receptor,), grids, search)
    hits = {hit.entry.name: hit for hit in screening.hits}
    reasons = {failure.name: failure.reason for failure in screening.failures}
    names = [each.entry.name for each in task.library]
    found = DockedState(
        state=task.state,
        affinities_kcal_mol=tuple(hits[name].affinity_kcal_mol if name in hits else math.nan for name in names),
        poses_angstrom=tuple(hits[name].coordinates if name in hits else np.zeros((0, 3)) for name in names),
        reasons=tuple("" if name in hits else reasons.get(name, "it was not docked") for name in names),
        began_s=began_s,
        duration_s=time.perf_counter() - clock_s,
        worker=f"process {os.getpid()}",
    )
    task.path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(task.path, _text(found))
    return task.path


def _text(found: DockedState) -> str:
    values = asdict(found) | {
        "affinities_kcal_mol": [None if math.isnan(each) else each for each in found.affinities_kcal_mol],
        "poses_angstrom": [each.tolist() for each in found.poses_angstrom],
    }
    return json.dumps(values)


def read_docked(path: Path) -> DockedState:
    """Read what `dock_state` left.

    Raises
    ------
    DataError
        The file is damaged.
    """
    with refused(DataError, path, "is damaged", "delete it and resume"):
        values = json.loads(path.read_text())
        values["affinities_kcal_mol"] = tuple(
            math.nan if each is None else float(each) for each in values["affinities_kcal_mol"]
        )
        values["poses_angstrom"] = tuple(np.array(each, np.float64).reshape(-1, 3) for each in values["poses_angstrom"])
        values["reasons"] = tuple(values["reasons"])
        return DockedState(**values)


def worth_of(docked: Sequence[DockedState]) -> dict[int, float]:
    """Return the mean affinity of each state that any compound could be docked into."""
    return {each.state: each.mean_kcal_mol for each in docked if math.isfinite(each.mean_kcal_mol)}
