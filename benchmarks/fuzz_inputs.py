"""Mutated files of every kind that Levinthal reads back: each must be read, or refused with one typed line.

The kinds: `result.json`, the journal, `plan.json` (as `resume` reads it), points of a study, settings in TOML,
weights and checkpoints (safetensors), transition matrices and outcomes (npz, npy), caches of records and the counts
beside them, frame stores, and records of campaigns. Good files are made on the spot by real runs of the smallest size.
They are broken as bytes (flipped, cut, repeated) and as what they hold: in JSON, TOML and headers any value by one of
another type, NaN, endless numbers, names with NUL, nests 100,000 deep; checksums are then made right again, so that
what lies behind them is reached.

Children are forked from a parent that has everything loaded, fifty inputs each. Anything but a result or a
`LevinthalError` of one line, a process that dies, over 60 s, or over 1 GB of new memory is a failure: its seed is
printed, and `--seed N --count 1` repeats it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz_good import prepare
from fuzz_kinds import KINDS, Kind

MOST_SECONDS, MOST_NEW_MIB, MOST_CHARACTERS = 60.0, 1000, 1000
AT_ONCE = 50


def try_one(kind: Kind, good: Path, folder: Path, seed: int) -> tuple[str, str]:
    """Break a copy of the good files as the seed says and read it; return what became of it, and why it failed."""
    from levinthal.errors import LevinthalError

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder, symlinks=True)
    rng = random.Random(seed)
    kind.mutate(folder, rng)
    try:
        kind.read(folder)
    except LevinthalError as error:
        text = str(error)
        if "\n" in text or len(text) > MOST_CHARACTERS or not text.isprintable():
            return "failed", f"not one short line: {text!r}"
        return "refused", ""
    except SystemExit:
        raise
    except BaseException:
        return "failed", traceback.format_exc(limit=-4)
    return "read", ""


def child(seeds: list[int], good: Path, scratch: Path, pipe: int) -> None:
    """Try inputs one after the other, and say of each on the pipe that it began and what became of it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    for seed in seeds:
        name = list(KINDS)[seed % len(KINDS)]
        os.write(pipe, json.dumps({"began": seed}).encode() + b"\n")
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.alarm(int(2 * MOST_SECONDS))
        outcome, why = try_one(KINDS[name], good / name, scratch / str(os.getpid()), seed)
        signal.alarm(0)
        took = time.perf_counter() - began
        mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        if outcome != "failed" and (took > MOST_SECONDS or mib > MOST_NEW_MIB):
            outcome, why = "failed", f"it took {took:.0f} s and {mib:.0f} MiB"
        said = {"seed": seed, "kind": name, "outcome": outcome, "why": why[-1500:], "s": took, "mib": mib}
        os.write(pipe, json.dumps(said).encode() + b"\n")


def lines_of(pipe: int, patience_s: float) -> list[dict[str, Any]]:
    """Return what a child said until it ended."""
    data, end_s = b"", time.monotonic() + patience_s
    while select.select([pipe], [], [], max(0.0, end_s - time.monotonic()))[0]:
        if not (block := os.read(pipe, 1 << 16)):
            break
        data += block
    return [json.loads(line) for line in data.split(b"\n")[:-1]]


def try_all(seeds: list[int], good: Path, scratch: Path) -> list[dict[str, Any]]:
    """Try inputs in a forked child, and in another what is left of them when it died."""
    told: list[dict[str, Any]] = []
    while seeds:
        ours, theirs = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(ours)
            try:
                child(seeds, good, scratch, theirs)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(theirs)
        said = lines_of(ours, AT_ONCE * 2 * MOST_SECONDS)
        os.close(ours)
        _, status = os.waitpid(process, 0)
        shutil.rmtree(scratch / str(process), ignore_errors=True)
        told += [each for each in said if "outcome" in each]
        done = sum("outcome" in each for each in said)
        if done < len(seeds):
            name = list(KINDS)[seeds[done] % len(KINDS)]
            why = f"the process died: {os.waitstatus_to_exitcode(status)}"
            told.append({"seed": seeds[done], "kind": name, "outcome": "failed", "why": why, "s": 0.0, "mib": 0.0})
        seeds = seeds[done + 1 :]
    return told


def fuzz(seeds: range, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Read the mutants of all seeds and return what became of them."""
    outcomes: dict[str, Counter[str]] = {name: Counter() for name in KINDS}
    failures, worst_s, worst_mib = [], 0.0, 0.0
    with tempfile.TemporaryDirectory(prefix="levinthal-fuzz-") as name:
        good, scratch = Path(name) / "good", Path(name) / "scratch"
        scratch.mkdir()
        os.environ |= {"XDG_CACHE_HOME": name, "XDG_STATE_HOME": name, "LEVINTHAL_DATA": str(Path(name) / "data")}
        prepare(good, KINDS)
        for kind in KINDS:  # imports and compiles what it needs, once for all children
            shutil.copytree(good / kind, scratch / "warm")
            KINDS[kind].read(scratch / "warm")
            shutil.rmtree(scratch / "warm")
        for start in range(seeds.start, seeds.stop, AT_ONCE):
            for each in try_all(list(range(start, min(start + AT_ONCE, seeds.stop))), good, scratch):
                outcomes[each["kind"]][each["outcome"]] += 1
                worst_s, worst_mib = max(worst_s, each["s"]), max(worst_mib, each["mib"])
                if each["outcome"] == "failed":
                    failures.append(f"seed {each['seed']} ({each['kind']}): {each['why']}")
                    say(failures[-1])
    return {
        "what": "mutated files of every kind that is read back: read, or refused with one typed line",
        "seeds": f"{seeds.start} to {seeds.stop - 1}",
        "inputs": len(seeds),
        "outcomes": {kind: dict(counts) for kind, counts in outcomes.items()},
        "worst_s": round(worst_s, 2),
        "worst_new_mib": round(worst_mib, 1),
        "failures": len(failures),
        "passed": not failures,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="inputs (default 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default 0)")
    options = parser.parse_args()
    result = fuzz(
        range(options.seed, options.seed + options.count), lambda line: print(line, file=sys.stderr, flush=True)
    )
    print(json.dumps(result))
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
