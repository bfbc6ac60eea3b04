"""The page in a real browser: nothing runs, nothing is loaded, nothing is wider than a phone."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from levinthal.harness.results.result import Artifact, Phase, Repeat, Result
from levinthal.report import write_report
from levinthal.report.page import POLICY

LONG = "a-name-without-any-space-that-a-plugin-author-chose-" * 3
SCRIPTED = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9" onload="ping()">
<script>function ping() {{ fetch("{url}/fetch") }} ping(); parent.document.title = "owned"</script>
<style>@import url("{url}/style"); circle {{ fill: url("{url}/fill#a") }}</style>
<image xlink:href="{url}/image" width="9" height="9"/><foreignObject width="9" height="9"><iframe xmlns="http://www.w3.org/1999/xhtml" src="{url}/frame"/></foreignObject>
<circle cx="4" cy="4" r="4"/></svg>"""  # noqa: E501


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Serve on localhost, and keep the path of every request."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.fixture
def page(
    tmp_path: Path,
    make_result: Callable[..., Result],
    make_repeat: Callable[..., Repeat],
    artifact_in: Callable[..., Artifact],
    listener: tuple[str, list[str]],
    study: Result,
) -> Path:
    """A report with two workloads, long names, a failed repeat, hostile content, and a scaling study."""
    url, _ = listener
    scripted = artifact_in(tmp_path, "scripted.svg", SCRIPTED.format(url=url).encode(), caption="A hostile picture")
    attack = (
        f"<img src='{url}/img' onerror=document.title='owned'><script src='{url}/js'>document.title='owned'</script>"
    )
    phases = (*make_repeat().phases, Phase(name=LONG, lane=LONG, start_s=8.0, duration_s=1.0, energy_reason=attack))
    repeats = (make_repeat(0, phases=phases, artifacts=(scripted,)), *(make_repeat(n) for n in range(1, 5)))
    first = make_result(
        repeats=repeats, settings={LONG: LONG, "attack": attack}, software={"packages": {attack: attack}}
    )
    second = make_result(2, failed=(1,), size=LONG, machine={"cpu": {"model": attack}})
    output = tmp_path / "report.html"
    write_report([(tmp_path, first), (tmp_path, second), (None, study)], output)
    return output


def test_nothing_runs_and_nothing_is_loaded(
    page: Path, chromium: Callable[..., str], listener: tuple[str, list[str]]
) -> None:
    seen = chromium(page)
    assert "<title>3 results · Levinthal report</title>" in seen
    assert listener[1] == []
    for heading in ("At a glance", "Overview", "Gates", "Scaling", "Figures", "Where the time went", "Curves",
                    "Pictures", "Each repeat", "Data", "Machine and software", "Settings",
                    "How to reproduce"):  # fmt: skip
        assert f">{heading}" in seen, heading


def test_the_listener_would_have_heard(
    tmp_path: Path, chromium: Callable[..., str], listener: tuple[str, list[str]]
) -> None:
    """The same picture opened as a page does run: the test above can fail."""
    url, asked = listener
    (tmp_path / "alone.svg").write_text(SCRIPTED.format(url=url))
    chromium(tmp_path / "alone.svg")
    assert "/image" in asked


def test_the_picture_is_drawn(page: Path, evaluated: Callable[..., str]) -> None:
    probe = "[...document.images].map(i => i.complete && i.naturalWidth > 0).join()"
    assert evaluated(page, POLICY, probe, 1280) == "true"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(page: Path, evaluated: Callable[..., str], width: int) -> None:
    """Only the containers of wide tables may scroll sideways; no text is smaller than 10 px."""
    measure = """(() => {
        const root = document.documentElement;
        const all = [...document.querySelectorAll('body *')];
        const texts = all.filter(element => element.innerText && element.offsetWidth);
        const smallest = Math.min(...texts.map(element => parseFloat(getComputedStyle(element).fontSize)));
        return [innerWidth, root.scrollWidth - root.clientWidth, smallest].join();
    })()"""
    window, beyond, size = evaluated(page, POLICY, measure, width).split(",")
    assert (window, beyond) == (str(width), "0")
    assert float(size) >= 10


def test_it_prints(page: Path, chromium: Callable[..., str], tmp_path: Path) -> None:
    chromium(page, f"--print-to-pdf={tmp_path / 'report.pdf'}")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
