"""Made-up protein families against the model they are said to follow, and against what is known of proteins."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import mdtraj
import numpy as np
import pytest
import torch

from levinthal.errors import UsageError
from levinthal.proteins.geometry.backbone import BOND_ANGLES_RAD, BOND_LENGTHS_NM, internal_coordinates
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.similarity.fractions import radius_of_gyration
from levinthal.proteins.similarity.secondary_structure import helical_residues
from levinthal.proteins.synthetic.conformations import CONFORMATIONS
from levinthal.proteins.synthetic.families import DIVERGENCE, ProteinFamily, make_families
from levinthal.proteins.synthetic.fold import FLEXIBLE, LINKERS, LOOPS, draw_fold
from levinthal.proteins.synthetic.packing import choose_folds
from levinthal.proteins.synthetic.sequence import CONSENSUS, draw_residues, site_frequencies
from levinthal.proteins.synthetic.structure import (
    BOND_ANGLE_WIDTHS_DEG,
    BOND_LENGTH_WIDTHS_NM,
    LEAST_CA_DISTANCE_NM,
    OMEGA_WIDTH_DEG,
    build_geometries,
    draw_geometry,
    size_and_overlaps,
)

LENGTHS = (40, 64)


@pytest.fixture(scope="module")
def families() -> list[ProteinFamily]:
    return make_families(60, 6, LENGTHS, seed=7)


def resolved_nm(record):
    return record.coordinates_nm[record.mask].astype(np.float64)


def degrees_from(angles_rad, centre_deg):
    return np.degrees(np.angle(np.exp(1j * (angles_rad - np.radians(centre_deg)))))


def test_the_same_seed_gives_the_same_families_and_another_seed_others():
    first, second, other = (make_families(4, 3, LENGTHS, seed=seed) for seed in (3, 3, 4))
    for one, two in zip(first, second, strict=True):
        assert one.members == two.members
        assert (one.name, one.fold, one.ancestor) == (two.name, two.fold, two.ancestor)
    assert all(one.ancestor != two.ancestor for one, two in zip(first, other, strict=True))


def test_more_families_or_members_leave_the_first_as_they_are():
    few, many = make_families(3, 2, LENGTHS, seed=11), make_families(9, 5, LENGTHS, seed=11)
    for one, two in zip(few, many[:3], strict=True):
        assert (one.fold, one.ancestor) == (two.fold, two.ancestor)
        for record, same in zip(one.members, two.members[:2], strict=True):
            assert (record.name, record.sequence) == (same.name, same.sequence)
            np.testing.assert_array_equal(record.mask, same.mask)
            np.testing.assert_allclose(record.coordinates_pm, same.coordinates_pm, atol=1e-3)


def test_records_are_what_proteinnet_says(families):
    names = [record.name for family in families for record in family.members]
    assert names[:2] == ["synthetic_0001_01", "synthetic_0001_02"]
    assert len(set(names)) == len(names) == 360
    for family in families:
        for record in family.members:
            assert LENGTHS[0] <= len(record) <= LENGTHS[1]
            assert set(record.sequence) <= set(AMINO_ACIDS)
            assert record.profile is None
            assert record.secondary == family.fold.secondary
            assert record.coordinates_pm.dtype == np.float32
            assert np.all(record.coordinates_pm[~record.mask] == 0)
            assert np.all(np.abs(record.coordinates_pm[record.mask]).sum(axis=(1, 2)) > 0)
    missing = [np.flatnonzero(~record.mask) for family in families for record in family.members]
    lacking = [m for m in missing if len(m)]
    assert 0.04 < len(lacking) / len(missing) < 0.18  # a tenth of 360: 3.8 standard deviations
    assert all(len(m) <= 3 and np.all(np.diff(m) == 1) for m in lacking)


def test_lengths_are_drawn_over_the_whole_range(families):
    lengths = [len(family.ancestor) for family in families]
    assert min(lengths) < 45
    assert max(lengths) > 59
    assert abs(np.mean(lengths) - 52) < 3.9  # 4 standard errors


def test_bonds_follow_engh_and_huber(families):
    found = [internal_coordinates(torch.from_numpy(resolved_nm(f.members[0]))) for f in families]
    lengths = np.concatenate([x.bond_lengths_nm[1:-1].numpy() for x in found])
    angles = np.concatenate([x.bond_angles_rad[1:-1].numpy() for x in found])
    np.testing.assert_allclose(lengths.mean(axis=0), BOND_LENGTHS_NM, atol=1e-4)
    np.testing.assert_allclose(lengths.std(axis=0), BOND_LENGTH_WIDTHS_NM, rtol=0.1)
    np.testing.assert_allclose(angles.mean(axis=0), BOND_ANGLES_RAD, atol=2e-3)
    np.testing.assert_allclose(np.degrees(angles.std(axis=0)), BOND_ANGLE_WIDTHS_DEG, rtol=0.1)


def test_dihedrals_have_the_stated_centres_and_widths():
    rng = np.random.default_rng(5)
    folds = [draw_fold(rng, 60) for _ in range(500)]
    letters = np.array(list("".join(fold.letters for fold in folds)))
    dihedrals = np.concatenate([draw_geometry(rng, fold).dihedrals_rad for fold in folds])
    assert degrees_from(dihedrals[:, 0], 180).std() == pytest.approx(OMEGA_WIDTH_DEG, rel=0.05)
    for letter, conformation in CONFORMATIONS.items():
        here = letters == letter
        assert here.sum() > 50
        for column, centre in ((1, conformation.phi_deg), (2, conformation.psi_deg)):
            off = degrees_from(dihedrals[here, column], centre)
            # Five standard errors of a mean and of a standard deviation.
            assert abs(off.mean()) < 5 * conformation.width_deg / math.sqrt(here.sum())
            assert abs(off.std() / conformation.width_deg - 1) < 5 / math.sqrt(2 * here.sum())


def test_neighbouring_dihedrals_compensate_each_other():
    rng = np.random.default_rng(6)
    fold = dataclasses.replace(draw_fold(rng, 40), segments=("P", "E" * 38, "P"))
    off = np.stack([draw_geometry(rng, fold).dihedrals_rad[2:-2] for _ in range(60)])
    psi, phi_after = degrees_from(off[:, :-1, 2], 135), degrees_from(off[:, 1:, 1], -120)
    assert np.corrcoef(psi.ravel(), phi_after.ravel())[0, 1] == pytest.approx(-0.8, abs=0.04)


def test_ramachandran_regions_of_the_finished_structures_are_those_of_the_fold(families):
    right = total = 0
    for family in families:
        record = family.members[0]
        if not record.mask.all():
            continue
        measured = internal_coordinates(torch.from_numpy(resolved_nm(record))).dihedrals_rad.numpy()
        for place in range(1, len(record) - 1):
            meant = CONFORMATIONS[family.fold.letters[place]]
            off = [
                abs(degrees_from(measured[place, column], centre))
                for column, centre in ((1, meant.phi_deg), (2, meant.psi_deg))
            ]
            right += max(off) < 30
            total += 1
    assert total > 2000
    assert right / total > 0.995


def test_helices_are_right_handed_by_mdtraj_and_by_ca(families):
    inside = dssp_helix = ca_helix = 0
    for family in families[:25]:
        record = family.members[1]
        if not record.mask.all():
            continue
        topology = mdtraj.Topology()
        chain = topology.add_chain()
        for _ in record.sequence:
            residue = topology.add_residue("GLY", chain)
            for name, element in (("N", "N"), ("CA", "C"), ("C", "C"), ("O", "O")):
                topology.add_atom(name, mdtraj.element.get_by_symbol(element), residue)
        atoms = record.coordinates_nm.astype(np.float64)
        following = np.concatenate([atoms[1:, 0], atoms[-1:, 2] + (atoms[-1:, 2] - atoms[-1:, 0])])
        outward = -(
            (atoms[:, 1] - atoms[:, 2]) / np.linalg.norm(atoms[:, 1] - atoms[:, 2], axis=1)[:, None]
            + (following - atoms[:, 2]) / np.linalg.norm(following - atoms[:, 2], axis=1)[:, None]
        )
        oxygen = atoms[:, 2] + 0.123 * outward / np.linalg.norm(outward, axis=1)[:, None]
        trajectory = mdtraj.Trajectory(np.concatenate([atoms, oxygen[:, None]], axis=1).reshape(1, -1, 3), topology)
        dssp = mdtraj.compute_dssp(trajectory, simplified=True)[0]
        by_ca = helical_residues(record.coordinates_nm[None, :, 1])[0]
        letters = family.fold.letters
        for place in range(3, len(letters) - 3):
            if letters[place - 3 : place + 4] == "H" * 7:
                inside += 1
                dssp_helix += dssp[place] == "H"
                ca_helix += bool(by_ca[place])
    assert inside > 100
    assert dssp_helix / inside > 0.97
    assert ca_helix / inside > 0.9  # noise takes some out of P-SEA's narrow bounds


def test_ca_atoms_are_a_trans_peptide_apart_and_never_overlap(families):
    far = np.triu_indices(LENGTHS[1], 3)
    for family in families:
        for record in family.members:
            ca = resolved_nm(record)[:, 1]
            steps = np.linalg.norm(np.diff(ca, axis=0), axis=1)
            assert np.all(np.abs(steps - 0.380) < 0.02)
            apart = np.linalg.norm(ca[:, None] - ca, axis=-1)
            inside = far[1] < len(ca)
            # coordinates are kept in float32 pm
            assert apart[far[0][inside], far[1][inside]].min() > LEAST_CA_DISTANCE_NM - 1e-6


def test_structures_are_about_as_compact_as_globular_proteins(families):
    ratios = [
        radius_of_gyration(resolved_nm(f.members[0])[None, :, 1])[0] / (0.22 * f.members[0].mask.sum() ** 0.38)
        for f in families
    ]
    assert 0.95 < np.median(ratios) < 1.5  # open linkers hold pairs apart, as between the domains of real proteins
    rng = np.random.default_rng(0)
    unchosen = build_geometries([draw_geometry(rng, draw_fold(rng, 52)) for _ in range(60)])
    unchosen_ratios = [radius_of_gyration(x[None, :, 1])[0] / (0.22 * 52**0.38) for x in unchosen]
    assert np.median(unchosen_ratios) > 1.1 * np.median(ratios)


def test_size_and_overlaps_against_the_plain_way():
    rng = np.random.default_rng(8)
    chains = [rng.normal(0, 0.6, (n, 3, 3)) for n in (5, 30, 17)]
    radii, overlaps = size_and_overlaps(chains, 0.5)
    for chain, radius, overlap in zip(chains, radii, overlaps, strict=True):
        ca = chain[:, 1]
        close = sum(np.linalg.norm(ca[i] - ca[j]) < 0.5 for i in range(len(ca)) for j in range(i + 3, len(ca)))
        assert overlap == close
        assert radius == pytest.approx(radius_of_gyration(ca[None])[0])
    assert overlaps[1] > 0


def test_folds_are_joined_by_the_stated_loops():
    folds = choose_folds([np.random.default_rng(k) for k in range(40)], (20, 100))
    seen = set()
    for fold in folds:
        assert 20 <= len(fold.letters) <= 100
        inner = fold.segments[:-1]
        joints = zip(inner[1::2], inner[2::2], inner[3::2], strict=False)
        for number, (before, joint, after) in enumerate(joints):
            junction = before[-1] + after[-1]
            assert joint in (LOOPS if number % 2 == 0 else LINKERS)[junction]
            seen.add((junction, joint))
        for segment in inner[1::2]:
            assert segment in ("h" + "H" * (len(segment) - 1), "E" * len(segment))
    assert len(seen) >= 18  # of 24


def test_members_share_the_fold_but_not_the_coordinates(families):
    between, within = [], []
    for family, other in pairwise(families[:20]):
        one, two = family.members[:2]
        both = one.mask & two.mask
        distances = [
            np.linalg.norm(x[both, None, 1] - x[None, both, 1], axis=-1)
            for x in (one.coordinates_nm, two.coordinates_nm)
        ]
        within.append(np.sqrt(np.mean((distances[0] - distances[1]) ** 2)))
        n = min(len(one), len(other.members[0]))
        distances = [
            np.linalg.norm(x[:n, None, 1] - x[None, :n, 1], axis=-1)
            for x in (one.coordinates_nm, other.members[0].coordinates_nm)
        ]
        between.append(np.sqrt(np.mean((distances[0] - distances[1]) ** 2)))
    assert 0.05 < np.median(within) < 0.25  # 1 to 2 A at this identity: Chothia and Lesk, EMBO J. 5:823 (1986)
    assert np.median(between) > 3 * np.median(within)


def test_identity_of_homologues_follows_the_stated_substitution(families):
    expected, found = [], []
    low, high = DIVERGENCE
    kept = 1 - (low + high) / 2
    for family in families:
        # Two members agree at a site where both keep the ancestor's residue or where a draw hits it by chance; each
        # member's residue is drawn from the site's distribution, and both are the same draw with probability kept^2.
        chance = (family.site_frequencies**2).sum(axis=1).mean()
        expected.append(kept**2 + (1 - kept**2) * chance)
        codes = np.array([list(record.sequence) for record in family.members])
        found += [(codes[i] == codes[j]).mean() for i in range(6) for j in range(i)]
    assert np.mean(found) == pytest.approx(np.mean(expected), abs=0.02)
    assert 0.2 < np.mean(found) < 0.5


def test_families_are_not_related(families):
    identities = []
    for k, family in enumerate(families):
        for other in families[:k]:
            n = min(len(family.ancestor), len(other.ancestor))
            identities.append(np.mean([a == b for a, b in zip(family.ancestor[:n], other.ancestor[:n], strict=True)]))
    assert len({family.fold for family in families}) == len(families)
    assert np.mean(identities) < 0.12
    assert max(identities) < 0.4


def test_site_frequencies_are_distributions_that_favour_the_right_residues(families):
    for family in families[:5]:
        np.testing.assert_allclose(family.site_frequencies.sum(axis=1), 1)
        proline = family.site_frequencies[:, AMINO_ACIDS.index("P")]
        for letter, share in zip(family.fold.letters, proline, strict=True):
            rigid = letter != "H" and letter not in FLEXIBLE
            assert (share > 0) == (rigid and -75 <= CONFORMATIONS[letter].phi_deg <= -55)
    exposed, neutral, buried = (site_frequencies("E", np.array([b]))[0] for b in (-1, 0, 1))
    for oily, salty in (("V", "K"), ("I", "R"), ("L", "D")):
        oily_k, salty_k = AMINO_ACIDS.index(oily), AMINO_ACIDS.index(salty)
        assert exposed[oily_k] < neutral[oily_k] < buried[oily_k]
        assert exposed[salty_k] > neutral[salty_k] > buried[salty_k]
    for letter, shares in CONSENSUS.items():
        favourite = max(shares, key=shares.__getitem__)
        assert AMINO_ACIDS[site_frequencies(letter, np.array([0]))[0].argmax()] == favourite


def test_drawn_residues_have_the_frequencies_of_their_site():
    frequencies = np.repeat(site_frequencies("G", np.array([0])), 20_000, axis=0)
    counts = np.bincount(draw_residues(np.random.default_rng(1), frequencies), minlength=20)
    spread = np.sqrt(20_000 * frequencies[0] * (1 - frequencies[0]))
    assert np.all(np.abs(counts - 20_000 * frequencies[0]) <= 5 * spread)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"n_families": 0}, "at least 1"),
        ({"n_families": 1, "n_homologues": 0}, "at least 1"),
        ({"n_families": 1, "lengths": (50, 40)}, "lengths from 50 to 40"),
        ({"n_families": 1, "lengths": (5, 40)}, "lengths from 5"),
        ({"n_families": 1, "seed": -1}, "negative"),
    ],
)
def test_impossible_wishes_are_refused(arguments, told):
    with pytest.raises(UsageError, match=told):
        make_families(**{"seed": 1, **arguments})
