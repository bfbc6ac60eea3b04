"""The documentation as a site: it builds without a warning, holds every page, and every source belongs to a figure."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec

import pytest

from documented import PAGES, ROOT
from levinthal.harness.contract.meanings import meanings_of
from levinthal.harness.contract.registry import WORKLOADS

sys.path.insert(0, str(ROOT / "docs/extensions"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_builds_without_a_warning(tmp_path):
    if find_spec("sphinx") is None:
        pytest.skip("the extra docs is not installed: pip install '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for page in PAGES:
        if ROOT / "docs" in page.parents:
            made = tmp_path / "site" / page.relative_to(ROOT / "docs").with_suffix(".html")
            assert "<article" in made.read_text(), page
    metrics = (tmp_path / "site/science/metrics.html").read_text()
    names = [name for workload in WORKLOADS.names() for name in meanings_of(workload)]
    assert len(names) > 100
    assert all(name in metrics for name in names if "'" not in name and ">" not in name)
    assert "tm_score" in (tmp_path / "site/api/proteins.html").read_text()


def test_every_page_is_reached_from_the_index():
    entries = re.findall(r"^[a-z][\w/-]*$", (ROOT / "docs/index.md").read_text(), re.MULTILINE)
    entries += [
        f"api/{name}" for name in re.findall(r"^[a-z]+$", (ROOT / "docs/api/index.md").read_text(), re.MULTILINE)
    ]
    pages = {str(page.relative_to(ROOT / "docs").with_suffix("")) for page in (ROOT / "docs").rglob("*.md")}
    assert set(entries) == pages - {"index"}


def test_every_source_is_cited_in_full_and_belongs_to_a_figure():
    pytest.importorskip("docutils", reason="the extra docs is not installed: pip install '.[docs]'")
    from metric_tables import numbers_of, read_sources

    figures = [figure for workload in WORKLOADS.names() for figure in meanings_of(workload)]
    sources = read_sources()
    for source in sources:
        assert re.search(r"\((19|20)\d\d\)", source["cite"]), source
        for pattern in source["figures"]:
            assert any(re.search(pattern, figure) for figure in figures), f"{pattern} is in no figure's name"
    assert numbers_of("median TM-score", sources) == [3]
    assert numbers_of("peak memory", sources) == []
