"""Batches: every example once, of like length, the same however many ranks share them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError, UsageError
from levinthal.proteins.records import read_text, write_cache
from levinthal.proteins.records.cache import RecordCache
from levinthal.workloads.rgn.data.batches import make_batch, plan_epoch, share_of_rank
from levinthal.workloads.rgn.data.proteins import ProteinSet, protein_from_record
from record_examples import plain_text, real_records
from rgn_examples import make_records


@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=200),
    st.integers(1, 40),
    st.one_of(st.none(), st.integers(1, 5000)),
    st.integers(0, 3),
)
def test_an_epoch_has_every_example_once_within_the_limits(
    lengths: list[int], batch_size: int, most: int | None, epoch: int
) -> None:
    batches = plan_epoch(lengths, batch_size, seed=3, epoch=epoch, max_padded_residues=most)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        sizes = [lengths[i] for i in batch]
        assert sizes == sorted(sizes)
        assert len(batch) <= batch_size
        assert most is None or len(batch) * max(sizes) <= most or len(batch) == 1
    again = plan_epoch(lengths, batch_size, seed=3, epoch=epoch, max_padded_residues=most)
    assert all(map(np.array_equal, batches, again))


def test_the_order_changes_with_seed_and_epoch_and_neighbours_vary() -> None:
    lengths = np.random.default_rng(0).integers(20, 700, 300)
    orders = [plan_epoch(lengths, 8, seed=seed, epoch=epoch) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    sets = [{frozenset(batch.tolist()) for batch in order} for order in orders]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert len(sets[a] & sets[b]) <= 2


def test_buckets_waste_little_on_lengths_like_those_of_the_training_set() -> None:
    lengths = np.random.default_rng(1).gamma(3.0, 75.0, 20_000).astype(int) + 20
    batches = plan_epoch(lengths, 32, seed=0)
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.93
    drawn = np.random.default_rng(0).permutation(len(lengths)).reshape(-1, 32)
    assert lengths.sum() / (32 * lengths[drawn].max(axis=1).sum()) < 0.6


@given(st.lists(st.integers(0, 99), min_size=1, max_size=20), st.integers(1, 8))
def test_ranks_share_a_batch_and_count_each_example_once(indices: list[int], n_ranks: int) -> None:
    shares = [share_of_rank(np.array(indices), rank, n_ranks) for rank in range(n_ranks)]
    assert all(len(share) >= 1 for share, _ in shares)
    counted = [i for share, n in shares for i in share[:n].tolist()]
    assert sorted(counted) == sorted(indices)
    sizes = [n for _, n in shares]
    assert max(sizes) - min(sizes) <= 1


def test_an_example_holds_what_the_record_does() -> None:
    record = make_records(1)[0]
    protein = protein_from_record(record)
    assert record.mask is not None
    assert record.coordinates_pm is not None
    np.testing.assert_array_equal(protein.mask, record.mask)
    np.testing.assert_allclose(protein.ca_nm, record.coordinates_pm[:, 1] / 1000, rtol=1e-6)
    assert protein.features.shape == (len(record), 41)
    assert (protein.features[:, :20].sum(axis=1) == 1).all()
    assert ["ACDEFGHIKLMNPQRSTVWY"[k] for k in protein.features[:, :20].argmax(axis=1)] == list(record.sequence)
    np.testing.assert_array_equal(protein.features[:, 20:], record.profile)
    assert protein.weight == record.mask.sum()


def test_a_resolved_residue_without_a_position_is_not_resolved() -> None:
    record = make_records(1)[0]
    assert record.coordinates_pm is not None
    coordinates = record.coordinates_pm.copy()
    coordinates[2, 1] = 0.0
    coordinates[5, 1, 0] = np.nan
    changed = dataclasses.replace(record, coordinates_pm=coordinates, mask=np.ones(len(record), bool))
    # those the record itself did not resolve have zeros too
    protein = protein_from_record(changed)
    assert not protein.mask[[2, 5]].any()
    assert (protein.ca_nm[~protein.mask] == 0).all()
    assert np.isfinite(protein.ca_nm).all()


@pytest.mark.parametrize("resolved", [0, 1])
def test_fewer_than_two_resolved_residues_weigh_nothing(resolved: int) -> None:
    record = make_records(1)[0]
    mask = np.zeros(len(record), bool)
    mask[:resolved] = True
    assert record.coordinates_pm is not None
    changed = dataclasses.replace(record, mask=mask, coordinates_pm=record.coordinates_pm + 1)
    assert protein_from_record(changed).weight == 0
    assert protein_from_record(dataclasses.replace(record, coordinates_pm=None, mask=None)).weight == 0


def test_a_record_without_a_profile_is_refused_by_name(tmp_path: Path) -> None:
    records = make_records(3)
    records[1] = dataclasses.replace(records[1], profile=None)
    with pytest.raises(DataError, match="1ABC_1_A has no profile"):
        ProteinSet.from_records(records)
    write_cache(tmp_path / "records", records)
    with pytest.raises(DataError, match="1ABC_1_A has no profile"):
        ProteinSet.from_cache(RecordCache(tmp_path / "records"))


def test_a_batch_is_padded_and_says_how_much() -> None:
    proteins = ProteinSet.from_records(make_records(6))
    batch = make_batch(proteins, [0, 3, 5], n_counted=2)
    longest = int(proteins.lengths[[0, 3, 5]].max())
    assert batch.features.shape == (3, longest, 41)
    assert batch.lengths.tolist() == proteins.lengths[[0, 3, 5]].tolist()
    assert batch.residues == proteins.lengths[[0, 3, 5]].sum()
    assert batch.padded_residues == 3 * longest
    # number 3 has no resolved residue, the last only fills a place
    assert batch.weights.tolist() == [proteins[0].weight, 0.0, 0.0]
    for row, i in enumerate((0, 3, 5)):
        n = len(proteins[i])
        np.testing.assert_array_equal(batch.features[row, :n], proteins[i].features)
        assert not batch.features[row, n:].any()
        assert not batch.mask[row, n:].any()
        assert torch.equal(batch.ca_nm[row, :n], torch.from_numpy(proteins[i].ca_nm))


def test_a_cache_gives_the_same_examples_and_reads_only_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_records(9)
    write_cache(tmp_path / "records", records)
    cache = RecordCache(tmp_path / "records")
    reads: list[int] = []
    read = RecordCache._record
    monkeypatch.setattr(RecordCache, "_record", lambda self, k: reads.append(k) or read(self, k))
    longest = int(np.sort(cache.lengths)[-2])
    mapped = ProteinSet.from_cache(cache, max_length=longest)
    kept = ProteinSet.from_records(records, max_length=longest)
    assert reads == []
    assert mapped.n_too_long == kept.n_too_long >= 1
    assert mapped.names == kept.names
    assert mapped.groups == kept.groups
    assert set(mapped.groups) == {"30", None}
    assert mapped.fingerprint == kept.fingerprint != mapped.subset([1, 0]).fingerprint
    a, b = make_batch(mapped.subset([4, 2]), [0, 1]), make_batch(kept, [4, 2])
    assert len(reads) == 2
    for name in ("features", "lengths", "ca_nm", "mask", "weights"):
        assert torch.equal(getattr(a, name), getattr(b, name))


def test_real_records_become_examples(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text(plain_text(real_records()))
    proteins = ProteinSet.from_records(read_text(tmp_path / "real.txt"))
    assert len(proteins) == len(real_records())
    for protein in proteins:
        assert protein.weight > 20
        steps = np.linalg.norm(np.diff(protein.ca_nm, axis=0), axis=1)[protein.mask[1:] & protein.mask[:-1]]
        assert np.median(steps) == pytest.approx(0.38, abs=0.005)


@pytest.mark.parametrize("limits", [{"batch_size": 0}, {"batch_size": 1, "max_padded_residues": 0}])
def test_limits_below_one_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        plan_epoch([3, 4], seed=0, **limits)
