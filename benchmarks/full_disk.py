"""Fill the disk under each workload at many points: nothing may be lost, and `resume` completes every run.

A run folder is put on a small tmpfs, so small that the run fails somewhere: sizes go from what a folder alone takes to
just under what the whole run takes. Then the disk is made larger, and the run resumed. The first command must end with
status 2 and one line; what it had recorded must still be there; `resume` (or, where there was not even a plan, the same
command) must end as an undisturbed run does, with the same gates. Mounting needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENOUGH = 2_000_000_000
PAGE = 4096
RUNS: dict[str, list[str]] = {
    "rgn": ["run", "rgn", "--set", "checkpoint_interval=2"],
    "cvae": ["run", "cvae", "--set", "checkpoint_interval=2", "--precision", "fp32"],
    "sampling": ["run", "sampling", "--set", "policies=plain,random", "--precision", "fp32"],
    "docking": ["run", "docking", "--set", "methods=restarts"],
    "potential": ["run", "potential", "--set", "teacher=mmff"],
    "discovery": ["run", "discovery"],
}


def levinthal(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "levinthal", *words]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, check=False, timeout=900)


@contextlib.contextmanager
def disk(size: int) -> Iterator[Path]:
    """Mount a disk of some bytes and give its folder."""
    with tempfile.TemporaryDirectory(prefix="levinthal-disk-") as name:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", name], check=True)
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)


def used_bytes(folder: Path) -> int:
    blocks = (path.lstat().st_blocks for path in folder.rglob("*"))
    return sum(blocks) * 512


def gates_of(run: Path) -> list[tuple[str, bool]]:
    result = json.loads((run / "result.json").read_text())
    return [(gate["name"], gate["passed"]) for repeat in result["repeats"] for gate in repeat["gates"]]


def records_of(run: Path) -> set[str]:
    """Return what is on record of a run: whole lines of its journal, and names of what is kept."""
    journal = run / "events.jsonl"
    lines = journal.read_text(errors="replace").split("\n")[:-1] if journal.exists() else []
    return {*lines, *(str(path.relative_to(run)) for path in run.glob("repeats/*/kept/**/*") if path.is_file())}


def at_point(words: list[str], size: int, expected: list[tuple[str, bool]]) -> tuple[str, str]:
    """Run on a disk of that size, make room, and resume; return what happened, and what is wrong with it."""
    with disk(size) as folder:
        run = folder / "r"
        first = levinthal(*words, "--out", str(run), folder=folder)
        said = first.stderr.strip().splitlines()[-1:]
        if first.returncode in (0, 1):
            return "it fitted", "" if gates_of(run) == expected else "its gates are others"
        if first.returncode != 2 or "Traceback" in first.stderr or "internal error" in first.stderr:
            return f"status {first.returncode}", f"it did not end in one line: {first.stderr[-800:]}"
        before = records_of(run)
        begun = (run / "plan.json").exists()
        subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(folder)], check=True)
        again = (
            levinthal("resume", str(run), folder=folder)
            if begun
            else levinthal(*words, "--out", str(run), folder=folder)
        )
        what = f"{'resumed' if begun else 'begun again'} after: {' '.join(said)[-160:]}"
        if again.returncode not in (0, 1):
            return what, f"it was not completed: {again.stderr[-800:]}"
        if gates_of(run) != expected:
            return what, f"its gates are {gates_of(run)}"
        if lost := {each for each in before if each.startswith("{")} - records_of(run):
            return what, f"lost from the journal: {sorted(lost)[:3]}"
        return what, ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=36, help="over all workloads (default 36)")
    parser.add_argument("--workloads", default=",".join(RUNS), help="which (default all)")
    options = parser.parse_args()
    chosen = options.workloads.split(",")
    cases: dict[str, Any] = {}
    failures = 0
    for name in chosen:
        words = [*RUNS[name], "--size", "smoke", "--device", "cpu"]
        with disk(ENOUGH) as folder:
            done = levinthal(*words, "--out", "r", folder=folder)
            assert done.returncode in (0, 1), done.stderr
            whole, expected = used_bytes(folder), gates_of(folder / "r")
        n = max(options.points // len(chosen), 1)
        for k in range(n):
            size = max(PAGE * 2, int(whole * (k + 0.5) / n) // PAGE * PAGE)
            what, wrong = at_point(words, size, expected)
            failures += bool(wrong)
            cases[f"{name}, {size:,} of {whole:,} bytes"] = wrong or what
            print(f"{name} {size:>12,} {wrong or what}", file=sys.stderr, flush=True)
    found = {"what": "runs on a full disk, completed after room is made", "unit": "points", "cases": cases}
    print(json.dumps({**found, "points": len(cases), "failures": failures, "passed": not failures}))
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        with disk(1_000_000):
            pass
    except (subprocess.CalledProcessError, OSError):
        print(json.dumps({"what": "runs on a full disk", "skipped": "no disk can be mounted here: it needs root"}))
        raise SystemExit(0) from None
    raise SystemExit(main())
