"""Evolutionary profiles of sequences, found as ProteinNet found them: jackhmmer against a sequence database.

::

    database = SequenceDatabase.read("proteome.fasta")          # parsed once, reused for every search
    profiles = search_profiles([("mine", "MKTAYIAKQR...")], database)
    profiles[0].values                                          # (n_residues, 21)

The search is HMMER's own code, by pyhmmer (`sequence_search`); the way from its alignment to a profile is `alignment`.
Importing this module imports pyhmmer.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.errors import UsageError
from levinthal.proteins.sequences.alignment import GAP, profile_from_alignment
from levinthal.proteins.sequences.sequence_search import (
    PROTEINNET_RECIPE,
    SearchRecipe,
    SequenceDatabase,
    digitise_query,
    search_rounds,
)

__all__ = ["PROTEINNET_RECIPE", "Profile", "SearchRecipe", "SequenceDatabase", "search_profiles"]


@dataclass(frozen=True, eq=False)
class Profile:
    """The evolutionary profile of one sequence, and how it was come by.

    Attributes
    ----------
    name, sequence : str
        The query; the sequence as given, in upper case.
    values : ndarray of float32, shape (n_residues, 21)
        Frequencies in the order ACDEFGHIKLMNPQRSTVWY, then the information content 1 - H/log2(20). The query itself
        is one of the aligned sequences.
    n_hits : int
        Sequences of the database of which at least a domain was aligned in the last round.
    n_aligned : int
        Rows of the alignment: the query and the aligned domains.
    n_iterations : int
        Rounds made.
    converged : bool
        The last round brought nothing new; false where the recipe's rounds ran out.
    duration_s : float
        Wall-clock time of this search, its profile included.
    """

    name: str
    sequence: str
    values: npt.NDArray[np.float32]
    n_hits: int
    n_aligned: int
    n_iterations: int
    converged: bool
    duration_s: float

    @property
    def query_alone(self) -> bool:
        """Nothing was found: the profile is the query's own residues with information content 1, no evolution in it.

        A residue that is not one amino acid shows as what it can be: B, Z and J as halves, X as 1/20 each with
        information content 0.
        """
        return self.n_hits == 0


def _profile(name: str, sequence: str, database: SequenceDatabase, recipe: SearchRecipe, n_workers: int) -> Profile:
    began = time.perf_counter()
    last = deque(search_rounds(digitise_query(name, sequence), database, recipe, n_workers), maxlen=1).pop()
    rows = [np.frombuffer(memoryview(row), np.uint8) for row in last.msa.alignment]
    # The query is the first row. A deep alignment is mostly insertions: they go before the matrix is made.
    of_query = rows[0] != GAP
    codes = np.stack([row[of_query] for row in rows])
    return Profile(
        name=name,
        sequence=sequence.upper(),
        values=profile_from_alignment(codes),
        n_hits=sum(any(domain.included for domain in hit.domains) for hit in last.hits.included),
        n_aligned=len(codes),
        n_iterations=last.iteration,
        converged=last.converged,
        duration_s=time.perf_counter() - began,
    )


def search_profiles(
    queries: Iterable[tuple[str, str]],
    database: SequenceDatabase,
    *,
    recipe: SearchRecipe = PROTEINNET_RECIPE,
    n_workers: int | None = None,
) -> tuple[Profile, ...]:
    """Return the profile of each query, searched side by side on the cores.

    Threads, since HMMER's work is done outside Python's lock; longest query first, since it decides when the batch
    ends. Where there are fewer queries than cores, each search divides the database among the cores left. Neither
    the number of workers nor the company a query is in changes its profile.

    Parameters
    ----------
    queries : iterable of (name, sequence)
        The twenty amino acids, in either case; B, J, Z (one of two amino acids), U and O (taken as C and K) and X
        (any) are allowed.
    database : SequenceDatabase
        What to search.
    recipe : SearchRecipe
        How.
    n_workers : int, optional
        Threads; default: as many as there are cores.

    Returns
    -------
    tuple of Profile
        In the order of the queries. A query without hits has a profile that says so, `Profile.query_alone`.

    Raises
    ------
    DataError
        A query that is empty, too long, or has a letter that is not a residue; nothing is searched then.
    UsageError
        `n_workers` below 1, or a recipe without a round.

    Examples
    --------
    >>> from levinthal.proteins import SequenceDatabase, search_profiles
    >>> sequence = "MKVLAAGIVGLCAEHWRQSNDPTYFMKVLAAGIVGLCAEH"
    >>> database = SequenceDatabase.from_sequences([("a", sequence), ("b", sequence.replace("GL", "AL"))])
    >>> (profile,) = search_profiles([("query", sequence)], database, n_workers=1)
    >>> profile.values.shape
    (40, 21)
    """
    if n_workers is None:
        n_workers = len(os.sched_getaffinity(0))
    if n_workers < 1:
        raise UsageError(f"n_workers is {n_workers}: give 1 or more")
    if recipe.max_iterations < 1:
        raise UsageError(f"max_iterations is {recipe.max_iterations}: give 1 or more")
    asked = list(queries)
    for name, sequence in asked:
        digitise_query(name, sequence)
    n_each = max(n_workers // max(len(asked), 1), 1)
    if n_workers == 1 or len(asked) < 2:
        return tuple(_profile(name, sequence, database, recipe, n_each) for name, sequence in asked)
    longest_first = sorted(range(len(asked)), key=lambda index: -len(asked[index][1]))
    with ThreadPoolExecutor(n_workers) as pool:
        futures = {index: pool.submit(_profile, *asked[index], database, recipe, n_each) for index in longest_first}
        try:
            return tuple(futures[index].result() for index in range(len(asked)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
