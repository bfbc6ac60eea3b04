"""The viewer in a real browser, under the page's own policy: a press draws, keys and buttons work, no error is told."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from levinthal.harness.results.result import Artifact, Repeat, Result
from levinthal.harness.results.scenes import Scene, ScenePart, SceneStep
from levinthal.report import write_report
from scene_examples import chain_pdb, leave, molecule_sdf, pocket_scene

LISTEN = """
const heard = [];
addEventListener("error", event => heard.push(event.message));
addEventListener("securitypolicyviolation", event => heard.push(event.violatedDirective));
for (const kind of ["error", "warn"]) console[kind] = (...words) => heard.push(words.join(" "));
addEventListener("load", async () => {
  const figure = document.querySelector(".scene"), find = name => figure.querySelector(`[data-part="${name}"]`);
  const press = name => find(name).click(), said = () => find("said").textContent;
  const look = async () => {  // what is shown is unpacked first
    press("look");
    for (let k = 0; k < 500 && find("stage").hidden && !said().includes("cannot"); k++) await new Promise(done => setTimeout(done));
  };
  const key = name => find("canvas").dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  const found = [];
  try { ACT } catch (error) { heard.push(error.message); }
  document.title = "found: " + [...found, ...heard].join(" | ");
});
"""  # noqa: E501


def told(page: Path, chromium: Callable[..., str], act: str, *more: str) -> list[str]:
    """Return what a script finds out on the page; its policy stays, but for allowing that script."""
    script = LISTEN.replace("ACT", act)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    source = page.read_text(encoding="utf-8")
    assert source.count("script-src ") == 1
    copy = source.replace("script-src ", f"script-src &#39;sha256-{digest}&#39; ")
    copy = copy.replace('<script type="text/plain"', f'<script>{script}</script><script type="text/plain"', 1)
    (page.parent / "copy.html").write_text(copy, encoding="utf-8")
    title = (
        chromium(page.parent / "copy.html", *more, width=500, height=700)
        .partition("<title>")[2]
        .partition("</title>")[0]
    )
    assert title.startswith("found: ")
    return title.removeprefix("found: ").split(" | ")


@pytest.fixture
def page(
    tmp_path: Path, make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]
) -> Callable[[Scene, list[Artifact]], Path]:
    def write(scene: Scene, files: list[Artifact]) -> Path:
        result = make_result(repeats=(make_repeat(artifacts=tuple(files), scenes=(scene,)),))
        write_report([(tmp_path, result)], tmp_path / "report.html")
        return tmp_path / "report.html"

    return write


@pytest.fixture
def poses(page: Callable[[Scene, list[Artifact]], Path], tmp_path: Path) -> Path:
    receptor = chain_pdb(remark="</script><script>document.title='owned'</script>")
    files = [leave(tmp_path, "receptor.pdb", receptor), leave(tmp_path, "poses.sdf", molecule_sdf(3))]
    return page(pocket_scene(3), files)


def test_nothing_is_drawn_before_a_press_and_then_the_controls_work(poses: Path, chromium: Callable[..., str]) -> None:
    act = """
      found.push(typeof $3Dmol, document.querySelectorAll("canvas").length, find("stage").hidden, find("look").hidden);
      await look();
      const canvas = figure.querySelector("canvas"), label = () => canvas.getAttribute("aria-label");
      found.push(canvas.width > 100, said(), label(), document.activeElement === find("canvas"));
      press("after"); found.push(said(), find("steps").value);
      find("steps").value = "0"; find("steps").dispatchEvent(new Event("change")); found.push(said());
      press("before"); found.push(said());
      press("surface"); found.push(find("surface").getAttribute("aria-pressed"));
      for (const each of ["ArrowLeft", "+", "-"]) key(each);
      key("Escape"); found.push(find("stage").hidden, document.activeElement === find("look"));
      await look(); found.push(find("stage").hidden, figure.querySelectorAll("canvas").length);
    """
    assert told(poses, chromium, act) == [
        "undefined", "0", "true", "false",
        "true", "1 of 3: rank 1", "Poses, in 3D: rank 1", "true",
        "2 of 3: rank 2", "1",
        "1 of 3: rank 1",
        "3 of 3: rank 3",
        "true",
        "true", "true",
        "false", "1",
    ]  # fmt: skip


def test_the_structure_is_drawn_fits_and_stays_off_paper(poses: Path, chromium: Callable[..., str]) -> None:
    """A canvas that stays empty would pass the test above; paper has the picture, as the styles for print say."""
    act = """
      document.body.style.width = "390px";
      await look();
      const image = document.createElement("canvas"), drawn = figure.querySelector("canvas");
      image.width = drawn.width; image.height = drawn.height;
      const context = image.getContext("2d"), colours = new Set();
      context.drawImage(drawn, 0, 0);
      const seen = new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer);
      for (const each of seen) colours.add(each);
      const [edge, right] = [document.body, drawn].map(each => each.getBoundingClientRect().right);
      found.push(colours.size > 100, figure.scrollWidth - figure.clientWidth, right <= edge);
      for (const sheet of document.styleSheets)
        for (const rule of [...sheet.cssRules])
          if (rule.media && rule.media.mediaText === "print")
            for (const each of [...rule.cssRules]) sheet.insertRule(each.cssText, sheet.cssRules.length);
      for (const name of ["still", "stage", "look", "said"]) found.push(getComputedStyle(find(name)).display);
    """
    assert told(poses, chromium, act) == ["true", "0", "true", "block", "none", "none", "none"]


def test_a_trajectory_plays_and_stops(
    page: Callable[[Scene, list[Artifact]], Path], tmp_path: Path, chromium: Callable[..., str]
) -> None:
    scene = Scene(
        name="The way",
        caption="Frames.",
        parts=(ScenePart(artifact="way.pdb", words="chain"),),
        steps=tuple(SceneStep(words=f"frame {k}", models=(k,)) for k in range(4)),
        plays=True,
    )
    file = page(scene, [leave(tmp_path, "way.pdb", chain_pdb(n_models=4))])
    act = """
      await look(); press("play"); found.push(find("play").textContent, find("said").getAttribute("aria-live"));
      press("play"); found.push(find("play").textContent, find("said").getAttribute("aria-live"));
    """
    assert told(file, chromium, act) == ["Stop", "off", "Play", "polite"]


def test_without_webgl_it_says_so(poses: Path, chromium: Callable[..., str]) -> None:
    act = """await look(); found.push(said(), find("stage").hidden, find("still").classList.contains("replaced"));"""
    words, *state = told(poses, chromium, act, "--disable-3d-apis", "--dump-dom")
    assert words.startswith("This browser cannot draw it in 3D (no WebGL): open the files below")
    assert state == ["true", "false"]
