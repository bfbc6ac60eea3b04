"""What systems that fold share: cells of Q and RMSD, all-atom proteins, Go models, and structures in files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.datasets.registry import data_set
from levinthal.errors import DataError
from levinthal.workloads.sampling.systems.observables import FoldProjection, GridObservables
from levinthal.workloads.sampling.systems.particles import ParticleDynamics
from levinthal.workloads.sampling.systems.system import System, SystemRequest

if TYPE_CHECKING:
    from levinthal.simulation.go.go_model import GoModel
    from levinthal.simulation.systems.molecular_system import MolecularSystem


DEFAULT_KT = 1.0
GO_CAMPAIGN = {
    "steps": 400_000, "chunk_steps": 2_000, "frame_interval": 100, "walkers": 8, "first_training_frames": 500,
    "refresh_growth": 1.3,
}  # fmt: skip
"""What Go models want in a panel."""
DEFAULT_TEMPERATURE_K = 300.0
_Q_CELLS, _RMSD_CELLS = 25, 25
_NATIVE_CONTACT_NM = 0.8
_NATIVE_CONTACT_SEPARATION = 3


def _fold_observables(native_nm: Doubles, contacts: Integers, reach_nm: Doubles, folded_q: float) -> GridObservables:
    """Return cells of Q and RMSD; the widest RMSD is that of a chain stretched out."""
    widest = 0.38 * len(native_nm) / np.sqrt(12.0)
    return GridObservables(
        FoldProjection(native_nm, contacts, reach_nm),
        np.linspace(0.0, 1.0 + 1e-9, _Q_CELLS + 1),
        np.linspace(0.0, widest + 0.2, _RMSD_CELLS + 1),
        f"Q reaches {folded_q:g}",
        (folded_q, 2.0, 0.0, np.inf),
    )


def go_system(model: GoModel, request: SystemRequest, origin: str) -> System:
    """Return the system of a Go model.

    Parameters
    ----------
    model : GoModel
        With its native and unfolded structures.
    request : SystemRequest
        Start, event and platform.
    origin : str
        What the model is of, for the note.
    """
    from levinthal.simulation.go.go_model import NATIVE_FACTOR

    start = model.starts["native" if request.settings.start == "native" else "unfolded"]
    starts = (model.native_nm, model.unfolded_nm)
    return System(
        name=f"{model.system.name}, kT {model.kt_over_epsilon:.3g}",
        version="1",
        synthetic=True,
        dynamics=ParticleDynamics(model.system, (start,), platform=request.platform),
        observables=_fold_observables(
            model.native_nm, model.contacts, NATIVE_FACTOR * model.contact_distances_nm, request.settings.folded_q
        ),
        time_step_ps=1e-3 * model.system.timestep_fs,
        molecule=model.system,
        reference_dynamics=ParticleDynamics(model.system, starts, platform=request.platform),
        target=model.native_nm,
        reduced_units=True,
        notes=(
            f"A structure-based (Go) model of {origin}: one bead a residue, drawn to its native structure by "
            f"construction, at kT = {model.kt_over_epsilon:.3g} contact energies. Its times are not a protein's.",
            *model.system.notes,
        ),
        warnings=tuple(f"{origin}: {each}." for each in model.system.warnings),
    )


def go_system_of_file(path: Path, request: SystemRequest) -> System:
    """Return the system of a Go model of a structure."""
    from levinthal.simulation.go.go_model import go_model

    return go_system(go_model(path, kt_over_epsilon=request.settings.temperature or DEFAULT_KT), request, path.name)


def native_contacts(native_nm: Doubles) -> tuple[Integers, Doubles]:
    """Return pairs of CA atoms within 0.8 nm, at least 3 apart in the chain, and the distance each is kept up to."""
    first, second = np.triu_indices(len(native_nm), _NATIVE_CONTACT_SEPARATION)
    distance = np.linalg.norm(native_nm[first] - native_nm[second], axis=1)
    near = distance < _NATIVE_CONTACT_NM
    pairs = np.stack([first[near], second[near]], axis=1).astype(np.int64)
    return pairs, np.full(len(pairs), _NATIVE_CONTACT_NM)


def all_atom_system(
    molecule: MolecularSystem,
    start_nm: Doubles,
    native_nm: Doubles,
    request: SystemRequest,
    notes: tuple[str, ...] = (),
    *,
    with_event: bool = True,
) -> System:
    """Return the system of a protein with all its atoms.

    Parameters
    ----------
    molecule : MolecularSystem
        What is simulated.
    start_nm : ndarray, shape (n_atoms, 3)
        Where walkers begin.
    native_nm : ndarray, shape (n_residues, 3)
        CA atoms of the native structure.
    request : SystemRequest
        Event and platform.
    notes : tuple of str
        Beside size and force field.
    with_event : bool
        Whether reaching the native structure is an event: not where walkers begin there.

    Raises
    ------
    DataError
        The native structure has no contact.
    """
    pairs, reach_nm = native_contacts(native_nm)
    if not len(pairs):
        raise DataError(f"{molecule.name} has no contact in its native structure: take a folded one")
    observables = _fold_observables(native_nm, pairs, reach_nm, request.settings.folded_q)
    if not with_event:
        observables = replace(observables, event="", box=None)
    return System(
        name=molecule.name,
        version="1",
        synthetic=True,
        dynamics=ParticleDynamics(molecule, (start_nm,), platform=request.platform),
        observables=observables,
        time_step_ps=1e-3 * molecule.timestep_fs,
        molecule=molecule,
        target=native_nm,
        notes=(molecule_note(molecule), *notes),
        warnings=tuple(f"{molecule.name}: {each}." for each in molecule.warnings),
    )


def molecule_note(molecule: MolecularSystem) -> str:
    """Return size, force field and temperature in words."""
    return f"{molecule.name}: {molecule.n_atoms} atoms, {molecule.force_field}, {molecule.temperature_k:g} K."


def of_structure_file(source: str, request: SystemRequest, make: Callable[[Path, SystemRequest], System]) -> System:
    """Make a system of a structure: a file, or `pdb:CODE` that was fetched; with `fix` it is made whole first."""
    path = data_set(source).files()[0] if source.startswith("pdb:") else Path(source)
    if not request.settings.fix:
        return make(path, request)
    from levinthal.simulation.systems.repair import repair_structure

    whole = request.folder / f"{path.stem}.pdb"
    changed = tuple(f"{path.name}: {each}." for each in repair_structure(path, whole))
    made = make(whole, request)
    return replace(made, warnings=(*made.warnings, *changed))
