"""What a user may set of the workload `discovery`, and its presets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from levinthal.workloads.implementation import ImplementationSettings


class DiscoverySettings(ImplementationSettings):
    """Protein, pocket, library, rounds of simulation and what is looked at closely; defaults are those of `tiny`."""

    structure: str = Field(
        default="", description="The protein: a PDB or mmCIF file; empty for T4 lysozyme L99A, or with sequence."
    )
    sequence: str = Field(
        default="",
        description="Instead of structure: a FASTA file, whose first sequence is predicted by a recurrent geometric "
        "network; weights and pocket are needed with it.",
    )
    weights: str = Field(
        default="", description="Weights (safetensors) of a network that `run rgn` trained, to predict with."
    )
    pocket: str = Field(
        default="",
        description="Where to dock: a file of a ligand that sits there, a box x/y/z/length/width/height in A, or "
        "residues such as A:99/A:102; needed with structure.",
    )
    padding: float = Field(default=4.0, gt=0.0, le=20.0, description="A added on each side of what marks the pocket.")
    ligands: str = Field(
        default="",
        description="Library to rank: a file of SMILES with names (a last word active or decoy marks what is known), "
        "CSV, SDF or MOL2, each also as .gz; empty for that of T4 lysozyme L99A: compounds that were measured, and "
        "drugs that its cavity cannot hold.",
    )
    function: Literal["vina", "vinardo"] = Field(default="vina", description="Scoring function.")
    spacing: float = Field(default=0.375, ge=0.1, le=1.0, description="A between the nodes of the maps.")
    model: Literal["go", "implicit"] = Field(
        default="go",
        description="How the protein is simulated: a CA Go model, whose states are carried to all atoms, or all atoms "
        "in implicit water, which makes picoseconds where the other makes many crossings of its basin.",
    )
    temperature: float = Field(
        default=0.0, ge=0.0, description="kT in contact energies (go; 0 is 0.7) or Kelvin (implicit; 0 is 300)."
    )
    rounds: int = Field(default=3, ge=1, le=100, description="Rounds of simulating, learning and docking.")
    walkers: int = Field(default=4, ge=2, le=1024, description="Trajectories of a round.")
    round_steps: int = Field(default=8_000, ge=100, description="Steps of each trajectory of a round.")
    frame_interval: int = Field(default=160, ge=1, description="Steps between frames; divides round_steps.")
    epochs: int = Field(default=6, ge=1, description="Passes over the frames by which the first model is trained.")
    states_per_round: int = Field(default=2, ge=1, le=64, description="New states taken from a round, at most.")
    new_state: float = Field(
        default=0.6,
        gt=0.0,
        description="A of RMSD over the CA atoms of the pocket from every state before it, from which a state is new.",
    )
    drawn_poses: int = Field(default=1024, ge=16, description="Random poses of a compound in a state that are scored.")
    descents: int = Field(default=256, ge=8, description="The best of them, which descend.")
    refined: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Compounds at the top of the list whose complexes are minimised by MMFF94s.",
    )

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"rounds": 2, "walkers": 2, "round_steps": 1_000, "frame_interval": 20, "epochs": 2,
                  "states_per_round": 1, "drawn_poses": 256, "descents": 64, "refined": 1},
        "tiny": {},
        "small": {"rounds": 8, "walkers": 8, "round_steps": 100_000, "frame_interval": 500, "epochs": 20,
                  "states_per_round": 4, "drawn_poses": 4_096, "descents": 512, "refined": 9},
        "paper": {"model": "implicit", "rounds": 20, "walkers": 64, "round_steps": 5_000_000, "frame_interval": 5_000,
                  "epochs": 50, "states_per_round": 8, "drawn_poses": 4_096, "descents": 512, "refined": 50},
    }  # fmt: skip

    @model_validator(mode="after")
    def _fit_together(self) -> DiscoverySettings:
        if self.round_steps % self.frame_interval:
            raise ValueError(
                f"round_steps {self.round_steps} is not a multiple of frame_interval {self.frame_interval}: make it one"
            )
        if self.descents > self.drawn_poses:
            raise ValueError(f"descents {self.descents} are more than drawn_poses {self.drawn_poses}: lower them")
        if self.structure and self.sequence:
            raise ValueError("structure and sequence are both given: keep one")
        if self.sequence and not self.weights:
            raise ValueError("a sequence without weights: train them with levinthal run rgn and set weights=FILE")
        if self.weights and not self.sequence:
            raise ValueError("weights without a sequence: set sequence=FILE.fasta")
        if (self.structure or self.sequence) and not self.pocket:
            raise ValueError(
                "there is no pocket: set pocket to a file of a ligand that sits there, to a box "
                "x/y/z/length/width/height in A, or to residues such as A:99/A:102"
            )
        if (self.structure or self.sequence) and not self.ligands:
            raise ValueError("there is no library for this protein: set ligands=FILE")
        return self

    @property
    def thermal_energy(self) -> float:
        """Temperature as the system takes it: kT in contact energies, or Kelvin."""
        return self.temperature or (0.7 if self.model == "go" else 300.0)
