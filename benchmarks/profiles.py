"""Profiles of a batch of targets: one core against all cores, and against pyhmmer's own dispatch.

The 12 CASP12 targets are searched in a proteome of 2,100 sequences; a second batch, of sequences that have relatives
there, makes the rounds long. One worker, all workers and `pyhmmer.jackhmmer(cpus=...)`, which ends at the alignments
and makes no profiles, are measured in turn; ratios are taken round by round. Before anything is timed the rounds of
golden alignments are made again and compared with them row by row, and the profiles of one worker and of all are
compared bit by bit.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyhmmer
from pyhmmer.easel import Alphabet, MSAFile
from pyhmmer.plan7 import Background, Builder
from undisturbed import watched

from levinthal.proteins.residues import ONE_LETTER
from levinthal.proteins.sequences.profiles import PROTEINNET_RECIPE, SearchRecipe, SequenceDatabase, search_profiles
from levinthal.proteins.sequences.sequence_search import digitise_query, search_rounds

CORES = len(os.sched_getaffinity(0))
TARGET_RATIO = 1.7
PROTEOME = "hmmer/938293.PRJEB85.HG003687.faa"
N_GOLDEN_ROUNDS = 6
# The recipe by which the golden alignments were made: HMMER's defaults.
GOLDEN_RECIPE = SearchRecipe(
    max_iterations=N_GOLDEN_ROUNDS,
    n_effective_sequences=2100,
    report_e_value=10,
    report_domain_e_value=10,
    include_e_value=1e-3,
    include_domain_e_value=1e-3,
)
Query = tuple[str, str]


def data_folder() -> Path:
    """Return the folder of real records."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LEVINTHAL_TEST_DATA", beside))
    if not folder.is_dir():
        raise SystemExit("no real test data: set LEVINTHAL_TEST_DATA to a folder that has it")
    return folder


def sequence_of(path: Path) -> str:
    """Return the residues that have a CA atom, X for what is not an amino acid."""
    atoms = [line for line in path.read_text().splitlines() if line[:4] == "ATOM" and line[12:16] == " CA "]
    return "".join(ONE_LETTER.get(line[17:20], "X") for line in atoms)


def read_alignment(path: Path, alphabet: Alphabet) -> Any:
    # A model built from the alignment points into the alphabet without keeping it alive: the caller must.
    with MSAFile(str(path), digital=True, alphabet=alphabet) as file:
        return file.read()


def golden_rounds_agree(folder: Path, database: SequenceDatabase) -> dict[int, bool]:
    """Return for each golden round after the first whether the search from the round before makes it again."""
    alphabet = Alphabet.amino()
    agree = {}
    for n in range(1, N_GOLDEN_ROUNDS):
        model, _, _ = Builder(alphabet, architecture="hand").build_msa(
            read_alignment(folder / f"KR-{n}.sto", alphabet), Background(alphabet)
        )
        found = next(search_rounds(model, database, GOLDEN_RECIPE)).msa
        golden = read_alignment(folder / f"KR-{n + 1}.sto", alphabet)
        rows = [{name: bytes(row) for name, row in zip(m.names, m.alignment, strict=True)} for m in (found, golden)]
        agree[n + 1] = rows[0] == rows[1]
    return agree


def with_relatives(database: SequenceDatabase, n_queries: int) -> list[Query]:
    """Return sequences spread over the database, themselves as their first relatives."""
    step = len(database) // n_queries
    chosen = database.block[: n_queries * step : step]
    return [(sequence.name, sequence.textize().sequence.replace("*", "")) for sequence in chosen]


def pyhmmer_dispatch(queries: list[Query], database: SequenceDatabase) -> None:
    """Search as pyhmmer's documentation shows it: queries in their order, cpus threads."""
    recipe = PROTEINNET_RECIPE
    sequences = [digitise_query(name, letters) for name, letters in queries]
    for _ in pyhmmer.jackhmmer(
        sequences,
        database.block,
        max_iterations=recipe.max_iterations,
        cpus=CORES,
        Z=recipe.n_effective_sequences,
        E=recipe.report_e_value,
        domE=recipe.report_domain_e_value,
        incE=recipe.include_e_value,
        incdomE=recipe.include_domain_e_value,
    ):
        pass


def busy_s() -> float:
    """Return the time that all cores together have worked, for us and for others."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def seconds(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def measure(what: str, queries: list[Query], database: SequenceDatabase, rounds: int) -> dict[str, Any]:
    """Compare the profiles, then time the three ways in turn."""
    alone = search_profiles(queries, database, n_workers=1)
    together = search_profiles(queries, database, n_workers=CORES)
    if not all(np.array_equal(a.values, b.values) for a, b in zip(alone, together, strict=True)):
        raise SystemExit("one worker and all workers disagree: no figures")
    ways: dict[str, Callable[[], Any]] = {
        "one": lambda: search_profiles(queries, database, n_workers=1),
        "all": lambda: search_profiles(queries, database, n_workers=CORES),
        "pyhmmer": lambda: pyhmmer_dispatch(queries, database),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    busy, own, began = busy_s(), time.process_time(), time.perf_counter()
    for _ in range(rounds):
        for name, way in ways.items():
            times[name].append(seconds(way))
    others = (busy_s() - busy - (time.process_time() - own)) / (CORES * (time.perf_counter() - began))
    ratios = sorted(one / every for one, every in zip(times["one"], times["all"], strict=True))
    return {
        "case": what,
        "n_queries": len(queries),
        "n_with_hits": sum(not profile.query_alone for profile in alone),
        "n_iterations": [profile.n_iterations for profile in alone],
        "one_worker_s": statistics.median(times["one"]),
        "all_workers_s": statistics.median(times["all"]),
        "pyhmmer_dispatch_s": statistics.median(times["pyhmmer"]),
        "ratio": statistics.median(ratios),
        "ratio_lowest": ratios[0],
        "ratio_highest": ratios[-1],
        "others_share": max(others, 0.0),
        "per_target_s": {profile.name: round(profile.duration_s, 4) for profile in alone},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="measurements of each way (default 15)")
    options = parser.parse_args()
    folder = data_folder()
    began = time.perf_counter()
    database = SequenceDatabase.read(folder / PROTEOME)
    read_s = time.perf_counter() - began
    agree = golden_rounds_agree(folder / "hmmer", database)
    print(f"golden rounds made again row by row: {sum(agree.values())} of {len(agree)}")
    targets = [(path.stem, sequence_of(path)) for path in sorted((folder / "casp12").glob("*.pdb"))]
    cases = [
        measure(f"{len(targets)} CASP12 targets", targets, database, options.rounds),
        measure("24 sequences with relatives", with_relatives(database, 24), database, max(options.rounds // 5, 1)),
    ]
    for case in cases:
        print(
            f"{case['case']}: one core {case['one_worker_s']:.3f} s, {CORES} cores {case['all_workers_s']:.3f} s, "
            f"ratio {case['ratio']:.2f} ({case['ratio_lowest']:.2f} to {case['ratio_highest']:.2f}); "
            f"pyhmmer.jackhmmer(cpus={CORES}) {case['pyhmmer_dispatch_s']:.3f} s; "
            f"{case['n_with_hits']} of {case['n_queries']} have hits; other programs took {case['others_share']:.0%} "
            "of the cores"
        )
    met = cases[0]["ratio"] >= TARGET_RATIO
    print(f"at least {TARGET_RATIO} times one core: {'met' if met else 'missed'}")
    result = {
        "what": f"profiles of {cases[0]['case']} against {len(database)} sequences, {CORES} cores against one",
        "unit": "s",
        "ours": cases[0]["all_workers_s"],
        "one_core": cases[0]["one_worker_s"],
        "ratio": cases[0]["ratio"],
        "met": met,
        "read_database_s": read_s,
        "recipe": asdict(PROTEINNET_RECIPE),
        "golden_rounds": agree,
        "cases": cases,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    raise SystemExit(watched(main))
