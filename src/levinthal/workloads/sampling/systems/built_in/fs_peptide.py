"""The Fs peptide, 21 residues that form a helix, with all atoms in implicit water."""

from __future__ import annotations

from levinthal.workloads.sampling.systems.folding import DEFAULT_TEMPERATURE_K, all_atom_system
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


def _make(request: SystemRequest) -> System:
    from levinthal.simulation.systems.peptide import fs_peptide

    molecule, starts = fs_peptide(temperature_k=request.settings.temperature or DEFAULT_TEMPERATURE_K)
    start = starts["helix" if request.settings.start == "native" else "extended"]
    return all_atom_system(molecule, start, starts["helix"][list(molecule.ca_indices)], request)


SYSTEM = SystemKind(_make)
