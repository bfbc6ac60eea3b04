"""Documentation says what is so: each block is carried out or parsed, each command line held to the parser."""

from __future__ import annotations

import ast
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from documented import PAGES, ROOT, Line, Shown, command_lines, commands, inline_lines, shown
from levinthal.errors import LevinthalError
from levinthal.harness.engines.open import ENGINES
from levinthal.harness.study.registry import STUDIES as STUDY_KINDS
from shown_commands import check_command, home_of_its_own, option_names, setting_names

LANGUAGES = {"python", "bash", "toml", "text", "{toctree}", "{eval-rst}", "{sources}"}
GROUPS = {
    "levinthal.workloads", "levinthal.policies", "levinthal.learners", "levinthal.systems", "levinthal.routes",
    "levinthal.docking_searches", "levinthal.teachers", "levinthal.students", ENGINES.group, STUDY_KINDS.group,
}  # fmt: skip


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    """A folder of its own to be in, with the examples that command lines name."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for name, value in home_of_its_own(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


def by_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_command_line_is_one_that_is_accepted(page, somewhere):
    for number, line in enumerate([*command_lines(page), *inline_lines(page)]):
        folder = somewhere / str(number)
        folder.mkdir()
        check_command(line, folder)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_fence_says_its_language_and_is_of_it(page):
    for each in shown(page):
        if each.language in {"indented", "inline"}:
            continue
        assert each.language in LANGUAGES or each.language.startswith("{figures} "), (
            f"{each}: a fence of {each.language or 'nothing'}"
        )
        if each.language == "python":
            ast.parse(each.text, filename=str(each))
        elif each.language == "toml":
            entry_points = tomllib.loads(each.text).get("project", {}).get("entry-points", {})
            assert set(entry_points) <= GROUPS, each
        elif each.language == "bash":
            done = subprocess.run(["bash", "-n"], input=each.text, text=True, capture_output=True, check=False)
            assert done.returncode == 0, f"{each}: {done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_options_in_sentences_are_there(page):
    for each in shown(page):
        if each.language == "inline" and each.text.startswith("--"):
            words = shlex.split(each.text.replace("|", "/"))
            for k, word in enumerate(words):
                if word.startswith("--"):
                    assert word.partition("=")[0] in option_names(), f"{each}: {each.text}"
                if k and words[k - 1] == "--set" and word != "key=value":
                    assert word.partition("=")[0].partition(".")[0] in setting_names(), f"{each}: {each.text}"


@pytest.mark.parametrize(
    "wrong",
    [
        "levinthal rum cvae",
        "levinthal run cvae --sizes tiny",
        "levinthal run cvae --set laten=3",
        "levinthal run cvae --set latent=three",
        "levinthal run cvea",
        "levinthal run sampling --set policies=plain,dbscam",
        "levinthal run cvae --engine locl:3",
        "levinthal sweep cvae --over batch_sise=1,2",
        "levinthal study rooflines cvae --option thread=1",
        "levinthal scale discovery --world-sizes 1,2",
        "levinthal plan sampling --set chunks_s=1",
        "levinthal data fetch nothing",
        "levinthal compare r1",
        "levinthal describe nothing",
        "make tests-all",
        "pip install '.[nothing]'",
        "python benchmarks/nothing.py",
        "rm -r results",
    ],
)
def test_a_command_that_would_be_refused_is_found(wrong, somewhere):
    (line,) = commands(Shown(ROOT / "README.md", 1, "indented", wrong))
    with pytest.raises((AssertionError, LevinthalError)):
        check_command(line, somewhere)


def test_commands_are_found_in_all_they_stand_in():
    text = "A=1 levinthal run cvae; levinthal list | head   # a comment\nlevinthal \\\n  doctor\n"
    found = [each.words for each in commands(Shown(ROOT / "README.md", 1, "indented", text))]
    assert found == [("levinthal", "run", "cvae"), ("levinthal", "list"), ("head",), ("levinthal", "doctor")]
    lines: list[Line] = [line for page in PAGES for line in command_lines(page)]
    assert len([line for line in lines if line.words[0] == "levinthal"]) > 50
