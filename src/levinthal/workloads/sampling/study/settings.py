"""How a campaign runs, and what is compared: the keys of the settings that a study takes."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from levinthal.harness.contract.settings import Settings
from levinthal.plugins import unknown
from levinthal.workloads.sampling.learners.learner import LEARNERS
from levinthal.workloads.sampling.policies.registry import POLICIES


class CampaignSettings(Settings):
    """Walkers, budget and learning of every campaign."""

    options: tuple[str, ...] = Field(
        default=(), description="Settings of policies and of the learner: NAME.KEY=VALUE, as in dbscan.outliers=100."
    )
    walkers: int = Field(default=4, ge=1, description="Trajectories of a campaign that go on side by side.")
    chunk_steps: int = Field(default=2_000, ge=1, description="Steps after which a policy may stop a trajectory.")
    frame_interval: int = Field(default=100, ge=1, description="Steps between frames; divides chunk_steps.")
    core_seconds: float = Field(
        default=0.0,
        ge=0.0,
        description="Budget of each campaign: simulating, training, inferring, selecting and idling of its cores.",
    )
    steps: int = Field(default=60_000, ge=0, description="Budget of each campaign in steps of simulation; 0 is none.")
    learner: str = Field(
        default="cvae",
        description="What places frames in the space where policies measure distances: "
        f"{', '.join(LEARNERS.built_in())}, or a plug-in's.",
    )
    learners: tuple[str, ...] = Field(
        default=(),
        description="Several learners instead of `learner`: each policy that needs one is run with each, and compared "
        "with itself on the first.",
    )
    first_training_frames: int = Field(default=200, ge=2, description="The first model is trained on so many frames.")
    training_growth: float = Field(default=2.0, gt=1.0, description="Trained again at so many times the frames.")
    refresh_growth: float = Field(
        default=1.1, ge=1.0, description="Policies look at all frames at so many times the frames."
    )
    spread: Literal["auto", "core", "all"] = Field(
        default="auto",
        description="Each campaign on one core with its training (core), or over all workers with training beside "
        "(all); auto takes the first where there are several campaigns.",
    )
    keep_records: bool = Field(default=False, description="Keep every campaign's record, not only the first replica's.")
    deterministic: bool = Field(
        default=False, description="The same decisions from the same seed: a budget of steps, training in its turn."
    )

    @property
    def chosen_learners(self) -> tuple[str, ...]:
        """The learners to run policies with, each once."""
        return self.learners or (self.learner,)

    @model_validator(mode="after")
    def _learners_are_known(self) -> CampaignSettings:
        LEARNERS.check((self.learner, *self.learners))
        if len(set(self.learners)) < len(self.learners):
            raise ValueError("a learner is named twice: keep one")
        return self

    @model_validator(mode="after")
    def _budget_and_chunks_fit(self) -> CampaignSettings:
        if not self.steps and not self.core_seconds:
            raise ValueError("there is no budget: set steps or core_seconds")
        if self.chunk_steps % self.frame_interval:
            raise ValueError(
                f"chunk_steps {self.chunk_steps} is not a multiple of frame_interval {self.frame_interval}"
            )
        if self.deterministic and self.core_seconds:
            raise ValueError("core-seconds are not the same twice: with deterministic=true set steps, core_seconds=0")
        if self.deterministic and self.spread == "all":
            raise ValueError("several workers are not deterministic: with deterministic=true set spread=core")
        return self

    def on_cores(self, n_campaigns: int) -> bool:
        """Return whether each of so many campaigns has one core to itself."""
        return self.spread == "core" or self.deterministic or (self.spread == "auto" and n_campaigns > 1)


class ComparisonSettings(Settings):
    """Policies, what they are held against, and what is left to look at."""

    policies: tuple[str, ...] = Field(
        default=("plain", "random", "dbscan"),
        min_length=1,
        description=f"Restart policies, the baselines first: {', '.join(POLICIES.built_in())}, or a plug-in's.",
    )
    policy: str = Field(default="", description="A single policy, instead of `policies`.")
    headline: str = Field(
        default="",
        description="The policy that the headline is of, declared before anything is run; by default the first that is "
        "neither a control nor a ceiling.",
    )
    baseline: str = Field(default="plain", min_length=1, description="What other policies are compared with.")
    replicas: int = Field(default=4, ge=1, description="Campaigns of each policy, paired by seed between policies.")
    reference_steps: int = Field(
        default=0,
        ge=0,
        description="Steps of plain simulation for reference populations, half of them from the native state; one that "
        "does not hold is refused. Exact systems need none.",
    )
    reference_ladder: tuple[float, ...] = Field(
        default=(),
        description="Replica exchange instead of plain simulation for the reference: temperatures above the system's "
        "own, as multiples of it, ascending, as 1.15,1.35,1.6,1.9; reference_steps are then those of all replicas.",
    )
    reference: tuple[str, ...] = Field(
        default=(),
        description="Instead of reference_steps: trajectory files of long plain simulation of the same protein, whose "
        "populations are what sampling is held against.",
    )
    reference_topology: str = Field(
        default="", description="A file of the atoms of `reference`: PDB, mmCIF, GRO, PSF or PRMTOP."
    )
    all_atom_step_ms: float = Field(
        default=0.0,
        ge=0.0,
        description="Core-milliseconds of an all-atom step, at which the steps of beads and chains are priced a third "
        "way; 0 measures those of the Fs peptide (264 atoms) on this machine.",
    )
    lag: int = Field(default=1, ge=1, description="Lag of Markov state models, in frames.")
    exact_replicas: int = Field(
        default=16, ge=0, description="Walks on the exact chain on which the metrics are checked; 0 leaves it out."
    )
    best_structures: int = Field(default=5, ge=0, description="Structures of each policy written for a viewer.")

    @property
    def chosen_policies(self) -> tuple[str, ...]:
        """The policies to run, each once."""
        return (self.policy,) if self.policy else self.policies

    @model_validator(mode="after")
    def _policies_fit_together(self) -> ComparisonSettings:
        for name in self.chosen_policies:
            if name not in POLICIES.names():
                raise unknown("policy", name, POLICIES.names())
        if bool(self.reference) != bool(self.reference_topology):
            raise ValueError("a reference of trajectories needs both: set reference=FILE and reference_topology=FILE")
        if self.reference and self.reference_steps:
            raise ValueError("reference is given and reference_steps asks to simulate one: set reference_steps=0")
        ladder = (1.0, *self.reference_ladder)
        if any(not low < high < math.inf for low, high in pairwise(ladder)):
            raise ValueError("reference_ladder must ascend from above 1, as 1.15,1.35,1.6,1.9")
        if self.reference_ladder and not self.reference_steps:
            raise ValueError("reference_ladder is given and there are no steps for it: set reference_steps")
        if len(set(self.policies)) < len(self.policies):
            raise ValueError("a policy is named twice: keep one")
        if self.headline and self.headline not in self.chosen_policies:
            raise ValueError(f"headline {self.headline!r} is not among the policies: add it")
        if len(self.chosen_policies) > 1 and self.baseline not in self.policies:
            raise ValueError(f"baseline {self.baseline!r} is not among the policies {', '.join(self.policies)}: add it")
        return self
