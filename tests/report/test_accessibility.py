"""The pages before axe-core, every rule of every level of WCAG 2.2 and its best practices, in a real browser."""

from __future__ import annotations

import html
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

pytestmark = pytest.mark.slow

RULES = ("color-contrast-enhanced", "identical-links-same-purpose", "meta-refresh-no-exceptions", "target-size")
"""Those that axe-core leaves out unless they are asked for: level AAA, and what came with WCAG 2.2."""

Findings = list[tuple[str, str]]


@pytest.fixture
def findings(chromium: Callable[..., str]) -> Callable[[Path, int, bool], Findings]:
    """Return a function that gives the rules which a page breaks, each with the first place that does."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-playwright-python, which carries axe-core, is not installed")
    axe = Path(spec.origin).with_name("axe.min.js").read_text(encoding="utf-8").replace("</script>", "<\\/script>")
    options = json.dumps({"rules": {rule: {"enabled": True} for rule in RULES}})

    def find(page: Path, width: int, dark: bool) -> Findings:
        source = page.read_text(encoding="utf-8").replace("http-equiv", "data-none", 1)
        if dark:
            assert "(prefers-color-scheme: dark)" in source
            source = source.replace("(prefers-color-scheme: dark)", "(min-width: 0)")
        body, end, rest = source.rpartition("</body>")
        ask = (
            f"addEventListener('load', () => axe.run(document, {options}).then("
            "found => JSON.stringify(found.violations.map(each => [each.id, each.nodes[0].html.slice(0, 200)])),"
            "error => JSON.stringify([['error', String(error)]])).then(text => parent.postMessage(text, '*')))"
        )
        copy = page.with_name("copy.html")
        copy.write_text(f"{body}<script>{axe}</script><script>{ask}</script>{end}{rest}", encoding="utf-8")
        frame = page.with_name("frame.html")
        frame.write_text(
            "<!doctype html><script>addEventListener('message', e => document.title = 'found: ' + e.data)</script>"
            f"<iframe src='copy.html' style='width:{width}px;height:2000px;border:0'></iframe>",
            encoding="utf-8",
        )
        shown = chromium(frame, "--dump-dom", "--virtual-time-budget=60000")
        title = html.unescape(shown.partition("<title>")[2].partition("</title>")[0])
        assert title.startswith("found: "), title
        return [(rule, place) for rule, place in json.loads(title.removeprefix("found: "))]

    return find


def test_no_page_breaks_a_rule(
    findings: Callable[[Path, int, bool], Findings], levinthal: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    assert levinthal("run", "probe", "--repeats", "2", "--out", "runs/a").returncode == 0
    for name in ("b", "c"):
        done = levinthal("run", "cvae", "--size", "smoke", "--out", f"runs/{name}")
        assert done.returncode == 0, done.stderr
    assert levinthal("report", "runs/a", "runs/b", "runs/c", "--out", "report.html").returncode == 0
    assert levinthal("report", "--leaderboard", "runs", "--out", "leaderboard.html").returncode == 0
    for page in ("report.html", "leaderboard.html"):
        for width in (1280, 390):
            for dark in (False, True):
                assert findings(tmp_path / page, width, dark) == [], (page, width, dark)


def test_a_bad_page_is_found_out(findings: Callable[[Path, int, bool], Findings], tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(
        "<!doctype html><html lang='en'><head><title>bad</title></head><body><main><h1>Bad</h1>"
        "<img src='data:,'><p style='color:#55606b;background:#fff'>grey</p></main></body></html>"
    )
    assert {rule for rule, _ in findings(page, 1280, False)} >= {"image-alt", "color-contrast-enhanced"}
