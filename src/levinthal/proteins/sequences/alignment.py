"""From a multiple sequence alignment to a profile: weights of its rows, residue frequencies, information content.

A profile has the 21 columns of ProteinNet: the frequencies of the twenty amino acids in alphabetical order, then the
information content. Alignments are matrices of codes, a row a sequence; `encode_alignment` makes them from text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.proteins.residues import AMINO_ACIDS

Codes: TypeAlias = npt.NDArray[np.uint8]

ALIGNMENT_CODES = AMINO_ACIDS + "-BJZOUX*~"
"""The letter of each code: the twenty amino acids, the gap, the letters that stand for several or rare amino acids,
a stop, and the missing end of a fragment. The order is that of HMMER's digital alignments."""

GAP = ALIGNMENT_CODES.index("-")
"""The code of a gap."""

_N_AMINO_ACIDS = len(AMINO_ACIDS)
_ILLEGAL = 255
# IUPAC-IUB: B is D or N, Z is E or Q, J is I or L. Selenocysteine and pyrrolysine count as what they replace, as in
# HMMER. X says nothing, so it is not counted.
_MEANINGS = {"B": "DN", "Z": "EQ", "J": "IL", "U": "C", "O": "K"}
_BLOCK_CELLS = 4_000_000


def _share_table() -> Doubles:
    table = np.zeros((len(ALIGNMENT_CODES), _N_AMINO_ACIDS))
    table[:_N_AMINO_ACIDS] = np.eye(_N_AMINO_ACIDS)
    for letter, amino_acids in _MEANINGS.items():
        for amino_acid in amino_acids:
            table[ALIGNMENT_CODES.index(letter), AMINO_ACIDS.index(amino_acid)] = 1 / len(amino_acids)
    return table


def _code_table() -> Codes:
    table = np.full(256, _ILLEGAL, np.uint8)
    for code, letter in enumerate(ALIGNMENT_CODES):
        table[ord(letter)] = table[ord(letter.lower())] = code
    for gap in "._":
        table[ord(gap)] = GAP
    return table


_SHARES = _share_table()
_CODE_OF = _code_table()


def encode_alignment(rows: Sequence[str]) -> Codes:
    """Return the codes of aligned rows.

    Parameters
    ----------
    rows : sequence of str
        Aligned sequences of one length, as in aligned FASTA, A2M with its dots, or Stockholm. The letters of
        `ALIGNMENT_CODES` in either case; `.` and `_` are gaps too.

    Returns
    -------
    ndarray of uint8, shape (n_rows, n_columns)
        Indices into `ALIGNMENT_CODES`.

    Raises
    ------
    DataError
        No rows, rows of unlike length, or a letter that is none of these.
    """
    if not rows:
        raise DataError("the alignment has no rows: give the query's row at least")
    lengths = {len(row) for row in rows}
    if len(lengths) > 1:
        raise DataError(
            f"the rows of the alignment have {min(lengths)} to {max(lengths)} columns: give rows of one length "
            "(in A3M, remove the lower-case letters first)"
        )
    codes = np.empty((len(rows), lengths.pop()), np.uint8)
    for index, row in enumerate(rows):
        codes[index] = _CODE_OF[np.frombuffer(row.encode("latin-1", "replace"), np.uint8)]
        illegal = np.flatnonzero(codes[index] == _ILLEGAL)
        if len(illegal):
            raise DataError(
                f"row {index + 1} of the alignment has {row[illegal[0]]!r} in column {illegal[0] + 1}: expected one "
                f"of {ALIGNMENT_CODES}"
            )
    return codes


def position_based_weights(codes: Codes) -> Doubles:
    """Return a weight for each row, so that many like sequences do not outvote the few unlike ones.

    In each column a row gets 1/(k n), k being how many amino acids occur there and n how many rows have this one
    (Henikoff and Henikoff, J. Mol. Biol. 243:574, 1994). Only the twenty amino acids count. What a row collects is
    divided by its number of amino acids, so that a long row is not favoured for being long, and all is scaled to sum
    to the number of rows, as HMMER does (Easel, `esl_msaweight_PB`).

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        From `encode_alignment`.

    Returns
    -------
    ndarray of float64, shape (n_rows,)
        Sums to n_rows; all ones where no row has an amino acid.
    """
    n_rows, n_columns = codes.shape
    counts = _counts_of_codes(codes, np.ones(n_rows))[:, :_N_AMINO_ACIDS]
    kinds = (counts > 0).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        points = np.where(counts > 0, 1 / (kinds[:, None] * counts), 0.0)
    points = np.pad(points, ((0, 0), (0, len(ALIGNMENT_CODES) - _N_AMINO_ACIDS)))
    columns = np.arange(n_columns)
    weights = np.array([points[columns, row].sum() for row in codes])
    weights /= np.maximum((codes < _N_AMINO_ACIDS).sum(axis=1), 1)
    total = weights.sum()
    return np.asarray(weights * (n_rows / total) if total > 0 else np.ones(n_rows), np.float64)


def _counts_of_codes(codes: Codes, weights: Doubles) -> Doubles:
    """Return the weighted count of each code in each column, a block of rows at a time."""
    n_rows, n_columns = codes.shape
    n_codes = len(ALIGNMENT_CODES)
    counts = np.zeros(n_columns * n_codes)
    offsets = np.arange(n_columns) * n_codes
    block = max(_BLOCK_CELLS // max(n_columns, 1), 1)
    for first in range(0, n_rows, block):
        part = codes[first : first + block]
        cells = (part + offsets).ravel()
        counts += np.bincount(cells, np.repeat(weights[first : first + block], n_columns), len(counts))
    return counts.reshape(n_columns, n_codes)


def residue_frequencies(codes: Codes, weights: Doubles) -> Doubles:
    """Return the weighted share of each amino acid in each column, gaps left out.

    B counts half as D and half as N, Z half as E and half as Q, J half as I and half as L, U as C, O as K; X does
    not count. A column in which nothing counts gets 1/20 each. There are no pseudocounts, as in ProteinNet.

    Parameters
    ----------
    codes : ndarray of uint8, shape (n_rows, n_columns)
        From `encode_alignment`.
    weights : ndarray, shape (n_rows,)
        One for each row.

    Returns
    -------
    ndarray of float64, shape (n_columns, 20)
        Rows sum to 1.
    """
    counts = _counts_of_codes(codes, np.asarray(weights, np.float64)) @ _SHARES
    totals = counts.sum(axis=1, keepdims=True)
    uniform = np.full(_N_AMINO_ACIDS, 1 / _N_AMINO_ACIDS)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1), uniform)


def information_content(frequencies: npt.NDArray[np.floating]) -> Doubles:
    """Return 1 - H/log2(20): 1 where one amino acid alone occurs, 0 where all occur alike.

    It is the 21st row of a ProteinNet profile (AlQuraishi, BMC Bioinformatics 20:311, 2019), from Shannon's entropy H.

    Parameters
    ----------
    frequencies : ndarray, shape (..., 20)
        Summing to 1.

    Returns
    -------
    ndarray of float64, shape (...)
        In [0, 1].
    """
    p = np.asarray(frequencies, np.float64)
    entropy_bits = -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=-1)
    return np.asarray(np.clip(1 - entropy_bits / np.log2(_N_AMINO_ACIDS), 0, 1), np.float64)


def profile_from_alignment(
    alignment: Sequence[str] | Codes, query_row: int = 0, weights: Doubles | None = None
) -> npt.NDArray[np.float32]:
    """Return the profile of one row's sequence, from all rows aligned with it.

    Kept are exactly the columns in which the query has a residue, whatever that residue and whether or not the
    alignment calls the column consensus: a profile has one row for each residue of the query, always. Columns where
    the query has a gap are insertions relative to it and are dropped. Weights are taken over the kept columns.

    Parameters
    ----------
    alignment : sequence of str, or ndarray of uint8, shape (n_rows, n_columns)
        Aligned rows as text or as codes.
    query_row : int
        Which row is the query.
    weights : ndarray, shape (n_rows,), optional
        Default: `position_based_weights`.

    Returns
    -------
    ndarray of float32, shape (n_residues, 21)
        Frequencies in the order ACDEFGHIKLMNPQRSTVWY, then the information content.

    Raises
    ------
    DataError
        Rows that are not an alignment, a query without residues, or weights that do not belong to the rows.
    """
    codes = alignment if isinstance(alignment, np.ndarray) else encode_alignment(alignment)
    if not -len(codes) <= query_row < len(codes):
        raise DataError(f"the query is said to be row {query_row}: the alignment has {len(codes)} rows, counted from 0")
    query = codes[query_row]
    of_query = (query != GAP) & (query != ALIGNMENT_CODES.index("~"))
    if not of_query.any():
        raise DataError("the query's row of the alignment has no residues: point query_row at the query")
    codes = codes[:, of_query]
    if weights is None:
        weights = position_based_weights(codes)
    if weights.shape != (len(codes),) or not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError(f"{weights.shape} weights for {len(codes)} rows: give one finite weight >= 0 for each row")
    frequencies = residue_frequencies(codes, weights)
    return np.column_stack([frequencies, information_content(frequencies)]).astype(np.float32)
