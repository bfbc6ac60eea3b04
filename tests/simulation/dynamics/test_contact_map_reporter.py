"""A person's own OpenMM script: contact maps beside a DCD file, HDF5 as DeepDriveMD reads it, models on it."""

from __future__ import annotations

import subprocess
import sys

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit

from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.maps import expand_contacts, unpack_pairs
from levinthal.simulation import ContactMapReporter
from levinthal.simulation.dynamics.frame_store import FrameStore
from levinthal.simulation.go.ideal_fold import three_helix_bundle

MODEL = three_helix_bundle()


def own_simulation(seed=1, folder=None):
    """What a person's own script has; the protein lies among other things, so that atoms must be found."""
    topology, positions = app.Topology(), []
    ions = topology.addChain("I")
    for _ in range(3):
        topology.addAtom("CA", app.element.calcium, topology.addResidue("CA", ions))  # calcium, no CA atom of a protein
        positions.append([9.0 + len(positions), 0.0, 0.0])
    chain = topology.addChain("A")
    for _ in range(MODEL.system.n_residues):
        topology.addAtom("CA", app.element.carbon, topology.addResidue("ALA", chain))
    go = openmm.XmlSerializer.deserialize(MODEL.system.system_xml)
    system = openmm.System()
    for mass in [40.0] * 3 + [1.0] * MODEL.system.n_residues:
        system.addParticle(mass)
    bonds = openmm.HarmonicBondForce()
    for force in go.getForces():
        if isinstance(force, openmm.HarmonicBondForce):
            for k in range(force.getNumBonds()):
                i, j, length, strength = force.getBondParameters(k)
                bonds.addBond(i + 3, j + 3, length, strength)
    system.addForce(bonds)
    integrator = openmm.LangevinMiddleIntegrator(120.0, 1.0, 0.002)
    integrator.setRandomNumberSeed(seed)
    simulation = app.Simulation(topology, system, integrator, openmm.Platform.getPlatformByName("Reference"))
    simulation.context.setPositions(np.concatenate([np.array(positions), MODEL.native_nm]) * unit.nanometer)
    return simulation


def test_frames_are_those_of_a_dcd_file_beside(tmp_path):
    simulation = own_simulation()
    simulation.reporters.append(app.DCDReporter(str(tmp_path / "run.dcd"), 20))
    reporter = ContactMapReporter(tmp_path / "frames", 20, hdf5=tmp_path / "run.h5", block_frames=7, start="native")
    simulation.reporters.append(reporter)
    simulation.step(500)
    assert len(FrameStore(tmp_path / "frames")) == 21  # whole blocks
    reporter.close()
    reporter.close()
    del simulation
    store = FrameStore(tmp_path / "frames")
    store.verify()
    np.testing.assert_array_equal(store.steps, np.arange(20, 501, 20))
    assert {chunk.start for chunk in store.chunks} == {"native"}
    topology = mdtraj.Topology.from_openmm(own_simulation().topology)
    frames = mdtraj.load_dcd(str(tmp_path / "run.dcd"), top=topology).xyz[:, 3:]
    np.testing.assert_allclose(store.coordinates_nm, frames, atol=1e-5)
    # The file, as DeepDriveMD's readers take it apart: the first half of a list are rows, the second are columns.
    h5py = pytest.importorskip("h5py")
    n = MODEL.system.n_residues
    with h5py.File(tmp_path / "run.h5") as file:
        lists = file["contact_map"]
        assert lists.dtype == object
        assert h5py.check_vlen_dtype(lists.dtype) == np.int16
        assert lists.shape == (25,)
        for k, both in enumerate(lists):
            rows, columns = both.reshape(2, -1)
            dense = np.zeros((n, n), np.float32)
            dense[rows, columns] = 1
            distances = np.linalg.norm(
                store.coordinates_nm[k][:, None].astype(float) - store.coordinates_nm[k][None].astype(float), axis=2
            )
            np.testing.assert_array_equal(dense, distances < 0.8)
            np.testing.assert_array_equal(dense, expand_contacts(store.contacts[k : k + 1], n)[0])


def test_the_cvae_and_policies_work_on_what_it_wrote(tmp_path):
    from levinthal.sampling import CVAE
    from levinthal.workloads.sampling.policies.registry import make_policy
    from levinthal.workloads.sampling.policies.view import View

    for replica in range(3):
        simulation = own_simulation(seed=replica + 1)
        with ContactMapReporter(tmp_path / "frames", 10, replica=replica) as reporter:
            simulation.reporters.append(reporter)
            simulation.step(600)
    store = FrameStore(tmp_path / "frames")
    assert len(store) == 180
    cvae = CVAE(
        latent=2, filters=(4, 4), kernels=(3, 3), strides=(1, 2), dense=16, epochs=2, n_residues=store.header.n_residues
    )
    latent = cvae.fit(store.contacts).transform(store.contacts)
    view = View.of_trajectories(latent, store.replicas, store.steps, store.coordinates_nm)
    assert view.latest.tolist() == [59, 119, 179]
    rng = np.random.default_rng(0)
    for name in ("dbscan", "lof", "least-counts", "random"):
        policy = make_policy(name)
        policy.refresh(view, rng)
        decisions = [policy.decide(slot, view, rng) for slot in range(3)]
        assert all(decision.reason for decision in decisions)
        chosen = [decision.frame for decision in decisions if decision.frame is not None]
        assert all(0 <= frame < 180 for frame in chosen)
    assert unpack_pairs(store.contacts, store.header.n_residues).any()


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[2])
from test_contact_map_reporter import own_simulation
from levinthal.simulation import ContactMapReporter
simulation = own_simulation()
simulation.reporters.append(ContactMapReporter(sys.argv[1], 5, block_frames=1000))
simulation.step(60)
"""


def test_a_script_that_just_ends_loses_nothing(tmp_path):
    folder = __file__.rpartition("/")[0]
    subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "frames", folder], check=True, timeout=100)
    assert len(FrameStore(tmp_path / "frames")) == 12


def test_mistakes_are_told(tmp_path):
    with pytest.raises(UsageError, match="report_interval is 0"):
        ContactMapReporter(tmp_path / "a", 0)
    simulation = own_simulation()
    for residue in simulation.topology.residues():
        residue.name = "SOL"
    simulation.reporters.append(ContactMapReporter(tmp_path / "b", 5))
    with pytest.raises(DataError, match="0 CA atom"):
        simulation.step(5)
    simulation = own_simulation()
    simulation.reporters.append(ContactMapReporter(tmp_path / "c", 5, atoms=range(3, 20)))
    simulation.step(10)
    simulation.reporters.clear()
    simulation.reporters.append(ContactMapReporter(tmp_path / "c", 5))
    with pytest.raises(DataError, match="frames of another kind"):
        simulation.step(5)
