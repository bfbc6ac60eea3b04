"""Real misreadings, through the command line: each is read right or refused in one line that names the file."""

from __future__ import annotations

import re

import pytest

from levinthal import load_result

FAST = ("--size", "smoke", "--set", "epochs=2", "--set", "implementation=torch")
REFUSED = {
    "06-truncated-netcdf-zeros/trunc.nc": "frame 330 has all its atoms at one point",
    "07-topology-order-units/nm.dcd": "ten times too small",
    "07-topology-order-units/x10.dcd": "ten times too large",
    "15-corrupt-xtc-abort/corrupt.xtc": "damaged at frame 274",
    "22-xtc-frame-headers/b.xtc": "frame 0 is damaged",
}


def run(levinthal, trajectory, topology):
    return levinthal("run", "cvae", "--out", "r", *FAST, "--set", f"trajectory={trajectory}",
                     "--set", f"topology={topology}")  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(levinthal, shared_data, name):
    cases = shared_data / "cases"
    done = run(levinthal, cases / name, cases / "06-truncated-netcdf-zeros" / "fs-peptide.pdb")
    assert done.returncode == 2, done.stdout
    last = done.stderr.splitlines()[-1]
    assert name in last
    assert REFUSED[name] in last
    assert "Traceback" not in done.stderr


def test_flattened_maps_are_not_taken_for_indices(levinthal, shared_data, tmp_path):
    pytest.importorskip("h5py")
    maps = shared_data / "cases" / "17-dense-maps-as-index-lists" / "flatvlen.h5"
    done = levinthal("run", "cvae", "--out", "r", *FAST, "--set", f"maps={maps}")
    assert done.returncode == 2, done.stdout
    assert "flatvlen.h5: contact_map lists nothing but 0 and 1: flattened maps" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "r").exists()


def test_another_order_of_atoms_is_refused(levinthal, shared_data):
    order = shared_data / "cases" / "07-topology-order-units" / "order.pdb"
    done = run(levinthal, shared_data / "md" / "fs-peptide_output.dcd", order)
    assert done.returncode == 2
    assert "another order" in done.stderr.splitlines()[-1]


def test_a_dcd_that_promises_more_than_it_has_is_refused(levinthal, shared_data, tmp_path):
    whole = (shared_data / "cases" / "23-dcd-cut" / "t.dcd").read_bytes()
    (tmp_path / "t.dcd").write_bytes(whole[: -7 * 3248])
    done = run(levinthal, tmp_path / "t.dcd", shared_data / "md" / "fs-peptide.pdb")
    assert done.returncode == 2
    assert re.search(r"promises 50 frames, 43 are there", done.stderr.splitlines()[-1])


def test_a_molecule_wrapped_into_its_box_is_made_whole_and_the_note_says_so(levinthal, shared_data, tmp_path):
    case = shared_data / "cases" / "01-periodic-box-wrapped"
    done = run(levinthal, case / "wrapped.xtc", case / "fs-peptide.pdb")
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert any("143 of 550 frames were broken across the periodic box" in each for each in repeat.warnings)


def test_an_odd_residue_name_leaves_no_residue_out(levinthal, shared_data, tmp_path):
    topology = shared_data / "cases" / "08-residue-name-dropped" / "top_ASH.pdb"
    done = run(levinthal, shared_data / "md" / "fs-peptide_output.dcd", topology)
    assert done.returncode in (0, 1), done.stderr
    header = next((tmp_path / "r").rglob("header.json"), None)
    assert header is not None
    assert '"n_residues":21' in header.read_text().replace(" ", "")
