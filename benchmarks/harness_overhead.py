"""What the harness adds to a workload that only sleeps: nothing may be blamed on the work.

Two figures, each in per cent of the sleep. Inside a repeat's process: what the repeat takes beyond its phases (loading
the workload is one). Around it: a whole `levinthal run` of several repeats against as many bare Python processes that
import the same modules and sleep the same time; the difference is the coordinator's.

Run alone: python benchmarks/harness_overhead.py [--seconds 10] [--repeats 3]. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from undisturbed import watched

_PLUGIN = '''
"""A workload that sleeps."""
import time
from typing import ClassVar
from pydantic import Field
from levinthal.harness import Settings

class SleepSettings(Settings):
    seconds: float = Field(default=1.0, description="How long.")

class SleepWorkload:
    """Sleeps in pieces of a tenth of a second."""
    name: ClassVar[str] = "sleep"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = SleepSettings

    def run(self, run, settings):
        pieces = round(settings.seconds * 10)
        with run.phase("sleep", items=pieces, total=pieces) as phase:
            for _ in range(pieces):
                time.sleep(0.1)
                phase.advance()
        run.dataset("none", version="1", sha256=None, synthetic=True)
        run.gate("slept", run.duration_s("sleep"), at_least=settings.seconds)
        run.metric("pieces", pieces / run.duration_s("sleep"), unit="piece/s", better="higher")
'''
_BARE = """import sys, time, levinthal.harness.running.worker, sleep_plugin
[time.sleep(0.1) for _ in range(int(sys.argv[1]))]"""


def _install(folder: Path) -> dict[str, str]:
    """Write the workload where Python finds it, as an installed package would be."""
    (folder / "sleep_plugin.py").write_text(_PLUGIN, encoding="utf-8")
    info = folder / "sleep_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sleep-plugin\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(
        "[levinthal.workloads]\nsleep = sleep_plugin:SleepWorkload\n", encoding="utf-8"
    )
    return {**os.environ, "PYTHONPATH": str(folder)}


def _wall_s(command: list[str], environment: dict[str, str], folder: Path) -> float:
    start_s = time.perf_counter()
    subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each repeat sleeps")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of the run")
    arguments = parser.parse_args()
    seconds, repeats = arguments.seconds, arguments.repeats
    script = "import levinthal, pathlib, sys; levinthal.run('sleep', {'seconds': float(sys.argv[1])}, "
    script += "repeats=int(sys.argv[2]), out=pathlib.Path(sys.argv[3]))"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = _install(folder)
        bare = [sys.executable, "-c", _BARE, str(round(seconds * 10))]
        ours_s = _wall_s([sys.executable, "-c", script, str(seconds), str(repeats), "r"], environment, folder)
        bare_s = [_wall_s(bare, environment, folder) for _ in range(repeats)]
        starts_s = [_wall_s([sys.executable, "-c", _BARE, "0"], environment, folder) for _ in range(5)]
        result = json.loads((folder / "r" / "result.json").read_text(encoding="utf-8"))
    inside = [each["duration_s"] - sum(phase["duration_s"] for phase in each["phases"]) for each in result["repeats"]]
    start_s = statistics.median(starts_s)
    # the coordinator is a Python process too: one start more
    around_s = ours_s - sum(bare_s) - start_s
    cases = [
        {"case": "inside a repeat", "overhead_percent": 100 * statistics.median(inside) / seconds},
        {"case": "around the repeats", "overhead_percent": 100 * around_s / (seconds * repeats)},
    ]
    for case in cases:
        print(f"{case['case']}: {case['overhead_percent']:.3f} % of {seconds:g} s of sleep")
    print(f"start of a process with the same imports: {start_s:.2f} s")
    ours, peer = ours_s - start_s, sum(bare_s)
    document = {
        "what": "wall time of a run that sleeps against bare processes that sleep",
        "unit": "s",
        "ours": ours,
        "peer": peer,
        "ratio": peer / ours,
        "cases": cases,
    }
    print(json.dumps(document))


if __name__ == "__main__":
    raise SystemExit(watched(main))
