"""Results made by hand, and a headless Chromium."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from levinthal.harness import ScalingCase
from levinthal.harness.results.result import (
    Artifact,
    Curve,
    Dataset,
    Gate,
    Metric,
    Phase,
    Repeat,
    Result,
    Samples,
    Summary,
    WorkloadId,
)
from levinthal.harness.results.summary import summarise
from levinthal.harness.study.registry import plan_study

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4"/></svg>'
SPEEDS = (500.0, 510.0, 495.0, 505.0, 498.0, 502.0)


@pytest.fixture
def artifact_in() -> Callable[..., Artifact]:
    """Write a file into a run folder and return its record."""

    def write(folder: Path, path: str = "latent.svg", data: bytes = SVG, caption: str = "Latent space") -> Artifact:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return Artifact(name=file.name, path=path, caption=caption, sha256=hashlib.sha256(data).hexdigest())

    return write


@pytest.fixture
def make_repeat() -> Callable[..., Repeat]:
    """Make one repeat of 10 s: 4 s simulate, 3 s train, of which 2 s overlap with 3 s of a worker, 2 s nothing."""

    def make(index: int = 0, *, passed: bool = True, **changes: object) -> Repeat:
        values: dict[str, object] = {
            "index": index,
            "seed": 41 + index,
            "started_utc": f"2026-01-02T03:0{index % 10}:05+00:00",
            "duration_s": 10.0,
            "device": "cpu",
            "precision": "bf16",
            "phases": (
                Phase(name="simulate", start_s=1.0, duration_s=4.0, items=400, energy_reason="no counter"),
                Phase(name="train", start_s=5.0, duration_s=3.0, items=900, cpu_s=5.4, energy_reason="no counter"),
                Phase(name="write", lane="worker 1", start_s=6.0, duration_s=3.0, energy_reason="main lane"),
            ),
            "metrics": (
                Metric(
                    name="throughput",
                    value=SPEEDS[index % 6] if passed else None,
                    unit="frame/s",
                    better="higher",
                    reason=None if passed else "gate missed: reconstruction",
                ),
                Metric(name="energy", value=None, unit="J", better="lower", reason="no counter is readable"),
                Metric(
                    name="reconstruction",
                    value=0.2 + index * 1e-3 if passed else 0.4,
                    unit="1",
                    better="lower",
                    kind="quality",
                ),
            ),
            "samples": (Samples(name="step time", unit="ms", values=tuple(float(n) for n in range(1, 101))),),
            "curves": (
                Curve(
                    name="loss",
                    labels={"split": "train"},
                    x=(0.0, 10.0, 20.0),
                    y=(0.9, 0.5, 0.3),
                    x_name="step",
                    x_unit="1",
                    unit="bit",
                ),
            ),
            "gates": (Gate(name="reconstruction", value=0.2 if passed else 0.4, at_most=0.35, passed=passed),),
            "verdict": "passed" if passed else "failed",
        }
        return Repeat.model_validate(values | changes)

    return make


@pytest.fixture
def make_result(make_repeat: Callable[..., Repeat]) -> Callable[..., Result]:
    """Make a result of `n` repeats, of which those in `failed` missed their gate."""

    def make(
        n: int = 6, *, failed: tuple[int, ...] = (), repeats: tuple[Repeat, ...] | None = None, **changes: object
    ) -> Result:
        runs = repeats if repeats is not None else tuple(make_repeat(i, passed=i not in failed) for i in range(n))
        good = sum(run.verdict == "passed" for run in runs)
        interval = (495.0, 510.0) if good >= 6 else None
        reason = None if interval else "too few repeats for an interval"
        values: dict[str, object] = {
            "schema": 2,
            "workload": WorkloadId(name="cvae", version=3),
            "dataset": Dataset(name="fs-peptide", version="1", sha256="ab" * 32, synthetic=True),
            "size": "tiny",
            "division": "closed",
            "settings": {"learning_rate": 1e-3, "filters": 64},
            "machine": {"cpu": {"model": "Testchip 9", "cores": 2}, "memory": {"total_bytes": 8 * 2**30}, "gpus": []},
            "software": {"python": "3.11.7"},
            "repeats": runs,
            "summary": (
                Summary(
                    name="throughput",
                    unit="frame/s",
                    better="higher",
                    n=good,
                    median=501.0 if good else None,
                    ci95=interval,
                    reason=reason,
                ),
                Summary(
                    name="energy",
                    unit="J",
                    better="lower",
                    n=0,
                    median=None,
                    ci95=None,
                    reason="no counter is readable",
                ),
                Summary(
                    name="reconstruction",
                    unit="1",
                    better="lower",
                    kind="quality",
                    n=good,
                    median=0.2025 if good else None,
                    ci95=None,
                    reason="too few repeats",
                ),
            ),
            "verdict": "passed" if good == len(runs) else "failed",
        }
        return Result.model_validate(values | changes)

    return make


FIGURES = (
    "time per epoch", "training", "speed-up", "parallel efficiency", "share of communication", "share of data loading",
    "share of compute",
)  # fmt: skip


@pytest.fixture
def study(make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]) -> Result:
    """Three repeats of a study whose efficiency is 0.9 for each doubling; the largest point of panel B failed."""
    cases = {"22x22": ScalingCase({}, (256, 2048)), "106x106": ScalingCase({}, (32,))}
    trains = SimpleNamespace(name="cvae", scaling_cases=cases, item="frame", prepare_training=print, trainer=print)
    plan = plan_study("scaling", trains, {"world_sizes": "1,2,4"})
    repeats = []
    for index in range(3):
        metrics = []
        for point in plan.points():
            n_ranks = int(point["ranks"])
            lost = (point["case"], n_ranks) == ("106x106", 4)
            efficiency = {1: 1.0, 2: 0.9, 4: 0.81}[n_ranks] * (1 + 0.01 * (index - 1) * (n_ranks > 1))
            epoch_s = 100.0 / n_ranks / efficiency
            values = (epoch_s, 65536 / epoch_s, efficiency * n_ranks, efficiency, 0.05, 0.01, 0.94)
            for figure, value in zip(FIGURES, values, strict=True):
                metrics.append(
                    Metric(
                        name=figure,
                        labels=point,
                        value=None if lost else value,
                        unit={"time per epoch": "s", "training": "frame/s"}.get(figure, "1"),
                        better="lower" if figure == "time per epoch" else "higher",
                        reason="its ranks ended with status -9" if lost else None,
                    )
                )
        repeats.append(make_repeat(index, metrics=tuple(metrics)))
    return make_result(repeats=tuple(repeats), study=plan, summary=summarise(repeats))


@pytest.fixture
def chromium(tmp_path: Path) -> Callable[..., str]:
    """Return a function that loads a file in headless Chromium and returns the document as it then is."""
    program = next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )
    if program is None:
        pytest.skip("no Chromium on this machine (Debian package chromium)")
    calls = 0

    def load(page: Path, *more: str, width: int = 1280, height: int = 1800) -> str:
        nonlocal calls
        calls += 1
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-sync",
            "--disable-background-networking",
            "--disable-component-update",
            "--virtual-time-budget=4000",
            f"--user-data-dir={tmp_path / f'profile-{calls}'}",
            f"--window-size={width},{height}",
        ]
        done = subprocess.run(
            [program, *flags, *(more or ["--dump-dom"]), page.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    return load


@pytest.fixture
def evaluated(chromium: Callable[..., str]) -> Callable[[Path, str, str, int], str]:
    """Return a function that evaluates an expression in a copy of a page without its policy, in a window of a width."""

    def evaluate(page: Path, policy: str, expression: str, width: int = 1280) -> str:
        source = page.read_text(encoding="utf-8")
        assert policy.replace("'", "&#39;") in source
        script = f"<script>addEventListener('load', () => parent.postMessage(String({expression}), '*'))</script>"
        copy = source.replace("http-equiv", "data-none", 1).replace("</body>", f"{script}</body>")
        (page.parent / "copy.html").write_text(copy, encoding="utf-8")
        frame = page.parent / "frame.html"
        # A window of headless Chromium is never narrower than 500 px, a frame can be.
        frame.write_text(
            "<!doctype html><script>addEventListener('message', e => document.title = 'found: ' + e.data)</script>"
            f"<iframe src='copy.html' style='width:{width}px;height:2000px;border:0'></iframe>"
        )
        title = chromium(frame).partition("<title>")[2].partition("</title>")[0]
        assert title.startswith("found: ")
        return title.removeprefix("found: ")

    return evaluate
