"""Structure scores against tmtools, mdtraj, plain loops over the definitions, and real targets."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import mdtraj
import numpy as np
import pytest
import tmtools
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from carried import protein, shared_files, villin_models
from levinthal.errors import DataError
from levinthal.proteins.similarity.structure_scores import (
    gdt_ts,
    handedness,
    lddt_ca,
    lddt_ca_per_residue,
    score_structure,
    tm_score,
)
from levinthal.proteins.similarity.superposition_search import tm_score_scale_nm
from levinthal.proteins.structures.backbone_files import read_backbone
from trajectory_examples import built_conformations


def chain(rng, length):
    """A self-avoiding enough walk with the bond length and the stiffness of a CA trace."""
    steps = np.cumsum(rng.normal(0, 0.5, (length, 3)), axis=0) + rng.normal(0, 1, 3)
    return np.cumsum(0.38 * steps / np.linalg.norm(steps, axis=1, keepdims=True), axis=0)


def everything(length):
    return np.ones(length, bool)


@functools.cache
def targets():
    """Return the CA atoms (nm) of real chains below 250 residues: longer ones take seconds and show nothing new."""
    found = {}
    for name in ("dhfr", "villin", "troponin-c", "t4-lysozyme-l99a", "human-dhfr", "haemoglobin"):
        for read in read_backbone(protein(name)):
            copy = name == "haemoglobin" and read.name not in "ABCDM"  # its other chains are copies of these five
            if len(read.sequence) < 250 and not copy:
                found[f"{name} {read.name}"] = read.atoms_nm[read.mask, 1].astype(np.float64)
    return found


def models(shared_pattern, tmp_path):
    """Return the CA atoms (nm) of villin in several models, and of the shared files that match."""
    for path in (villin_models(tmp_path), *shared_files(shared_pattern)):
        loaded = mdtraj.load(str(path))
        yield loaded.atom_slice(loaded.top.select("name CA"))


def distortions(rng, native):
    """Noise, a drift along the chain, a hinge, and no likeness at all."""
    yield native + rng.normal(0, 0.2, native.shape)
    yield native + np.cumsum(rng.normal(0, 0.05, native.shape), axis=0)
    hinge = len(native) // 2
    turned = Rotation.random(rng=rng).apply(native[hinge:] - native[hinge]) + native[hinge]
    yield np.concatenate([native[:hinge], turned]) + rng.normal(0, 0.05, native.shape)
    yield chain(rng, len(native))


def fixed_alignment_tm_score(predicted, reference):
    """TM-align's own search with the alignment residue i to residue i handed to it: the same quantity as ours."""
    sequence = "A" * len(reference)
    found = tmtools.tm_align(10 * predicted, 10 * reference, sequence, sequence, alignment=[sequence, sequence])
    # The formula is the same to the last digit: its superposition, scored by our d0, gives its number.
    away = np.linalg.norm(predicted @ found.u.T + found.t / 10 - reference, axis=1)
    scale = tm_score_scale_nm(len(reference))
    assert np.mean(1 / (1 + (away / scale) ** 2)) == pytest.approx(found.tm_norm_chain2, abs=1e-9)
    return found.tm_norm_chain2


def test_tm_score_is_at_least_what_tm_align_finds_and_close_to_it():
    rng = np.random.default_rng(7)
    more = []
    for name, native in targets().items():
        if len(native) < 50:  # on short chains TM-align's search stops early: see the next test
            continue
        for predicted in distortions(rng, native):
            ours = tm_score(predicted, native, everything(len(native)))
            more.append(ours - fixed_alignment_tm_score(predicted, native))
            assert more[-1] > -1e-6, name
    assert len(more) >= 36
    assert max(more) < 0.01
    assert np.median(more) < 0.001


def test_tm_score_on_nmr_models_and_short_peptides(tmp_path):
    built = built_conformations(12)
    peptide = built.xyz[:, built.top.select("name CA")]
    # At 21 residues d0 is 0.5 A, at 36 it is 1.6 A, and TM-align's search, made for longer chains, stops early.
    for carbons, most in (*((each.xyz, 0.02) for each in models("md/1FME-folded.pdb", tmp_path)), (peptide, 0.03)):
        first, *others = carbons.astype(np.float64)
        for model in others[:: len(others) // 6]:
            ours = tm_score(model, first, everything(len(first)))
            assert -1e-6 < ours - fixed_alignment_tm_score(model, first) < most


def test_tm_score_where_the_best_alignment_is_the_identity():
    """Between near copies even a search over all alignments finds nothing better."""
    name, native = next(iter(targets().items()))
    predicted = native + np.random.default_rng(2).normal(0, 0.03, native.shape)
    sequence = "A" * len(native)
    free = tmtools.tm_align(10 * predicted, 10 * native, sequence, sequence).tm_norm_chain2
    assert tm_score(predicted, native, everything(len(native))) == pytest.approx(free, abs=1e-4), name


def test_tm_score_scale_is_the_published_formula():
    assert tm_score_scale_nm(100) == pytest.approx((1.24 * 85 ** (1 / 3) - 1.8) / 10)
    assert tm_score_scale_nm(15) == tm_score_scale_nm(3) == 0.05
    assert tm_score_scale_nm(21) == 0.05 < tm_score_scale_nm(22)


@pytest.mark.parametrize("seed", range(6))
def test_scores_are_hardly_below_those_of_every_superposition_on_three_residues(seed):
    rng = np.random.default_rng(seed)
    length = 16
    reference = chain(rng, length)
    predicted = reference + np.cumsum(rng.normal(0, 0.08, reference.shape), axis=0)
    counts, sums = np.zeros(4), 0.0
    scale = tm_score_scale_nm(length)
    for triple in map(list, itertools.combinations(range(length), 3)):
        centre, target = predicted[triple].mean(axis=0), reference[triple].mean(axis=0)
        rotation, _ = Rotation.align_vectors(reference[triple] - target, predicted[triple] - centre)
        away = np.linalg.norm(rotation.apply(predicted - centre) - (reference - target), axis=1)
        counts = np.maximum(counts, [(away <= cutoff).sum() for cutoff in (0.1, 0.2, 0.4, 0.8)])
        sums = max(sums, (1 / (1 + (away / scale) ** 2)).sum())
    mask = everything(length)
    # GDT counts whole residues: one less at one cutoff is one in 4 x 16.
    assert gdt_ts(predicted, reference, mask) >= counts.mean() / length - 1 / (4 * length)
    assert tm_score(predicted, reference, mask) >= sums / length - 0.005


def test_gdt_and_tm_of_a_part_that_is_right_and_a_part_that_is_lost():
    rng = np.random.default_rng(3)
    reference = chain(rng, 80)
    predicted = reference.copy()
    predicted[60:] += 100 * np.arange(1, 21)[:, None]  # each lost residue far from everything
    assert gdt_ts(predicted, reference, everything(80)) == pytest.approx(0.75)
    assert tm_score(predicted, reference, everything(80)) == pytest.approx(0.75, abs=1e-4)


@pytest.mark.parametrize(
    ("shift_nm", "least", "most"),
    [(0.05, 1.0, 1.0), (0.15, 0.9375, 0.96875), (0.3, 0.875, 0.90625), (0.9, 0.75, 0.78125), (5.0, 0.75, 0.75)],
)
def test_gdt_counts_at_each_cutoff(shift_nm, least, most):
    """One residue in four is pushed up or down.

    Left where it is, the rest counts, and the pushed ones within the larger cutoffs: the least. Moved after one half
    of the pushed ones, by less than the cutoff, half of them count too at one cutoff: the most.
    """
    rng = np.random.default_rng(4)
    reference = rng.normal(0, 3, (400, 3))
    predicted = reference.copy()
    predicted[::4, 2] += shift_nm * np.where(np.arange(100) % 2, 1, -1)
    assert least <= gdt_ts(predicted, reference, everything(400)) <= most + 1e-9


def naive_lddt(predicted, reference):
    kept, counted = np.zeros(len(reference)), np.zeros(len(reference))
    for i, j in itertools.permutations(range(len(reference)), 2):
        native = np.linalg.norm(reference[i] - reference[j])
        if native < 1.5:
            change = abs(np.linalg.norm(predicted[i] - predicted[j]) - native)
            kept[i] += np.mean([change < limit for limit in (0.05, 0.1, 0.2, 0.4)])
            counted[i] += 1
    return kept, counted


def test_lddt_is_the_definition_in_a_loop():
    name, native = next(iter(targets().items()))
    native = native[:60]
    predicted = native + np.random.default_rng(0).normal(0, 0.15, native.shape)
    kept, counted = naive_lddt(predicted, native)
    mask = everything(60)
    assert lddt_ca(predicted, native, mask) == pytest.approx(kept.sum() / counted.sum()), name
    np.testing.assert_allclose(lddt_ca_per_residue(predicted, native, mask), kept / counted)


def test_lddt_per_residue_says_which_residues_it_knows_nothing_of():
    reference = 0.38 * np.arange(10)[:, None] * [1.0, 0, 0]
    reference[9] = 50
    mask = everything(10)
    mask[4] = False
    scores = lddt_ca_per_residue(reference, reference, mask)
    assert np.isnan(scores[[4, 9]]).all()
    assert (np.delete(scores, [4, 9]) == 1).all()


def test_rmsd_and_drmsd_agree_with_mdtraj_and_scipy(tmp_path):
    for carbons in models("md/1FME-folded.pdb", tmp_path):
        mask = everything(carbons.n_atoms)
        expected = mdtraj.rmsd(carbons, carbons, 0)
        for k in (1, 5, 9):
            scores = score_structure(carbons.xyz[k], carbons.xyz[0], mask)
            assert scores.rmsd_nm == pytest.approx(expected[k], abs=1e-4)
            difference = pdist(carbons.xyz[k].astype(float)) - pdist(carbons.xyz[0].astype(float))
            assert scores.drmsd_nm == pytest.approx(np.sqrt(np.mean(difference**2)), abs=1e-6)


def test_a_mirror_image_scores_badly_where_it_can():
    for name, native in targets().items():
        scores = score_structure(native * [1, 1, -1], native, everything(len(native)))
        assert scores.handedness == 0, name
        assert scores.tm_score < 0.5, name
        assert scores.rmsd_nm > 0.5, name
        # These two cannot tell, which is why the others are reported.
        assert scores.drmsd_nm < 1e-6
        assert scores.lddt_ca == 1


def test_handedness_of_helices():
    turn = np.radians(100) * np.arange(12)
    helix = np.stack([0.23 * np.cos(turn), 0.23 * np.sin(turn), 0.15 * np.arange(12)], axis=1)
    assert handedness(helix, helix, everything(12)) == 1
    assert handedness(helix * [-1, 1, 1], helix, everything(12)) == 0
    half = helix.copy()
    half[6:] = half[6:] * [1, 1, -1] + [0, 0, 5]
    assert 0.3 < handedness(half, helix, everything(12)) < 0.8


def test_handedness_looks_at_successive_residues_alone():
    rng = np.random.default_rng(1)
    reference = chain(rng, 12)
    mask = everything(12)
    mask[[3, 7]] = False  # 0-2, 4-6 and 8-11: one window of four
    assert handedness(reference, reference, mask) in {1.0} or np.isnan(handedness(reference, reference, mask))
    mask[11] = False
    assert np.isnan(handedness(reference, reference, mask))
    flat = reference * [1, 1, 0]
    assert np.isnan(handedness(reference, flat, everything(12)))


@settings(max_examples=25)
@given(length=st.integers(4, 40), seed=st.integers(0, 2**32 - 1), noise_nm=st.floats(0, 1))
def test_scores_are_blind_to_rigid_motion_and_stay_within_bounds(length, seed, noise_nm):
    rng = np.random.default_rng(seed)
    reference = chain(rng, length)
    predicted = reference + rng.normal(0, noise_nm, reference.shape)
    moved = Rotation.random(rng=rng).apply(predicted) + rng.normal(0, 10, 3)
    mask = everything(length)
    still, after = score_structure(predicted, reference, mask), score_structure(moved, reference, mask)
    for field in dataclasses.fields(still):
        # Rounding may put one residue to the other side of one cutoff.
        tolerance = 1 / length if field.name in ("gdt_ts", "lddt_ca") else 1e-4
        one, other = getattr(still, field.name), getattr(after, field.name)
        assert one == pytest.approx(other, abs=tolerance, nan_ok=True), field.name
        if not field.name.endswith("_nm"):
            assert np.isnan(one) or 0 <= one <= 1
    assert still.tm_score >= fixed_alignment_tm_score(predicted, reference) - 1e-3


@settings(max_examples=20)
@given(length=st.integers(3, 60), seed=st.integers(0, 2**32 - 1))
def test_a_structure_matches_itself(length, seed):
    reference = chain(np.random.default_rng(seed), length)
    scores = score_structure(reference + 3, reference, everything(length))
    assert scores.tm_score == pytest.approx(1)
    assert scores.gdt_ts == scores.lddt_ca == 1
    assert scores.rmsd_nm < 1e-6
    assert scores.drmsd_nm < 1e-9
    assert scores.handedness == 1 or np.isnan(scores.handedness)


def test_scores_fall_as_noise_grows():
    rng = np.random.default_rng(5)
    levels = (0.02, 0.1, 0.3, 0.8)
    mean = []
    natives = [native for native in targets().values() if len(native) < 120]
    for level in levels:
        rows = [
            dataclasses.astuple(
                score_structure(native + rng.normal(0, level, native.shape), native, everything(len(native)))
            )
            for native in natives
        ]
        mean.append(np.mean(rows, axis=0))
    change = np.diff(np.array(mean), axis=0)
    assert (change[:, :2] > 0).all()
    assert (change[:, 2:5] < 0).all()
    assert mean[0][5] > 0.99
    assert 0.4 < mean[-1][5] < 0.65


def test_only_resolved_residues_count():
    rng = np.random.default_rng(0)
    reference = chain(rng, 50)
    predicted = reference + rng.normal(0, 0.2, reference.shape)
    mask = rng.random(50) > 0.3
    holes = reference.copy()
    holes[~mask] = np.nan
    lost = predicted.copy()
    lost[~mask] = np.inf
    scores = score_structure(lost, holes, mask)
    squeezed = score_structure(predicted[mask], reference[mask], everything(mask.sum()))
    for field in ("rmsd_nm", "drmsd_nm", "tm_score", "gdt_ts", "lddt_ca"):
        assert getattr(scores, field) == getattr(squeezed, field)
    assert scores.tm_score == tm_score(predicted, reference, mask)
    assert scores.gdt_ts == gdt_ts(predicted, reference, mask)
    assert scores.lddt_ca == lddt_ca(predicted, reference, mask)
    assert scores.handedness == handedness(predicted, reference, mask)


@pytest.mark.parametrize("n_resolved", [0, 1, 2])
def test_too_few_resolved_residues_give_nan_so_that_a_loop_goes_on(n_resolved):
    reference = chain(np.random.default_rng(0), 6)
    mask = np.arange(6) < n_resolved
    assert np.isnan(dataclasses.astuple(score_structure(reference, reference, mask))).all()
    assert np.isnan([score(reference, reference, mask) for score in (tm_score, gdt_ts, lddt_ca, handedness)]).all()
    assert np.isnan(dataclasses.astuple(score_structure(np.zeros((0, 3)), np.zeros((0, 3)), mask[:0]))).all()


def test_degenerate_traces_have_finite_scores():
    reference = chain(np.random.default_rng(0), 20)
    line = 0.38 * np.arange(20)[:, None] * [1.0, 0, 0]
    for predicted in (np.zeros((20, 3)), line, 1e4 * line):
        scores = score_structure(predicted, reference, everything(20))
        assert np.isfinite(dataclasses.astuple(scores)).all()
        assert scores.tm_score < 0.7
    assert np.isfinite(dataclasses.astuple(score_structure(reference, line, everything(20)))[:5]).all()


def test_what_does_not_match_is_refused_in_one_line():
    trace, mask = chain(np.random.default_rng(0), 5), everything(5)
    broken = trace.copy()
    broken[3, 1] = np.nan
    cases = [
        (trace[:4], trace, mask, r"\(4, 3\).*\(5, 3\)"),
        (trace, trace[:, :2], mask, r"\(5, 2\)"),
        (trace, trace, mask[:4], r"mask .*\(4,\)"),
        (trace, trace, mask.astype(float), "float64"),
        (broken, trace, mask, "prediction .*residue 4"),
        (trace, broken, mask, "reference .*residue 4"),
        (1e9 * trace, trace, mask, "prediction .*residue 1"),
    ]
    for predicted, reference, resolved, message in cases:
        for score in (score_structure, tm_score, gdt_ts, lddt_ca, lddt_ca_per_residue, handedness):
            with pytest.raises(DataError, match=message):
                score(predicted, reference, resolved)
