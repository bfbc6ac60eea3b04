"""A person's own sequences: read, given profiles, predicted, and written as one PDB file each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.arrays import Singles
from levinthal.harness import Run
from levinthal.proteins.sequences.fasta import read_fasta
from levinthal.proteins.sequences.profiles import Profile, search_profiles
from levinthal.proteins.sequences.sequence_search import SequenceDatabase
from levinthal.proteins.structures.structure_files import write_pdb
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.predictor import predict, predicted_chain
from levinthal.workloads.rgn.prediction.sanity import check_structures
from levinthal.workloads.rgn.training.weights import Provenance


@dataclass(frozen=True, eq=False)
class Request:
    """A sequence to predict, and its profile where a database was searched."""

    name: str
    sequence: str
    profile: Profile | None

    @property
    def features(self) -> Singles:
        """What the network reads, (residues, 41)."""
        return features_of(self.sequence, None if self.profile is None else self.profile.values)

    @property
    def evidence(self) -> str:
        """In words, what the profile rests on."""
        if self.profile is None:
            return "no profile: no database was given"
        if self.profile.query_alone:
            return "no hits in the database: the profile is the sequence itself"
        return f"{self.profile.n_hits} hits in {self.profile.n_iterations} rounds"


def read_requests(run: Run, fasta: str, database: str) -> tuple[Request, ...]:
    """Read sequences and, where a database is given, search their profiles on all cores.

    Raises
    ------
    DataError
        A file that cannot be read, or holds no sequences.
    """
    sequences = read_fasta(fasta)
    if not database:
        return tuple(Request(each.name, each.sequence, None) for each in sequences)
    with run.phase("profile", items=len(sequences), doing="searching the database for relatives"):
        found = search_profiles(
            [(each.name, each.sequence) for each in sequences], SequenceDatabase.read(database), n_workers=run.n_workers
        )
    run.samples("profile search time", [profile.duration_s for profile in found], unit="s")
    rate = len(found) / run.duration_s("profile")
    labels = {"sequences": "given"}
    run.metric("profile search rate", rate, unit="sequence/s", better="higher", labels=labels)
    alone = sum(profile.query_alone for profile in found)
    if alone:
        run.note(
            f"{alone} of {len(found)} sequences have no hit in the database: their profile is the sequence itself."
        )
    return tuple(Request(profile.name, profile.sequence, profile) for profile in found)


def warning_of(provenance: Provenance) -> str:
    """Return one sentence on what predictions with these weights are worth."""
    if provenance.label == "untrained" or provenance.steps == 0:
        return "The weights are untrained: the structures mean nothing."
    if provenance.label == "synthetic":
        return (
            "The weights were trained on synthetic proteins only: the structures are no predictions of real proteins."
        )
    reached = provenance.validation_drmsd_nm
    held_out = "" if reached is None else f", held-out dRMSD {10 * reached:.1f} A"
    return f"The weights were trained on {provenance.label} ({provenance.steps:,} steps{held_out})."


def write_predictions(run: Run, model: RGNModel, provenance: Provenance, requests: Sequence[Request]) -> Path:
    """Predict the sequences and write a PDB file of each into the folder `predictions`, with a table of them.

    Returns
    -------
    Path
        The folder.
    """
    with run.phase("predict", items=len(requests), doing="structures of your sequences"):
        structures = predict(model, [request.features for request in requests])
    check_structures(run, structures)
    folder = run.folder / "predictions"
    folder.mkdir(exist_ok=True)
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["file", "name", "residues", "evidence"])
    with run.phase("write", items=len(requests), doing="a PDB file each"):
        for number, (request, atoms_nm) in enumerate(zip(requests, structures, strict=True), start=1):
            file = f"{number:04d}_{re.sub(r'[^A-Za-z0-9._-]+', '_', request.name)[:60]}.pdb"
            chain = predicted_chain(request.sequence, atoms_nm)
            title = f"{request.name}: {request.evidence}. {warning_of(provenance)}"
            write_pdb(folder / file, [chain], title=title)
            rows.writerow([file, request.name, len(request.sequence), request.evidence])
    run.artifact("predictions.csv", table.getvalue(), "The sequences, their files in the folder predictions, evidence.")
    return folder
