"""The student that a run leaves: a file that gives the same energies and forces, asked by LoadGen and in precisions."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.harness.contract.infers import Infers, Lowers
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import load_result
from levinthal.workloads.potential.learning.exploration import Committee
from levinthal.workloads.potential.learning.training import make_student
from levinthal.workloads.potential.molecule import read_molecule
from levinthal.workloads.potential.serving import COSINE, ENERGY, PotentialInference
from levinthal.workloads.potential.student_file import STUDENT, KeptStudent, load_student, save_student
from levinthal.workloads.potential.students.contract import Labels


@pytest.fixture(scope="module")
def committee():
    molecule = read_molecule("CC(=O)N", 4, 0)
    positions = molecule.conformers_nm[np.arange(40) % 4]
    positions = positions + np.random.default_rng(0).normal(0, 0.004, positions.shape)
    labels = Labels(positions, np.zeros(40), np.ones(positions.shape), np.arange(40))
    members = tuple(make_student("moments", molecule, labels, None, seed).state_dict() for seed in (1, 2))
    return Committee("moments", molecule, labels, members)


@pytest.fixture(scope="module")
def kept(committee, tmp_path_factory):
    file = tmp_path_factory.mktemp("student") / STUDENT
    save_student(file, committee, 1, committee.made_from.positions_nm)
    return file


def test_a_file_gives_the_same_energies_and_forces_to_the_last_bit(committee, kept):
    student = load_student(kept)
    assert student.molecule.symbols == committee.molecule.symbols
    np.testing.assert_array_equal(student.positions_nm, committee.made_from.positions_nm)
    for precision in ("fp32", "fp64"):
        mine, theirs = student.potential(precision), committee.potentials(precision)[1]
        for x in student.positions_nm[:5]:
            (energy, forces), (known, known_forces) = mine.energy_forces(x), theirs.energy_forces(x)
            assert energy == known
            np.testing.assert_array_equal(forces, known_forces)


def test_a_file_that_is_damaged_or_another_is_refused(kept, tmp_path):
    whole = kept.read_bytes()
    for name, content in (
        ("short", whole[: len(whole) // 2]),
        ("changed", whole[:-9] + b"x" + whole[-8:]),
        ("no", b""),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError):
            load_student(tmp_path / name)
    with pytest.raises(DataError, match="does not exist"):
        load_student(tmp_path / "none")


def test_answers_are_those_of_torch_in_fp64_in_the_units_that_are_said(kept):
    student = load_student(kept)
    model = PotentialInference(student, "cpu")
    assert "compiled loops" in model.execution
    answers, plain = model.answer(range(8)), model.reference(range(8))
    for answer, reference in zip(answers, plain, strict=True):
        assert answer.shape == (1 + 3 * student.molecule.n_atoms,)
        assert model.deviation(answer, reference) < 1e-3
    energy_kj_mol, forces = student.potential("fp64").energy_forces(student.positions_nm[3])
    assert plain[3][0] == pytest.approx(energy_kj_mol / 4.184, rel=1e-5)
    np.testing.assert_allclose(plain[3][1:], forces.ravel() / 41.84, rtol=1e-4, atol=1e-4)
    assert model.effects(plain, plain) == {ENERGY: 0.0, COSINE: pytest.approx(1.0)}
    # few digits show; a student whose forces are turned round is no student
    coarse = model.in_precision("bf16").answer(range(8))
    fine, rough = (max(map(model.deviation, each, plain)) for each in (answers, coarse))
    assert rough > 3 * fine
    assert model.effects([-each for each in plain], plain)[COSINE] == pytest.approx(-1.0)


def test_the_workload_can_be_asked_in_precisions():
    workload = load_workload("potential")
    assert isinstance(workload, Infers)
    assert isinstance(workload, Lowers)


@pytest.mark.slow
def test_a_run_leaves_its_student_and_it_is_asked(levinthal, tmp_path):
    done = levinthal("run", "potential", "--size", "smoke", "--set", "teacher=mmff", "--out", "r")
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert repeat.error is None
    assert STUDENT in {each.name for each in repeat.artifacts}
    student = load_student(tmp_path / "r/repeats/000" / STUDENT)
    assert isinstance(student, KeptStudent)
    assert len(student.positions_nm) == 8  # two trajectories of 16 steps, a label every 4
    done = levinthal("precision", "potential", "--run", "r", "--out", "p")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Recommended here: " in done.stdout
    told = load_result(tmp_path / "p")
    assert told.summary[COSINE, {"precision": "fp64"}].median == pytest.approx(1.0)
    assert told.summary["answers", {"precision": "tf32"}].median is None
    pytest.importorskip("mlperf_loadgen")
    done = levinthal("infer", "potential", "--run", "r", "--scenario", "offline", "--seconds", "0.2", "--out", "i")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "LoadGen calls 1 of 1 points VALID" in done.stdout
    assert levinthal("check", "i").returncode == 0
