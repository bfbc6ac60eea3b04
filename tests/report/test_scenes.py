"""Structures on the page: embedded once, inert whatever they hold, limited in size, and refused with a line."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html import unescape
from importlib import resources

import pytest
from pydantic import ValidationError

from levinthal.harness.results.scenes import Scene, ScenePart, SceneStep
from levinthal.report import scenes
from levinthal.report.page import POLICY, render
from scene_examples import chain_pdb, leave, molecule_sdf, pocket_scene

ATTACK = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>"
VIEWER = resources.files("levinthal.report") / "viewer"
LIBRARY = (VIEWER / "3Dmol-min.js").read_text(encoding="utf-8")


@pytest.fixture
def result_with(tmp_path, make_result, make_repeat):
    """Make a result of one repeat whose folder holds a receptor and poses."""

    def make(scene=None, receptor=None, poses=None, **changes):
        files = (
            leave(tmp_path, "receptor.pdb", chain_pdb() if receptor is None else receptor),
            leave(tmp_path, "poses.sdf", molecule_sdf(2) if poses is None else poses),
        )
        repeat = make_repeat(artifacts=files, scenes=(pocket_scene() if scene is None else scene,), **changes)
        return make_result(repeats=(repeat,))

    return make


def data_of(page):
    packed = re.findall(r'class="scene-data">(.*?)</script>', page, re.S)
    return [json.loads(gzip.decompress(base64.b64decode(each, validate=True))) for each in packed]


def test_the_library_is_the_file_its_readme_names():
    digest = hashlib.sha256((VIEWER / "3Dmol-min.js").read_bytes()).hexdigest()
    readme = (VIEWER / "README.md").read_text(encoding="utf-8")
    assert f"sha256  {digest}  3Dmol-min.js" in readme
    assert "3dmol v2.5.5" in (VIEWER / "3Dmol-min.js.LICENSE.txt").read_text(encoding="utf-8")
    assert "3Dmol.js 2.5.5" in readme
    for name in ("3Dmol-min.js", "viewer.js"):
        text = (VIEWER / name).read_text(encoding="utf-8")
        assert "</script" not in text.lower()
        assert "<!--" not in text
        assert "\r" not in text


def test_a_page_without_structures_has_no_script(tmp_path, make_result):
    page = render([(tmp_path, make_result())])
    assert "<script" not in page
    assert "script-src" not in page
    assert "runs no script" in page


def test_the_viewer_is_embedded_once_and_alone_may_run(tmp_path, result_with):
    result = result_with()
    page = render([(tmp_path, result), (tmp_path, result)])
    assert page.count(LIBRARY) == 1
    assert page.count('class="scene-data"') == 2
    assert page.count("<script") == page.count("</script") == 4
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1))
    script = re.search(r"<script>(.*?)</script>", page, re.S).group(1)
    sums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (LIBRARY, script)]
    assert policy == f"{POLICY}; script-src 'sha256-{sums[0]}' 'sha256-{sums[1]}'"
    assert "Redistributions in binary form must reproduce" in page


def test_what_is_shown_is_what_the_steps_name(tmp_path, result_with):
    scene = pocket_scene(3).model_copy(
        update={"steps": (SceneStep(words="second", models=(0, 2)), SceneStep(words="alone", models=(None, 0)))}
    )
    page = render([(tmp_path, result_with(scene, poses=molecule_sdf(3)))])
    (data,) = data_of(page)
    assert [len(part["models"]) for part in data["parts"]] == [1, 2]
    assert [part["drawn"] for part in data["parts"]] == ["pocket", "molecule"]
    assert data["steps"] == [["second", [0, 0]], ["alone", [None, 1]]]
    assert "ALA" in data["parts"][0]["models"][0]
    assert re.search(r'<svg viewBox="0 0 640 340" role="img" aria-label="Poses: second">(<path [^>]*/>)+</svg>', page)
    for name in ("receptor.pdb", "poses.sdf"):
        assert f"repeats/000/{name}" in page


def test_nothing_in_a_structure_or_a_name_gets_out(tmp_path, result_with):
    lines = chain_pdb(remark=ATTACK).splitlines()
    spoilt = [line[:17] + "</script><!--"[:9] + line[26:] if line.startswith("ATOM") else line for line in lines]
    scene = Scene(
        name=ATTACK,
        caption=ATTACK,
        parts=(
            ScenePart(artifact="receptor.pdb", words=ATTACK, shown="pocket"),
            ScenePart(artifact="poses.sdf", words="pose", shown="molecule"),
        ),
        steps=(SceneStep(words=ATTACK, models=(0, 0)), SceneStep(words="two", models=(0, 1))),
    )
    poses = molecule_sdf(2, title=ATTACK, field=ATTACK).replace(" C   0", " </s 0")
    page = render([(tmp_path, result_with(scene, "\n".join(spoilt), poses))])
    (data,) = data_of(page)
    assert page.count("<script") == page.count("</script") == 3
    rest = page.replace(LIBRARY, "")
    assert "<!--" not in rest
    assert "<img" not in rest
    assert data["name"] == data["steps"][0][0] == ATTACK
    assert "</script" in data["parts"][0]["models"][0]
    assert "</s" in data["parts"][1]["models"][0]


def test_a_scene_too_large_is_cut_and_says_so(tmp_path, result_with, monkeypatch):
    monkeypatch.setattr(scenes, "MAX_SCENE_BYTES", 12_000)
    page = render([(tmp_path, result_with(pocket_scene(40), poses=molecule_sdf(40)))])
    (data,) = data_of(page)
    assert 1 < len(data["steps"]) < 40
    assert len(json.dumps(data)) < 12_000
    assert f"the first {len(data['steps'])} of 40 are embedded: the limits are 12 kB for a scene" in page


def test_scenes_beyond_the_limit_of_a_page_are_links(tmp_path, result_with, monkeypatch):
    monkeypatch.setattr(scenes, "MAX_SCENE_BYTES", 3_000)
    page = render([(tmp_path, result_with())], tmp_path)
    assert "Too large to be shown whole, not embedded: the limits are" in page
    assert LIBRARY not in page
    assert 'href="repeats/000/receptor.pdb"' in page
    monkeypatch.undo()
    result = result_with()
    (data,) = data_of(render([(tmp_path, result)]))
    size = len(json.dumps(data, separators=(",", ":")))
    monkeypatch.setattr("levinthal.report.view.MAX_PAGE_BYTES", 2 * size + 3_000)
    page = render([(tmp_path, result)] * 4)
    assert 1 <= len(data_of(page)) < 4
    assert "not embedded" in page


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "repeats/000/receptor.pdb").unlink(), "receptor.pdb is missing"),
        (lambda folder: (folder / "repeats/000/receptor.pdb").write_text("changed"), "receptor.pdb is not shown"),
        (None, "poses.sdf holds no atoms"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_told_and_costs_no_other(tmp_path, result_with, make_result, spoil, words):
    result = result_with(poses=None if spoil else "\n")
    if spoil:
        spoil(tmp_path)
    page = render([(tmp_path, result)])
    assert words in page
    assert "<script" not in page
    assert "<button" not in page
    assert "Figures" in page


def test_a_path_out_of_the_folder_is_refused(tmp_path, result_with):
    (tmp_path / "run").mkdir()
    result = result_with()
    (repeat,) = result.repeats
    out = tuple(each.model_copy(update={"path": f"../{each.path}"}) for each in repeat.artifacts)
    spoilt = result.model_copy(update={"repeats": (repeat.model_copy(update={"artifacts": out}),)})
    page = render([(tmp_path / "run", spoilt)])
    assert "receptor.pdb is refused: its path leaves the run folder" in page
    assert "<script" not in page


def test_a_model_that_is_not_there_is_passed_over(tmp_path, result_with):
    page = render([(tmp_path, result_with(pocket_scene(5)))])
    (data,) = data_of(page)
    assert [words for words, _ in data["steps"]] == ["rank 1", "rank 2"]


def test_short_chains_are_sticks_and_traces_have_no_ribbon(tmp_path, result_with):
    scene = Scene(
        name="States",
        caption="",
        parts=(ScenePart(artifact="receptor.pdb", words="peptide"),),
        steps=(SceneStep(words="one", models=(0,)),),
    )
    alphas = "\n".join(line for line in chain_pdb().splitlines() if line[12:16].strip() == "CA")
    for text, drawn in ((chain_pdb(2), "sticks"), (alphas, "trace"), (chain_pdb(), "cartoon")):
        page = render([(tmp_path, result_with(scene, text))])
        assert data_of(page)[0]["parts"][0]["drawn"] == drawn
        assert "<path" in page.partition('data-part="still">')[2].partition("</svg>")[0]


def test_a_step_speaks_of_each_part():
    with pytest.raises(ValidationError, match="has 1 models, the scene 2 parts"):
        pocket_scene().model_validate(pocket_scene().model_dump() | {"steps": [{"words": "one", "models": [0]}]})
