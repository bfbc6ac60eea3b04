"""What a user may set of the workload `potential`, and its presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from levinthal.workloads.implementation import ImplementationSettings
from levinthal.workloads.potential.students.contract import STUDENTS
from levinthal.workloads.potential.teachers.contract import TEACHERS

Precision = Literal["fp64", "fp32", "tf32", "bf16"]


class PotentialSettings(ImplementationSettings):
    """Molecule, teacher, labels, student, and what is measured of it; defaults are those of `tiny`."""

    molecule: str = Field(
        default="", description="A SMILES, or an SDF, MOL2 or SMILES file; empty for alanine dipeptide."
    )
    teacher: str = Field(
        default="xtb",
        description=f"What is learned: {', '.join(TEACHERS.built_in())}, with an argument after a colon (xtb:gfn1, "
        "ase:MODULE:CLASS), or a plug-in.",
    )
    model: str = Field(default="moments", description=f"The student: {', '.join(STUDENTS.built_in())}, or a plug-in.")
    timestep_fs: float = Field(default=1.0, gt=0.0, le=4.0, description="Time step of all dynamics; H weighs 3 amu.")
    temperature_k: float = Field(default=300.0, gt=0.0, description="Temperature that the student is for.")
    label_temperature_k: float = Field(default=500.0, gt=0.0, description="Of the teacher dynamics that is learned.")
    label_friction_per_ps: float = Field(default=20.0, gt=0.0, description="Of dynamics that makes labels.")
    trajectories: int = Field(default=40, ge=1, description="Trajectories of the teacher to begin with.")
    trajectory_steps: int = Field(default=60, ge=1, description="Steps of each.")
    label_interval: int = Field(default=4, ge=1, description="Steps between two labels of a trajectory.")
    held_out: int = Field(default=4, ge=2, description="Trajectories of the teacher that are held out, whole.")
    held_out_steps: int = Field(default=80, ge=1, description="Steps of each.")
    committee: int = Field(default=2, ge=2, le=16, description="Students that learn side by side.")
    training_steps: int = Field(default=300, ge=1, description="Steps of the first and the last training, a member.")
    round_steps: int = Field(default=150, ge=1, description="Steps of the trainings between.")
    batch_size: int = Field(default=16, ge=2, description="Structures of a training step.")
    learning_rate: float = Field(default=2e-2, gt=0.0, le=1.0, description="Of Adam, at its peak.")
    rounds: int = Field(default=1, ge=0, description="Rounds of exploring, labelling and training.")
    walkers: int = Field(default=8, ge=1, description="Trajectories of a round.")
    explore_steps: int = Field(default=1000, ge=1, description="Steps of each.")
    explore_interval: int = Field(default=20, ge=1, description="Steps between frames that may be labelled.")
    explore_temperature_k: float = Field(default=400.0, gt=0.0, description="Of dynamics on the committee.")
    round_labels: int = Field(default=200, ge=1, description="Labels of a round.")
    selection: Literal["active", "blind"] = Field(
        default="active", description="Which frames are labelled: where the committee disagrees most, or any."
    )
    replicas: int = Field(default=8, ge=2, description="Runs of the student that failures and populations come from.")
    replica_steps: int = Field(default=10_000, ge=1, description="Steps of each.")
    frame_interval: int = Field(default=50, ge=1, description="Steps between their frames.")
    reference_frames: int = Field(
        default=0, ge=0, description="Frames that the teacher corrects the populations with; 0 leaves them alone."
    )
    water_steps: int = Field(
        default=0, ge=0, description="Steps of the student in explicit water, a run on each worker; 0 is none."
    )
    water_padding_nm: float = Field(
        default=1.0, gt=0.3, le=5.0, description="Least distance of the molecule to the faces of its cube of water."
    )
    drift_replicas: int = Field(default=8, ge=3, description="Runs at constant energy, for each precision.")
    drift_steps: int = Field(default=2000, ge=100, description="Steps of each.")
    precisions: tuple[Precision, ...] = Field(
        default=("fp32",), min_length=1, description="In which drift is measured: fp64, fp32, tf32, bf16."
    )
    teacher_steps: int = Field(default=40, ge=2, description="Steps of the teacher that its speed is taken from.")
    largest_force_error: float = Field(
        default=2.0, gt=0.0, description="Mean absolute force error that passes, kcal/mol/A, on what was held out."
    )
    largest_drift: float = Field(
        default=0.0, ge=0.0, description="Drift that passes, kT/ns for each degree of freedom; 0 asks for none."
    )

    free_keys: ClassVar[frozenset[str]] = frozenset({"implementation"})
    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "trajectories": 6,
            "trajectory_steps": 12,
            "held_out": 2,
            "held_out_steps": 16,
            "training_steps": 4,
            "round_steps": 2,
            "walkers": 2,
            "explore_steps": 40,
            "round_labels": 4,
            "replicas": 2,
            "replica_steps": 200,
            "drift_replicas": 3,
            "drift_steps": 100,
            "teacher_steps": 4,
            "largest_force_error": 1000.0,
        },
        "tiny": {},
        "small": {
            "trajectories": 200,
            "trajectory_steps": 200,
            "label_interval": 8,
            "held_out": 16,
            "held_out_steps": 400,
            "committee": 4,
            "training_steps": 6000,
            "round_steps": 1500,
            "rounds": 6,
            "walkers": 16,
            "explore_steps": 20_000,
            "explore_interval": 50,
            "explore_temperature_k": 600.0,  # at 400 K holes are met too seldom to be labelled: one run in 16 failed
            "round_labels": 400,
            "replicas": 16,
            "replica_steps": 300_000,
            "frame_interval": 200,
            "reference_frames": 4000,
            "drift_replicas": 16,
            "drift_steps": 10_000,
            "precisions": ("fp64", "fp32", "bf16"),
            "teacher_steps": 200,
            "largest_force_error": 1.0,
            "largest_drift": 1.0,
        },
        "paper": {
            "molecule": "CC(=O)N[C@@H](C)C(=O)N[C@@H](C)C(=O)N[C@@H](C)C(=O)NC",
            "trajectories": 400,
            "trajectory_steps": 400,
            "label_interval": 8,
            "held_out": 16,
            "held_out_steps": 800,
            "committee": 4,
            "training_steps": 40_000,
            "round_steps": 8000,
            "batch_size": 64,
            "rounds": 8,
            "walkers": 32,
            "explore_steps": 20_000,
            "explore_interval": 50,
            "explore_temperature_k": 600.0,
            "round_labels": 1000,
            "replicas": 16,
            "replica_steps": 2_000_000,
            "frame_interval": 500,
            "reference_frames": 8000,
            "water_steps": 200_000,
            "drift_replicas": 16,
            "drift_steps": 20_000,
            "precisions": ("fp64", "fp32", "tf32", "bf16"),
            "teacher_steps": 200,
            "largest_force_error": 1.0,
            "largest_drift": 1.0,
        },
    }

    def steps_of(self, number: int) -> int:
        """Return the steps of a training: 0 is the first."""
        return self.training_steps if number in (0, self.rounds) else self.round_steps

    @model_validator(mode="after")
    def _fit_together(self) -> PotentialSettings:
        STUDENTS.check([self.model])
        TEACHERS.check([self.teacher.partition(":")[0]])
        for steps, interval in (
            ("trajectory_steps", "label_interval"),
            ("held_out_steps", "label_interval"),
            ("explore_steps", "explore_interval"),
            ("replica_steps", "frame_interval"),
        ):
            if getattr(self, steps) < 2 * getattr(self, interval) or getattr(self, steps) % getattr(self, interval):
                raise ValueError(
                    f"{steps}={getattr(self, steps)} must be {interval}={getattr(self, interval)} twice or more"
                )
        if self.water_steps % self.frame_interval:
            raise ValueError(
                f"water_steps={self.water_steps} must be a multiple of frame_interval={self.frame_interval}"
            )
        if len(set(self.precisions)) < len(self.precisions):
            raise ValueError("a precision is named twice")
        return self
