"""All of the suite on one device in under ten minutes, held against the CPU: workloads, transfer, and other studies.

On the device and on the CPU every workload is run at the same size from the same seed. What must agree are the figures
of quality, within a tolerance that allows for another order of sums and another trajectory, and the verdicts. Studies
that are installed (transfer, and inference scenarios or precision where there are such commands) are carried out on the
device. Prints one JSON object on its last line; ends with status 1 where the device's results do not agree.

    python benchmarks/device.py --device cuda          # on a machine with a GPU
    python benchmarks/device.py --device cpu --size smoke    # its own test: the CPU against itself
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from levinthal.harness import load_result

TOLERANCE = 0.5
"""Share by which a figure of quality may differ: trajectories and trainings on another device are others."""

WORKLOADS = ("rgn", "cvae", "sampling", "docking")


def levinthal(words: list[str], limit_s: float) -> tuple[int, str]:
    """Return status and what was said last; a run that does not end in time has status 124."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "levinthal", *words], capture_output=True, text=True, check=False, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return 124, f"not done within {limit_s:.0f} s"
    return done.returncode, (done.stderr.strip() or done.stdout.strip())[-400:]


def figures(folder: Path) -> dict[str, Any]:
    """Return verdict, device, and the figures of a run: quality to compare, speed to tell."""
    result = load_result(folder)
    return {
        "verdict": result.verdict,
        "device": result.repeats[0].device,
        "precision": result.repeats[0].precision,
        "seconds": result.repeats[0].duration_s,
        "quality": {str(each): each.median for each in result.summary if each.kind == "quality"},
        "speed": {str(each): each.median for each in result.summary if each.kind == "speed"},
        "missed": [gate.words for repeat in result.repeats for gate in repeat.gates if not gate.passed],
    }


def differences(mine: dict[str, Any], other: dict[str, Any], main: set[str]) -> list[str]:
    """Return what does not agree: the verdict, and main figures of quality that are further apart than is allowed."""
    found = []
    if mine["verdict"] != other["verdict"]:
        found.append(f"verdict {mine['verdict']}, on the CPU {other['verdict']}: {'; '.join(mine['missed'])}")
    for name, value in mine["quality"].items():
        theirs = other["quality"].get(name)
        if name.partition(" (")[0] not in main:
            continue
        if (value is None) != (theirs is None):
            found.append(f"{name}: {value}, on the CPU {theirs}")
        elif value is not None and abs(value - theirs) > TOLERANCE * max(abs(value), abs(theirs)):
            found.append(f"{name}: {value:.4g}, on the CPU {theirs:.4g}")
    return found


def main_names(workload: str) -> set[str]:
    """Return the names of a workload's main figures."""
    from levinthal.harness.contract.registry import load_workload

    declared = getattr(load_workload(workload), "main_figures", ())
    return {each if isinstance(each, str) else each[0] for each in declared}


def compare(workload: str, size: str, device: str, folder: Path, left_s: float) -> dict[str, Any]:
    """Run a workload on the device and on the CPU."""
    found: dict[str, Any] = {}
    for where in (device, "cpu"):
        out = folder / f"{workload}-{'device' if where == device and not found else 'cpu'}"
        words = ["run", workload, "--size", size, "--device", where, "--seed", "1", "--out", str(out)]
        began = time.monotonic()
        status, said = levinthal(words, left_s)
        left_s = max(left_s - (time.monotonic() - began), 1.0)
        key = "device" if not found else "cpu"
        found[key] = figures(out) if status in (0, 1) else {"error": said, "status": status}
    failed = [f"{key}: {found[key]['error']}" for key in ("device", "cpu") if "error" in found[key]]
    found["differences"] = failed or differences(found["device"], found["cpu"], main_names(workload))
    return found


def studies(device: str, folder: Path, left_s: float) -> dict[str, Any]:
    """Carry out the studies that are there; one that is not installed is said so."""
    asked = {
        "transfer": ["transfer", "--frames", "1000", "--seconds", "0.2", "--beads", "28,1024", "--device", device,
                     "--routes", "same-process,shared-memory,gpu-to-host"],
        "infer": ["infer", "cvae", "--scenario", "offline", "--device", device],
        "precision": ["precision", "cvae", "--device", device],
    }  # fmt: skip
    found: dict[str, Any] = {}
    for name, words in asked.items():
        known = subprocess.run(
            [sys.executable, "-m", "levinthal", name, "--help"], capture_output=True, check=False
        ).returncode
        if known:
            found[name] = "not installed"
            continue
        began = time.monotonic()
        status, said = levinthal([*words, "--out", str(folder / name)], left_s)
        left_s = max(left_s - (time.monotonic() - began), 1.0)
        whole = status in (0, 1) and (folder / name / "result.json").exists()
        found[name] = figures(folder / name) if whole else {"error": said, "status": status}
    return found


def hardware(device: str) -> dict[str, Any]:
    """Return what the device is, with its measured peaks."""
    from levinthal.metrics import describe_machine, measure_peaks

    machine = describe_machine()
    return {
        "cpu": machine.cpu.model,
        "gpus": [gpu.name for gpu in machine.gpus],
        "peaks": measure_peaks(device, budget_s=2.0).model_dump(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", default="tiny")
    parser.add_argument("--workloads", default=",".join(WORKLOADS))
    parser.add_argument("--no-studies", action="store_true")
    parser.add_argument("--limit", type=float, default=570.0, help="seconds for all; what does not fit is left out")
    parser.add_argument("--keep", type=Path, help="keep run folders there")
    asked = parser.parse_args()
    began = time.monotonic()

    def left_s() -> float:
        return max(asked.limit - (time.monotonic() - began), 1.0)

    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        cases: dict[str, Any] = {}
        report: dict[str, Any] = {"what": "device against CPU", "device": asked.device, "size": asked.size}
        report["hardware"] = hardware(asked.device)
        for workload in filter(None, asked.workloads.split(",")):
            cases[workload] = compare(workload, asked.size, asked.device, folder, left_s())
            print(f"{workload}: {cases[workload]['differences'] or 'agrees with the CPU'}", flush=True)
        report["cases"] = cases
        report["studies"] = {} if asked.no_studies else studies(asked.device, folder, left_s())
        for name, found in report["studies"].items():
            print(f"{name}: {found if isinstance(found, str) else found.get('verdict', found)}", flush=True)
    report["seconds"] = time.monotonic() - began
    wrong = [each for case in cases.values() for each in case["differences"]]
    report["agrees"] = not wrong
    print(json.dumps(report))
    if wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
