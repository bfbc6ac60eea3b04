"""Folds pack because the sequence says so: contacts, ambiguity of the linkers, and where the answer is written."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.proteins.synthetic.families import make_families
from levinthal.proteins.synthetic.fold import FLEXIBLE, LINKERS, draw_fold
from levinthal.proteins.synthetic.packing import CONTACT_NM, choose_folds, lost_contacts
from levinthal.proteins.synthetic.sequence import draw_burial, site_frequencies
from levinthal.proteins.synthetic.structure import centres_rad
from levinthal.proteins.synthetic.variants import CHANGES, make_variant


@pytest.fixture(scope="module")
def folds():
    return choose_folds([np.random.default_rng(k) for k in range(40)], (40, 64))


def ca_of(fold):
    return build_backbone(torch.from_numpy(centres_rad(fold.letters))[None])[0, :, 1].numpy()


def test_cores_beyond_a_closed_linker_touch_and_others_do_not(folds):
    pairs = [pair for fold in folds for pair in fold.distant_pairs]
    closed = sum(is_closed for *_, is_closed in pairs)
    assert len(pairs) > 35
    assert 0.35 < closed / len(pairs) < 0.75
    assert sum(lost_contacts(fold, ca_of(fold)) for fold in folds) <= 0.15 * len(pairs)
    # Were it not for the choice of folds, most would not touch: drawn at random.
    drawn = [draw_fold(np.random.default_rng(1000 + k), 60) for k in range(60)]
    lost = sum(lost_contacts(fold, ca_of(fold)) for fold in drawn)
    assert lost > 0.3 * sum(is_closed for fold in drawn for *_, is_closed in fold.distant_pairs)


def test_lost_contacts_against_the_plain_way(folds):
    for fold in folds[:10]:
        ca, expected = ca_of(fold), 0
        for one, other, is_closed in fold.distant_pairs:
            nearest = min(
                np.linalg.norm(ca[i] - ca[j]) for i in range(*fold.places[one]) for j in range(*fold.places[other])
            )
            expected += (nearest <= CONTACT_NM) != is_closed
        assert lost_contacts(fold, ca) == expected


def test_a_linker_tells_nothing_of_itself_and_the_far_segments_tell_it(folds):
    assert len({tuple(site_frequencies(letter, np.array([0]))[0]) for letter in FLEXIBLE}) == 1
    assert all(len(linker.closed) == len(linker.open) for linker in LINKERS.values())
    oily = np.array([x in "AVILMFWC" for x in "ACDEFGHIKLMNPQRSTVWY"], float)
    shares = {True: [], False: []}
    for k, fold in enumerate(folds):
        profile = site_frequencies(fold.letters, draw_burial(np.random.default_rng(k), fold)) @ oily
        for (start, stop), is_core in zip(fold.places, fold.cores, strict=True):
            shares[is_core].append(profile[start:stop].mean())
    # what a profile shows of a segment separates core segments from others nearly always
    order = np.subtract.outer(shares[True], shares[False]) > 0
    assert order.mean() > 0.9


def test_the_segments_that_decide_lie_beyond_those_at_the_linker(folds):
    for fold in folds:
        for one, other, is_closed in fold.distant_pairs:
            assert is_closed == (fold.cores[one] and fold.cores[other])
            before, linker, after = fold.segments[2 * one + 3 : 2 * one + 6]
            state = LINKERS[before[-1] + after[-1]]
            assert linker == (state.closed if is_closed else state.open)
            start = fold.places[one + 1][1]
            assert start - fold.places[one][1] >= 4  # a helix or strand and a loop lie between
            assert other in (one + 2, one + 3)


def test_variants_differ_by_one_change_and_have_a_structure_of_their_own():
    made = 0
    for number, family in enumerate(make_families(6, 1, seed=4)):
        wild = family.members[0]
        for change in CHANGES:
            variant = make_variant(np.random.default_rng(number), family, wild, change)
            if variant is None:
                assert not wild.mask.all() or change
                continue
            made += 1
            grown = {"point mutations": 0, "insertion": 1, "deletion": -1}[change]
            assert len(variant.changed) == len(wild) + grown
            here = variant.shared
            kept = variant.sites[here]
            assert len(here) == len(wild) + min(grown, 0)
            letters = np.array(list(variant.changed.sequence))[here], np.array(list(wild.sequence))[kept]
            assert (letters[0] != letters[1]).sum() <= (3 if change == "point mutations" else 0)
            assert np.isfinite(variant.changed.coordinates_pm).all()
    assert made >= 12
