"""Chains of residues as PDB text for the programs that take no other: each chain with a TER of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import gemmi


_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def number_columns(number: str) -> str:
    """Return a residue's number with its insertion code, `-5` or `52A`, as columns 23 to 27; above 9999 hybrid-36."""
    digits = number.rstrip(_DIGITS[10:] + _DIGITS[10:].lower())
    insertion = number[len(digits) :][:1] or " "
    value = int(digits) if digits.lstrip("-").isdecimal() else 0
    if value <= 9_999:
        return f"{digits[:4]:>4}{insertion}"
    value += 10 * 36**3 - 10**4
    return "".join(_DIGITS[value // 36**place % 36] for place in (3, 2, 1, 0)) + insertion


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
