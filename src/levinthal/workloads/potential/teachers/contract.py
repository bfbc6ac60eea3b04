"""What a teacher is, and teachers by name.

A teacher is written `NAME` or `NAME:ARGUMENT`. A plug-in is declared in its package's `pyproject.toml`::

    [project.entry-points."levinthal.teachers"]
    mine = "my_package:make_teacher"

and is a callable that takes the molecule and the argument, and returns a `Potential`.
"""

from __future__ import annotations

from typing import Protocol

from levinthal.arrays import Doubles
from levinthal.plugins import Registry
from levinthal.workloads.potential.molecule import Molecule

TEACHERS = Registry("teacher", "levinthal.teachers", package="levinthal.workloads.potential.teachers.built_in")


class Potential(Protocol):
    """Whatever gives energies and forces of one molecule: a teacher, or a student that is trained."""

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return the energy in kJ/mol and forces in kJ/mol/nm, shape (n_atoms, 3), of positions (n_atoms, 3).

        Raises
        ------
        SimulationError
            There is no energy of these positions.
        """
        ...


def make_teacher(teacher: str, molecule: Molecule) -> Potential:
    """Return a teacher of a molecule, fresh: what it computes does not depend on what another one has computed.

    Raises
    ------
    UsageError
        There is none of that name, or its argument makes no sense.
    MissingExtraError
        It needs an optional package.
    DataError
        It does not treat this molecule.
    """
    name, _, argument = teacher.partition(":")
    made: Potential = TEACHERS.load(name)(molecule, argument)
    return made
