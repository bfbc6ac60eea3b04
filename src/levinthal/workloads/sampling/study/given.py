"""A reference from a person's own long simulations: trajectories of the same protein, read as any others are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from levinthal.errors import DataError
from levinthal.simulation.trajectories.reader import read_trajectories
from levinthal.workloads.sampling.study.reference import Reference, reference_of
from levinthal.workloads.sampling.study.walks import Walk
from levinthal.workloads.sampling.systems.system import System


def given_reference(system: System, paths: Sequence[str], topology: str) -> tuple[Reference, tuple[str, ...]]:
    """Return the reference of trajectories, and what a reader must know of how they were read.

    Their frames may be as far apart as they like: of them populations are taken, at whatever lag holds.

    Parameters
    ----------
    system : System
        What campaigns sample, seen by its CA atoms.
    paths : sequence of str
        Trajectories of plain simulation, each unbroken.
    topology : str
        A file of their atoms.

    Raises
    ------
    DataError
        A file that cannot be read, or of another molecule.
    UsageError
        The reference does not hold; the message says what is missing.
    """
    shape = system.dynamics.frame_shape
    if len(shape) != 2 or shape[1] != 3:
        raise DataError(
            f"{system.name} is not seen by CA atoms: a reference of trajectories is for proteins; leave reference out"
        )
    found = read_trajectories(paths, topology)
    walks = []
    for each in found.trajectories:
        if each.ca_nm.shape[1:] != shape:
            raise DataError(
                f"{each.path} has {each.ca_nm.shape[1]} residues, {system.name} has {shape[0]}: give trajectories of "
                "the same protein as reference"
            )
        observed = system.observables.observe(each.ca_nm, np.zeros((len(each.ca_nm), 0)))
        walks.append(Walk(np.asarray(observed.cell, np.int32), np.asarray(observed.arrived, np.bool_), np.empty(0)))
    return reference_of(walks, system, 1, fix="give more or longer trajectories as reference"), found.notes
