"""Archives as streams: what is read, how long it is waited for, and events that are the same."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.harness.contract.embeds import Embedded
from levinthal.harness.results.store import load_result
from levinthal.harness.study.kinds.archives import _pass, matched
from levinthal.workloads.cvae.archive import files_of, fitted_share, passages, terms

signed = st.lists(st.integers(1, 300).flatmap(lambda k: st.sampled_from([k, -k])), max_size=30, unique=True)


class SlowFiles:
    """Files that take 50 ms to read and 20 ms to look at."""

    event, execution = "a change", "sleeping"

    def __init__(self, folder: Path, n: int):
        self.files = [folder / f"{k}" for k in range(n)]
        self.at_once, self.most = 0, 0
        for each in self.files:
            each.write_bytes(bytes(1000))

    def read(self, file):
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        time.sleep(0.05)
        return int(file.name)

    def embed(self, content):
        self.at_once -= 1
        time.sleep(0.02)
        return Embedded(10, np.array([3, -6]))

    def reference(self, content):
        return np.array([4, -6, 9])


def test_a_pass_counts_frames_bytes_and_waiting_and_reads_no_further_ahead_than_it_soon_needs(tmp_path):
    archive = SlowFiles(tmp_path, 24)
    one, three = (_pass(archive, readers, 2) for readers in (1, 3))
    for each in (one, three):
        assert (each.n_files, each.n_frames, each.n_bytes) == (24, 240, 24_000)
        assert (each.n_found, each.n_known, each.n_matched, each.by_chance) == (48, 72, 48, 48.0)
    assert one.pass_s[0] > 24 * 0.05  # reading bounds it
    assert one.waited_s[0] > 0.5 * one.pass_s[0]
    assert three.pass_s[0] < 0.75 * one.pass_s[0]
    assert archive.most <= 3 * 2 + 1


@given(signed, signed, st.integers(0, 20))
def test_no_other_matching_is_larger(found, known, tolerance):
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(("found", k) for k in found)
    for a in found:
        for b in known:
            if a * b > 0 and abs(abs(a) - abs(b)) <= tolerance:
                graph.add_edge(("found", a), ("known", b))
    best = networkx.bipartite.maximum_matching(graph, [("found", k) for k in found])
    assert matched(np.array(found, np.int64), np.array(known, np.int64), tolerance) == len(best) // 2


@given(st.lists(st.floats(0, 1), max_size=60))
def test_passages_alternate_and_begin_and_end_in_a_core(share):
    found = passages(np.array(share))
    assert (np.diff(np.sign(found)) != 0).all()
    for k in found:
        assert share[abs(k)] >= 0.8 if k > 0 else share[abs(k)] <= 0.4


def test_a_share_that_is_a_polynomial_of_places_is_found_again(tmp_path):
    places = np.random.default_rng(0).normal(size=(200, 2))
    share = 0.3 + 0.1 * places[:, 0] - 0.2 * places[:, 1] ** 2
    rows = [f"{k},x,train,{a},{b},{q}" for k, ((a, b), q) in enumerate(zip(places, share, strict=True))]
    head = "frame,file,part,latent_1,latent_2,contacts of native"
    (tmp_path / "latent.csv").write_text("\n".join([head, *rows]) + "\n")
    found = fitted_share(tmp_path / "latent.csv")
    np.testing.assert_allclose(terms(places) @ found.coefficients, share, atol=1e-9)
    # what is exact is as often in a core as the share itself
    assert (share <= found.cores[0]).mean() == pytest.approx((share <= 0.4).mean(), abs=0.01)
    assert (share >= found.cores[1]).mean() == pytest.approx((share >= 0.8).mean(), abs=0.01)
    assert found.correlation_time < 3


@pytest.mark.parametrize("text", ["", "frame,part\n1,train\n", "frame,part,latent_1,contacts of x\n1,train,,0.5\n"])
def test_a_table_without_what_is_needed_is_refused(tmp_path, text):
    (tmp_path / "latent.csv").write_text(text)
    with pytest.raises(DataError, match="has no places with a share of native contacts"):
        fitted_share(tmp_path / "latent.csv")
    with pytest.raises(DataError, match="cannot be read"):
        fitted_share(tmp_path / "none.csv")


def test_patterns_name_files_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.xtc", "a.xtc", "c.dcd"):
        Path(name).touch()
    assert files_of(["*.xtc", "c.dcd"]) == [Path("a.xtc"), Path("b.xtc"), Path("c.dcd")]
    assert files_of([f"{tmp_path}/?.xtc"]) == [tmp_path / "a.xtc", tmp_path / "b.xtc"]
    with pytest.raises(DataError, match="no file fits"):
        files_of(["*.trr"])


def test_what_is_not_a_run_is_refused(levinthal):
    for more, message in (
        (["--option", "source=none"], "none is not a run folder"),
        (["--option", "source=none", "--option", "files=x.dcd"], "files and their topology belong together"),
        (["--option", "source=none", "--option", "readers=0"], "readers are whole numbers from 1 on"),
    ):
        done = levinthal("study", "archives", "cvae", *more)
        assert done.returncode == 2
        assert message in done.stderr
    done = levinthal("study", "archives", "rgn", "--option", "source=none")
    assert "finds no events in archives" in done.stderr


@pytest.mark.slow
def test_a_trained_model_finds_foldings_in_trajectories_it_has_not_seen_and_a_shuffled_one_does_not(
    levinthal, tmp_path
):
    assert levinthal("run", "cvae", "--size", "tiny", "--out", "r").returncode == 0
    done = levinthal("study", "archives", "cvae", "--option", "source=r", "--option", "passes=1", "--out", "a")
    assert done.returncode == 0, done.stdout + done.stderr
    result = load_result(tmp_path / "a")
    for readers in (1, 2):
        assert result.summary["embedding", {"readers": readers}].median > 0
        assert result.summary["agreement on events beyond chance", {"readers": readers}].median > 0.2
    assert "events in" in done.stdout
    assert levinthal("check", "a").returncode == 0
    # as files of a person's, and with another way from places to contacts: each frame's share is some other frame's
    table = tmp_path / "r/repeats/000/latent.csv"
    lines = table.read_text().splitlines()
    column = next(k for k, name in enumerate(lines[0].split(",")) if name.startswith("contacts of "))
    rows = [line.split(",") for line in lines[1:]]
    shuffled = np.random.default_rng(0).permutation([row[column] for row in rows])
    for row, share in zip(rows, shuffled, strict=True):
        row[column] = share
    table.write_text("\n".join([lines[0], *map(",".join, rows)]) + "\n")
    done = levinthal(
        "study", "archives", "cvae", "--option", "source=r", "--option", "passes=1", "--option", "readers=1",
        "--option", "files=a/archive/*.dcd", "--option", "topology=a/archive/topology.pdb", "--out", "b",
    )  # fmt: skip
    assert done.returncode == 1
    assert "missed: agreement on events beyond chance" in done.stdout
