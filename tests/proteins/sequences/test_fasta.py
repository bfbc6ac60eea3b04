"""What people hand in as FASTA: read as meant, or refused with file and line."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from carried import hmmer
from levinthal.errors import DataError, UsageError
from levinthal.proteins.sequences.fasta import FastaSequence, is_nucleotides, iterate_fasta, read_fasta


def read(text, **kwargs):
    return read_fasta(io.BytesIO(text if isinstance(text, bytes) else text.encode()), **kwargs)


def test_one_and_many_with_every_freedom_of_the_format(tmp_path):
    text = "\ufeff>sp|P1|X_HUMAN a description\r\nmkv\r\n\r\n  LAAG*\r\n>second\nACDEFGHIKLMNPQRSTVWY"
    expected = [FastaSequence("sp|P1|X_HUMAN", "MKVLAAG"), FastaSequence("second", "ACDEFGHIKLMNPQRSTVWY")]
    assert read(text) == expected
    (tmp_path / "plain.fasta").write_text(text, encoding="utf-8")
    (tmp_path / "zipped.fasta.gz").write_bytes(gzip.compress(text.encode()))
    assert read_fasta(tmp_path / "plain.fasta") == read_fasta(str(tmp_path / "zipped.fasta.gz")) == expected


def test_nonstandard_letters_become_x_or_are_refused():
    assert read(">a\nMBJOUXZK")[0].sequence == "MXXXXXXK"
    with pytest.raises(DataError, match="line 3: U is none of the twenty amino acids"):
        read(">a\nMK\nMUK", nonstandard="refuse")
    with pytest.raises(UsageError, match="must be X or refuse"):
        read(">a\nMK", nonstandard="drop")


@pytest.mark.parametrize(
    "peptide", ["A" * 40, "GA" * 30, "ACGT", "NNTNNTNNTNNTNNT", "GATTACAGATTACAK", "CGTA" * 24 + "LLLLLL"]
)
def test_peptides_of_few_letters_are_no_nucleic_acids(peptide):
    assert read(f">a\n{peptide}")[0].sequence == peptide


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no sequence"),
        ("\n \n", "has no sequence"),
        ("MKV\n>a\nMKV", "line 1: a FASTA file begins with >"),
        (">a\n>b\nMK", "line 1: a has no sequence"),
        (">a\nMK\n>b\n*\n", "line 3: b has no sequence"),
        (">\nMK", "line 1: > must be followed by a name"),
        (">a\nMK\n>b\nMK\n>a x\nMK", "line 5: the name a was on line 1 before"),
        (">a\nMK-V", "line 2: gaps"),
        (">a\nMK.V", "line 2: gaps"),
        (">a\nM*K", r"line 2: \* ends a sequence"),
        (">a\nMK*\nMK", r"line 3: letters after the \*"),
        (">a\nMK1", "line 2: '1' is not an amino acid"),
        (">a\nM K", "line 2: ' ' is not an amino acid"),
        (b">a\nM\x00K", "is not an amino acid"),
        (b">a\nM\xc3\xa9K", "is not an amino acid"),
        (b">\xff\xfe\nMK", "line 1: the name is not text"),
        (">a\nMKV\n>b\natggcc\nAAGTNNTGA\n", "line 3: b is a nucleic acid .15 letters, of A, C, G, N, T.: trans"),
        (">a\nAUGGCCAAGUGA\n", "is a nucleic acid"),
        (">a\n" + "ACGT" * 30 + "RYK", "is a nucleic acid"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20, "begins with >"),
        (">a\n" + "A" * 50_001, "over 50,000 residues"),
        (">a\n" + "A" * 2_000_000, "line 2 is longer than 1 MiB"),
        (">" + "a" * 300 + "\nMK", "over 200 letters"),
        (gzip.compress(b">a\nMKV\n", mtime=0)[:-6], "gzip data is damaged"),
    ],
)
def test_mistakes_are_named_in_one_line(text, message):
    with pytest.raises(DataError, match=message) as caught:
        read(text)
    assert len(str(caught.value)) < 300


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(DataError, match=r"absent\.fasta cannot be read: No such file"):
        read_fasta(tmp_path / "absent.fasta")
    with pytest.raises(DataError, match="cannot be read"):
        read_fasta(tmp_path)


def test_iterating_reads_no_further_than_asked():
    lazily = iterate_fasta(io.BytesIO(b">a\nMK\n>b\nVL\n>c\n???\n"))
    assert [next(lazily).name, next(lazily).name] == ["a", "b"]
    with pytest.raises(DataError, match="line 6"):
        next(lazily)


def test_real_files_are_read_as_biopython_reads_them():
    from Bio import SeqIO

    for path in (hmmer(f"seqs/{name}.faa") for name in ("938293.PRJEB85.HG003687", "PKSI", "LuxC")):
        ours = read_fasta(path)
        theirs = [(each.id, str(each.seq).upper().rstrip("*")) for each in SeqIO.parse(path, "fasta")]
        kept = [(name, sequence.translate(str.maketrans("BJOUZ", "XXXXX"))) for name, sequence in theirs]
        assert [(each.name, each.sequence) for each in ours] == kept


names = st.text("abcXYZ019|_.", min_size=1, max_size=12)
letters = st.text("ACDEFGHIKLMNPQRSTVWYX", min_size=1, max_size=90)


@given(st.dictionaries(names, letters, min_size=1, max_size=6), st.integers(1, 70), st.booleans())
def test_what_is_written_is_read(sequences, width, lower):
    assume(not any(map(is_nucleotides, sequences.values())))
    text = ""
    for name, sequence in sequences.items():
        written = sequence.lower() if lower else sequence
        text += f">{name} words\n" + "".join(written[k : k + width] + "\n" for k in range(0, len(sequence), width))
    assert {each.name: each.sequence for each in read(text)} == sequences
