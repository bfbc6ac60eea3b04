"""Contacts and hydrogen bonds, against geometry by hand and mdtraj's Baker-Hubbard criterion."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import mdtraj
import numpy as np
import pytest

from levinthal.simulation import capped_peptide
from levinthal.workloads.docking.molecules.contact_table import contacts_csv, contacts_svg
from levinthal.workloads.docking.molecules.contacts import contacts_of
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.preparation import prepare_ligand, prepare_receptor
from levinthal.workloads.docking.scoring import VINA_TYPES


def carbonyl_at(
    distance_angstrom: float, angle_degrees: float, residue: str = "ALA A 5"
) -> tuple[Receptor, np.ndarray]:
    """Return a receptor's oxygen seen from the hydroxyl hydrogen of methanol, and methanol's atoms."""
    ligand = prepare_ligand("CO")
    oxygen, hydrogen = ligand.elements.index("O"), ligand.types.index("HD")
    pose = ligand.coordinates_angstrom
    along = pose[hydrogen] - pose[oxygen]
    along /= np.linalg.norm(along)
    across = np.cross(along, [0.3, -0.7, 0.2])
    across /= np.linalg.norm(across)
    turn = np.radians(180.0 - angle_degrees)
    place = pose[hydrogen] + distance_angstrom * (np.cos(turn) * along + np.sin(turn) * across)
    receptor = Receptor("one", place[None], ("OA",), np.array([VINA_TYPES.index("O_A")], np.int8), ("O",), (residue,))
    return receptor, pose


@pytest.mark.parametrize(
    ("distance", "angle", "bonded"), [(1.9, 180, True), (2.4, 125, True), (2.6, 180, False), (1.9, 115, False)]
)
def test_a_hydrogen_bond_is_distance_and_angle(distance, angle, bonded):
    receptor, pose = carbonyl_at(distance, angle)
    (contact,) = contacts_of(receptor, prepare_ligand("CO"), pose)
    assert bool(contact.hydrogen_bonds) == bonded
    assert contact.residue == "ALA A 5"
    if bonded:
        (bond,) = contact.hydrogen_bonds
        assert (bond.ligand_donates, bond.receptor_atom) == (True, "O")
        assert str(bond).startswith(f"{bond.ligand_atom}->O ")
    far, pose = carbonyl_at(6.0, 180)
    assert contacts_of(far, prepare_ligand("CO"), pose) == ()


def test_the_bonds_of_a_helix_are_those_that_mdtraj_finds(tmp_path):
    """Cut a helix in two: what one half is to the other is what a ligand is to a receptor."""
    (tmp_path / "helix.pdb").write_text(capped_peptide("helix", "AAAAAAAAAA", ("helix",))[0].topology_pdb)
    receptor = prepare_receptor(tmp_path / "helix.pdb")
    number = np.array([int(label.split(" ")[-1]) for label in receptor.residues])
    half = number <= 5
    guest, host = (_part(receptor, mask) for mask in (half, ~half))
    ligand = replace(prepare_ligand("C"), **_fields(guest))
    found = {
        (each.residue, bond.ligand_donates)
        for each in contacts_of(host, ligand, guest.coordinates_angstrom)
        for bond in each.hydrogen_bonds
    }
    trajectory = mdtraj.load(str(tmp_path / "helix.pdb"))
    expected = set()
    for donor, _, acceptor in mdtraj.baker_hubbard(trajectory, freq=0.0):
        ends = [trajectory.topology.atom(int(k)).residue for k in (donor, acceptor)]
        inside = [each.resSeq <= 5 for each in ends]
        if inside[0] != inside[1]:
            other = ends[inside.index(False)]
            expected.add((f"{other.name} {other.resSeq}", inside[0]))
    assert found
    assert {(residue.replace(" A ", " "), gives) for residue, gives in found} == expected


def _part(receptor: Receptor, mask: np.ndarray) -> Receptor:
    def chosen(values):
        return tuple(value for value, keep in zip(values, mask, strict=True) if keep)

    return Receptor(
        receptor.name, receptor.coordinates_angstrom[mask], chosen(receptor.types), receptor.vina_types[mask],
        chosen(receptor.atom_names), chosen(receptor.residues),
    )  # fmt: skip


def _fields(part: Receptor) -> dict:
    return {
        "coordinates_angstrom": part.coordinates_angstrom,
        "elements": tuple(kind[0] for kind in part.types),
        "types": part.types,
        "atom_names": part.atom_names,
        "vina_types": part.vina_types,
        "bonds": (),
    }


def test_tables_hold_what_was_found_and_escape_it():
    receptor, pose = carbonyl_at(1.9, 180, residue="<b> A 5")
    contacts = contacts_of(receptor, prepare_ligand("CO"), pose)
    texts = [each.text for each in ET.fromstring(contacts_svg(contacts)).iter() if each.text]
    assert "<b> A 5" in texts
    assert "1 residues within 4 Å, 1 hydrogen bonds by their geometry." in texts
    (row,) = csv.DictReader(io.StringIO(contacts_csv(contacts)))
    assert (row["donor"], row["receptor_atom"]) == ("ligand", "O")
    assert ET.fromstring(contacts_svg(())).tag.endswith("svg")
