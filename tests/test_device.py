"""`benchmarks/device.py`: its comparison, itself on a CPU, and, where there is a GPU, on that."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "device.py"


def script():
    spec = importlib.util.spec_from_file_location("device_benchmark", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(*words):
    return subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)


def test_another_verdict_or_a_figure_far_off_is_a_difference():
    compare = script().differences
    cpu = {
        "verdict": "passed",
        "missed": [],
        "quality": {"score": 1.0, "mean dRMSD (predictor network)": 3.0, "aside": 1.0},
    }
    names = {"score", "mean dRMSD"}
    assert compare(cpu, cpu, names) == []
    near = {**cpu, "quality": {"score": 1.2, "mean dRMSD (predictor network)": 2.5, "aside": 99.0}}
    assert compare(near, cpu, names) == []
    far = {**cpu, "quality": {"score": 2.5, "mean dRMSD (predictor network)": None, "aside": 1.0}}
    assert len(compare(far, cpu, names)) == 2
    failed = {**cpu, "verdict": "failed", "missed": ["held-out loss"]}
    assert "held-out loss" in compare(failed, cpu, names)[0]


@pytest.mark.timeout(900)
@pytest.mark.slow
def test_the_cpu_agrees_with_itself():
    done = run("--device", "cpu", "--size", "smoke", "--workloads", "docking")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["agrees"]
    assert {case["device"]["device"] for case in report["cases"].values()} == {"cpu"}
    assert report["studies"]["transfer"]["verdict"] == "passed"


@pytest.mark.gpu
@pytest.mark.slow
def test_a_gpu_agrees_with_the_cpu():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    done = run("--device", "cuda")
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["agrees"], [case["differences"] for case in report["cases"].values()]
    assert report["seconds"] < 600
    assert {case["device"]["device"].partition(":")[0] for case in report["cases"].values()} == {"cuda"}
    assert report["studies"]["transfer"]["verdict"] == "passed"
