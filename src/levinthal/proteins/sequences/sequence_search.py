"""Searching sequences: a database in memory, and jackhmmer's rounds over it (HMMER, by pyhmmer)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pyhmmer.easel import Alphabet, DigitalSequence, DigitalSequenceBlock, SequenceFile, TextSequence
from pyhmmer.errors import UnexpectedError
from pyhmmer.plan7 import HMM, Builder, IterationResult, IterativeSearch, Pipeline, TopHits

from levinthal.errors import DataError
from levinthal.proteins.residues import AMINO_ACIDS

if TYPE_CHECKING:
    from pyhmmer.easel import AA

    _IterativeSearch = IterativeSearch[AA]
else:
    # pyhmmer's classes are generic for the type checker only.
    _IterativeSearch = IterativeSearch

MAX_RESIDUES = 100_000
"""HMMER compares no longer sequence."""

_ALPHABET = Alphabet.amino()
_LEGAL = AMINO_ACIDS + "BJZOUX"
_ILLEGAL_IN_QUERY = re.compile(f"[^{_LEGAL}]", re.IGNORECASE | re.ASCII)
_ILLEGAL_IN_DATABASE = re.compile(f"[^{_LEGAL}*]", re.IGNORECASE | re.ASCII)


def _shown(name: str) -> str:
    """Return a name fit for a one-line message."""
    return _printable(name if len(name) <= 60 else name[:57] + "...")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _digitise(name: str, letters: str, illegal: re.Pattern[str], what: str) -> DigitalSequence[AA]:
    found = illegal.search(letters)
    if found:
        raise DataError(
            f"{what} has {found.group()!r} at position {found.start() + 1}: expected the amino acids {AMINO_ACIDS}, "
            "or B, J, Z, O, U, X"
        )
    return TextSequence(name=_printable(name) or "unnamed", sequence=letters).digitize(_ALPHABET)


def digitise_query(name: str, sequence: str) -> DigitalSequence[AA]:
    """Return a query in the form that `search_rounds` takes.

    Parameters
    ----------
    name : str
        What errors call it. HMMER is handed a fixed name: a user's may break its rules.
    sequence : str
        The twenty amino acids in either case, and B, J, Z, O, U, X.

    Raises
    ------
    DataError
        No residues, too many of them, or a letter that is none.
    """
    what = f"the query {_shown(name)}"
    if not sequence:
        raise DataError(f"{what} has no residues: give its sequence")
    if len(sequence) > MAX_RESIDUES:
        raise DataError(f"{what} has {len(sequence)} residues: HMMER compares {MAX_RESIDUES} at most, split it")
    return _digitise("query", sequence, _ILLEGAL_IN_QUERY, what)


@dataclass(frozen=True)
class SearchRecipe:
    """How to search; the defaults are those of ProteinNet (AlQuraishi, BMC Bioinformatics 20:311, 2019).

    `jackhmmer -N 5 -Z 1e8 -E 1e-10 --domE 1e-10 --incE 1e-10 --incdomE 1e-10`.

    Attributes
    ----------
    max_iterations : int
        Rounds at most; fewer where a round brings nothing new.
    n_effective_sequences : float
        The database size for which E-values are stated, whatever the size of the database: jackhmmer's Z. What counts
        as a hit therefore does not depend on the database's size.
    report_e_value, report_domain_e_value : float
        E-values at which a sequence, and a domain of it, is reported.
    include_e_value, include_domain_e_value : float
        E-values at which it enters the next round, and the profile.
    """

    max_iterations: int = 5
    n_effective_sequences: float = 1e8
    report_e_value: float = 1e-10
    report_domain_e_value: float = 1e-10
    include_e_value: float = 1e-10
    include_domain_e_value: float = 1e-10


PROTEINNET_RECIPE = SearchRecipe()
"""The recipe of the published profiles."""


@dataclass(frozen=True, eq=False)
class SequenceDatabase:
    """Sequences to search, parsed and held in memory at about a byte a residue.

    Attributes
    ----------
    name : str
        Where they come from.
    block : pyhmmer.easel.DigitalSequenceBlock
        The sequences; at least one.

    Examples
    --------
    >>> from levinthal.proteins import SequenceDatabase
    >>> SequenceDatabase.from_sequences([("a", "MKVLAAGIV"), ("b", "MKVLSAGIV")]).n_residues
    18
    """

    name: str
    block: DigitalSequenceBlock[AA] = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.block) == 0:
            raise DataError(f"{self.name} has no sequences: give a FASTA file with protein sequences")
        longest = len(self.block.largest())
        if longest == 0:
            raise DataError(f"{self.name} has names but no residues: give a FASTA file with protein sequences")
        if longest > MAX_RESIDUES:
            raise DataError(
                f"{self.name} has a sequence of {longest} residues: HMMER compares {MAX_RESIDUES} at most, "
                "remove or split it"
            )

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.block)

    @property
    def n_residues(self) -> int:
        """Residues of all sequences together."""
        return sum(map(len, self.block))

    @classmethod
    def read(cls, path: Path | str) -> SequenceDatabase:
        """Read a FASTA file.

        Parameters
        ----------
        path : Path or str
            Plain FASTA of protein sequences.

        Raises
        ------
        DataError
            A file that cannot be read, is empty, compressed, not FASTA, or has letters that are not residues.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                start = file.read(4096)
        except OSError as error:
            raise DataError(f"cannot read the sequence database {path}: {error.strerror or error}") from error
        if start.startswith(b"\x1f\x8b"):
            raise DataError(f"the sequence database {path} is compressed: decompress it first (gunzip {path.name})")
        if not start.strip():
            raise DataError(f"the sequence database {path} is empty: give a FASTA file with protein sequences")
        if not start.lstrip().startswith(b">"):
            raise DataError(f"the sequence database {path} is not a FASTA file: its first line must start with '>'")
        try:
            with SequenceFile(path, format="fasta", digital=True, alphabet=_ALPHABET) as reader:
                block = cast("DigitalSequenceBlock[AA]", reader.read_block())
        except (OSError, ValueError, EOFError, UnexpectedError) as error:
            reason = _printable(str(error).removeprefix("Could not parse file: "))
            raise DataError(f"the sequence database {path} is damaged: {reason}: fix or remove it") from error
        return cls(str(path), block)

    @classmethod
    def from_sequences(cls, sequences: Iterable[tuple[str, str]], name: str = "the database") -> SequenceDatabase:
        """Take sequences in memory.

        Parameters
        ----------
        sequences : iterable of (name, sequence)
            Letters as in `search_profiles`, and `*` for a stop.
        name : str
            What errors call it.

        Raises
        ------
        DataError
            No sequences, or letters that are not residues.
        """
        digital = [
            _digitise(sequence_name, letters, _ILLEGAL_IN_DATABASE, f"the sequence {_shown(sequence_name)} of {name}")
            for sequence_name, letters in sequences
        ]
        return cls(name, DigitalSequenceBlock(_ALPHABET, digital))


class _SplitSearch(_IterativeSearch):
    """jackhmmer's rounds, each spread over the cores by parts of the database.

    A sequence's E-value in a part is that in the whole, since the recipe states the database size; those of domains,
    which depend on how many sequences are reported, are set again when the hits are merged.
    """

    def __init__(
        self,
        recipe: SearchRecipe,
        query: DigitalSequence[AA] | HMM[AA],
        database: SequenceDatabase,
        n_parts: int,
        pool: ThreadPoolExecutor,
    ) -> None:
        super().__init__(
            _pipeline(recipe), Builder(_ALPHABET, architecture="hand"), query, database.block, select_hits=None
        )
        bounds = np.linspace(0, len(database), n_parts + 1).astype(int)
        self._parts = [database.block[first:last] for first, last in itertools.pairwise(bounds) if last > first]
        self._pipelines = [_pipeline(recipe) for _ in self._parts]
        self._pool = pool

    def _search_hmm(self, hmm: HMM[AA]) -> TopHits[Any]:
        def search(pipeline: Pipeline[AA], part: DigitalSequenceBlock[AA]) -> TopHits[Any]:
            hits = pipeline.search_hmm(hmm, part)
            pipeline.clear()
            return hits

        first, *others = self._pool.map(search, self._pipelines, self._parts)
        return first.merge(*others)


def _pipeline(recipe: SearchRecipe) -> Pipeline[AA]:
    return Pipeline(
        _ALPHABET,
        Z=recipe.n_effective_sequences,
        E=recipe.report_e_value,
        domE=recipe.report_domain_e_value,
        incE=recipe.include_e_value,
        incdomE=recipe.include_domain_e_value,
    )


def search_rounds(
    query: DigitalSequence[AA] | HMM[AA],
    database: SequenceDatabase,
    recipe: SearchRecipe = PROTEINNET_RECIPE,
    n_workers: int = 1,
) -> Iterator[IterationResult[AA]]:
    """Yield jackhmmer's rounds until one brings nothing new or the recipe's rounds are over.

    Parameters
    ----------
    query : DigitalSequence or HMM of pyhmmer
        A sequence, which then is the first row of each alignment, or a model.
    database : SequenceDatabase
        What to search.
    recipe : SearchRecipe
        How.
    n_workers : int
        Threads among which the database is divided; it changes no result.

    Yields
    ------
    IterationResult of pyhmmer
        With `hits`, `msa`, `hmm`, `converged` and `iteration`.
    """
    n_parts = min(n_workers, len(database))
    if n_parts == 1:
        # Pipeline and builder are new for each query: both hold random streams, and no result may hang on the order.
        search = IterativeSearch(
            _pipeline(recipe), Builder(_ALPHABET, architecture="hand"), query, database.block, select_hits=None
        )
        yield from _until_converged(search, recipe)
        return
    with ThreadPoolExecutor(n_parts) as pool:
        yield from _until_converged(_SplitSearch(recipe, query, database, n_parts, pool), recipe)


def _until_converged(search: _IterativeSearch, recipe: SearchRecipe) -> Iterator[IterationResult[AA]]:
    for result in itertools.islice(search, recipe.max_iterations):
        yield result
        if result.converged:
            return
