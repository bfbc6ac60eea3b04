"""Alignments and profiles against Easel, a published example, analytic values and published profiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyhmmer.easel import Alphabet, MSAFile
from scipy.stats import entropy

from carried import hmmer
from levinthal.errors import DataError
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.sequences import alignment
from levinthal.proteins.sequences.alignment import (
    ALIGNMENT_CODES,
    encode_alignment,
    information_content,
    position_based_weights,
    profile_from_alignment,
    residue_frequencies,
)

ALPHABET = Alphabet.amino()


@st.composite
def alignments(draw: st.DrawFn) -> list[str]:
    n_columns = draw(st.integers(1, 12))
    row = st.text(ALIGNMENT_CODES, min_size=n_columns, max_size=n_columns)
    query = st.text(AMINO_ACIDS + "X-", min_size=n_columns, max_size=n_columns).filter(lambda text: text.strip("-"))
    return [draw(query), *draw(st.lists(row, max_size=6))]


def column(letters: str) -> np.ndarray:
    """Return the frequencies of one column, all rows weighing the same."""
    return residue_frequencies(encode_alignment(list(letters)), np.ones(len(letters)))[0]


def amino_acids(**shares: float) -> np.ndarray:
    return np.array([shares.get(letter, 0.0) for letter in AMINO_ACIDS])


def test_the_codes_are_those_of_hmmer():
    assert ALPHABET.symbols == ALIGNMENT_CODES


def test_weights_of_the_example_of_henikoff_and_henikoff():
    weights = position_based_weights(encode_alignment(["GYVGS", "GFDGF", "GYDGF", "GYQGG"]))
    np.testing.assert_allclose(weights / 4, np.array([4, 4, 3, 4]) / 15, rtol=1e-12)


def test_weights_are_easels_over_all_columns():
    with MSAFile(str(hmmer("msa/LuxC.sto"))) as file:
        msa = file.read()
    weights = position_based_weights(encode_alignment(list(msa.alignment)))
    np.testing.assert_allclose(weights, np.array(msa.compute_weights("pb")), rtol=1e-9)


@pytest.mark.parametrize("n_round", [1, 5])
def test_weights_are_easels_over_consensus_columns(n_round: int):
    with MSAFile(str(hmmer(f"jackhmmer/KR-{n_round}.sto")), digital=True, alphabet=ALPHABET) as file:
        msa = file.read()
    consensus = [index for index, letter in enumerate(msa.reference) if letter == "x"]
    codes = np.array([list(row) for row in msa.alignment], np.uint8)[:, consensus]
    np.testing.assert_allclose(position_based_weights(codes), np.array(msa.compute_weights("pb")), rtol=1e-9)


def test_letters_that_stand_for_several_amino_acids():
    np.testing.assert_allclose(column("B"), amino_acids(D=0.5, N=0.5))
    np.testing.assert_allclose(column("Z"), amino_acids(E=0.5, Q=0.5))
    np.testing.assert_allclose(column("J"), amino_acids(I=0.5, L=0.5))
    np.testing.assert_allclose(column("CU"), amino_acids(C=1.0))
    np.testing.assert_allclose(column("KO"), amino_acids(K=1.0))
    np.testing.assert_allclose(column("aAbX-.~*"), amino_acids(A=2 / 3, D=1 / 6, N=1 / 6))
    np.testing.assert_allclose(column("X-"), np.full(20, 0.05))


def test_the_profile_has_the_columns_of_the_query_and_no_other():
    values = profile_from_alignment(["-WA-cX", "PWAP--", "PW-PC-"])
    assert values.shape == (4, 21)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[:3, :20].argmax(axis=1), [AMINO_ACIDS.index(letter) for letter in "WAC"])
    # Nobody but the query has the last column, and it says nothing of the amino acid there: it exists all the same.
    np.testing.assert_allclose(values[3], [0.05] * 20 + [0], atol=1e-6)
    np.testing.assert_allclose(values[:3, 20], 1)


def test_another_row_can_be_the_query():
    rows = ["ACDEF", "-C-E-", "ACWEF"]
    np.testing.assert_array_equal(profile_from_alignment(rows, 1), profile_from_alignment(["C-E"[::2], "CE", "CE"]))
    assert profile_from_alignment(rows, -1).shape == (5, 21)


@given(alignments())
def test_every_profile_is_made_of_distributions(rows: list[str]):
    values = profile_from_alignment(rows)
    assert len(values) == len(rows[0].replace("-", ""))
    np.testing.assert_allclose(values[:, :20].sum(axis=1), 1, rtol=1e-5)
    assert values.min() >= 0
    assert values.max() <= 1
    np.testing.assert_allclose(values[:, 20], information_content(values[:, :20]), atol=1e-5)


@given(alignments(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_the_rows_matters(rows: list[str], random):
    others = rows[1:]
    random.shuffle(others)
    expected = profile_from_alignment(rows)
    np.testing.assert_allclose(profile_from_alignment([rows[0], *others]), expected, atol=1e-6)
    np.testing.assert_allclose(profile_from_alignment(rows + rows), expected, atol=1e-6)


def test_deep_alignments_are_counted_a_block_at_a_time(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(1)
    codes = rng.integers(0, len(ALIGNMENT_CODES), (97, 13), dtype=np.uint8)
    codes[0] = np.arange(13)
    whole = profile_from_alignment(codes)
    monkeypatch.setattr(alignment, "_BLOCK_CELLS", 50)
    np.testing.assert_allclose(profile_from_alignment(codes), whole, atol=1e-6)


def test_information_content_of_known_distributions():
    assert information_content(np.eye(20)) == pytest.approx(1)
    assert information_content(np.full(20, 0.05)) == pytest.approx(0, abs=1e-15)
    assert information_content(amino_acids(A=0.5, W=0.5)) == pytest.approx(1 - 1 / np.log2(20))
    assert information_content(amino_acids(A=0.25, C=0.25, D=0.25, E=0.25)) == pytest.approx(1 - 2 / np.log2(20))


@given(st.integers(0, 2**32 - 1))
def test_information_content_against_scipy(seed: int):
    frequencies = np.random.default_rng(seed).dirichlet(np.full(20, 0.3), size=5)
    np.testing.assert_allclose(information_content(frequencies), 1 - entropy(frequencies, base=20, axis=1), atol=1e-12)


def published_profiles(path: Path) -> dict[str, np.ndarray]:
    """Return the 21 rows of each ProteinNet text record, as the file has them."""
    lines = path.read_text().splitlines()
    found = {}
    for index, line in enumerate(lines):
        if line == "[ID]":
            name = lines[index + 1]
        if line == "[EVOLUTIONARY]":
            found[name] = np.array([row.split() for row in lines[index + 1 : index + 22]], float)
    return found


def test_information_content_is_the_published_row(shared_data: Path):
    folder = shared_data / "proteinnet"
    records = [
        (name, rows)
        for file in ("aqlab_text_sample.txt", "openprotein_testfile.txt")
        for name, rows in published_profiles(folder / file).items()
    ]
    worst = {}
    for index, (name, rows) in enumerate(records):
        assert rows.shape[0] == 21
        difference = np.abs(information_content(rows[:20].T) - rows[20])
        worst[index, name] = difference.max()
        assert np.median(difference) < 1e-3
    assert len(worst) == 7
    # Seven columns of T0383 differ, by 0.04 at most, as if the entropy had counted a letter the frequencies leave out.
    assert [name for (_, name), value in worst.items() if value > 2e-3] == ["TBM#T0383"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "no rows"),
        (["ACD", "AC"], "2 to 3 columns"),
        (["ACD", "A1D"], "row 2 of the alignment has '1' in column 2"),
        (["ACÉ"], "'É' in column 3"),
        (["AC\u4e00"], "in column 3"),
        (["---", "ACD"], "no residues"),
        ([""], "no residues"),
    ],
)
def test_what_is_no_alignment_is_refused(rows: list[str], message: str):
    with pytest.raises(DataError, match=message) as caught:
        profile_from_alignment(rows)
    assert "\n" not in str(caught.value)


def test_wrong_query_rows_and_weights_are_refused():
    with pytest.raises(DataError, match="row 2"):
        profile_from_alignment(["AC", "AC"], 2)
    for weights in (np.ones(3), np.array([1.0, np.nan]), np.array([1.0, -1.0])):
        with pytest.raises(DataError, match="weights"):
            profile_from_alignment(["AC", "AC"], weights=weights)
