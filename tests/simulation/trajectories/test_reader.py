"""Foreign trajectories: chains are read as mdtraj reads them, made whole, or refused by file and frame."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from openmm import unit
from openmm.app import DCDFile

from levinthal.errors import DataError
from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.simulation.trajectories.frame_headers import count_frames
from levinthal.simulation.trajectories.reader import read_trajectories

mdtraj = pytest.importorskip("mdtraj")

N_RESIDUES, N_FRAMES, BOX_NM = 14, 60, 4.0
FORMATS = ("xtc", "trr", "dcd", "nc", "pdb", "gro")
WIDTHS = {"xtc": 1e-3, "gro": 1e-3, "pdb": 1e-3}


def chain_topology(n_residues=N_RESIDUES, names=None, chains=1):
    topology = mdtraj.Topology()
    for _ in range(chains):
        chain = topology.add_chain()
        for k in range(n_residues):
            residue = topology.add_residue((names or {}).get(k, "ALA"), chain, resSeq=k + 1)
            atoms = [topology.add_atom(name, element, residue) for name, element in (
                ("N", mdtraj.element.nitrogen), ("CA", mdtraj.element.carbon), ("C", mdtraj.element.carbon),
            )]  # fmt: skip
            topology.add_bond(atoms[0], atoms[1])
            topology.add_bond(atoms[1], atoms[2])
    return topology


def backbones(n_frames=N_FRAMES, n_residues=N_RESIDUES, seed=0):
    rng = np.random.default_rng(seed)
    dihedrals = np.stack([np.full((n_frames, n_residues), np.pi), rng.uniform(-2.2, -0.8, (n_frames, n_residues)),
                          rng.uniform(-1.2, 2.6, (n_frames, n_residues))], axis=2)  # fmt: skip
    return build_backbone(torch.from_numpy(dihedrals)).numpy().reshape(n_frames, -1, 3)


@pytest.fixture
def chain():
    xyz = backbones() + 2.0
    return mdtraj.Trajectory(xyz, chain_topology(), time=0.2 * np.arange(N_FRAMES))


@pytest.fixture
def topology(tmp_path, chain):
    chain[0].save_pdb(str(tmp_path / "chain.pdb"))
    return str(tmp_path / "chain.pdb")


def saved(chain, path):
    chain.save(str(path))
    return str(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_ca_atoms_of_every_frame(tmp_path, chain, topology, suffix):
    odd = Path(saved(chain, tmp_path / f"plain.{suffix}")).rename(tmp_path / f"a b,ü'.{suffix.upper()}")
    found = read_trajectories([str(odd)], topology)
    (trajectory,) = found.trajectories
    expected = chain.xyz[:, chain.topology.select("name CA")]
    np.testing.assert_allclose(trajectory.ca_nm, expected, atol=WIDTHS.get(suffix, 1e-5))
    assert trajectory.n_made_whole == 0
    assert found.notes == ()
    np.testing.assert_allclose(found.reference_nm, expected[0], atol=1e-3)


def test_times_are_those_that_the_files_have(tmp_path, chain, topology):
    timed = mdtraj.Trajectory(chain.xyz, chain.topology, time=7.0 + 0.5 * np.arange(N_FRAMES))
    saved(timed, tmp_path / "a.xtc")
    saved(timed, tmp_path / "none.dcd")  # mdtraj's writer keeps no time
    with (tmp_path / "a.dcd").open("wb+") as file:
        frames = DCDFile(file, chain.topology.to_openmm(), 0.002 * unit.picosecond, firstStep=3500, interval=250)
        for each in chain.xyz:
            frames.writeModel(each * unit.nanometer)
    found = read_trajectories([str(tmp_path / name) for name in ("a.xtc", "none.dcd", "a.dcd")], topology)
    xtc, none, dcd = (each.time_ps for each in found.trajectories)
    np.testing.assert_allclose(xtc, timed.time)
    assert none is None
    np.testing.assert_allclose(dcd, timed.time, rtol=1e-5)


def test_residues_count_by_their_atoms_whatever_they_are_called(tmp_path, chain):
    odd = mdtraj.Trajectory(chain.xyz, chain_topology(names={3: "ASH", 5: "HISE", 7: "CYR1", 9: "XYZ"}))
    top = saved(odd[0], tmp_path / "odd.gro")
    found = read_trajectories([saved(odd, tmp_path / "odd.dcd")], top)
    assert len(found.residues.atoms) == N_RESIDUES
    assert found.residues.bonded.all()


def test_a_chain_of_ca_alone_and_ions_and_free_amino_acids_beside_it(tmp_path):
    xyz = backbones()[:, 1::3]
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for k in range(N_RESIDUES):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("GLY", chain, resSeq=k + 1))
    ions = topology.add_chain()
    topology.add_atom("CA", mdtraj.element.calcium, topology.add_residue("CA", ions, resSeq=101))
    with_ion = mdtraj.Trajectory(np.concatenate([xyz, xyz[:, :1] + 1.0], axis=1), topology)
    top = saved(with_ion[0], tmp_path / "ca.pdb")
    found = read_trajectories([saved(with_ion, tmp_path / "ca.dcd")], top)
    assert len(found.residues.atoms) == N_RESIDUES

    beside = chain_topology()
    free = beside.add_residue("GLU", beside.add_chain(), resSeq=201)
    for name in ("N", "CA", "C"):
        beside.add_atom(name, mdtraj.element.carbon, free)
    ligand = backbones(n_residues=1)[:, :3] + 3.0
    both = mdtraj.Trajectory(np.concatenate([backbones(), ligand], axis=1), beside)
    found = read_trajectories([saved(both, tmp_path / "l.dcd")], saved(both[0], tmp_path / "l.pdb"))
    assert len(found.residues.atoms) == N_RESIDUES
    assert "GLU 201" in found.notes[0]


def wrapped(chain, cell):
    vectors = np.repeat(np.asarray(cell, float)[None], len(chain), axis=0)
    inside = np.einsum("fai,ij->faj", chain.xyz, np.linalg.inv(cell)) % 1.0
    broken = mdtraj.Trajectory(np.einsum("fai,ij->faj", inside, np.asarray(cell, float)), chain.topology)
    broken.unitcell_vectors = vectors
    return broken


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([BOX_NM] * 3),
        np.diag([3.0, 3.5, 6.0]),
        [[4.0, 0, 0], [0, 4.0, 0], [2.0, 2.0, 2.828]],  # rhombic dodecahedron
        [[4.0, 0, 0], [1.333, 3.771, 0], [-1.333, 1.886, 3.266]],  # truncated octahedron
    ],
)
def test_a_molecule_split_across_its_box_is_made_whole(tmp_path, chain, topology, cell):
    centred = mdtraj.Trajectory(chain.xyz + np.array([1.0, -1.7, 2.9]), chain.topology)
    broken = wrapped(centred, cell)
    carbons = chain.topology.select("name CA")
    found = read_trajectories([saved(broken, tmp_path / "w.xtc")], topology)
    (trajectory,) = found.trajectories
    shape = np.linalg.norm(trajectory.ca_nm[:, :, None] - trajectory.ca_nm[:, None], axis=3)
    true = np.linalg.norm(chain.xyz[:, carbons][:, :, None] - chain.xyz[:, carbons][:, None], axis=3)
    np.testing.assert_allclose(shape, true, atol=4e-3)
    steps = np.linalg.norm(np.diff(broken.xyz[:, carbons], axis=1), axis=2)
    assert trajectory.n_made_whole == int((steps > 0.6).any(axis=1).sum()) > 0
    assert f"{trajectory.n_made_whole} of {N_FRAMES} frames were broken" in found.notes[0]


def test_two_chains_stay_together_across_the_box(tmp_path):
    one = backbones(1)[0]
    pair = np.concatenate([one, one + np.array([0.0, 0.0, 1.0])])
    walk = np.cumsum(np.random.default_rng(1).normal(scale=0.3, size=(40, 1, 3)), axis=0)
    both = mdtraj.Trajectory(pair[None] + walk, chain_topology(chains=2))
    top = saved(mdtraj.Trajectory(pair[None], both.topology), tmp_path / "two.pdb")
    found = read_trajectories([saved(wrapped(both, np.diag([5.0] * 3)), tmp_path / "two.xtc")], top)
    ca = found.trajectories[0].ca_nm
    assert not found.residues.bonded[N_RESIDUES - 1]
    apart = np.broadcast_to([0.0, 0.0, 1.0], (40, N_RESIDUES, 3))
    np.testing.assert_allclose(ca[:, N_RESIDUES:] - ca[:, :N_RESIDUES], apart, atol=4e-3)


def test_a_dummy_cell_is_no_cell(tmp_path, chain, topology):
    chain.unitcell_vectors = np.repeat(np.diag([0.1] * 3)[None], N_FRAMES, axis=0)
    found = read_trajectories([saved(chain, tmp_path / "dummy.dcd")], topology)
    np.testing.assert_allclose(found.trajectories[0].ca_nm, chain.xyz[:, chain.topology.select("name CA")], atol=1e-5)


def refused(paths, topology):
    with pytest.raises(DataError) as error:
        read_trajectories([str(path) for path in paths], str(topology))
    return str(error.value)


def test_other_order_other_unit_other_atoms(tmp_path, chain, topology):
    path = saved(chain, tmp_path / "a.dcd")
    chain[0].save_pdb(str(tmp_path / "order.pdb"))
    lines = (tmp_path / "order.pdb").read_text().splitlines(keepends=True)
    atoms = [line for line in lines if line.startswith("ATOM")]
    random = np.random.default_rng(0).permutation(len(atoms))
    shuffled = sorted(range(len(atoms)), key=lambda k: (atoms[k][22:26], random[k]))
    (tmp_path / "order.pdb").write_text("".join(atoms[k] for k in shuffled) + "END\n")
    assert "another order" in refused([path], tmp_path / "order.pdb")
    assert "ten times too small" in refused(
        [saved(mdtraj.Trajectory(chain.xyz / 10, chain.topology), tmp_path / "n.dcd")], topology
    )
    assert "ten times too large" in refused(
        [saved(mdtraj.Trajectory(chain.xyz * 10, chain.topology), tmp_path / "x.dcd")], topology
    )
    more = mdtraj.Trajectory(np.concatenate([chain.xyz, chain.xyz[:, :5]], axis=1), None)
    with mdtraj.formats.DCDTrajectoryFile(str(tmp_path / "more.dcd"), "w") as file:
        file.write(more.xyz * 10)
    assert "47 atoms a frame, its topology 42" in refused([tmp_path / "more.dcd"], topology)
    other = mdtraj.Trajectory(chain.xyz, chain_topology())
    other.topology.atom(4).name = "CB"
    assert "atom 5 is" in refused([saved(other, tmp_path / "names.pdb")], topology)


@pytest.mark.parametrize("suffix", ["xtc", "trr", "dcd", "nc"])
def test_a_file_cut_anywhere_is_refused(tmp_path, chain, topology, suffix):
    data = Path(saved(chain, tmp_path / f"whole.{suffix}")).read_bytes()
    for share in (0.307, 0.613, 0.982):
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(data[: int(share * len(data))])
        said = refused([path], topology)
        assert f"cut.{suffix}" in said
        assert "\n" not in said


def test_a_dcd_cut_between_frames_promises_more_than_it_has(tmp_path, chain, topology):
    path = Path(saved(chain, tmp_path / "whole.dcd"))
    data = path.read_bytes()
    frame = 3 * (4 * 3 * N_RESIDUES + 8)
    (tmp_path / "cut.dcd").write_bytes(data[: -10 * frame])
    assert count_frames(tmp_path / "cut.dcd").n_frames == N_FRAMES - 10
    assert f"promises {N_FRAMES} frames, {N_FRAMES - 10} are there" in refused([tmp_path / "cut.dcd"], topology)


def test_frames_of_zeros_and_frames_of_no_number(tmp_path, chain, topology):
    chain.xyz[33:] = 0.0
    assert "frame 33 has all its atoms at one point" in refused([saved(chain, tmp_path / "zero.trr")], topology)
    chain.xyz[33:] = chain.xyz[0]
    chain.xyz[17, 4] = np.nan
    assert "frame 17 has a coordinate that is not a number" in refused([saved(chain, tmp_path / "nan.trr")], topology)


def test_a_molecule_broken_without_a_box_is_refused(tmp_path, chain, topology):
    broken = wrapped(chain, np.diag([3.0] * 3))
    broken.unitcell_vectors = None
    said = refused([saved(broken, tmp_path / "b.xtc")], topology)
    assert "are bonded" in said
    assert "trjconv -pbc whole" in said


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_xtc_never_ends_the_caller(tmp_path, chain, topology, seed):
    data = bytearray(Path(saved(chain, tmp_path / "whole.xtc")).read_bytes())
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, len(data) - 200))
    data[first : first + 200] = bytes(200) if seed % 2 else rng.bytes(200)
    (tmp_path / "bad.xtc").write_bytes(data)
    try:
        found = read_trajectories([str(tmp_path / "bad.xtc")], topology)
    except DataError as refusal:
        said = str(refusal)
    else:
        said = ""
    if said:
        assert "bad.xtc" in said
        return
    # what is left must be whole frames of neighbours
    distance = np.linalg.norm(np.diff(found.trajectories[0].ca_nm, axis=1), axis=2)
    assert ((distance > 0.25) & (distance < 0.45)).all()


def test_topologies_without_coordinates(tmp_path, chain):
    psf = ["PSF", "", "       1 !NTITLE", " REMARKS", "", f"{3 * N_RESIDUES:8d} !NATOM"]
    psf += [
        f"{atom.index + 1:8d} SEG  {atom.residue.resSeq:<4d} ALA  {atom.name:<4s} {atom.name[0]:<4s} 0.000000 12.0110 0"
        for atom in chain.topology.atoms
    ]
    bonds = [(k, k + 1) for k in range(1, 3 * N_RESIDUES)]
    psf += ["", f"{len(bonds):8d} !NBOND: bonds"]
    psf += ["".join(f"{a:8d}{b:8d}" for a, b in bonds[k : k + 4]) for k in range(0, len(bonds), 4)]
    (tmp_path / "chain.psf").write_text("\n".join([*psf, ""]))
    found = read_trajectories([saved(chain, tmp_path / "a.dcd")], str(tmp_path / "chain.psf"))
    assert len(found.residues.atoms) == N_RESIDUES
    assert found.residues.bonded.all()
    assert "the reference structure is the first frame" in found.notes[-1]


def test_many_files_at_once_and_the_one_that_is_damaged_is_named(tmp_path, chain, topology):
    paths = [saved(chain[k : k + 3], tmp_path / f"part{k:02d}.xtc") for k in range(0, 30, 3)]
    found = read_trajectories(paths, topology)
    assert [len(each.ca_nm) for each in found.trajectories] == [3] * 10
    data = bytearray(Path(paths[4]).read_bytes())
    data[:4] = struct.pack(">i", 7)
    Path(paths[4]).write_bytes(data)
    assert Path(paths[4]).name in refused(paths, topology)


def test_what_is_not_a_file_or_not_a_topology(tmp_path, topology):
    assert "is not a file" in refused([tmp_path / "none.dcd"], topology)
    (tmp_path / "text.pdb").write_text("not a structure\n")
    assert "text.pdb" in refused([topology], tmp_path / "text.pdb")
    (tmp_path / "x.abc").write_text("nothing")
    assert "x.abc" in refused([tmp_path / "x.abc"], topology)
