"""What a visitor of the project finds beside the code: addresses that agree, forms that are forms."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from documented import ROOT

FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_addresses_and_version_are_those_of_the_citation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (project["urls"]["Homepage"], project["urls"]["Repository"]) == (
        citation["url"],
        citation["repository-code"],
    )
    assert (project["version"], project["license"]) == (str(citation["version"]), citation["license"])
    assert all(url.startswith(citation["url"]) for url in project["urls"].values())


@pytest.mark.parametrize("path", [path for path in FORMS if path.stem != "config"], ids=lambda path: path.stem)
def test_a_form_asks_for_what_is_needed(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    asked = [each["id"] for each in form["body"]]
    assert len(set(asked)) == len(asked)
    assert any(each.get("validations", {}).get("required") for each in form["body"])
    assert {each["type"] for each in form["body"]} <= {"textarea", "input", "checkboxes", "dropdown", "markdown"}


def test_there_is_a_form_for_each_kind_and_links_lead_somewhere():
    assert {path.stem for path in FORMS} == {"bug", "science", "new_workload", "config"}
    for link in re.findall(r"\]\(([^)#]+)", (ROOT / "SECURITY.md").read_text()):
        assert (ROOT / link).is_file(), link
