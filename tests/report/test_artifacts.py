"""Pictures: what is embedded, and everything that is refused with a line."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from levinthal.harness.results.result import Artifact
from levinthal.report import artifacts
from levinthal.report.artifacts import embed, link

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><circle cx="5" cy="5" r="4"/></svg>'
ArtifactIn = Callable[..., Artifact]


LONG_SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg"><!-- %23 # \xc3\xa9 \n' + 300 * b"letters & 'marks' " + b"--></svg>"
)


@pytest.mark.parametrize(
    ("path", "data", "kind"),
    [
        ("a/b.svg", SVG, "image/svg+xml"),
        ("c.svg", LONG_SVG, "image/svg+xml"),
        ("b.PNG", PNG, "image/png"),
        ("d.PNG", PNG + bytes(range(256)), "image/png"),
    ],
)
def test_a_picture_is_embedded_byte_for_byte(
    tmp_path: Path, artifact_in: ArtifactIn, path: str, data: bytes, kind: str
) -> None:
    shown = embed(artifact_in(tmp_path, path, data), tmp_path)
    assert shown.problem is None
    head, _, body = (shown.address or "").partition(",")
    assert head in (f"data:{kind};base64", f"data:{kind}")
    assert not set(body) & set("<>\"'#&\n")
    found = base64.b64decode(body, validate=True) if head.endswith("base64") else unquote_to_bytes(body)
    assert found == data
    assert len(body) <= 1.34 * len(data) + 3


@pytest.mark.parametrize("path", ["../secret.svg", "/etc/passwd", "a/../../secret.svg", "..\\secret.svg", "", "."])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, artifact_in: ArtifactIn, path: str) -> None:
    (tmp_path / "run").mkdir()
    record = artifact_in(tmp_path, "secret.svg").model_copy(update={"path": path})
    shown = embed(record, tmp_path / "run")
    assert shown.address is None
    assert "refused" in (shown.problem or "")


@pytest.mark.parametrize("link", ["latent.svg", "figures"])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, artifact_in: ArtifactIn, link: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    record = artifact_in(tmp_path, "elsewhere/latent.svg")
    target = tmp_path / "elsewhere" / ("latent.svg" if link == "latent.svg" else "")
    (run / link).symlink_to(target)
    path = "latent.svg" if link == "latent.svg" else "figures/latent.svg"
    shown = embed(record.model_copy(update={"path": path}), run)
    assert (shown.address, shown.problem) == (None, "refused: its path leaves the run folder")


def test_a_link_within_the_folder_is_followed(tmp_path: Path, artifact_in: ArtifactIn) -> None:
    record = artifact_in(tmp_path, "real.svg")
    (tmp_path / "latest.svg").symlink_to("real.svg")
    assert embed(record.model_copy(update={"path": "latest.svg"}), tmp_path).address


def test_what_was_changed_is_not_shown(tmp_path: Path, artifact_in: ArtifactIn) -> None:
    record = artifact_in(tmp_path)
    (tmp_path / record.path).write_bytes(SVG + b" ")
    assert "SHA-256" in (embed(record, tmp_path).problem or "")


def test_missing_folder_file_and_impossible_names(tmp_path: Path, artifact_in: ArtifactIn) -> None:
    record = artifact_in(tmp_path)
    assert "not given" in (embed(record, None).problem or "")
    for path, problem in [("no.svg", "missing"), ("n\0.svg", "unreadable"), ("x" * 5000 + ".svg", "unreadable")]:
        assert problem in (embed(record.model_copy(update={"path": path}), tmp_path).problem or "")
    (tmp_path / "loop.svg").symlink_to("loop.svg")
    assert "unreadable" in (embed(record.model_copy(update={"path": "loop.svg"}), tmp_path).problem or "")


def test_pipes_and_folders_are_not_opened(tmp_path: Path, artifact_in: ArtifactIn) -> None:
    record = artifact_in(tmp_path)
    os.mkfifo(tmp_path / "pipe.svg")
    (tmp_path / "folder.svg").mkdir()
    for name in ("pipe.svg", "folder.svg"):
        assert "regular file" in (embed(record.model_copy(update={"path": name}), tmp_path).problem or "")


def test_too_large(tmp_path: Path, artifact_in: ArtifactIn, monkeypatch: pytest.MonkeyPatch) -> None:
    record = artifact_in(tmp_path, data=SVG + b" " * 5_000_000)
    assert embed(record, tmp_path).problem == "too large to embed: 5.0 MB, the limit is 5 MB"
    monkeypatch.setattr(artifacts, "MAX_BYTES", 6_000_000)
    assert embed(record, tmp_path).address


@pytest.mark.parametrize(
    ("path", "data", "problem"),
    [
        ("a.png", SVG, "not PNG"),
        ("a.svg", b"<html><script>1</script></html>", "not SVG"),
        ("a.html", SVG, "only SVG and PNG"),
        ("a.svg", b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG, "entities"),
    ],
)
def test_other_kinds_are_named_not_shown(
    tmp_path: Path, artifact_in: ArtifactIn, path: str, data: bytes, problem: str
) -> None:
    shown = embed(artifact_in(tmp_path, path, data), tmp_path)
    assert shown.address is None
    assert problem in (shown.problem or "")


def test_a_file_is_a_link_from_wherever_the_page_lies(tmp_path: Path, artifact_in: ArtifactIn) -> None:
    record = artifact_in(tmp_path / "run", "a b/ä#.csv", b"1")
    (tmp_path / "pages").mkdir()
    assert link(record, tmp_path / "run", tmp_path / "run").address == "a%20b/%C3%A4%23.csv"
    assert link(record, tmp_path / "run", tmp_path / "pages").address == "../run/a%20b/%C3%A4%23.csv"


@pytest.mark.parametrize("path", ["../secret.svg", "/etc/passwd", "missing.csv", "javascript:alert(1)", "\0"])
def test_what_is_not_a_file_of_the_run_is_named_without_a_link(
    tmp_path: Path, artifact_in: ArtifactIn, path: str
) -> None:
    artifact_in(tmp_path, "secret.svg")
    record = artifact_in(tmp_path / "run").model_copy(update={"path": path})
    shown = link(record, tmp_path / "run", tmp_path)
    assert (shown.path, shown.address) == (path, "")
    assert link(record, None, tmp_path).address == ""
