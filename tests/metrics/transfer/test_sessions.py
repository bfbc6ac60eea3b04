"""Routes between processes: what arrives is what was sent, a kill loses nothing for good, corruption is seen."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.metrics.transfer import session
from levinthal.metrics.transfer.ends import rate
from levinthal.metrics.transfer.limits import limit_bytes_s
from levinthal.metrics.transfer.route import ROUTES, Head, Load, traffic
from levinthal.metrics.transfer.session import carry, carry_through_a_kill
from levinthal.metrics.transfer.store import MessageStore
from probes import probe_environment

N = 60
QUICK = ("same-process", "shared-memory", "socket", "files")
HEAVY = ("gloo", "adios2", "parsl")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> tuple[Path, MessageStore]:
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    return folder, MessageStore.write(folder, [rng.bytes(int(n)) for n in rng.integers(1, 50_000, N)])


def load(route: str, folder: Path, kept: Path, senders: int = 1, seconds: float = 0.2) -> Load:
    return Load(route, str(folder / "session"), str(kept), tuple(range(N)), senders, pings=4, seconds=seconds)


def test_all_routes_are_named_here() -> None:
    assert set(QUICK) | set(HEAVY) | {"gpu-to-host"} == set(ROUTES.built_in())


@pytest.mark.parametrize("route", [*QUICK, *(pytest.param(each, marks=pytest.mark.slow) for each in HEAVY)])
def test_what_arrives_is_what_was_sent(route, tmp_path, store) -> None:
    kept, messages = store
    found = carry(load(route, tmp_path, kept, senders=2))
    assert (found.checked, found.wrong) == (N, 0)
    assert len(found.latency_s) == 2 * 4
    assert all(0 < each < 30 for each in found.latency_s)
    assert found.messages > 2
    assert found.bytes_s is not None
    assert found.bytes_s > messages.largest  # more than a message a second


@pytest.mark.parametrize(
    "route",
    ["shared-memory", "socket", *(pytest.param(e, marks=pytest.mark.slow) for e in ("files", "gloo", "adios2"))],
)
def test_what_a_killed_receiver_lost_is_counted_and_sent_again(route, tmp_path, store) -> None:
    kept, _ = store
    killed = carry_through_a_kill(load(route, tmp_path, kept))
    assert N // 3 <= killed.arrived <= N
    assert killed.sent_again == N - killed.arrived
    assert 0 <= killed.lost <= killed.sent_again
    assert killed.missing == 0


def test_what_is_not_sent_again_is_missing(tmp_path, store, monkeypatch) -> None:
    monkeypatch.setattr(session, "carry", lambda load: None)
    killed = carry_through_a_kill(load("files", tmp_path, store[0]))
    assert killed.missing == killed.sent_again == N - killed.arrived > 0


def test_where_the_receiver_makes_the_messages_there_is_nobody_to_lose_them(tmp_path, store) -> None:
    with pytest.raises(DataError, match="never under way"):
        carry_through_a_kill(load("same-process", tmp_path, store[0]))


@pytest.mark.parametrize(("route", "wrong"), [("flipping", N), ("dropping", 0)])
def test_a_route_that_corrupts_or_drops_is_seen(route, wrong, tmp_path, store, monkeypatch) -> None:
    monkeypatch.setattr(os, "environ", probe_environment())
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "plugin"))
    found = carry(load(route, tmp_path, store[0], seconds=0.0))
    assert found.wrong == wrong
    assert (found.checked < N) == (route == "dropping")


def test_an_end_that_is_killed_before_the_first_message_is_begun_again_and_counted(
    tmp_path, store, monkeypatch
) -> None:
    monkeypatch.setattr(os, "environ", probe_environment())
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "plugin"))
    found = carry(load("dying-at-first", tmp_path, store[0]))
    assert (found.checked, found.wrong, found.begun_again) == (N, 0, 1)
    assert (tmp_path / "session-broken-0").is_dir()


def test_an_end_that_is_killed_later_is_told(tmp_path, store, monkeypatch) -> None:
    monkeypatch.setattr(os, "environ", probe_environment())
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "plugin"))
    with pytest.raises(DataError, match="stopped with status -11"):
        carry(load("dying-later", tmp_path, store[0]))


def test_what_cannot_be_used_here_says_why(tmp_path, store, monkeypatch) -> None:
    if pytest.importorskip("torch").cuda.is_available():
        pytest.skip("there is a GPU")
    monkeypatch.setattr(session, "PATIENCE_S", 5.0)
    with pytest.raises(DataError, match="no GPU"):
        carry(load("gpu-to-host", tmp_path, store[0]))


def test_messages_are_dealt_out_once_and_end(store) -> None:
    _, messages = store
    heads = [
        Head.of(head)
        for sender in range(3)
        for head, _ in traffic(Load("any", "", "", tuple(range(N)), 3, seconds=0.0), sender, messages)
    ]
    assert sorted(head.number for head in heads if head.phase == 0) == list(range(N))
    assert sum(head.phase == 3 for head in heads) == 3


def test_a_store_tells_its_messages_from_others(tmp_path) -> None:
    store = MessageStore.write(tmp_path, [b"one", b"three", b""])
    assert [bytes(store.view(k)) for k in range(3)] == [b"one", b"three", b""]
    assert store.is_whole(1, memoryview(b"three"))
    assert not store.is_whole(1, memoryview(b"thref"))
    assert not store.is_whole(1, memoryview(b"thre"))
    assert store.rows[0].crc32 == zlib.crc32(b"one")
    with pytest.raises(DataError, match="holds no messages"):
        MessageStore(tmp_path / "nowhere")


def test_a_rate_is_of_what_came_after_the_beginning() -> None:
    steady = [(int(1e9 * k), 500) for k in range(11)]
    assert rate(steady) == pytest.approx(500.0)
    assert rate(steady[:2]) is None


def test_limits_are_measured(store) -> None:
    folder, messages = store
    for medium in ("memory", "loopback", "files"):
        assert (limit_bytes_s(medium, messages, folder, seconds=0.05) or 0.0) > 1e6
    assert limit_bytes_s("pigeon", messages, folder) is None


@pytest.mark.gpu
def test_what_comes_from_a_gpu_is_what_was_there(tmp_path, store) -> None:
    if not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("torch sees no CUDA device here")
    found = carry(load("gpu-to-host", tmp_path, store[0]))
    assert (found.checked, found.wrong) == (N, 0)
    assert found.bytes_s is not None
