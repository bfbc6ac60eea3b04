"""The simulated ensemble: the system, one round of trajectories, and what a round leaves.

A round is a campaign of the sampling loop without restarts, each walker one chunk, so that the frames of a walker
depend on the seed alone, whatever worker made them and however often the run was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from levinthal.arrays import Doubles, Integers, Singles
from levinthal.simulation.systems.molecular_system import MolecularSystem
from levinthal.workloads.discovery.settings import DiscoverySettings
from levinthal.workloads.sampling.loop.campaign import run_campaign
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.policies.built_in.plain import PlainPolicy
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.record.rows import ChunkRow
from levinthal.workloads.sampling.systems.particles import ParticleDynamics
from levinthal.workloads.sampling.systems.settings import SystemSettings
from levinthal.workloads.sampling.systems.system import System, make_system


@dataclass(frozen=True, eq=False)
class Round:
    """The frames of a round, walker by walker.

    Attributes
    ----------
    frames_nm : ndarray of float32, shape (n_frames, n_residues, 3)
        CA atoms.
    positions_nm : ndarray of float64, shape (n_frames, n_atoms, 3)
        All that was simulated.
    walker : ndarray of int64, shape (n_frames,)
    chunks : sequence of ChunkRow
        When and where they were made.
    """

    frames_nm: Singles
    positions_nm: Doubles
    walker: Integers
    chunks: Sequence[ChunkRow]


def protein_system(settings: DiscoverySettings, path: Path, platform: str, folder: Path) -> System:
    """Make the system that is simulated, which begins in the given structure.

    Raises
    ------
    DataError
        The structure cannot be simulated; the message names chain and residue.
    """
    name = f"go:{path}" if settings.model == "go" else str(path)
    asked = SystemSettings(system=name, temperature=settings.thermal_energy, start="native")
    return make_system(asked, platform, folder)


def molecule_of(system: System) -> MolecularSystem:
    """Return the molecule of a protein's system, which has one."""
    return cast(MolecularSystem, system.molecule)


def make_round(
    system: System,
    starts_nm: Sequence[Doubles],
    folder: Path,
    settings: DiscoverySettings,
    seed: int,
    *,
    n_workers: int,
    make_executor: Callable[[], Executor],
    on_chunk: Callable[[ChunkRow], None],
) -> Round:
    """Simulate a trajectory from each start, or go on with what a kill left of the round.

    Raises
    ------
    SimulationError
        Nothing can be simulated any more.
    """
    dynamics = replace(cast(ParticleDynamics, system.dynamics), starts_nm=tuple(starts_nm))
    plan = CampaignPlan(
        n_walkers=len(starts_nm),
        chunk_steps=settings.round_steps,
        frame_interval=settings.frame_interval,
        seed=seed,
        n_workers=n_workers,
        max_steps=len(starts_nm) * settings.round_steps,
    )
    begun = (folder / DATABASE).exists()
    run_campaign(
        dynamics, PlainPolicy(), None, folder, plan, make_executor=make_executor, resume=begun, on_chunk=on_chunk
    )
    return read_round(folder)


def read_round(folder: Path) -> Round:
    """Read a round that is done."""
    record = CampaignRecord(folder)
    record.verify()
    own = [record.walker_frames(walker) for walker in range(record.header.n_walkers)]
    order = np.concatenate(own)
    half = record.header.state_width // 2
    positions = np.asarray(record.states[order, :half], np.float64).reshape(len(order), -1, 3)
    walker = np.repeat(np.arange(len(own)), [len(each) for each in own])
    return Round(np.asarray(record.frames[order]), positions, walker.astype(np.int64), record.chunks)
