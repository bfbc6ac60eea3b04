"""Complexes of the Protein Data Bank: fetched from a server on this machine, prepared, or refused with the reason."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gemmi
import numpy as np
import pytest
from rdkit import Chem

from carried import crystal_complex as carried_complex
from levinthal.datasets import DataSet, data_set
from levinthal.datasets.registry import complex_downloads
from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.preparation import prepare_ligand
from levinthal.workloads.docking.preparation.crystal_complexes import crystal_complexes, families

CODE = "TQD"


def as_files() -> tuple[str, str, list[str]]:
    """Return an entry in mmCIF and the definition of its ligand, made of real files, and the ligand's heavy atoms."""
    protein, ligand = carried_complex()
    molecule = Chem.AddHs(Chem.MolFromMolFile(str(ligand)), addCoords=True)
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    names = [f"{atom.GetSymbol()}{atom.GetIdx() + 1}" for atom in molecule.GetAtoms()]
    structure = gemmi.read_structure(str(protein))
    structure.name = "1S3V"
    residue = gemmi.Residue()
    residue.name, residue.seqid, residue.het_flag = CODE, gemmi.SeqId(900, " "), "H"
    for atom, place in zip(molecule.GetAtoms(), molecule.GetConformer().GetPositions(), strict=True):
        if atom.GetAtomicNum() > 1:
            made = gemmi.Atom()
            made.name, made.element, made.pos = (
                names[atom.GetIdx()],
                gemmi.Element(atom.GetSymbol()),
                gemmi.Position(*place),
            )
            residue.add_atom(made)
    chain = gemmi.Chain("Z")
    chain.add_residue(residue)
    structure[0].add_chain(chain)
    structure.setup_entities()
    structure.assign_serial_numbers()
    entry = structure.make_mmcif_document().as_string().rstrip()
    atoms = [f"{CODE} {name} {atom.GetSymbol()} {atom.GetFormalCharge()} 0.0 0.0 0.0"
             for name, atom in zip(names, molecule.GetAtoms(), strict=True)]  # fmt: skip
    order = {1.0: "SING", 2.0: "DOUB", 3.0: "TRIP"}
    bonds = [
        f"{CODE} {names[bond.GetBeginAtomIdx()]} {names[bond.GetEndAtomIdx()]} {order[bond.GetBondTypeAsDouble()]} N"
        for bond in molecule.GetBonds()
    ]
    component = "\n".join(
        [
            f"data_{CODE}", "#", f"_chem_comp.id {CODE}", "_chem_comp.name x", "_chem_comp.type NON-POLYMER", "#",
            "loop_", *(f"_chem_comp_atom.{each}" for each in (
                "comp_id", "atom_id", "type_symbol", "charge", "model_Cartn_x", "model_Cartn_y", "model_Cartn_z")),
            *atoms, "#", "loop_",
            *(f"_chem_comp_bond.{each}" for each in (
                "comp_id", "atom_id_1", "atom_id_2", "value_order", "pdbx_aromatic_flag")),
            *bonds, "#",
        ]
    )  # fmt: skip
    return entry if entry.endswith("#") else entry + "\n#", component, names


@pytest.fixture(scope="module")
def server():
    entry, component, _ = as_files()
    pages = {
        "/download/1S3V.cif": entry,
        f"/ligands/download/{CODE}.cif": component,
        "/download/2XXX.cif": entry.replace("data_1S3V", "data_2XXX"),
        "/ligands/download/STI.cif": component.replace(CODE, "STI"),
        "/download/3XXX.cif": "data_3XXX\n#",
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/"
    served.shutdown()
    served.server_close()


def made_set(server, *complexes: tuple[str, str]) -> DataSet:
    downloads = tuple(each for pair in complexes for each in complex_downloads(server, *pair))
    return DataSet("two-complexes", "1", "", "CC0-1.0", "", None, downloads)


def test_what_is_fetched_is_prepared_and_what_cannot_be_is_said(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    chosen = made_set(server, ("1S3V", CODE), ("2XXX", "STI"))
    chosen.fetch()
    assert chosen.verify() == "4 file(s) are whole"
    found, refusals = crystal_complexes(chosen.files())
    assert list(refusals) == ["2XXX_STI"]
    assert "holds no component STI; it holds TQD" in refusals["2XXX_STI"]
    (one,) = found
    assert one.name == "1S3V_TQD"
    _, file = carried_complex()
    known = prepare_ligand(file)
    assert sorted(one.ligand.types) == sorted(known.types)
    ours = one.ligand.source_coordinates_angstrom[one.ligand.heavy_atoms]
    theirs = known.source_coordinates_angstrom[known.heavy_atoms]
    assert np.linalg.norm(ours[:, None] - theirs, axis=-1).min(axis=1).max() < 2e-3
    assert CrystalPose.of(one.ligand).rmsd(one.ligand.source_coordinates_angstrom[None])[0] < 1e-6
    assert not any(CODE in residue for residue in one.receptor.residues)
    assert len(one.receptor.types) > 1500
    assert len(one.sequences) == 1
    assert len(one.sequences[0]) == 186


def test_a_file_that_is_not_an_entry_is_refused(server, tmp_path, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    with pytest.raises(DataError, match="it holds no atoms"):
        made_set(server, ("3XXX", CODE)).fetch()


def test_the_catalogue_has_the_set():
    downloads = data_set("astex-diverse").downloads
    assert len(downloads) == 2 * 85
    assert len({each.name for each in downloads}) == 2 * 85
    assert downloads[1].url == "https://files.rcsb.org/ligands/download/RQ3.cif"


def test_families_are_joined_through_a_common_member():
    one, half, other = "ACDEFGHIKLMNPQRSTVWY" * 3, "ACDEFGHIKL" * 6, "WWPPCCHHMM" * 6
    assert families({"a": [one], "b": [other], "c": [half, one]}) == {"a": 0, "b": 1, "c": 0}
