"""Whether a plan returns what the loop does: sampling at one and two workers, planned from its own measured times.

Each run's record gives the times of its stages; the plan draws among them and must return the makespan of that run
within 5 %, on the median over the seeds of the draws. Beside that, without a limit, what the times of one worker say of
two. Ends with status 1 where a plan is further off. It measures time: run it alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from undisturbed import watched

from levinthal.harness import StageTimes
from levinthal.harness.contract.settings import make_settings
from levinthal.planning.loop import LoopPlan, run_loop
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.record.times import PLANNED_SETTINGS, fullest_record, makespan_s, measured_times
from levinthal.workloads.sampling.workload import SamplingWorkload

LIMIT, DRAWS = 0.05, 9


def campaign(folder: Path, workers: int, steps: int, seed: int) -> CampaignRecord:
    """Sample by a policy with a model that is trained beside the workers."""
    settings = {
        "system": "three-helix-bundle",
        "policy": "dbscan",
        "replicas": 1,
        "exact_replicas": 0,
        "spread": "all",
        "steps": steps,
        "walkers": 4,
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, "-m", "levinthal", "run", "sampling", "--engine", f"local:{workers}", "--device", "cpu"]
    command += ["--seed", str(seed), "--precision", "fp32", *words, "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # so short a campaign may miss a gate
        sys.exit(done.stderr)
    return fullest_record(folder)


def planned_s(times: StageTimes, record: CampaignRecord, workers: int) -> float:
    """Return the median makespan of the plan of a record's size."""
    walkers = record.header.n_walkers
    plans = (LoopPlan(walkers, workers, 1, len(record.chunks) // walkers, seed) for seed in range(DRAWS))
    return statistics.median(run_loop(times, plan).makespan_s for plan in plans)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="1,2", help="numbers of workers")
    parser.add_argument("--steps", type=int, default=240_000, help="of a campaign, all walkers together")
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    defaults = SamplingWorkload.Settings()
    rules = {key: getattr(defaults, key) for key in PLANNED_SETTINGS}
    rows, first = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(asked.repeats):
            for workers in map(int, asked.workers.split(",")):
                record = campaign(Path(folder) / f"{workers}-{seed}", workers, asked.steps, seed)
                times = make_settings(StageTimes, "tiny", {**measured_times(record), **rules})
                first.setdefault(seed, times)
                row = {
                    "workers": workers, "seed": seed, "measured_s": makespan_s(record),
                    "planned_s": planned_s(times, record, workers),
                    "planned_from_the_first_s": planned_s(first[seed], record, workers),
                }  # fmt: skip
                row["error"] = row["planned_s"] / row["measured_s"] - 1
                row["error_from_the_first"] = row["planned_from_the_first_s"] / row["measured_s"] - 1
                rows.append(row)
                print(
                    f"{workers} workers, seed {seed}: measured {row['measured_s']:.2f} s, planned "
                    f"{row['planned_s']:.2f} s ({100 * row['error']:+.1f} %), from the times of "
                    f"{asked.workers.split(',')[0]} {row['planned_from_the_first_s']:.2f} s "
                    f"({100 * row['error_from_the_first']:+.1f} %)",
                    flush=True,
                )
    measured, planned = (statistics.median(row[key] for row in rows) for key in ("measured_s", "planned_s"))
    what = "makespan of a campaign, planned over measured"
    summary = {"ours": planned, "peer": measured, "ratio": planned / measured, "unit": "s", "what": what}
    print(json.dumps({**summary, "cases": rows}))
    return int(any(abs(row["error"]) > LIMIT for row in rows))


if __name__ == "__main__":
    raise SystemExit(watched(main))
