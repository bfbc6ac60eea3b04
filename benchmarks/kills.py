"""Kill runs of every workload, and of `scale`, at random moments, and look whether anything is lost.

A run is started and killed several times: its coordinator (a third of all kills come within the first second of a
worker), or another of its processes, whichever it is (the repeat's own, its guard, a pool's worker, a rank). A run
whose coordinator was killed is resumed at once. Five seconds after a coordinator's death none of its processes may
live. In the end every repeat must be what the same repeat of an uninterrupted run is, gate by gate, or its record must
say that its process was killed; `levinthal check` must find no second writer; and no record that a kill left may have
changed.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from levinthal.errors import LevinthalError
from levinthal.harness.results.result import Repeat
from levinthal.harness.results.store import load_result

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from survivors import Mark

PATIENCE_S = 5.0
KILLS_A_RUN = 6
_TRIES = 5
FIRST, LATER, WORKER = "coordinator, first second of a worker", "coordinator, any moment", "worker"

_EXACT = ("--set", "deterministic=true")
CASES = {
    "cvae": ("run", "cvae", "--size", "smoke", "--engine", "local:2", *_EXACT,
             "--set", "epochs=3", "--set", "batch_size=16", "--set", "checkpoint_interval=1"),
    "rgn": ("run", "rgn", "--size", "smoke", *_EXACT, "--set", "steps=30",
            "--set", "target_lengths=30", "--set", "checkpoint_interval=2"),
    "sampling": ("run", "sampling", "--size", "smoke", "--repeats", "2", "--engine", "local:2", *_EXACT,
                 "--set", "system=mueller-brown", "--set", "exact_replicas=3"),
    "docking": ("run", "docking", "--size", "smoke", "--set", "training_steps=30",
                "--set", "checkpoint_interval=2"),
    "potential": ("run", "potential", "--size", "smoke", "--set", "teacher=mmff", "--set", "rounds=2"),
    "discovery": ("run", "discovery", "--size", "smoke", "--engine", "local:2"),
    "scale": ("scale", "rgn", "--size", "smoke", "--world-sizes", "1,2", "--batch-sizes", "8", "--seconds", "0.1"),
}  # fmt: skip
# Of a process that was killed, in the words of the record that tells it.
TOLD = (
    "was killed by SIG",
    "a worker process died",
    "workers died",
    "training died",
    "ranks ended",
    "ranks failed",
    "terminated abruptly",
    "its guard",
)


@dataclass
class Tally:
    """What was done and found."""

    kills: Counter[str] = field(default_factory=Counter)
    survivors: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    repeats: int = 0
    told: int = 0
    runs: int = 0


class Killed:
    """One run that is killed and resumed until it has had enough."""

    def __init__(self, case: str, folder: Path, tally: Tally, draw: random.Random, lasts_s: float) -> None:
        self.case, self.folder, self.tally, self.draw, self.lasts_s = case, folder, tally, draw, lasts_s
        self.mark = Mark()
        self.coordinator: subprocess.Popen[bytes] | None = None
        self.records: dict[Path, bytes] = {}

    def begin(self) -> None:
        """Start the run, or resume it."""
        begun = (self.folder / "plan.json").exists()
        arguments = ("resume", str(self.folder)) if begun else (*CASES[self.case], "--out", str(self.folder))
        self.coordinator = start(arguments, self.mark, self.folder.with_suffix(".log"))

    def kill(self, kind: str) -> bool:
        """Kill once, as that kind of kill is; return whether there was something to kill."""
        if self.coordinator is None:
            self.begin()
        coordinator = self.coordinator
        assert coordinator is not None
        if kind == FIRST:
            if not wait_for_worker(coordinator):
                return False
            time.sleep(self.draw.random())
        else:
            time.sleep(self.draw.uniform(0.0, 0.8 * self.lasts_s))
        victims = [each for each in self.mark.living() if each.pid != coordinator.pid]
        if coordinator.poll() is not None or (kind == WORKER and not victims):
            return False
        if kind == WORKER:
            with contextlib.suppress(psutil.Error):
                self.draw.choice(victims).kill()
                self.tally.kills[kind] += 1
            return True
        coordinator.kill()
        coordinator.wait()
        self.coordinator = None
        self.tally.kills[kind] += 1
        left = self.mark.left_after(PATIENCE_S)
        self.tally.survivors += [f"{self.case}: {' '.join(each)[:200]}" for each in left]
        self.mark.end()
        self._look_at_records()
        return True

    def _look_at_records(self) -> None:
        """See that what was on record still is."""
        for path, content in self.records.items():
            if not path.exists() or path.read_bytes() != content:
                self.tally.lost.append(f"{self.case}: {path} is gone, or another")
        self.records = {path: path.read_bytes() for path in self.folder.glob("repeats/*/repeat.json")}
        self.records |= {path: path.read_bytes() for path in self.folder.glob("points/*-*-ranks?.json")}

    def finish(self, whole: dict[int, Repeat]) -> None:
        """Let the run end, and hold it against an uninterrupted one."""
        for _ in range(2):  # it may just have ended by itself
            if self.coordinator is None:
                self.begin()
            assert self.coordinator is not None
            try:
                self.coordinator.wait(300)
            except subprocess.TimeoutExpired:
                self.coordinator.kill()
                self.tally.lost.append(f"{self.case}: {self.folder} does not end")
            self.coordinator = None
            if (self.folder / "result.json").exists():
                break
        self.tally.runs += 1
        left = self.mark.left_after(PATIENCE_S)
        self.tally.survivors += [f"{self.case}: {' '.join(each)[:200]}" for each in left]
        self.mark.end()
        self._look_at_records()
        self.tally.lost += [f"{self.case}, {self.folder.name}: {what}" for what in self._faults(whole)]

    def _faults(self, whole: dict[int, Repeat]) -> Iterator[str]:
        try:
            result = load_result(self.folder)
        except LevinthalError as error:
            yield str(error)
            return
        found = {repeat.index: repeat for repeat in result.repeats}
        if set(found) != set(whole):
            yield f"the repeats are {sorted(found)}"
            return
        for index, repeat in found.items():
            self.tally.repeats += 1
            said = [*([repeat.error] if repeat.error else []), *repeat.notes]
            if any(words in each for each in said for words in TOLD):
                self.tally.told += 1
            elif (mine := gates(self.case, repeat)) != (theirs := gates(self.case, whole[index])):
                yield f"repeat {index}: {repeat.error or mine} instead of {theirs}"
        checked = levinthal("check", str(self.folder))
        if "one writer" in checked.stdout or checked.returncode == 2:
            yield (checked.stdout + checked.stderr).strip()


def gates(case: str, repeat: Repeat) -> list[object]:
    """Return the gates of a repeat: to the last bit, but for `scale`, which measures time, and for `potential`.

    Its training has no deterministic mode: two runs without a kill differ in the eighth digit.
    """
    digits = {"scale": 0, "potential": 5}.get(case, 17)
    found = [(gate.key, gate.passed, f"{gate.value:.{digits}g}" if digits else "") for gate in repeat.gates]
    return sorted(found, key=str)


def environment(mark: Mark | None = None) -> dict[str, str]:
    return {**os.environ, **(mark.environment if mark is not None else {})}


def levinthal(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "levinthal", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment())


def start(arguments: tuple[str, ...], mark: Mark, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        command = [sys.executable, "-m", "levinthal", *arguments]
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment(mark))


def wait_for_worker(coordinator: subprocess.Popen[bytes]) -> bool:
    """Wait until a coordinator has started a worker; return whether it did."""
    process = psutil.Process(coordinator.pid)
    began = time.time()
    with contextlib.suppress(psutil.Error):
        known = {each.pid for each in process.children() if each.create_time() < began - 1.0}
        while coordinator.poll() is None:
            for child in process.children():
                if child.pid not in known and "running.worker" in " ".join(child.cmdline()):
                    return True
            time.sleep(0.005)
    return False


def uninterrupted(case: str, folder: Path) -> tuple[dict[int, Repeat], float]:
    """Run a case without a kill; return its repeats, and how long it took."""
    began = time.monotonic()
    done = levinthal(*CASES[case], "--out", str(folder))
    lasted_s = time.monotonic() - began
    try:
        return {repeat.index: repeat for repeat in load_result(folder).repeats}, lasted_s
    except LevinthalError:
        raise SystemExit(f"{case} does not run: {done.stderr}") from None


def kill_all(cases: list[str], n_kills: int, temporary: Path, draw: random.Random, tally: Tally) -> dict[str, float]:
    """Spread the kills over the cases: a third each of coordinators early, coordinators at any moment, and workers."""
    lasts: dict[str, float] = {}
    for position, case in enumerate(cases):
        whole, lasts[case] = uninterrupted(case, temporary / f"{case}-whole")
        share = len(range(position, n_kills, len(cases)))
        workers = share // 3
        numbers = itertools.count()
        for kinds, wanted in (((FIRST, LATER), share - workers), ((WORKER,), workers)):
            turn, tries, left = itertools.cycle(kinds), 0, wanted
            while left and tries < _TRIES * share:
                run = Killed(case, temporary / f"{case}-{next(numbers)}", tally, draw, lasts[case])
                for _ in range(min(left, KILLS_A_RUN)):
                    tries += 1
                    if not run.kill(next(turn)):
                        break  # it had ended
                    left -= 1
                run.finish(whole)
                faults = len(tally.survivors) + len(tally.lost)
                told = f"{tally.runs} runs, {sum(tally.kills.values())} kills, {faults} faults"
                print(f"{case}: {told}", file=sys.stderr, flush=True)
    return lasts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="how many, spread over the cases (default 200)")
    parser.add_argument("--cases", default=",".join(CASES), help=f"of {', '.join(CASES)} (default all)")
    parser.add_argument("--folder", type=Path, help="where the runs lie, and stay (default a temporary one)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    options = parser.parse_args()
    tally, began = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        lasts = kill_all(options.cases.split(","), options.kills, folder, random.Random(options.seed), tally)
    for fault in (*tally.survivors, *tally.lost):
        print(f"FAULT {fault}", file=sys.stderr)
    found = {
        "what": "kills survived", "kills": dict(tally.kills), "runs": tally.runs, "repeats": tally.repeats,
        "repeats_told_as_killed": tally.told, "alive_after_5_s": len(tally.survivors), "lost": len(tally.lost),
        "uninterrupted_s": {case: round(each, 1) for case, each in lasts.items()},
        "wall_s": round(time.monotonic() - began),
    }  # fmt: skip
    print(json.dumps(found))
    sys.exit(1 if tally.survivors or tally.lost else 0)


if __name__ == "__main__":
    main()
