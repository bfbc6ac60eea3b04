"""What is sampled: the keys of the settings that a system is made from."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from levinthal.harness.contract.settings import Settings
from levinthal.plugins import Registry

SYSTEMS = Registry("system", "levinthal.systems", "levinthal.workloads.sampling.systems.built_in")
"""Each is a `levinthal.workloads.sampling.systems.system.SystemKind`."""


class SystemSettings(Settings):
    """The system, its temperature, where walkers begin, and what it is simulated on."""

    system: str = Field(
        default="three-helix-bundle",
        description=f"What to sample, instead of `systems`: {', '.join(SYSTEMS.built_in())} or a plug-in's; with a "
        "file as FILE.pdb, pdb:CODE (fetched before), go:FILE.pdb or chain:FILE.npz; with a depth as landscape:10.",
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
    nuisance: float = Field(
        default=3.0,
        ge=0.0,
        description="Of lifted chains: standard deviation of each fast dimension over that of the widest slow one.",
    )
    structures: tuple[str, ...] = Field(
        default=(),
        description="Of two-basin: two files of one chain, FIRST.pdb,SECOND.pdb; walkers begin in the first.",
    )
    embedding: str = Field(default="", description="Coordinates of the states of chain:FILE, by numpy.save.")
    chain_start: int = Field(default=-1, ge=-1, description="State where walkers begin; -1 is the likeliest.")
    chain_target: tuple[int, ...] = Field(default=(), description="States of chain:FILE whose first visit is timed.")
    start: str = Field(
        default="auto",
        min_length=1,
        description="Where simulations begin: auto (unfolded where there is such a structure), native, unfolded, "
        "extended (an open strand of the protein of a file), or another FILE.pdb of the same molecule.",
    )
    folded_q: float = Field(
        default=0.9, gt=0.0, le=1.0, description="The event of proteins: Q reaches this fraction of native contacts."
    )
    platform: str = Field(
        default="auto", description="OpenMM platform: auto (the fastest by size), CUDA, HIP, OpenCL, CPU, Reference."
    )
