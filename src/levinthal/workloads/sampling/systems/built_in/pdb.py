"""A protein of a user's own: `FILE.pdb`, or `pdb:CODE` that was fetched; all atoms, or with `model=go` a Go model."""

from __future__ import annotations

from pathlib import Path

from levinthal.errors import DataError, UsageError
from levinthal.workloads.sampling.systems.folding import (
    DEFAULT_TEMPERATURE_K,
    all_atom_system,
    go_system_of_file,
    of_structure_file,
)
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    make = go_system_of_file if request.settings.model == "go" else _all_atoms
    return of_structure_file(request.settings.system, request, make)


def _all_atoms(path: Path, request: SystemRequest) -> System:
    from levinthal.simulation.systems.explicit_water import in_explicit_water
    from levinthal.simulation.systems.pdb_structure import from_pdb

    settings = request.settings
    temperature_k = settings.temperature or DEFAULT_TEMPERATURE_K
    simulated = in_explicit_water if settings.model == "explicit" else from_pdb
    molecule, starts = simulated(path, temperature_k=temperature_k)
    begin = native = starts["structure"]
    if settings.start == "extended":
        from levinthal.simulation.systems.peptide import extended_start

        if settings.model == "explicit":
            raise UsageError("an extended start in explicit water would need another box: take model=implicit")
        begin = extended_start(molecule)
    elif settings.start not in ("auto", "native", "unfolded"):
        if settings.model == "explicit":
            raise UsageError(
                "another start in explicit water would have other water: leave start out, or take implicit"
            )
        other, others = simulated(Path(settings.start), temperature_k=temperature_k)
        if other.sequence != molecule.sequence or other.n_atoms != molecule.n_atoms:
            raise DataError(
                f"start {settings.start} has {other.n_atoms} atoms of {other.sequence}, {path} has {molecule.n_atoms} "
                f"of {molecule.sequence}: give another structure of the same molecule"
            )
        begin = others["structure"]
    elif settings.start == "unfolded":
        raise UsageError(
            f"{path} has no unfolded structure: set start=OTHER.pdb, or start=native to sample from {path.name}"
        )
    notes = tuple(f"{path.name}: {note}." for note in molecule.notes)
    carbons = native[list(molecule.ca_indices)]
    return all_atom_system(molecule, begin, carbons, request, notes, with_event=begin is not native)


SYSTEM = SystemKind(_make, takes="CODE", suffixes=(".pdb", ".ent", ".cif", ".mmcif", "*"))
