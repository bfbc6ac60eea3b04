"""The student as others ask it: energy and forces of structures, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles, Singles
from levinthal.harness import Run
from levinthal.harness.contract.infers import ALL
from levinthal.workloads.potential.dynamics.compiled import CompiledPotential
from levinthal.workloads.potential.evaluation.errors import KJ_PER_KCAL
from levinthal.workloads.potential.learning.training import make_student
from levinthal.workloads.potential.molecule import read_molecule
from levinthal.workloads.potential.settings import PotentialSettings
from levinthal.workloads.potential.student_file import STUDENT, KeptStudent, load_student
from levinthal.workloads.potential.students.contract import Labels, TorchPotential

ENERGY, COSINE = "median change of the energy", "cosine of the forces"
"""In kcal/mol after the mean is taken off, as only differences mean anything; and a pure number."""

_STRUCTURES, _RATTLE_NM = 256, 0.003
_PER_A = 1.0 / (10.0 * KJ_PER_KCAL)


class PotentialInference:
    """See `levinthal.harness.Inference`; an answer is the energy in kcal/mol and all forces in kcal/mol/A, in a row.

    Parameters
    ----------
    student : KeptStudent
    device : str
    precision : str
        As asked for; `auto` is fp32.
    """

    deviation_of = "largest change of a force, kcal/mol/A"
    tolerance = 0.1

    def __init__(self, student: KeptStudent, device: str, precision: str = "auto") -> None:
        self.student, self._device = student, device
        self._precision = "fp32" if precision == "auto" else precision
        self._plain = TorchPotential(student.module, "fp64")
        self._potential = student.potential(self._precision, device)
        self.buckets: Mapping[str, Sequence[int]] = {ALL: range(len(student.positions_nm))}
        by = "compiled loops" if isinstance(self._potential, CompiledPotential) else "torch"
        self.execution = f"{self._precision} by {by}, {student.molecule.n_atoms} atoms"

    def in_precision(self, precision: str) -> PotentialInference:
        """Return the same student and structures in another precision."""
        return PotentialInference(self.student, self._device, precision)

    def answer(self, samples: Sequence[int]) -> list[Singles]:
        """Return energies and forces."""
        positions = self.student.positions_nm[list(samples)]
        if isinstance(self._potential, TorchPotential):
            return _answers(*self._potential.batch(positions))
        found = [self._potential.energy_forces(each) for each in positions]
        return _answers(np.array([energy for energy, _ in found]), np.array([forces for _, forces in found]))

    def reference(self, samples: Sequence[int]) -> list[Singles]:
        """Return energies and forces in fp64 by torch."""
        return _answers(*self._plain.batch(self.student.positions_nm[list(samples)]))

    def deviation(self, answer: Singles, reference: Singles) -> float:
        """Return the largest difference of a component of a force, kcal/mol/A."""
        return float(np.abs(answer[1:] - reference[1:]).max())

    def effects(self, answers: Sequence[Singles], references: Sequence[Singles]) -> dict[str, float]:
        """Return the median change of the energy, kcal/mol, and the cosine of the forces to the plain ones."""
        mine, theirs = np.stack(answers).astype(np.float64), np.stack(references).astype(np.float64)
        shift = mine[:, 0] - theirs[:, 0]
        a, b = mine[:, 1:].ravel(), theirs[:, 1:].ravel()
        lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
        return {
            ENERGY: float(np.median(np.abs(shift - shift.mean()))),
            COSINE: float(a @ b) / lengths if lengths else 0.0,
        }


def _answers(energies: Doubles, forces: Doubles) -> list[Singles]:
    n = len(energies)
    rows = np.concatenate([energies[:, None] / KJ_PER_KCAL, forces.reshape(n, -1) * _PER_A], axis=1)
    return list(rows.astype(np.float32))


def student_to_ask(run: Run, settings: PotentialSettings, source: Path | None) -> KeptStudent:
    """Return the student of a repeat, or one that is not trained, which costs as much to ask.

    Parameters
    ----------
    run : Run
    settings : PotentialSettings
    source : Path or None
        Folder of the repeat.
    """
    if source is not None:
        kept = load_student(source / STUDENT)
        run.dataset(kept.molecule.name, version="1", sha256=kept.molecule.sha256, synthetic=True)
        return kept
    molecule = read_molecule(settings.molecule, 16, run.seed_for("structures", bits=31))
    run.note("The student is not trained: its energies and forces mean nothing.")
    run.dataset(molecule.name, version="1", sha256=molecule.sha256, synthetic=True)
    n = len(molecule.conformers_nm)
    positions = molecule.conformers_nm[np.arange(_STRUCTURES) % n]
    positions = positions + run.rng("rattled").normal(0.0, _RATTLE_NM, positions.shape)
    labels = Labels(positions, np.zeros(len(positions)), np.ones(positions.shape), np.arange(len(positions)))
    module = make_student(settings.model, molecule, labels, None, run.seed_for("student", bits=31))
    return KeptStudent(settings.model, module, molecule, positions)
