"""What a person sees while a run is under way."""

from __future__ import annotations

import io

import pytest

from levinthal.commands import progress
from levinthal.commands.progress import BarWatcher, LineWatcher

START = {"event": "phase_start", "phase": "train", "lane": "main", "doing": "the network"}
STEP = {"event": "progress", "phase": "train", "done": 30, "total": 120, "doing": "the network, loss 2.5"}
CHUNK = {"event": "phase_stop", "phase": "advance", "lane": "worker 1", "duration_s": 0.5, "items": None}
STOP = {**CHUNK, "phase": "train", "lane": "main"}


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_in_a_pipe_a_long_phase_says_what_it_does_how_far_it_is_and_what_is_left(clock):
    stream = io.StringIO()
    watcher = LineWatcher(stream)

    def said_after(seconds, *events):
        for event in events:
            watcher.event(event)
        clock[0] += seconds
        before = len(stream.getvalue())
        watcher.waited()
        return stream.getvalue()[before:]

    assert said_after(4.0, START) == ""
    assert said_after(6.0, STEP, CHUNK) == (
        "    train: the network, loss 2.5 ... 30 of 120, 25 %, 10 s so far, 30 s left\n"
    )
    assert said_after(10.0) == ""  # not at every look
    assert "41 s so far" in said_after(21.0)
    assert said_after(60.0, STOP) == ""


def test_a_phase_without_a_known_end_says_how_long_it_takes_already(clock):
    stream = io.StringIO()
    watcher = LineWatcher(stream)
    watcher.event({**START, "doing": ""})
    clock[0] += 65.0
    watcher.waited()
    assert stream.getvalue() == "    train ... 1 min 5 s so far\n"


def test_the_bar_of_a_phase_stays_while_workers_end_pieces_of_it():
    watcher = BarWatcher(io.StringIO())
    watcher.event(START)
    watcher.event(STEP)
    watcher.event(CHUNK)
    (task,) = watcher._progress.tasks
    assert (task.description, task.completed, task.total) == ("train: the network, loss 2.5", 30, 120)
    watcher.event(STOP)
    assert not watcher._progress.tasks


def test_estimates_and_warnings_are_said_as_they_come():
    stream = io.StringIO()
    watcher = LineWatcher(stream)
    watcher.event({"event": "estimate", "sentence": "3 campaigns of 500 steps", "duration_s": 130.0})
    watcher.event({"event": "warning", "sentence": "2 x FE removed."})
    assert stream.getvalue().splitlines() == [
        "    estimate: 3 campaigns of 500 steps: about 2 min 10 s here", "    warning: 2 x FE removed."
    ]  # fmt: skip
