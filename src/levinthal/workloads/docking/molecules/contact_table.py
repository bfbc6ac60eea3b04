"""Contacts of a pose as a picture and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from levinthal.workloads.docking.molecules.contacts import CONTACT_ANGSTROM, Contact
from levinthal.workloads.drawing import table_of

_MOST_ROWS = 30
_COLUMNS = (("residue", "", 110), ("nearest", "Å", 70), ("hydrogen bonds", "ligand -> donates, <- accepts", 420))


def contacts_svg(contacts: Sequence[Contact]) -> str:
    """Draw contacts, the nearest first, as a table."""
    rows = [
        (each.residue, f"{each.nearest_angstrom:.1f}", ", ".join(map(str, each.hydrogen_bonds)))
        for each in contacts[:_MOST_ROWS]
    ]
    n_bonds = sum(len(each.hydrogen_bonds) for each in contacts)
    below = f"{len(contacts)} residues within {CONTACT_ANGSTROM:g} Å, {n_bonds} hydrogen bonds by their geometry."
    return table_of(_COLUMNS, rows, below)


def contacts_csv(contacts: Sequence[Contact]) -> str:
    """Return contacts as CSV, a hydrogen bond a row; a residue without one has a row with empty columns."""
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["residue", "nearest_angstrom", "ligand_atom", "receptor_atom", "donor", "length_angstrom"])
    for each in contacts:
        nearest = f"{each.nearest_angstrom:.2f}"
        for bond in each.hydrogen_bonds:
            donor = "ligand" if bond.ligand_donates else "receptor"
            length = f"{bond.length_angstrom:.2f}"
            rows.writerow([each.residue, nearest, bond.ligand_atom, bond.receptor_atom, donor, length])
        if not each.hydrogen_bonds:
            rows.writerow([each.residue, nearest, "", "", "", ""])
    return table.getvalue()
