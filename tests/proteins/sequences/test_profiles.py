"""Searched profiles against HMMER's golden alignments, Easel's weights and plain counting."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyhmmer.easel import Alphabet, MSAFile, SequenceFile
from pyhmmer.plan7 import Background, Builder, HMMFile

from carried import hmmer
from levinthal.errors import DataError, UsageError
from levinthal.proteins.residues import AMINO_ACIDS
from levinthal.proteins.sequences.profiles import PROTEINNET_RECIPE, SearchRecipe, SequenceDatabase, search_profiles
from levinthal.proteins.sequences.sequence_search import MAX_RESIDUES, digitise_query, search_rounds

# Kept alive for the whole module: a model built by pyhmmer from an alignment points into its alphabet.
ALPHABET = Alphabet.amino()
# HMMER's defaults, by which the golden alignments were made; the proteome has 2,100 sequences.
GOLDEN_RECIPE = SearchRecipe(
    max_iterations=6,
    n_effective_sequences=2100,
    report_e_value=10,
    report_domain_e_value=10,
    include_e_value=1e-3,
    include_domain_e_value=1e-3,
)
UNRELATED = "MKWVTFISLLFLFSSAYSRGVFRRDAHKSEVAHRFKDLGEENFKALVLIAFAQYLQQCPF"


@pytest.fixture(scope="module")
def proteome() -> SequenceDatabase:
    return SequenceDatabase.read(hmmer("seqs/938293.PRJEB85.HG003687.faa"))


@pytest.fixture(scope="module")
def part(proteome: SequenceDatabase) -> SequenceDatabase:
    """Return the neighbourhood of the query `relative_query`, some of its relatives among them."""
    return SequenceDatabase("a part", proteome.block[700:1300])


@pytest.fixture(scope="module")
def relative_query(proteome: SequenceDatabase) -> tuple[str, str]:
    sequence = next(s for s in proteome.block if s.name == "938293.PRJEB85.HG003686_266")
    return "mine", sequence.textize().sequence.rstrip("*")


def read_alignment(path: Any) -> Any:
    with MSAFile(str(path), digital=True, alphabet=ALPHABET) as file:
        return file.read()


def rows_of(msa: Any) -> dict[str, bytes]:
    return {name: bytes(row) for name, row in zip(msa.names, msa.alignment, strict=True)}


def counted_plainly(msa: Any) -> list[list[float]]:
    """Return weighted shares in the consensus columns, counted letter by letter with Easel's weights."""
    weights = list(msa.compute_weights("pb"))
    rows = list(msa.textize().alignment)
    shares = []
    for index, mark in enumerate(msa.reference):
        if mark == "x":
            counts: Counter[str] = Counter()
            for row, weight in zip(rows, weights, strict=True):
                counts[row[index].upper()] += weight
            total = sum(counts[letter] for letter in AMINO_ACIDS)
            shares.append([counts[letter] / total for letter in AMINO_ACIDS])
    return shares


def test_the_rounds_of_a_model_are_the_golden_ones(proteome: SequenceDatabase):
    with HMMFile(hmmer("hmms/txt/KR.hmm")) as file:
        model = file.read()
    last = 0
    for found in search_rounds(model, proteome, GOLDEN_RECIPE, n_workers=2):
        last = found.iteration
        assert rows_of(found.msa) == rows_of(read_alignment(hmmer(f"jackhmmer/KR-{last}.sto")))
    assert last == 6
    assert found.converged


def test_each_golden_round_follows_from_the_one_before(proteome: SequenceDatabase):
    goldens = [read_alignment(hmmer(f"jackhmmer/KR-{n}.sto")) for n in range(1, 7)]
    for before, after in itertools.pairwise(goldens):
        model, _, _ = Builder(ALPHABET, architecture="hand").build_msa(before, Background(ALPHABET))
        found = next(search_rounds(model, proteome, GOLDEN_RECIPE))
        assert rows_of(found.msa) == rows_of(after)


def test_the_rounds_of_a_sequence_are_those_of_the_program_jackhmmer(proteome: SequenceDatabase):
    with SequenceFile(hmmer("seqs/LuxC.faa"), digital=True, alphabet=ALPHABET) as file:
        query = next(sequence for sequence in file if "P12748" in sequence.name)
    rounds = list(search_rounds(query, proteome, GOLDEN_RECIPE))
    assert [found.converged for found in rounds] == [False, False, True]
    for found in rounds:
        golden = read_alignment(hmmer(f"jackhmmer/p12748-{found.iteration}.sto"))
        assert set(found.msa.names) == set(golden.names)


def test_a_profile_is_the_weighted_count_of_the_last_alignment(proteome: SequenceDatabase):
    """A family with insertions and two domains a sequence, the database divided for the one and whole for the other."""
    sequence = next(s for s in proteome.block if s.name == "938293.PRJEB85.HG003686_313")
    query = ("many", sequence.textize().sequence.rstrip("*"))
    recipe = replace(GOLDEN_RECIPE, max_iterations=3)
    (profile,) = search_profiles([query], proteome, recipe=recipe, n_workers=3)
    *_, last = search_rounds(digitise_query(*query), proteome, recipe)
    assert profile.n_aligned == len(last.msa.sequences) > 30
    assert profile.n_hits == len(last.hits.included) > 30
    assert profile.n_iterations == last.iteration == 3
    assert len(last.msa) > len(query[1])
    assert not profile.query_alone
    assert len(profile.values) == len(profile.sequence) == len(query[1])
    np.testing.assert_allclose(profile.values[:, :20], counted_plainly(last.msa), atol=1e-6)


def test_neither_workers_nor_company_change_a_profile(part: SequenceDatabase, relative_query: tuple[str, str]):
    queries = [("short", UNRELATED), relative_query, ("x", "ACXBZ" * 5)]
    alone = [search_profiles([query], part, n_workers=1)[0] for query in queries]
    assert alone[1].n_hits > 0
    for n_workers in (1, 2, 7):
        together = search_profiles(queries, part, n_workers=n_workers)
        assert [profile.name for profile in together] == ["short", "mine", "x"]
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_array_equal(one.values, other.values)
            assert (one.n_hits, one.n_aligned, one.n_iterations) == (other.n_hits, other.n_aligned, other.n_iterations)
            assert other.duration_s > 0


def test_no_hits_give_a_profile_that_says_so(part: SequenceDatabase):
    (profile,) = search_profiles([("lone", "acdefghiklmnpqrstvwyX")], part)
    assert profile.query_alone
    assert (profile.n_hits, profile.n_aligned, profile.n_iterations, profile.converged) == (0, 1, 1, True)
    assert profile.sequence == "ACDEFGHIKLMNPQRSTVWYX"
    np.testing.assert_array_equal(profile.values[:20, :20], np.eye(20))
    np.testing.assert_array_equal(profile.values[:20, 20], 1)
    np.testing.assert_allclose(profile.values[20], [0.05] * 20 + [0], atol=1e-6)


def test_copies_of_the_query_are_hits_that_add_nothing():
    database = SequenceDatabase.from_sequences([("copy", UNRELATED), ("copy", UNRELATED), ("other", "ACDEF" * 9)])
    (profile,) = search_profiles([("q", UNRELATED)], database)
    assert profile.n_hits == 2
    assert profile.n_aligned == 3
    assert not profile.query_alone
    np.testing.assert_array_equal(profile.values.argmax(axis=1), [AMINO_ACIDS.index(letter) for letter in UNRELATED])


def test_insertions_of_relatives_are_dropped_and_deletions_are_gaps():
    longer = UNRELATED[:30] + "GGGGGGG" + UNRELATED[30:]
    shorter = UNRELATED[:24] + UNRELATED[30:]
    database = SequenceDatabase.from_sequences([("longer", longer), ("shorter", shorter)])
    (profile,) = search_profiles([("q", UNRELATED)], database)
    assert profile.n_hits == 2
    np.testing.assert_allclose(profile.values[:, 20], 1, atol=1e-6)
    assert "".join(AMINO_ACIDS[index] for index in profile.values[:, :20].argmax(axis=1)) == UNRELATED


def test_the_recipe_is_that_of_proteinnet(proteome: SequenceDatabase, relative_query: tuple[str, str]):
    found = next(search_rounds(digitise_query(*relative_query), proteome, PROTEINNET_RECIPE, n_workers=2))
    hits = found.hits
    assert (hits.Z, hits.E, hits.domE, hits.incE, hits.incdomE) == (1e8, 1e-10, 1e-10, 1e-10, 1e-10)
    assert PROTEINNET_RECIPE.max_iterations == 5


def test_rounds_end_where_the_recipe_says(part: SequenceDatabase, relative_query: tuple[str, str]):
    loose = SearchRecipe(max_iterations=1, n_effective_sequences=600, include_e_value=1e-3)
    (profile,) = search_profiles([relative_query], part, recipe=loose)
    assert profile.n_iterations == 1
    assert not profile.converged


def test_odd_queries_have_profiles_too(part: SequenceDatabase):
    queries = [("", "A"), ("two words \t\n é \0 \ud800", "XX"), ("rare", "UOBZJ"), ("same", "ACD"), ("same", "DCA")]
    profiles = search_profiles(iter(queries), part, n_workers=2)
    assert [(profile.name, profile.sequence) for profile in profiles] == queries
    assert [len(profile.values) for profile in profiles] == [1, 2, 5, 3, 3]
    assert search_profiles([], part) == ()
    database = SequenceDatabase.from_sequences([(name, UNRELATED) for name, _ in queries])
    assert search_profiles([("q", UNRELATED)], database)[0].n_hits == len(queries)


def test_a_file_and_the_same_sequences_in_memory_are_one_database(tmp_path: Path):
    sequences = [("one", UNRELATED), ("two", "ACDEFGHIKLX*")]
    path = tmp_path / "db.fasta"
    path.write_text("".join(f">{name} some words\n{letters[:7]}\n{letters[7:]}\n" for name, letters in sequences))
    read, made = SequenceDatabase.read(path), SequenceDatabase.from_sequences(sequences)
    assert len(read) == len(made) == 2
    assert read.n_residues == made.n_residues == len(UNRELATED) + 12
    assert [bytes(s.sequence) for s in read.block] == [bytes(s.sequence) for s in made.block]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"ID   protein\n", "is not a FASTA file"),
        (b">a\nAC1D\n", "damaged: Line 2: .*1"),
        (b">a\nAC-D\n", "damaged"),
        (b">a\nACD\n>\nACD\n", "damaged: Line 3: no FASTA name"),
        (b">a\nAC\xe9\x1b\x00D\n", "damaged"),
        (b">a\n>b\n", "no residues"),
        (b">a\n" + b"A" * (MAX_RESIDUES + 1), "100001 residues"),
    ],
)
def test_files_that_are_no_database_are_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "db.fasta"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        SequenceDatabase.read(path)
    assert str(caught.value).isprintable()
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path):
    for path in (tmp_path / "none.fasta", tmp_path):
        with pytest.raises(DataError, match="cannot read the sequence database"):
            SequenceDatabase.read(path)


def test_damaged_databases_are_read_or_refused(tmp_path: Path):
    rng = np.random.default_rng(5)
    whole = "".join(f">s{n} words\n{UNRELATED}\n" for n in range(4)).encode()
    path = tmp_path / "db.fasta"
    outcomes: Counter[str] = Counter()
    for _ in range(400):
        damaged = bytearray(whole[: rng.integers(1, len(whole))])
        for _ in range(rng.integers(0, 4)):
            place = rng.integers(0, len(damaged))
            damaged[place : place + rng.integers(0, 30)] = rng.bytes(rng.integers(0, 3))
            damaged += b">"[: rng.integers(0, 2)]
        path.write_bytes(damaged)
        try:
            outcomes["read"] += len(SequenceDatabase.read(path)) > 0
        except DataError:
            outcomes["refused"] += 1
    assert outcomes["read"] + outcomes["refused"] == 400
    assert min(outcomes.values()) > 50


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        ("", "the query mine has no residues"),
        ("ACD*", r"the query mine has '\*' at position 4"),
        ("AC-D", "'-' at position 3"),
        ("AC D", "' ' at position 3"),
        ("ACé", "'é' at position 3"),
        ("AC\u212a", "at position 3"),  # the Kelvin sign, whose lower case is k
        ("A" * (MAX_RESIDUES + 1), "100001 residues"),
    ],
)
def test_queries_that_are_no_proteins_are_refused(part: SequenceDatabase, sequence: str, message: str):
    with pytest.raises(DataError, match=message) as caught:
        search_profiles([("fine", UNRELATED), ("mine", sequence)], part)
    assert "\n" not in str(caught.value)


def test_databases_in_memory_and_settings_are_checked(part: SequenceDatabase):
    with pytest.raises(DataError, match="has no sequences"):
        SequenceDatabase.from_sequences([])
    with pytest.raises(DataError, match="the sequence b of mine has '1' at position 2"):
        SequenceDatabase.from_sequences([("a", "ACD"), ("b", "A1")], name="mine")
    with pytest.raises(UsageError, match="n_workers is 0"):
        search_profiles([("q", "ACD")], part, n_workers=0)
    with pytest.raises(UsageError, match="max_iterations is 0"):
        search_profiles([("q", "ACD")], part, recipe=SearchRecipe(max_iterations=0))


def test_hmmer_is_loaded_by_the_search_alone():
    program = "import sys, levinthal.proteins, levinthal.proteins.sequences.alignment; print('pyhmmer' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "False"
