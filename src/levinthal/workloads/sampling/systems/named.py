"""The systems a user can name, each with the observables it is measured with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.datasets.registry import data_set
from levinthal.errors import DataError, UsageError
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics, Dynamics, PlanarDynamics
from levinthal.workloads.sampling.systems.observables import (
    FoldProjection,
    GridObservables,
    MicrostateObservables,
    Observables,
    PlaneProjection,
    TorsionProjection,
)

if TYPE_CHECKING:
    from levinthal.simulation.go.go_model import GoModel
    from levinthal.simulation.systems.molecular_system import MolecularSystem
    from levinthal.workloads.sampling.settings import SamplingSettings

__all__ = ["System", "make_system", "native_contacts"]

Doubles: TypeAlias = npt.NDArray[np.float64]

_DEFAULT_KT = 1.0
_DEFAULT_TEMPERATURE_K = 300.0
# Cells of the plane of Q and RMSD.
_Q_CELLS, _RMSD_CELLS = 25, 25
_TORSION_CELLS = 36
_PLANE_CELLS = (20, 20)
# Mueller and Brown's surface is worth looking at here (Theor. Chim. Acta 53:75, 1979).
_PLANE = (-1.6, 1.2, -0.4, 2.0)
_SECOND_MINIMUM = (0.3, 1.1, -0.3, 0.4)
# Left-handed helix of alanine dipeptide, which the barrier at phi = 0 keeps apart, in degrees.
_ALPHA_L = (20.0, 120.0, -60.0, 120.0)
_NATIVE_CONTACT_NM = 0.8
_NATIVE_CONTACT_SEPARATION = 3


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
    target : ndarray or None
        A frame that the event looks like, for the directed track.
    notes : tuple of str
        What a reader of the figures must know.
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
    target: npt.NDArray[np.floating] | None = None
    notes: tuple[str, ...] = ()


def make_system(settings: SamplingSettings, platform: str = "auto", folder: Path = Path()) -> System:
    """Make the system that the settings name.

    Parameters
    ----------
    settings : SamplingSettings
        `system`, `model`, `temperature` and what belongs to them.
    folder : Path
        Where a structure that was made whole is left.
    platform : str
        OpenMM platform of molecules.

    Raises
    ------
    UsageError, DataError
        An unknown name, or a file that cannot be used; the message names chain and residue.
    """
    system = settings.system
    if system in _MAKERS:
        return _MAKERS[system](settings, platform)
    kind, _, rest = system.partition(":")
    if kind == "chain" and rest:
        return _chain_of_file(Path(rest), settings)
    is_go = kind == "go" or settings.model == "go"
    path = _structure_file(rest if kind == "go" else system, any_name=kind == "go")
    if path is not None:
        changed: tuple[str, ...] = ()
        if settings.fix:
            from levinthal.simulation.systems.repair import repair_structure

            whole = folder / f"{path.stem}.pdb"
            path, changed = whole, tuple(f"{path.name}: {each}." for each in repair_structure(path, whole))
        made = (_go_of_file if is_go else _of_structure)(path, settings, platform)
        return replace(made, notes=(*made.notes, *changed))
    raise UsageError(
        f"system {system!r} is unknown: use {', '.join(_MAKERS)}, or a file as FILE.pdb, go:FILE.pdb or "
        "chain:FILE.npz, or pdb:CODE after levinthal data fetch pdb:CODE"
    )


def _structure_file(source: str, *, any_name: bool) -> Path | None:
    """Return the file of a fetched entry `pdb:CODE`, or one that is there or is called like a structure."""
    if source.startswith("pdb:"):
        return data_set(source).files()[0]
    path = Path(source)
    looks_like_one = path.suffix.lower() in (".pdb", ".ent", ".cif", ".mmcif") or path.is_file()
    return path if looks_like_one or (any_name and source) else None


# Exact systems


def _landscape(settings: SamplingSettings, _: str) -> System:
    from levinthal.simulation.exact.folding_landscape import folding_landscape

    landscape = folding_landscape(settings.depth_kt)
    target = np.zeros(landscape.chain.n_states, np.bool_)
    target[landscape.native] = True
    return System(
        name=landscape.chain.name,
        version="1",
        synthetic=True,
        dynamics=ChainDynamics(landscape.chain, (landscape.unfolded_start,)),
        observables=MicrostateObservables(
            landscape.chain.embedding, target, ("deviation from native (nm)", "twist"), "the native basin is reached"
        ),
        stationary=landscape.stationary,
        target=landscape.chain.embedding[landscape.native].mean(axis=0),
        notes=("The system is a made-up Markov chain whose populations and passage times are known exactly.",),
    )


def _mueller_brown(settings: SamplingSettings, _: str) -> System:
    from levinthal.simulation.exact.potential import MuellerBrown

    surface = MuellerBrown() if not settings.temperature else MuellerBrown(kt=settings.temperature)
    x_edges = np.linspace(_PLANE[0], _PLANE[1], _PLANE_CELLS[0] + 1)
    y_edges = np.linspace(_PLANE[2], _PLANE[3], _PLANE_CELLS[1] + 1)
    return System(
        name=surface.name,
        version="1",
        synthetic=True,
        dynamics=PlanarDynamics(surface),
        observables=GridObservables(
            PlaneProjection(), x_edges, y_edges, "the second minimum is reached", _SECOND_MINIMUM
        ),
        stationary=surface.cell_probabilities(x_edges, y_edges),
        target=np.array([0.623, 0.028]),
        notes=("The system is a particle on a made-up surface in the plane; its stationary distribution is known.",),
    )


def _chain_of_file(path: Path, settings: SamplingSettings) -> System:
    from levinthal.simulation.analysis.exact_chain import stationary_distribution
    from levinthal.simulation.exact.markov_chain import load_markov_chain

    embedding = None
    if settings.embedding:
        try:
            embedding = np.load(settings.embedding, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{settings.embedding} holds no numbers ({error}): write it by numpy.save") from None
    chain = load_markov_chain(path, embedding)
    stationary = stationary_distribution(chain.transition_matrix)
    start = int(stationary.argmax()) if settings.chain_start < 0 else settings.chain_start
    chain.start(start)
    target = np.zeros(chain.n_states, np.bool_)
    for state in settings.chain_target:
        chain.start(state)
        target[state] = True
    points = np.zeros((chain.n_states, 2))
    columns = min(2, chain.embedding.shape[1])
    points[:, :columns] = chain.embedding[:, :columns]
    return System(
        name=chain.name,
        version="1",
        synthetic=False,
        dynamics=ChainDynamics(chain, (start,)),
        observables=MicrostateObservables(
            points,
            target,
            ("first coordinate", "second coordinate"),
            "a state of the target is reached" if settings.chain_target else "",
        ),
        stationary=stationary,
    )


# Molecules


def _fold_observables(
    native_nm: Doubles, contacts: npt.NDArray[np.int64], reach_nm: Doubles, settings: SamplingSettings
) -> GridObservables:
    """Return cells of Q and RMSD; the widest RMSD is that of a chain stretched out."""
    widest = 0.38 * len(native_nm) / np.sqrt(12.0)
    return GridObservables(
        FoldProjection(native_nm, contacts, reach_nm),
        np.linspace(0.0, 1.0 + 1e-9, _Q_CELLS + 1),
        np.linspace(0.0, widest + 0.2, _RMSD_CELLS + 1),
        f"Q reaches {settings.folded_q:g}",
        (settings.folded_q, 2.0, 0.0, np.inf),
    )


def _three_helix_bundle(settings: SamplingSettings, platform: str) -> System:
    from levinthal.simulation.go.ideal_fold import three_helix_bundle

    model = three_helix_bundle(settings.temperature or _DEFAULT_KT)
    return _of_go_model(model, settings, platform, "a made-up bundle of three helices")


def _go_of_file(path: Path, settings: SamplingSettings, platform: str) -> System:
    from levinthal.simulation.go.go_model import go_model

    model = go_model(path, kt_over_epsilon=settings.temperature or _DEFAULT_KT)
    return _of_go_model(model, settings, platform, path.name)


def _of_go_model(model: GoModel, settings: SamplingSettings, platform: str, origin: str) -> System:
    from levinthal.simulation.go.go_model import NATIVE_FACTOR
    from levinthal.workloads.sampling.systems.particles import ParticleDynamics

    start = model.starts["native" if settings.start == "native" else "unfolded"]
    return System(
        name=f"{model.system.name}, kT {model.kt_over_epsilon:.3g}",
        version="1",
        synthetic=True,
        dynamics=ParticleDynamics(model.system, (start,), platform=platform),
        observables=_fold_observables(
            model.native_nm, model.contacts, NATIVE_FACTOR * model.contact_distances_nm, settings
        ),
        time_step_ps=1e-3 * model.system.timestep_fs,
        molecule=model.system,
        reference_dynamics=ParticleDynamics(model.system, (model.native_nm, model.unfolded_nm), platform=platform),
        target=model.native_nm,
        notes=(
            f"A structure-based (Go) model of {origin}: one bead a residue, drawn to its native structure by "
            f"construction, at kT = {model.kt_over_epsilon:.3g} contact energies. Its times are no protein's.",
            *model.system.notes,
        ),
    )


def native_contacts(native_nm: Doubles) -> tuple[npt.NDArray[np.int64], Doubles]:
    """Return pairs of CA atoms within 0.8 nm, at least 3 apart in the chain, and the distance each is kept up to."""
    first, second = np.triu_indices(len(native_nm), _NATIVE_CONTACT_SEPARATION)
    distance = np.linalg.norm(native_nm[first] - native_nm[second], axis=1)
    near = distance < _NATIVE_CONTACT_NM
    pairs = np.stack([first[near], second[near]], axis=1).astype(np.int64)
    return pairs, np.full(len(pairs), _NATIVE_CONTACT_NM)


def _of_atoms(
    system: MolecularSystem,
    starts_nm: tuple[Doubles, ...],
    native_nm: Doubles,
    settings: SamplingSettings,
    platform: str,
    notes: tuple[str, ...],
    *,
    with_event: bool = True,
) -> System:
    from levinthal.workloads.sampling.systems.particles import ParticleDynamics

    pairs, reach_nm = native_contacts(native_nm)
    if not len(pairs):
        raise DataError(f"{system.name} has no contact in its native structure: take a folded one")
    observables = _fold_observables(native_nm, pairs, reach_nm, settings)
    if not with_event:
        observables = GridObservables(observables.projection, observables.x_edges, observables.y_edges)
    return System(
        name=system.name,
        version="1",
        synthetic=True,
        dynamics=ParticleDynamics(system, starts_nm, platform=platform),
        observables=observables,
        time_step_ps=1e-3 * system.timestep_fs,
        molecule=system,
        target=native_nm,
        notes=(f"{system.name}: {system.n_atoms} atoms, {system.force_field}, {system.temperature_k:g} K.", *notes),
    )


def _fs_peptide(settings: SamplingSettings, platform: str) -> System:
    from levinthal.simulation.systems.peptide import fs_peptide

    system, starts = fs_peptide(temperature_k=settings.temperature or _DEFAULT_TEMPERATURE_K)
    carbons = list(system.ca_indices)
    start = starts["helix" if settings.start == "native" else "extended"]
    return _of_atoms(system, (start,), starts["helix"][carbons], settings, platform, ())


def _of_structure(path: Path, settings: SamplingSettings, platform: str) -> System:
    temperature_k = settings.temperature or _DEFAULT_TEMPERATURE_K
    from levinthal.simulation.systems.explicit_water import in_explicit_water
    from levinthal.simulation.systems.pdb_structure import from_pdb

    simulated = in_explicit_water if settings.model == "explicit" else from_pdb
    system, starts = simulated(path, temperature_k=temperature_k)
    begin = start = starts["structure"]
    if settings.start not in ("auto", "native", "unfolded"):
        if settings.model == "explicit":
            raise UsageError(
                "another start in explicit water would have other water: leave start out, or take implicit"
            )
        other, others = simulated(Path(settings.start), temperature_k=temperature_k)
        if other.sequence != system.sequence or other.n_atoms != system.n_atoms:
            raise DataError(
                f"start {settings.start} has {other.n_atoms} atoms of {other.sequence}, {path} has {system.n_atoms} of "
                f"{system.sequence}: give another structure of the same molecule"
            )
        begin = others["structure"]
    elif settings.start == "unfolded":
        raise UsageError(
            f"{path} has no unfolded structure: set start=OTHER.pdb, or start=native to sample from {path.name}"
        )
    notes = tuple(f"{path.name}: {note}." for note in system.notes)
    native_nm = start[list(system.ca_indices)]
    return _of_atoms(system, (begin,), native_nm, settings, platform, notes, with_event=begin is not start)


def _alanine_dipeptide(settings: SamplingSettings, platform: str) -> System:
    from levinthal.simulation.systems.peptide import capped_peptide
    from levinthal.workloads.sampling.systems.particles import ParticleDynamics
    from levinthal.workloads.sampling.systems.torsions import TorsionDynamics, backbone_torsions

    system, starts = capped_peptide(
        "alanine dipeptide",
        "A",
        ("extended",),
        temperature_k=settings.temperature or _DEFAULT_TEMPERATURE_K,
        timestep_fs=2.0,
    )
    edges = np.linspace(-180.0, 180.0 + 1e-9, _TORSION_CELLS + 1)
    molecule = ParticleDynamics(system, (starts["extended"],), platform=platform)
    centre = np.radians([60.0, 45.0])
    return System(
        name=system.name,
        version="1",
        synthetic=True,
        dynamics=TorsionDynamics(molecule, backbone_torsions(system.topology_pdb)),
        observables=GridObservables(TorsionProjection(), edges, edges, "the left-handed helix is reached", _ALPHA_L),
        time_step_ps=1e-3 * system.timestep_fs,
        molecule=system,
        target=np.stack([np.cos(centre), np.sin(centre)], axis=1).ravel(),
        notes=(f"{system.name}: {system.n_atoms} atoms, {system.force_field}, {system.temperature_k:g} K.",),
    )


_MAKERS: dict[str, Callable[[SamplingSettings, str], System]] = {
    "three-helix-bundle": _three_helix_bundle,
    "fs-peptide": _fs_peptide,
    "alanine-dipeptide": _alanine_dipeptide,
    "mueller-brown": _mueller_brown,
    "landscape": _landscape,
}
