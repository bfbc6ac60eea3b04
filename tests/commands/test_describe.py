"""What the command line says of itself and of workloads: describe, lists for programs, help."""

from __future__ import annotations

import json

import pytest

from levinthal.commands.sources import written_in
from levinthal.harness.contract.meanings import meanings_of
from levinthal.harness.contract.registry import WORKLOADS, load_workload

BUILT_IN = ["cvae", "discovery", "docking", "potential", "rgn", "sampling"]


def test_a_workload_is_described_with_settings_and_meanings(levinthal):
    done = levinthal("describe", "docking")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.startswith(load_workload("docking").__doc__.split()[0])
    assert text.index("\nsearches  (whole number)") < text.index("\nWhat it measures:")
    for name, meaning in meanings_of("docking").items():
        assert f"\n  {name}: {meaning.split()[0]}" in text


def test_a_plug_in_without_meanings_says_so(levinthal):
    assert "probe does not say what its figures mean." in levinthal("describe", "probe").stdout
    assert "unknown: did you mean probe?" in levinthal("describe", "prob").stderr


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_meaning_is_one_sentence(name):
    meanings = meanings_of(name)
    assert len(meanings) > 10
    for figure, sentence in meanings.items():
        assert sentence.endswith("."), figure
        assert ". " not in sentence.replace("e.g. ", ""), figure
        assert 25 < len(sentence) < 260, figure


def test_no_meanings_where_a_workload_is_not_installed_or_its_file_is_broken(monkeypatch, tmp_path):
    assert meanings_of("no such workload") == {}
    monkeypatch.setattr("levinthal.harness.contract.meanings.files", lambda _: tmp_path)
    assert meanings_of("cvae") == {}
    for text in ("no toml =", "[other]\n", "meanings = 3\n"):
        (tmp_path / "meanings.toml").write_text(text)
        assert meanings_of("cvae") == {}
    (tmp_path / "meanings.toml").write_text('[meanings]\na = "A sentence."\nb = 3\n')
    assert meanings_of("cvae") == {"a": "A sentence."}


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_read_from_the_source_is_what_the_class_says(name):
    point = WORKLOADS.plug_ins()[name]
    workload = load_workload(name)
    assert written_in(point.module, point.attr) == (workload.version, workload.__doc__.splitlines()[0])


def test_what_the_source_does_not_say_is_left_to_the_class(tmp_path, monkeypatch):
    (tmp_path / "odd_plug_in.py").write_text('class A:\n    """One.\n\n    Two."""\n    version = 1 + 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    assert written_in("odd_plug_in", "A") == (None, "One.")
    assert written_in("odd_plug_in", "B") == (None, "")
    assert written_in("no_such_module_at_all", "B") == (None, "")


@pytest.mark.parametrize("what", ["workloads", "engines", "studies"])
def test_lists_are_for_programs_too(levinthal, what):
    shown, found = levinthal("list", what).stdout, json.loads(levinthal("list", what, "--json").stdout)
    assert found
    for each in found:
        assert (each.get("name") or each["usage"]) in shown
        assert each["about"] in shown


def test_help_shows_a_workload_s_settings_and_keeps_its_brackets(levinthal):
    text = levinthal("run", "--help").stdout
    assert "[results/<workload>-<UTC time>]" in " ".join(text.split())
    assert "its settings follow here" in text
    text = levinthal("run", "probe", "--help").stdout
    assert "seconds  (number)  = 0 (smoke)" in text
    assert text.index("--repeats") < text.index("seconds  (number)")


def test_help_of_all_commands_fits_on_a_line_each(levinthal):
    lines = levinthal("--help").stdout.splitlines()
    commands = lines[lines.index("Commands:") + 1 :]
    assert len(commands) > 10
    assert not [line for line in commands if line.endswith("...")]
