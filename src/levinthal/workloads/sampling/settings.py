"""Settings of the workload `sampling` and its sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from levinthal.harness.contract.settings import Settings

__all__ = ["SamplingSettings"]


class SamplingSettings(Settings):
    """System, policies, budget and learning; defaults are those of `tiny`."""

    system: str = Field(
        default="three-helix-bundle",
        min_length=1,
        description="What to sample: three-helix-bundle, fs-peptide, alanine-dipeptide, mueller-brown, landscape, "
        "FILE.pdb, pdb:CODE (fetched before), go:FILE.pdb or chain:FILE.npz.",
    )
    model: Literal["implicit", "explicit", "go"] = Field(
        default="implicit",
        description="How the protein of FILE.pdb is simulated: all atoms in implicit or explicit water, or Go.",
    )
    fix: bool = Field(default=False, description="Make FILE.pdb whole by PDBFixer first; what was changed is listed.")
    temperature: float = Field(
        default=0.0,
        ge=0.0,
        description="Kelvin, or kT in contact energies (Go) or in units of the surface; 0 takes the system's own.",
    )
    depth_kt: float = Field(default=7.0, ge=1.0, le=30.0, description="Depth of the landscape's native basin, in kT.")
    embedding: str = Field(default="", description="Coordinates of the states of chain:FILE, by numpy.save.")
    chain_start: int = Field(default=-1, ge=-1, description="State where walks begin; -1 is the likeliest.")
    chain_target: tuple[int, ...] = Field(default=(), description="States of chain:FILE whose first visit is timed.")
    start: str = Field(
        default="auto",
        min_length=1,
        description="Where simulations begin: auto (unfolded where there is such a structure), native, unfolded, or "
        "another FILE.pdb of the same molecule.",
    )
    folded_q: float = Field(
        default=0.9, gt=0.0, le=1.0, description="The event of proteins: Q reaches this fraction of native contacts."
    )
    platform: str = Field(
        default="auto", description="OpenMM platform: auto (the fastest by size), CUDA, HIP, OpenCL, CPU, Reference."
    )
    policies: tuple[str, ...] = Field(
        default=("plain", "random", "dbscan"),
        min_length=1,
        description="Restart policies, the baselines first: plain, random, least-counts, dbscan, lof, fast, reap, "
        "directed, or a plug-in's.",
    )
    policy: str = Field(default="", description="A single policy, instead of `policies`.")
    options: tuple[str, ...] = Field(
        default=(), description="Settings of policies and of the learner: NAME.KEY=VALUE, as in dbscan.outliers=100."
    )
    replicas: int = Field(default=4, ge=1, description="Campaigns of each policy, paired by seed between policies.")
    walkers: int = Field(default=4, ge=1, description="Trajectories of a campaign that go on side by side.")
    chunk_steps: int = Field(default=2_000, ge=1, description="Steps after which a policy may stop a trajectory.")
    frame_interval: int = Field(default=100, ge=1, description="Steps between frames; divides chunk_steps.")
    core_seconds: float = Field(
        default=0.0,
        ge=0.0,
        description="Budget of each campaign: simulating, training, inferring, selecting and idling of its cores.",
    )
    steps: int = Field(default=60_000, ge=0, description="Budget of each campaign in steps of simulation; 0 is none.")
    learner: Literal["cvae", "pca", "coordinates"] = Field(
        default="cvae", description="What places frames in the space where policies measure distances."
    )
    first_training_frames: int = Field(default=200, ge=2, description="The first model is trained on so many frames.")
    training_growth: float = Field(default=2.0, gt=1.0, description="Trained anew at so many times the frames.")
    refresh_growth: float = Field(
        default=1.1, ge=1.0, description="Policies look at all frames at so many times the frames."
    )
    spread: Literal["auto", "core", "all"] = Field(
        default="auto",
        description="Each campaign on one core with its training (core), or over all workers with training beside "
        "(all); auto takes the first where there are several campaigns.",
    )
    reference_steps: int = Field(
        default=0, ge=0, description="Plain simulation for reference populations, half of it from the native state."
    )
    lag: int = Field(default=1, ge=1, description="Lag of Markov state models, in frames.")
    baseline: str = Field(default="plain", min_length=1, description="What other policies are compared with.")
    best_structures: int = Field(default=5, ge=0, description="Structures of each policy written for a viewer.")
    keep_records: bool = Field(default=False, description="Keep every campaign's record, not only the first replica's.")
    exact_replicas: int = Field(
        default=16, ge=0, description="Walks on the exact chain on which the metrics are checked; 0 leaves it out."
    )
    deterministic: bool = Field(
        default=False, description="The same decisions from the same seed: a budget of steps, training in its turn."
    )

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "replicas": 1,
            "walkers": 2,
            "chunk_steps": 400,
            "frame_interval": 20,
            "steps": 4_000,
            "first_training_frames": 60,
            "learner": "pca",
        },
        "tiny": {},
        "small": {
            "replicas": 16,
            "walkers": 8,
            "chunk_steps": 1_000,
            "steps": 0,
            "core_seconds": 30.0,
            # where a folded chain stays folded: hotter ones forget where they were begun, and restarts gain nothing
            "temperature": 0.65,
            "refresh_growth": 1.3,
            "reference_steps": 4_000_000,
            "options": (
                "cvae.filters=8",
                "cvae.epochs=5",
                "cvae.warm_epochs=2",
                "cvae.most_frames=5000",
                "dbscan.order=furthest",
                "dbscan.outliers=100",
                "dbscan.min_age_frames=10",
                "dbscan.recent_frames=5",
                "dbscan.max_uses=2",
                "dbscan.per_trajectory=3",
            ),
        },
        "paper": {
            "system": "fs-peptide",
            "policies": ("plain", "random", "dbscan"),
            "replicas": 3,
            "walkers": 16,
            "chunk_steps": 25_000,
            "frame_interval": 2_500,
            "steps": 40_000_000,
            "spread": "all",
            "first_training_frames": 1_000,
        },
    }
    free_keys: ClassVar[frozenset[str]] = frozenset({"deterministic", "platform", "keep_records", "best_structures"})
    renamed: ClassVar[Mapping[str, str]] = {"slots": "walkers"}

    @property
    def chosen_policies(self) -> tuple[str, ...]:
        """The policies to run, each once."""
        return (self.policy,) if self.policy else self.policies

    @model_validator(mode="after")
    def _fit_together(self) -> SamplingSettings:
        if not self.steps and not self.core_seconds:
            raise ValueError("there is no budget: set steps or core_seconds")
        if self.chunk_steps % self.frame_interval:
            raise ValueError(f"chunk_steps {self.chunk_steps} is no multiple of frame_interval {self.frame_interval}")
        if len(set(self.policies)) < len(self.policies):
            raise ValueError("a policy is named twice: keep one")
        if len(self.chosen_policies) > 1 and self.baseline not in self.policies:
            raise ValueError(f"baseline {self.baseline!r} is none of the policies {', '.join(self.policies)}: add it")
        if self.deterministic and self.core_seconds:
            raise ValueError("core-seconds are not the same twice: with deterministic=true set steps, core_seconds=0")
        if self.deterministic and self.spread == "all":
            raise ValueError("several workers are not deterministic: with deterministic=true set spread=core")
        return self
