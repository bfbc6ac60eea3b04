"""The Go model has SMOG's energies, its native state is at rest, and it folds."""

from __future__ import annotations

import itertools
import os
import platform
import re
import subprocess
import sys

import numpy as np
import openmm
import pytest
from openmm import unit

from carried import protein
from levinthal.errors import DataError, UsageError
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.go.go_model import go_forces, go_model
from levinthal.simulation.go.ideal_fold import (
    COMMON_FOLDING_KT,
    three_helix_bundle,
    three_helix_residues,
    two_helix_hairpin,
)
from levinthal.simulation.systems.molecular_system import Residue


def energies(system, frames, platform="Reference"):
    """Return the potential energy of each frame in kJ/mol."""
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(platform))
    found = []
    for frame in frames:
        context.setPositions(frame)
        state = context.getState(energy=True)
        found.append(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
    return np.array(found)


def by_hand(native, contacts, beads):
    """Return the energy of one chain, written down from SMOG2's formulas without OpenMM."""

    def bonds(x):
        return np.linalg.norm(x[1:] - x[:-1], axis=1)

    def angles(x):
        a, b = x[:-2] - x[1:-1], x[2:] - x[1:-1]
        return np.arccos((a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))

    def dihedrals(x):
        found = []
        for k in range(len(x) - 3):
            axis = x[k + 2] - x[k + 1]
            axis = axis / np.linalg.norm(axis)
            a, b = x[k] - x[k + 1], x[k + 3] - x[k + 2]
            a, b = a - (a @ axis) * axis, b - (b @ axis) * axis
            found.append(np.arctan2(np.cross(axis, a) @ b, a @ b))
        return np.array(found)

    turned = dihedrals(beads) - dihedrals(native)
    energy = 10_000 * ((bonds(beads) - bonds(native)) ** 2).sum() + 20 * ((angles(beads) - angles(native)) ** 2).sum()
    energy += (1 - np.cos(turned)).sum() + 0.5 * (1 - np.cos(3 * turned)).sum()
    known = {tuple(pair) for pair in contacts.tolist()}
    for i, j in itertools.combinations(range(len(beads)), 2):
        distance = np.linalg.norm(beads[i] - beads[j])
        if (i, j) in known:
            ratio = np.linalg.norm(native[i] - native[j]) / distance
            energy += 5 * ratio**12 - 6 * ratio**10
        elif j - i > 3:
            energy += (0.4 / distance) ** 12
    return energy


@pytest.fixture(scope="module")
def bundle():
    return three_helix_bundle()


@pytest.fixture(scope="module")
def ci2(shared_data):
    """Return the model of CI2, SMOG's ten frames and its energies of them."""
    folder = shared_data / "md"
    frames = []
    for k in range(10):
        lines = (folder / f"ci2_2ci2_smog_CA_frame{k}.gro").read_text().splitlines()[2:67]
        frames.append([[float(line[20 + 8 * axis : 28 + 8 * axis]) for axis in range(3)] for line in lines])
    reference = np.loadtxt(folder / "ci2_2ci2_smog_CA_ref_energies.txt")[:10]
    xml = (folder / "ci2_2ci2_smog_CA.xml").read_text()
    terms = re.findall(r'i="(\d+)" j="(\d+)" A="(\S+)" B="(\S+)"', xml)
    return go_model(folder / "ci2_2ci2_adj.pdb"), np.array(frames), reference, terms


def test_energies_are_those_of_smog(ci2):
    model, frames, reference, terms = ci2
    for cutoff in (False, True):
        system = go_forces(model.native_nm, model.contacts, cutoff=cutoff)
        assert np.abs(energies(system, frames) - reference).max() < 0.01
        # The same with the coefficients of SMOG's own file.
        (force,) = [force for force in system.getForces() if force.getName() == "contacts"]
        given = {(min(int(i), int(j)) - 1, max(int(i), int(j)) - 1): (float(a), float(b)) for i, j, a, b in terms}
        for k in range(force.getNumBonds()):
            i, j, _ = force.getBondParameters(k)
            force.setBondParameters(k, i, j, given.pop((i, j)))
        assert not given
        assert np.abs(energies(system, frames) - reference).max() < 0.01


def test_both_repulsions_and_platforms_agree():
    model = go_model(protein("villin"))
    frames = model.native_nm + np.random.default_rng(3).normal(0, 0.03, (6, *model.native_nm.shape))
    written_out = energies(go_forces(model.native_nm, model.contacts, cutoff=False), frames)
    with_cutoff = go_forces(model.native_nm, model.contacts, cutoff=True)
    np.testing.assert_allclose(energies(with_cutoff, frames), written_out, atol=2e-3)
    np.testing.assert_allclose(energies(with_cutoff, frames, "CPU"), energies(with_cutoff, frames), atol=1e-4)


def test_energy_is_that_of_the_formulas(bundle):
    rng = np.random.default_rng(1)
    system = openmm.XmlSerializer.deserialize(bundle.system.system_xml)
    frames = [bundle.native_nm, bundle.unfolded_nm, *(bundle.native_nm + rng.normal(0, 0.03, (5, 33, 3)))]
    expected = [by_hand(bundle.native_nm, bundle.contacts, frame) for frame in frames]
    np.testing.assert_allclose(energies(system, frames), expected, rtol=1e-9, atol=1e-6)


def test_the_native_state_is_at_rest(bundle):
    system = openmm.XmlSerializer.deserialize(bundle.system.system_xml)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(bundle.native_nm)
    state = context.getState(energy=True, forces=True)
    energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    assert energy == pytest.approx(-len(bundle.contacts), abs=0.6)  # and a little repulsion
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    assert np.abs(forces).max() < 20  # of the repulsion alone; a bond stretched by 1 pm has as much


def test_the_model_says_what_it_is_made_of(bundle):
    system = bundle.system
    assert system.n_atoms == system.n_residues == 33
    assert system.ca_indices == tuple(range(33))
    assert system.force_field.startswith("CA structure-based")
    assert bundle.kt_over_epsilon == pytest.approx(COMMON_FOLDING_KT)
    assert bundle.at(0.5).kt_over_epsilon == pytest.approx(0.5)
    assert bundle.at(0.5).system.sha256 != system.sha256
    assert three_helix_bundle().system.sha256 == system.sha256
    spans = bundle.contacts[:, 1] - bundle.contacts[:, 0]
    assert spans.min() == 4
    assert (spans > 8).sum() >= 20, "a tertiary fold, no single helix"


def test_the_hairpin_is_a_fold_that_is_folded_in_the_cold_and_not_in_the_heat(bundle):
    hairpin = two_helix_hairpin()
    assert len(hairpin.native_nm) == 21
    np.testing.assert_array_equal(hairpin.native_nm, bundle.native_nm[:21])
    spans = hairpin.contacts[:, 1] - hairpin.contacts[:, 0]
    assert (spans > 8).sum() >= 5, "helices that touch, no single helix"
    shares = []
    for kt in (0.6, 1.4):
        system = hairpin.at(kt).system
        state = start_replica(system, hairpin.native_nm, 1)
        _, frames = advance(system, state, 10_000, 2, frame_interval=100)
        shares.append(hairpin.fraction_native_contacts(frames.coordinates_nm[50:]).mean())
    assert shares[0] > 0.8
    assert shares[1] < 0.4


def test_native_contacts_are_counted(bundle):
    frames = np.stack([bundle.native_nm, bundle.native_nm * 1.19, bundle.native_nm * 1.21, bundle.unfolded_nm])
    q = bundle.fraction_native_contacts(frames)
    assert q[:3].tolist() == [1, 1, 0]
    assert q[3] < 0.1
    with pytest.raises(DataError, match=r"\(1, 32, 3\)"):
        bundle.fraction_native_contacts(frames[:1, 1:])


def test_the_stretched_chain_keeps_bonds_and_angles(bundle):
    native, unfolded = bundle.native_nm, bundle.unfolded_nm
    for apart in (1, 2):
        np.testing.assert_allclose(
            np.linalg.norm(unfolded[apart:] - unfolded[:-apart], axis=1),
            np.linalg.norm(native[apart:] - native[:-apart], axis=1),
            atol=1e-9,
        )
    assert np.linalg.norm(unfolded[-1] - unfolded[0]) > 2.5 * np.linalg.norm(native[-1] - native[0])
    distances = np.linalg.norm(unfolded[:, None] - unfolded[None], axis=-1)
    assert distances[np.triu_indices(33, 4)].min() > 0.6


def test_no_bond_joins_two_chains():
    residues = three_helix_residues()
    two = [*residues[:12], *(Residue(r.name, "B", r.number, r.atoms) for r in residues[12:])]
    model = go_model(two)
    system = openmm.XmlSerializer.deserialize(model.system.system_xml)
    counts = {}
    for force in system.getForces():
        for kind in ("Bonds", "Angles", "Torsions"):
            if hasattr(force, f"getNum{kind}") and force.getName() not in ("contacts", "repulsion"):
                counts[kind] = getattr(force, f"getNum{kind}")()
    assert counts == {"Bonds": 31, "Angles": 29, "Torsions": 27}
    frames = np.stack([model.native_nm, model.unfolded_nm])
    assert np.isfinite(energies(system, frames)).all()
    assert np.linalg.norm(model.unfolded_nm[11] - model.unfolded_nm[12]) > 1


def test_kinetic_and_potential_energy_are_those_of_the_temperature(bundle):
    model = bundle.at(0.7)  # stays folded
    state = start_replica(model.system, model.native_nm, 1)
    kinetic, strain = [], []
    for seed in range(60):
        state, frames = advance(model.system, state, 500, seed, frame_interval=25)
        if seed < 4:
            continue
        kinetic.append((state.velocities_nm_ps**2).sum() / (3 * 33 - 3))
        x = frames.coordinates_nm.astype(np.float64)
        bonds = np.linalg.norm(np.diff(x, axis=1), axis=-1)
        native = np.linalg.norm(np.diff(model.native_nm, axis=0), axis=-1)
        strain.append(20_000 * ((bonds - native) ** 2).mean())
    # 5,400 velocities; bonds so stiff that each holds kT/2, a little more for angles pulling at them.
    assert np.mean(kinetic) == pytest.approx(0.7, rel=0.08)
    assert np.mean(strain) == pytest.approx(0.7, rel=0.08)


def test_a_stretched_chain_folds_and_the_bits_are_the_same(bundle):
    model = bundle.at(0.85)

    def folded(seed):
        state = start_replica(model.system, model.unfolded_nm, seed)
        state, frames = advance(model.system, state, 60_000, seed, frame_interval=1000)
        return state, model.fraction_native_contacts(frames.coordinates_nm)

    state, q = folded(1)
    assert q[0] < 0.5
    assert q.max() > 0.8
    again, _ = folded(1)
    assert state.positions_nm.tobytes() == again.positions_nm.tobytes()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"kt_over_epsilon": 0.0}, UsageError, "kt_over_epsilon is 0.0"),
        ({"timestep_fs": -1.0}, UsageError, "timestep_fs"),
        ({"contacts": np.array([[3, 5]])}, DataError, r"contact \(3, 5\)"),
        ({"contacts": np.array([[3, 33]])}, DataError, r"contact \(3, 33\)"),
        ({"contacts": np.array([[9, 3]])}, DataError, r"contact \(9, 3\)"),
        ({"contacts": np.zeros((0, 2), int)}, DataError, "no native contact"),
    ],
)
def test_mistakes_are_named(options, error, words):
    with pytest.raises(error, match=words):
        go_model(three_helix_residues(), **options)


_KEY = """
import hashlib
from levinthal.simulation.go.ideal_fold import three_helix_bundle
model = three_helix_bundle()
print(model.system.sha256, hashlib.sha256(model.native_nm.tobytes() + model.unfolded_nm.tobytes()).hexdigest())
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="switches off what processors of this kind have")
def test_the_bundle_is_the_same_bits_on_an_older_processor():
    older = {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX2 FMA3",
    }
    keys = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _KEY],
            env={**os.environ, **each},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for each in ({}, older)
    ]
    assert keys[0] == keys[1]
