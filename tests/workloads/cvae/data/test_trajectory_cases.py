"""Misreadings that people reported, through the command line: each is read right, or refused in one line.

What went wrong with their files is done here to a trajectory made by code; the files themselves are read where they are
there.
"""

from __future__ import annotations

import mdtraj
import numpy as np
import pytest

from carried import pdb_atoms
from levinthal import load_result
from levinthal.errors import DataError
from levinthal.simulation.trajectories.reader import read_trajectories
from trajectory_examples import built_conformations

FAST = ("--size", "smoke", "--set", "epochs=2", "--set", "implementation=torch")
N_FRAMES = 80
BOX_NM = 5.0


@pytest.fixture(scope="module")
def peptide():
    """Return a trajectory of a peptide that changes from frame to frame."""
    return built_conformations(N_FRAMES)


def run(levinthal, trajectory, topology):
    return levinthal("run", "cvae", "--out", "r", *FAST, "--set", f"trajectory={trajectory}",
                     "--set", f"topology={topology}")  # fmt: skip


def cut_by_a_killed_job(path, whole):
    whole.save(str(path))
    data = path.read_bytes()
    path.write_bytes(data[: 6 * len(data) // 10])


def cut_between_frames(path, whole):
    whole.save(str(path))
    frame_bytes = 3 * (4 * whole.n_atoms + 8)
    path.write_bytes(path.read_bytes()[: -7 * frame_bytes])


def in_nanometres(path, whole):
    mdtraj.Trajectory(whole.xyz / 10, whole.topology).save(str(path))


def in_tenths_of_an_angstrom(path, whole):
    mdtraj.Trajectory(whole.xyz * 10, whole.topology).save(str(path))


def overwritten(first, stop, value):
    """Return a defect: from one share or byte of the file on, other bytes stand there."""

    def defect(path, whole):
        whole.save(str(path))
        data = bytearray(path.read_bytes())
        begin = int(first * len(data)) if isinstance(first, float) else first
        data[begin : begin + stop] = value * stop
        path.write_bytes(data)

    return defect


REFUSED = {
    "cut.nc": (cut_by_a_killed_job, "frame 48 has all its atoms at one point"),
    "between.dcd": (cut_between_frames, f"promises {N_FRAMES} frames, {N_FRAMES - 7} are there"),
    "nm.dcd": (in_nanometres, "ten times too small"),
    "x10.dcd": (in_tenths_of_an_angstrom, "ten times too large"),
    "zeros.xtc": (overwritten(0.5, 200, b"\0"), "frame 40 is damaged"),
    "header.xtc": (overwritten(82, 4, b"\xff"), "frame 0 is damaged"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_line(levinthal, tmp_path, peptide, name):
    defect, said = REFUSED[name]
    defect(tmp_path / name, peptide)
    peptide[0].save_pdb(str(tmp_path / "top.pdb"))
    done = run(levinthal, tmp_path / name, tmp_path / "top.pdb")
    assert done.returncode == 2, done.stdout
    last = done.stderr.splitlines()[-1]
    assert name in last
    assert said in last
    assert "Traceback" not in done.stderr


def test_flattened_maps_are_not_taken_for_indices(levinthal, tmp_path, peptide):
    h5py = pytest.importorskip("h5py")
    carbons = peptide.xyz[:, peptide.topology.select("name CA")][:, :20]  # 400 numbers, as if 200 pairs
    near = np.linalg.norm(carbons[:, :, None] - carbons[:, None], axis=-1) < 0.8
    with h5py.File(tmp_path / "flat.h5", "w") as file:
        rows = file.create_dataset("contact_map", (N_FRAMES,), dtype=h5py.vlen_dtype(np.int16))
        for k, one in enumerate(near):
            rows[k] = one.ravel().astype(np.int16)
    done = levinthal("run", "cvae", "--out", "r", *FAST, "--set", f"maps={tmp_path / 'flat.h5'}")
    assert done.returncode == 2, done.stdout
    assert "flat.h5: contact_map lists nothing but 0 and 1: flattened maps" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "r").exists()


def test_another_order_of_atoms_is_refused(levinthal, tmp_path, peptide):
    peptide.save(str(tmp_path / "whole.dcd"))
    peptide[0].save_pdb(str(tmp_path / "top.pdb"))
    atoms = np.random.default_rng(0).permutation(pdb_atoms(tmp_path / "top.pdb")).tolist()
    in_residues = sorted(atoms, key=lambda line: int(line[22:26]))  # as another program orders them
    (tmp_path / "order.pdb").write_text("\n".join([*in_residues, "END", ""]))
    done = run(levinthal, tmp_path / "whole.dcd", tmp_path / "order.pdb")
    assert done.returncode == 2
    assert "another order" in done.stderr.splitlines()[-1]


def test_a_molecule_wrapped_into_its_box_is_made_whole_and_it_is_said(levinthal, tmp_path, peptide):
    wrapped = mdtraj.Trajectory((peptide.xyz + BOX_NM / 2) % BOX_NM, peptide.topology)
    wrapped.unitcell_vectors = np.repeat(BOX_NM * np.eye(3)[None], N_FRAMES, axis=0)
    wrapped.save(str(tmp_path / "wrapped.xtc"))
    peptide[0].save_pdb(str(tmp_path / "top.pdb"))
    carbons = wrapped.xyz[:, wrapped.topology.select("name CA")]
    n_broken = int((np.linalg.norm(np.diff(carbons, axis=1), axis=2) > 0.5).any(axis=1).sum())
    assert 10 < n_broken < N_FRAMES - 10
    done = run(levinthal, tmp_path / "wrapped.xtc", tmp_path / "top.pdb")
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    said = f"{n_broken} of {N_FRAMES} frames were broken across the periodic box"
    assert any(said in warning for warning in repeat.warnings)


def test_an_odd_residue_name_leaves_no_residue_out(levinthal, tmp_path, peptide):
    peptide.save(str(tmp_path / "whole.dcd"))
    peptide[0].save_pdb(str(tmp_path / "top.pdb"))
    text = (tmp_path / "top.pdb").read_text()
    for number, odd in ((3, "ASH"), (6, "CYP"), (12, "T2P")):
        text = text.replace(f"ALA A{number:4d}", f"{odd} A{number:4d}")
    (tmp_path / "top.pdb").write_text(text)
    done = run(levinthal, tmp_path / "whole.dcd", tmp_path / "top.pdb")
    assert done.returncode in (0, 1), done.stderr
    header = next((tmp_path / "r").rglob("header.json"), None)
    assert header is not None
    assert '"n_residues":21' in header.read_text().replace(" ", "")


def test_the_files_of_the_reports(shared_data, tmp_path):
    cases, whole = shared_data / "cases", shared_data / "md" / "fs-peptide_output.dcd"
    cut = tmp_path / "t.dcd"
    cut.write_bytes((cases / "23-dcd-cut" / "t.dcd").read_bytes()[: -7 * 3248])
    topology = shared_data / "md" / "fs-peptide.pdb"
    for path, top, said in (
        (cases / "06-truncated-netcdf-zeros/trunc.nc", topology, "frame 330 has all its atoms at one point"),
        (cases / "07-topology-order-units/nm.dcd", topology, "ten times too small"),
        (cases / "07-topology-order-units/x10.dcd", topology, "ten times too large"),
        (whole, cases / "07-topology-order-units/order.pdb", "another order"),
        (cases / "15-corrupt-xtc-abort/corrupt.xtc", topology, "damaged at frame 274"),
        (cases / "22-xtc-frame-headers/b.xtc", topology, "frame 0 is damaged"),
        (cut, topology, "promises 50 frames, 43 are there"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            read_trajectories([str(path)], str(top))
        assert str(path) in str(caught.value)
    box = read_trajectories([str(cases / "01-periodic-box-wrapped/wrapped.xtc")], str(topology))
    assert any("143 of 550 frames were broken across the periodic box" in note for note in box.notes)
    odd = read_trajectories([str(whole)], str(cases / "08-residue-name-dropped/top_ASH.pdb"))
    assert len(odd.residues.atoms) == 21
