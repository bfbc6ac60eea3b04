"""What a user may set of the workload `docking`, and its presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from levinthal.workloads.docking.registry import SEARCHES
from levinthal.workloads.implementation import ImplementationSettings
from levinthal.workloads.training.resuming import CheckpointInterval


class DockingSettings(ImplementationSettings):
    """Complex, pocket, conformations, training and searches; defaults are those of `tiny`."""

    receptor: str = Field(
        default="",
        description="Receptor: a PDB or PDBQT file; empty for T4 lysozyme L99A with p-xylene, a crystal complex.",
    )
    ligand: str = Field(
        default="",
        description="Ligand: an SDF, MOL2, PDBQT or SMILES file, or a SMILES string; empty only with ligands.",
    )
    template: str = Field(
        default="",
        description="SMILES of a ligand that is a PDBQT file, which has no bond orders: poses get them from it.",
    )
    pocket: str = Field(
        default="",
        description="Where to dock: a file of a ligand that sits there, a box x/y/z/length/width/height in A, or "
        "residues such as A:99/A:102; empty takes the place of the ligand.",
    )
    padding: float = Field(default=4.0, gt=0.0, le=20.0, description="A added on each side of what marks the pocket.")
    ligands: str = Field(
        default="",
        description="Library to screen: a file of SMILES with names (a last word active or decoy marks what is known), "
        "CSV, SDF or MOL2, each also as .gz, or l99a for the built-in one; a ranked list is written.",
    )
    conformers: int = Field(
        default=8, ge=1, le=256, description="Conformers of each compound of a library at most; 1 takes it as it is."
    )
    function: Literal["vina", "vinardo"] = Field(default="vina", description="Scoring function.")
    spacing: float = Field(default=0.375, ge=0.1, le=1.0, description="A between the nodes of the maps.")
    conformations: tuple[str, ...] = Field(
        default=(), description="Files of further receptor conformations in the same frame, atom for atom."
    )
    flexible: Literal["none", "modes", "rotamers", "md"] = Field(
        default="modes",
        description="How further conformations of the pocket are made: normal modes, side-chain rotamers or molecular "
        "dynamics; none docks into the conformations that are given.",
    )
    n_conformations: int = Field(default=3, ge=1, le=64, description="Conformations in all, the given one included.")
    training_steps: int = Field(default=25, ge=0, description="Updates of the policy; 0 leaves it untrained.")
    checkpoint_interval: CheckpointInterval = 0
    guide_updates: int = Field(
        default=80, ge=0, description="Updates of the agent's networks in each of two generations; 0: untrained."
    )
    guide_starts: int = Field(
        default=512, ge=16, description="Descents on each practice problem that the agent learns from, a generation."
    )
    environments: int = Field(default=384, ge=8, description="Episodes that are trained on side by side.")
    horizon: int = Field(default=16, ge=2, description="Steps of an episode.")
    target: float = Field(
        default=6.0,
        gt=0.0,
        description="Mean best energy of an episode in kcal/mol above the best known: when training has met it, and a "
        "gate with the built-in complex.",
    )
    methods: tuple[str, ...] = Field(
        default=("guided", "policy", "restarts", "enumeration", "cma-es", "vina", "vina-tuned"),
        min_length=1,
        description=f"Searches to compare, the gated one first: {', '.join(SEARCHES.built_in())}, or plug-ins.",
    )
    searches: int = Field(default=3, ge=1, description="Runs of each search, each with a seed of its own.")
    budget: int = Field(
        default=60_000, ge=100, description="Evaluations after which a search that has not succeeded has failed."
    )
    budget_s: float = Field(
        default=5.0, gt=0.0, description="Seconds of a search after which no new round of it begins."
    )
    cases: tuple[str, ...] = Field(
        default=("surface", "sugar"),
        description="Harder cases for the searches that share the maps, with the built-in complex alone: surface (the "
        "whole of T4 lysozyme), sugar (chitobiose in its cleft).",
    )
    anytime: tuple[int, ...] = Field(
        default=(), description="Exhaustiveness of the shorter tuned Vina runs that draw its anytime curve."
    )
    poses: int = Field(default=9, ge=1, le=100, description="Distinct poses kept of each run.")
    guide: str = Field(default="", description="A trained agent (safetensors) to dock with instead of training one.")
    policy: str = Field(default="", description="A trained policy (safetensors) to dock with instead of training one.")

    free_keys: ClassVar[frozenset[str]] = frozenset({"checkpoint_interval", "implementation"})
    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {
            "flexible": "none",
            "n_conformations": 1,
            "training_steps": 2,
            "environments": 32,
            "horizon": 8,
            "methods": ("policy", "restarts"),
            "searches": 1,
            "anytime": (),
            "cases": (),
            "target": 50.0,  # two updates show that training runs, not that it learns
        },
        # Vina at its defaults and CMA-ES take as long as all others together
        "tiny": {"methods": ("guided", "policy", "restarts", "enumeration", "vina-tuned")},
        "small": {
            "n_conformations": 8,
            "training_steps": 600,
            "environments": 1024,
            "target": 3.0,
            "guide_updates": 150,
            "guide_starts": 2048,
            "searches": 10,
            "budget": 200_000,
            "budget_s": 60.0,
            "anytime": (4, 16, 64),
        },
        "paper": {
            "n_conformations": 16,
            "training_steps": 4000,
            "environments": 4096,
            "target": 3.0,
            "guide_updates": 150,
            "guide_starts": 2048,
            "searches": 10,
            "budget": 200_000,
            "budget_s": 60.0,
            "anytime": (4, 16, 64),
        },
    }

    @model_validator(mode="after")
    def _fit_together(self) -> DockingSettings:
        if self.receptor and not (self.ligand or self.ligands):
            raise ValueError("a receptor without a ligand: set ligand=FILE or SMILES, or ligands=FILE to screen")
        if self.template and not self.ligand:
            raise ValueError("a template without a ligand: set ligand=FILE.pdbqt")
        SEARCHES.check(self.methods)
        for name, given, learned in (("policy", self.policy, "moves"), ("guide", self.guide, "starts")):
            if given and all(SEARCHES.learns(each) != learned for each in self.methods):
                raise ValueError(f"a {name}, and no search among the methods that uses one: add one to methods")
        if len(set(self.methods)) < len(self.methods):
            raise ValueError("a method is named twice")
        if unknown := sorted(set(self.cases) - {"surface", "sugar"}):
            raise ValueError(f"there is no case {unknown[0]}: choose among surface and sugar")
        return self
