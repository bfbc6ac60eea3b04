"""What a user may set of the workload `rgn`, and its presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from levinthal.workloads.implementation import ImplementationSettings
from levinthal.workloads.rgn.targets import CASP12_TARGETS
from levinthal.workloads.training.judging import Judge
from levinthal.workloads.training.resuming import CheckpointInterval

_CASP12_LENGTHS = tuple(target.n_residues for target in CASP12_TARGETS)


class RGNSettings(ImplementationSettings):
    """Data, model, training and prediction; defaults are those of `tiny`."""

    data: str = Field(
        default="",
        description="ProteinNet records to learn from: a folder in ProteinNet's layout, or a text, TFRecord or archive "
        "file; empty for the project's synthetic families.",
    )
    thinning: Literal["30", "50", "70", "90", "95", "100"] = Field(
        default="90", description="Which training set of a ProteinNet folder."
    )
    validation: str = Field(
        default="",
        description="Records to validate on where data is one file; empty holds a tenth of it out, or, where that "
        "would be fewer than 10 records, measures on the training records and says so.",
    )
    faults: Literal["skip", "refuse"] = Field(
        default="skip", description="What becomes of records with faults: left out and counted, or the run is refused."
    )
    families: int = Field(default=300, ge=10, description="Synthetic families, a fold each.")
    homologues: int = Field(default=16, ge=2, description="Sequences of a synthetic family.")
    members: int = Field(default=1, ge=1, description="Sequences of a family that become records.")
    shortest: int = Field(default=40, ge=30, description="Residues of the shortest synthetic protein.")
    longest: int = Field(default=64, ge=30, le=300, description="Residues of the longest synthetic protein.")
    preset: Literal["fast", "casp12", "casp12-62"] = Field(
        default="fast",
        description="Model and optimiser: fast (ours, for a CPU), casp12 (as published, on the 41 inputs of public "
        "records) or casp12-62 (as its authors ran it: the profile twice, each copy with its own dropout).",
    )
    steps: int = Field(default=1000, ge=0, description="Most training steps; 0 leaves the weights untrained.")
    batch_size: int = Field(default=16, ge=1, description="Proteins of a training step, over all ranks.")
    max_length: int = Field(default=700, ge=20, description="Longer records are left out of training.")
    validation_interval: int = Field(default=100, ge=1, description="Steps between validations.")
    checkpoint_interval: CheckpointInterval = 0
    target_drmsd: float = Field(
        default=8.0,
        gt=0.0,
        description="Validation dRMSD in A, weighted by resolved residues, to reach; the clock of time to target stops "
        "there.",
    )
    windows: tuple[int, ...] = Field(
        default=(7,),
        description="Residues to either side that the control sees: a network trained as hard as the other on a window "
        "of the sequence. Of several the best on validation counts; () for none.",
    )
    beyond_window: float = Field(
        default=0.97,
        gt=0.0,
        description="Most that the network's dRMSD of residues far apart in the sequence may be of the control's.",
    )
    judge: Judge = "learning"
    ranks: int = Field(default=1, ge=1, description="Processes that train data-parallel, each on its part of a batch.")
    fasta: str = Field(default="", description="Sequences to predict: a FASTA file; a PDB file each is written.")
    database: str = Field(
        default="", description="Sequence database (FASTA) for the profiles of these sequences; empty predicts without."
    )
    weights: str = Field(default="", description="Weights to predict with (safetensors) instead of training.")
    target_lengths: tuple[int, ...] = Field(
        default=_CASP12_LENGTHS[::5],
        min_length=1,
        description="Lengths of the random sequences that prediction is timed on: those of CASP12's 39 targets, or "
        "some of them.",
    )
    timings: int = Field(default=1, ge=1, description="Times each target is predicted, after one to warm up.")
    deterministic: bool = Field(
        default=False, description="One thread and deterministic sums: the same seed gives the same last digit."
    )

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "families": 10,
            "homologues": 2,
            "steps": 30,
            "batch_size": 4,
            "validation_interval": 15,
            "judge": "computing",
            "target_lengths": (30, 60),
            "timings": 1,
        },
        "tiny": {},
        "small": {
            "families": 800,
            "longest": 100,
            "steps": 8000,
            "target_drmsd": 7.5,
            "validation_interval": 500,
            "windows": (5, 7, 9),
            "beyond_window": 0.9,
            "target_lengths": _CASP12_LENGTHS,
            "timings": 10,
        },
        "paper": {
            "data": "proteinnet-casp12",
            "preset": "casp12",
            "batch_size": 32,
            "steps": 100_000,
            "validation_interval": 1000,
            "target_drmsd": 10.6,
            "target_lengths": _CASP12_LENGTHS,
            "timings": 10,
        },
    }
    free_keys: ClassVar[frozenset[str]] = frozenset({"checkpoint_interval", "deterministic", "implementation", "ranks"})

    @model_validator(mode="after")
    def _fit_together(self) -> RGNSettings:
        if any(reach < 1 for reach in self.windows):
            raise ValueError("windows must be at least 1 residue to either side")
        if self.shortest > self.longest:
            raise ValueError(f"shortest={self.shortest} is more than longest={self.longest}")
        if self.validation and not self.data:
            raise ValueError("validation records without data: set data=FILE too")
        if self.database and not self.fasta:
            raise ValueError("a database without sequences to predict: set fasta=FILE too")
        if any(length < 2 for length in self.target_lengths):
            raise ValueError("target_lengths must be at least 2 residues each")
        return self
