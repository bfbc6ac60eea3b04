"""Predicted structures beside the known ones, for the report to show: the best, the middle and the worst."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles, Singles
from levinthal.errors import DataError
from levinthal.harness import Run
from levinthal.harness.results.scenes import ScenePart, SceneStep
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.structure_scores import StructureScores
from levinthal.proteins.structures.backbone_chain import BackboneChain
from levinthal.proteins.structures.structure_files import write_pdb
from levinthal.simulation.analysis.entropy import superpose

Prediction = tuple[ProteinRecord, Singles, StructureScores]
"""A protein, its predicted backbone (residues, 3, 3) in nm, and how well it agrees."""

_FEWEST_RESIDUES = 3
_FEW = {0: "best", 1: "worst"}


def show_predictions(run: Run, predictions: Sequence[Prediction]) -> None:
    """Leave `predicted.pdb` and `known.pdb`, a model for each protein, superposed, and have the report show them.

    Parameters
    ----------
    run : Run
    predictions : sequence of Prediction
        Those without a score, or with a position that is not finite, are passed over.
    """
    scored = [
        each
        for each in predictions
        if np.isfinite(each[2].drmsd_nm) and np.count_nonzero(each[0].resolved) >= _FEWEST_RESIDUES
    ]
    if not scored:
        return
    ordered = sorted(scored, key=lambda each: each[2].drmsd_nm)
    places = {0: "best", len(ordered) - 1: "worst", (len(ordered) - 1) // 2: "middle"} if len(ordered) > 2 else _FEW
    chosen = {words: ordered[k] for k, words in sorted(places.items()) if k < len(ordered)}
    steps: list[SceneStep] = []
    sides: tuple[list[str], list[str]] = ([], [])
    with tempfile.TemporaryDirectory(dir=run.folder) as folder:
        for which, (record, predicted_nm, score) in chosen.items():
            number, file = len(steps), Path(folder) / "model.pdb"
            try:
                models = [_model(record, each, number + 1, file) for each in _superposed(record, predicted_nm)]
            except DataError:  # a known structure that no PDB file can hold
                continue
            for side, model in zip(sides, models, strict=True):
                side.append(model)
            words = (
                f"{which} of {len(scored)}: {record.name}, dRMSD {10 * score.drmsd_nm:.1f} A, TM {score.tm_score:.2f}"
            )
            steps.append(SceneStep(words=words, models=(number, number)))
    if not steps:
        return
    caption = "Backbones of the resolved residues, predicted and known, superposed by least squares."
    parts = []
    for words, side in zip(("predicted", "known"), sides, strict=True):
        name = f"{words}.pdb"
        run.artifact(name, "".join(side) + "END\n", f"Backbones, {words}: best, middle and worst by dRMSD.")
        parts.append(ScenePart(artifact=name, words=words))
    run.scene("Predicted and known structures", caption, parts, steps)


def _superposed(record: ProteinRecord, predicted_nm: Singles) -> tuple[Doubles, Doubles]:
    """Return the resolved residues of prediction and known structure (residues, 3, 3), one turned upon the other."""
    known_nm = record.coordinates_nm
    assert known_nm is not None  # it has a score
    both = np.stack([np.asarray(each, np.float64)[record.resolved].reshape(-1, 3) for each in (predicted_nm, known_nm)])
    first, second = superpose(both, np.ones(both.shape[1])).reshape(2, -1, 3, 3)
    return first, second


def _model(record: ProteinRecord, atoms_nm: Doubles, number: int, file: Path) -> str:
    """Return the records of a model of a PDB file."""
    where = np.flatnonzero(record.resolved)
    sequence = "".join(record.sequence[k] for k in where)
    chain = BackboneChain("A", sequence, atoms_nm.astype(np.float32), np.ones(len(where), np.bool_), where + 1)
    write_pdb(file, [chain])
    lines = [line for line in file.read_text().splitlines() if line.startswith(("ATOM", "TER"))]
    return "\n".join([f"MODEL     {number:4d}", *lines, "ENDMDL", ""])
