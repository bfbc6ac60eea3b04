"""From the settings to molecules: what is docked into what, where, and in which conformations of the receptor."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from levinthal.datasets.structures import real_complex, real_structure
from levinthal.errors import DataError
from levinthal.harness import Run
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.preparation import pocket_box, prepare_ligand, prepare_receptor
from levinthal.workloads.docking.preparation.conformations import given_conformations, make_conformations
from levinthal.workloads.docking.preparation.library import (
    Failure,
    Library,
    LibraryEntry,
    Prepared,
    prepare_library,
    read_library,
)
from levinthal.workloads.docking.preparation.receptor_cleaning import listed
from levinthal.workloads.docking.preparation.sources import names_file, source_of
from levinthal.workloads.docking.settings import DockingSettings

_EMBEDDED = "t4-lysozyme-l99a-p-xylene"
# N-acetylglucosamine twice, as in chitin, and residues on both sides of the cleft of T4 lysozyme.
_CHITOBIOSE = "CC(=O)N[C@H]1[C@H](O)O[C@H](CO)[C@@H](O[C@@H]2O[C@H](CO)[C@@H](O)[C@H](O)[C@H]2NC(C)=O)[C@@H]1O"
_CLEFT = "11/20/26/104/137"
# Lysine, hinge and DFG motif of the kinase; the hydrophobic cleft of troponin C. Numbers are those of the files.
_PRACTICE = {
    "src-kinase": (
        "A:38/A:84/A:147",
        ("CC(C)(C)n1nc(-c2ccc(Cl)cc2)c2c(N)ncnc21", "Nc1ncnc2c1ncn2C1OC(CO)C(O)C1O", "Cc1ccc(Nc2nccc(n2)-c2cccnc2)cc1"),
    ),
    "troponin-c": (
        "20/48/77",
        ("CC1CC(=O)NN=C1c1ccc(cc1)N=C(C#N)C#N", "CN1CCN(CC1)c1ccc2ccccc2c1", "Cc1cccc(C)c1"),
    ),
}  # fmt: skip
_NEAR_ANGSTROM = 6.0
_ATOMS_OF_NO_RESIDUE = 100


@dataclass(frozen=True, eq=False)
class Inputs:
    """All that the workload docks.

    Attributes
    ----------
    name, sha256 : str
        Of the data, for the record.
    embedded : bool
        Whether it is the complex that comes with the package: the gate is set for that one.
    receptors : tuple of Receptor
        Conformations, the given one first.
    box : Box
    ligand : Ligand or None
        The one that is redocked, where there is one.
    crystal : CrystalPose or None
        Where it was seen, if it was.
    entries : tuple of LibraryEntry
        The compounds to screen, as they were read.
    library, library_failures : sequences
        Those that are ready to be docked, and those that could not be made: empty before `with_library`.
    notes, warnings : tuple of str
        What a reader must know of the preparation: what was made, and what was changed or left out of what was brought.
    """

    name: str
    sha256: str
    embedded: bool
    receptors: tuple[Receptor, ...]
    box: Box
    ligand: Ligand | None
    crystal: CrystalPose | None
    entries: tuple[LibraryEntry, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    library: tuple[Prepared, ...] = ()
    library_failures: tuple[Failure, ...] = ()


def read_inputs(run: Run, settings: DockingSettings) -> Inputs:
    """Read and prepare the files that the settings name.

    Raises
    ------
    DataError
        A file that cannot be read or prepared; the message names atom and residue.
    """
    embedded_receptor, embedded_ligand = real_complex(_EMBEDDED)
    receptor_path = Path(settings.receptor) if settings.receptor else embedded_receptor
    source = settings.ligand or ("" if settings.ligands else str(embedded_ligand))
    library = read_library(settings.ligands) if settings.ligands else Library(())
    receptor = prepare_receptor(receptor_path)
    if not settings.receptor:
        receptor = replace(receptor, name="T4 lysozyme L99A")
    name = None if settings.ligand else "p-xylene"
    ligand = prepare_ligand(source, name, template=settings.template) if source else None
    box = _box(settings, receptor, ligand, None if settings.receptor else embedded_ligand)
    _must_hold_atoms(box, receptor)
    others = [prepare_receptor(path) for path in settings.conformations]
    receptors = _ensemble(run, settings, receptor, others, box)
    is_seen = ligand is not None and _is_seen(ligand, receptor, box)
    files = [receptor_path, *(Path(each) for each in (source, settings.ligands, *settings.conformations) if each)]
    return Inputs(
        name=_EMBEDDED if not settings.receptor else receptor_path.name,
        sha256=_sha256(files),
        embedded=ligand is not None and not settings.receptor and not settings.ligand,
        receptors=receptors,
        box=box,
        ligand=ligand,
        crystal=CrystalPose.of(ligand) if ligand is not None and is_seen else None,
        entries=library.entries,
        notes=_notes(receptor, ligand, len(receptors)),
        warnings=(
            *_of_receptors([receptor, *others], box),
            *_without_residues(receptor),
            *_of_pocket(settings.pocket),
            *_of_ligand(ligand),
            *library.warnings,
        ),
    )


def with_library(run: Run, settings: DockingSettings, inputs: Inputs) -> Inputs:
    """Prepare the compounds of the library, if there is one, a phase of its own.

    Raises
    ------
    DataError
        None of them can be prepared.
    """
    n = len(inputs.entries)
    if not n:
        return inputs
    with run.phase("prepare library", items=n, total=n, doing="structures of the compounds") as phase:
        prepared, failures = prepare_library(inputs.entries, phase.advance)
    if not prepared:
        raise DataError(f"{settings.ligands}: no compound could be prepared; of the first: {failures[0].reason}")
    warnings = (*inputs.warnings, *_of_library(prepared, failures))
    return replace(inputs, library=prepared, library_failures=failures, warnings=warnings)


def sugar_in_cleft(lysozyme: Receptor, padding_angstrom: float) -> tuple[Ligand, Box]:
    """Return chitobiose, in a conformer that is made, and the box of the cleft where lysozyme cuts such chains."""
    return prepare_ligand(_CHITOBIOSE, "chitobiose"), pocket_box(_CLEFT, lysozyme, padding_angstrom=padding_angstrom)


def practice_complexes() -> Iterator[tuple[Receptor, Box, list[Ligand]]]:
    """Yield proteins other than the built-in one, their pockets, and ligands that are made for these."""
    for protein, (pocket, smiles) in _PRACTICE.items():
        receptor = prepare_receptor(real_structure(protein))
        yield receptor, pocket_box(pocket, receptor), [prepare_ligand(each, each) for each in smiles]


def _box(settings: DockingSettings, receptor: Receptor, ligand: Ligand | None, marker: Path | None) -> Box:
    """Return the box of the pocket: as given, else around the ligand's place, else around the embedded one's."""
    if settings.pocket:
        return pocket_box(settings.pocket, receptor, padding_angstrom=settings.padding)
    if ligand is not None and ligand.placed and settings.ligand:
        return ligand.box(settings.padding)
    if marker is not None:
        return prepare_ligand(str(marker)).box(settings.padding)
    why = " (the ligand's file has no place: it is a drawing, or SMILES)" if _is_file(settings.ligand) else ""
    raise DataError(
        f"there is no pocket{why}: set pocket to a file of a ligand that sits there, to a box "
        "x/y/z/length/width/height in A, or to residues such as A:99/A:102"
    )


def _must_hold_atoms(box: Box, receptor: Receptor) -> None:
    beyond = np.abs(receptor.coordinates_angstrom - np.array(box.centre_angstrom)) - np.array(box.size_angstrom) / 2
    if not (beyond < _NEAR_ANGSTROM).all(axis=1).any():
        centre = ", ".join(f"{value:.1f}" for value in box.centre_angstrom)
        raise DataError(
            f"the pocket is nowhere near receptor {receptor.name}: its box has the centre {centre} A; set "
            "pocket to where the ligand binds, or give both files in one frame"
        )


def _is_file(source: str) -> bool:
    """Say whether a ligand's source is a file and not a SMILES string, which may be too long for a file's name."""
    try:
        return Path(source).is_file()
    except (OSError, ValueError):
        return False


def _is_seen(ligand: Ligand, receptor: Receptor, box: Box) -> bool:
    """Say whether the ligand was read where it sits: from a file with places, in the box and beside the receptor."""
    if not ligand.placed:
        return False
    places = ligand.source_coordinates_angstrom[ligand.heavy_atoms]
    scored = receptor.coordinates_angstrom[receptor.vina_types >= 0]
    nearest = np.linalg.norm(places[:, None] - scored[None], axis=-1).min()
    return box.contains(places) and 1.0 < float(nearest) < _NEAR_ANGSTROM


def _ensemble(
    run: Run, settings: DockingSettings, receptor: Receptor, others: Sequence[Receptor], box: Box
) -> tuple[Receptor, ...]:
    """Return the conformations: the given one, those of further files, and those that are made."""
    count = max(1, settings.n_conformations - len(others))
    made = make_conformations(
        receptor, box, settings.flexible, count, seed=run.seed_for("conformations", bits=31), function=settings.function
    )
    return (made[0], *given_conformations(receptor, others)[1:], *made[1:])


def _notes(receptor: Receptor, ligand: Ligand | None, n_conformations: int) -> tuple[str, ...]:
    notes = [f"Receptor {receptor.name}: {each}." for each in receptor.notes]
    if ligand is not None:
        notes += [f"Ligand {ligand.name}: {each}." for each in ligand.notes]
    if n_conformations > 1:
        notes.append(f"The pocket has {n_conformations} conformations; the energy of a conformation counts.")
    return tuple(notes)


def _of_receptors(receptors: Sequence[Receptor], box: Box) -> list[str]:
    """Say what was changed in chains, and what was removed from where poses are searched."""
    warnings = []
    for receptor in receptors:
        warnings += [f"Receptor {receptor.name}: {each}." for each in receptor.warnings]
        inside = Counter(
            each.label for each in receptor.removed if any(box.contains(place) for place in each.places_angstrom)
        )
        if inside:
            removed = [label if label != "water" else f"{count} x water" for label, count in inside.items()]
            warnings.append(
                f"Receptor {receptor.name}: removed from the search box, and so not felt by any pose: "
                f"{listed(removed)}. A receptor in PDBQT is taken as it is."
            )
    return warnings


def _without_residues(receptor: Receptor) -> list[str]:
    """Say that a file has lost the names of its residues, as some converters to PDBQT lose them."""
    ((label, count),) = Counter(receptor.residues).most_common(1)
    if count < _ATOMS_OF_NO_RESIDUE:
        return []
    return [
        f"Receptor {receptor.name}: its file calls {count} atoms {label}: contacts cannot be told by residue; prepare "
        "it from its PDB file."
    ]


def _of_pocket(pocket: str) -> list[str]:
    """Say which of several molecules marks the pocket."""
    count = source_of(Path(pocket)).n_records if names_file(pocket) else 1
    return [f"Pocket {Path(pocket).name}: the first of {count} molecules marks it."] if count > 1 else []


def _of_ligand(ligand: Ligand | None) -> list[str]:
    return [] if ligand is None else [f"Ligand {ligand.name}: {each}." for each in ligand.warnings]


def _of_library(prepared: Sequence[Prepared], failures: Sequence[Failure]) -> list[str]:
    """Say in two lines how many compounds of a library were changed and how many left out."""
    total, words = len(prepared) + len(failures), []
    if failures:
        first = f"{failures[0].name}, {failures[0].reason}"
        words.append(f"{len(failures)} of {total} compounds were left out (first: {first}): ranked.csv says why.")
    changed = [each for each in prepared if each.ligand.warnings]
    if changed:
        first = f"{changed[0].entry.name}, {changed[0].ligand.warnings[0]}"
        words.append(f"{len(changed)} of {total} compounds were changed (first: {first}): ranked.csv says how.")
    return words


def _sha256(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for each in files:
        digest.update(each.read_bytes() if _is_file(str(each)) else str(each).encode())
    return digest.hexdigest()
