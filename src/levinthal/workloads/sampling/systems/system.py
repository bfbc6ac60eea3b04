"""What a system is to a study, what a kind of system declares of itself, and the system that the settings name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from levinthal.arrays import Doubles, Floats, Singles
from levinthal.errors import UsageError
from levinthal.plugins import unknown
from levinthal.workloads.sampling.systems.dynamics import Dynamics
from levinthal.workloads.sampling.systems.observables import Observables
from levinthal.workloads.sampling.systems.settings import SYSTEMS, SystemSettings

if TYPE_CHECKING:
    from levinthal.simulation.systems.molecular_system import MolecularSystem


@dataclass(frozen=True, eq=False)
class System:
    """What is sampled and how it is measured.

    Attributes
    ----------
    name, version : str
        For the record.
    synthetic : bool
        Whether the project made it.
    dynamics : Dynamics
        What makes the steps.
    observables : Observables
        What frames are measured with; policies do not see it.
    time_step_ps : float or None
        Of a step; None where the system has no time of its own, as a chain.
    molecule : MolecularSystem or None
        Where there are atoms to be exported.
    reference_dynamics : Dynamics or None
        The same with the native structure among its starts, for reference populations.
    stationary : ndarray of float64, shape (n_cells,), or None
        The exact stationary distribution over the cells, where it is known.
    event_population : float
        The exact stationary probability of the event; NaN where it is not known.
    target : ndarray or None
        A frame that the event looks like, for the directed track.
    true_coordinates : callable or None
        Takes frames and returns the slow coordinates that they were made from, where these are known.
    reduced_units : bool
        Whether the molecule's masses and temperature are in reduced units, as of beads.
    notes : tuple of str
        What a reader of the figures must know.
    warnings : tuple of str
        What was removed from a user's file, or changed in it.
    """

    name: str
    version: str
    synthetic: bool
    dynamics: Dynamics
    observables: Observables
    time_step_ps: float | None = None
    molecule: MolecularSystem | None = None
    reference_dynamics: Dynamics | None = None
    stationary: Doubles | None = None
    event_population: float = math.nan
    target: Floats | None = None
    true_coordinates: Callable[[Singles], Singles] | None = None
    reduced_units: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SystemRequest:
    """What a system is to be made from.

    Attributes
    ----------
    settings : SystemSettings
        As the user gave them.
    source : str
        What follows the name, as FILE in `go:FILE`, or the file that was given without one.
    platform : str
        OpenMM platform of molecules.
    folder : Path
        Where a structure that was made whole is left.
    """

    settings: SystemSettings
    source: str = ""
    platform: str = "auto"
    folder: Path = Path()


CHAIN_CAMPAIGN: Mapping[str, Any] = MappingProxyType(
    {"steps": 60_000, "chunk_steps": 100, "frame_interval": 10, "walkers": 10, "learner": "coordinates",
     "first_training_frames": 50}
)  # fmt: skip
"""What exact chains want in a panel."""


@dataclass(frozen=True)
class SystemKind:
    """A system that `system=NAME` names, or a family of them that `system=NAME:SOURCE` names.

    A module of `built_in`, or a plug-in of the entry point group `levinthal.systems`, holds one; its name is the
    module's or the entry point's.

    Attributes
    ----------
    make : callable
        Gives the `System` for a `SystemRequest`.
    is_exact : bool
        Whether the stationary distribution is known: then `make` gives it, and no reference is simulated.
    takes : str
        What follows the name, for messages, as `FILE.npz`; empty where nothing does.
    by_itself : bool
        Whether what follows may be left out.
    campaign : mapping of str to value
        Of the settings of campaigns those that this system wants in a panel, as `steps` and `frame_interval`.
    suffixes : tuple of str
        Files that are this kind's also without its name, as `.pdb`; `*` is any file that no other kind takes.
    """

    make: Callable[[SystemRequest], System]
    is_exact: bool = False
    takes: str = ""
    by_itself: bool = False
    campaign: Mapping[str, Any] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ()


def make_system(settings: SystemSettings, platform: str = "auto", folder: Path = Path()) -> System:
    """Make the system that the settings name.

    Parameters
    ----------
    settings : SystemSettings
        `system`, `model`, `temperature` and what belongs to them.
    platform : str
        OpenMM platform of molecules.
    folder : Path
        Where a structure that was made whole is left.

    Raises
    ------
    UsageError, DataError
        An unknown name, or a file that cannot be used; the message names chain and residue.
    """
    kind, source = kind_of(settings.system)
    system = kind.make(SystemRequest(settings, source, platform, folder))
    if kind.is_exact != (system.stationary is not None):
        raise UsageError(
            f"system {settings.system!r} does not keep the contract: it must declare is_exact, and have a stationary "
            "distribution, or neither"
        )
    return system


def kind_of(system: str) -> tuple[SystemKind, str]:
    """Return the kind of a system, and what it is to be made of; errors as for `make_system`."""
    name, _, source = system.partition(":")
    if name not in SYSTEMS.names():
        return _kind_of_file(system), system
    kind = _kind(name)
    if (source and not kind.takes) or (kind.takes and not source and not kind.by_itself):
        what = "needs what to make it of" if kind.takes else "is made of nothing else"
        raise UsageError(f"system {name} {what}: set system={name}{kind.takes and ':'}{kind.takes}")
    return kind, source


def _kind(name: str) -> SystemKind:
    return cast(SystemKind, SYSTEMS.load(name))


def _kind_of_file(text: str) -> SystemKind:
    """Return the kind of a file by its suffix; of one that is there, at the least that which takes any."""
    path = Path(text)
    for suffix in (path.suffix.lower(), "*" if path.is_file() else ""):
        for name in SYSTEMS.names() if suffix else ():
            if suffix in _kind(name).suffixes:
                return _kind(name)
    kinds = {name: _kind(name) for name in SYSTEMS.names()}
    known = [f"{name}:{kind.takes}" if kind.takes else name for name, kind in kinds.items()]
    raise unknown("system", text, [*known, *(f"FILE{each}" for kind in kinds.values() for each in kind.suffixes[:1])])
