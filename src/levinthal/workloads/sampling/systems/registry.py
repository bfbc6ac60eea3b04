"""The system that the settings name: by its name, by name and source, or by a file that says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from levinthal.errors import UsageError
from levinthal.plugins import unknown
from levinthal.workloads.sampling.systems.settings import SYSTEMS, SystemSettings
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


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
    name, _, source = settings.system.partition(":")
    if name in SYSTEMS.names():
        kind = _kind(name)
        if bool(source) != bool(kind.takes):
            what = "needs what to make it of" if kind.takes else "is made of nothing else"
            raise UsageError(f"system {name} {what}: set system={name}{kind.takes and ':'}{kind.takes}")
    else:
        kind, source = _kind_of_file(settings.system), settings.system
    system = kind.make(SystemRequest(settings, source, platform, folder))
    if kind.is_exact != (system.stationary is not None):
        raise UsageError(
            f"system {settings.system!r} does not keep the contract: it must declare is_exact, and have a stationary "
            "distribution, or neither"
        )
    return system


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
