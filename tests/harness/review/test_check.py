"""`levinthal check`: an honest result breaks no rule, each kind of tampering breaks the rule it should."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """Run the probe workload once, in a process of its own, and return its folder."""
    import subprocess
    import sys

    from probes import probe_environment

    folder = tmp_path_factory.mktemp("check")
    subprocess.run(
        [sys.executable, "-m", "levinthal", "run", "probe", "--repeats", "2", "--out", "r"],
        cwd=folder,
        env=probe_environment(),
        check=True,
        capture_output=True,
    )
    return folder / "r"


def broken(levinthal, folder) -> str:
    done = levinthal("check", folder)
    assert done.returncode == (0 if "no rule is broken" in done.stdout else 1), done.stderr
    return done.stdout


def test_an_honest_result_breaks_no_rule(levinthal, honest):
    assert "no rule is broken" in broken(levinthal, honest)


def edit(document, *path_and_value):
    *path, key, value = path_and_value
    for part in path:
        document = document[part]
    if value is None:
        del document[key]
    else:
        document[key] = value


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("verdict", "failed"), "verdict follows gates"),
        (("summary", 0, "median", 1e9), "summary follows repeats"),
        (("repeats", 0, "gates", []), "gate before speed"),
        (("repeats", 0, "phases", []), "phases are consistent"),
        (("repeats", 0, "duration_s", 0.001), "phases are consistent"),
        (("repeats", 1, "seed", 0), "repeats are distinct"),
        (("repeats", 1, "index", 5), "repeats are distinct"),
        (("repeats", 0, "dataset", "sha256", None), "data are named"),
        (("machine", "cpu", "model", None), "machine is described"),
        (("software", "code_sha256", None), "machine is described"),
        (("machine", "threads", "variables", {"TOKEN": "x"}), "nothing private is kept"),
        (("size", "paper"), "enough repeats"),
        (("settings", "seconds", 5.0), "division follows settings"),
        (("settings", "unknown", 5.0), "division follows settings"),
        (("repeats", 0, "artifacts", 0, "sha256", "0" * 64), "artifacts are whole"),
        (("repeats", 0, "artifacts", 0, "path", "../../outside.svg"), "artifacts are whole"),
        (("repeats", 0, "artifacts", 0, "path", "repeats/000/none.svg"), "artifacts are whole"),
        (("repeats", 0, "metrics", 0, "value", 1e9), "journal agrees"),
    ],
)
def test_each_kind_of_tampering_is_named(levinthal, honest, tmp_path, change, rule):
    import shutil

    shutil.copytree(honest, tmp_path / "r")
    path = tmp_path / "r/result.json"
    document = json.loads(path.read_text())
    edit(document, *change)
    path.write_text(json.dumps(document))
    said = broken(levinthal, tmp_path / "r")
    assert rule in said
    assert "rule(s) broken" in said


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ([("repeat_start", 1)], "repeat 1 was started twice"),
        ([("note", 1)], "repeat 1 went on after its end"),
        ([("repeat_stop", 0)], "repeat 0 was stopped twice"),
        ([("repeat_start", 7), ("run_resumed", None), ("repeat_start", 7), ("repeat_stop", 7)], ""),
    ],
)
def test_a_second_writer_is_named(levinthal, honest, tmp_path, added, says):
    import shutil

    shutil.copytree(honest, tmp_path / "r")
    with (tmp_path / "r/events.jsonl").open("a") as journal:
        for event, repeat in added:
            of = {} if repeat is None else {"repeat": repeat}
            journal.write(json.dumps({"time_s": 1.0, "event": event, **of}) + "\n")
    said = broken(levinthal, tmp_path / "r")
    assert ("one writer" in said) == bool(says)
    assert says in said


@pytest.mark.parametrize("path", [("machine", "environment"), ("machine", "cpu", "hostname"), ("software", "user")])
def test_a_key_that_no_machine_has_is_refused(levinthal, honest, tmp_path, path):
    document = json.loads((honest / "result.json").read_text())
    edit(document, *path, "secret")
    (tmp_path / "result.json").write_text(json.dumps(document))
    done = levinthal("check", tmp_path)
    assert done.returncode == 2
    assert f"{'.'.join(path)}: Extra inputs are not permitted" in done.stderr


def test_a_workload_that_keeps_the_contract_passes(levinthal):
    done = levinthal("check", "--workload", "probe")
    assert done.returncode == 0, done.stdout
    assert "no rule is broken" in done.stdout


def test_a_new_plugin_runs_and_passes_its_check(levinthal, tmp_path):
    import subprocess
    import sys

    assert levinthal("new", "line_fit").returncode == 0
    package = tmp_path / "levinthal-line-fit"
    assert "entry-points" in (package / "pyproject.toml").read_text()
    again = levinthal("new", "line_fit")
    assert again.returncode == 2
    assert "exists already" in again.stderr

    # Installed without a network: what pip would write, by hand.
    site = tmp_path / "site"
    info = site / "levinthal_line_fit-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: levinthal-line-fit\nVersion: 0.1.0\n")
    points = "[levinthal.workloads]\nline_fit = levinthal_line_fit:LineFitWorkload\n"
    assert points.splitlines()[1] in (package / "pyproject.toml").read_text().replace('"', "")
    (info / "entry_points.txt").write_text(points)
    import os

    environment = {**os.environ, "PYTHONPATH": f"{site}:{package / 'src'}:{os.environ.get('PYTHONPATH', '')}"}
    for arguments in (["check", "--workload", "line_fit"], ["run", "line_fit", "--out", "r"]):
        done = subprocess.run(
            [sys.executable, "-m", "levinthal", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "r/result.json").read_text())
    assert next(each for each in result["summary"] if each["name"] == "throughput")["median"] > 0
