"""Chains of residues as PDB text for the programs that take no other: each chain with a TER of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import gemmi


def pdb_of_chains(chains: Iterable[tuple[str, Sequence[gemmi.Residue]]]) -> str:
    """Return PDB text.

    Parameters
    ----------
    chains : iterable of (str, sequence of gemmi.Residue)
        Names of at most one character, and residues whose `entity_type` says whether a TER follows them.
    """
    model = gemmi.Model(1)
    for name, residues in chains:
        chain = gemmi.Chain(name)
        chain.append_residues(list(residues))
        model.add_chain(chain)
    structure = gemmi.Structure()
    structure.add_model(model)
    options = gemmi.PdbWriteOptions(minimal=True)
    options.cryst1_record = False
    options.ter_records = True
    return str(structure.make_pdb_string(options))
