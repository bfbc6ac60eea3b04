"""Parts of a loop on threads: each once, errors come back, and a forked child has threads of its own."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from levinthal.kernels.threads import in_parts


def test_each_part_is_worked_once_and_the_caller_takes_the_first():
    done = {}
    in_parts(lambda first, last: done.setdefault((first, last), threading.current_thread()), [0, 3, 3, 8])
    assert set(done) == {(0, 3), (3, 3), (3, 8)}
    assert done[0, 3] is threading.current_thread()
    assert done[3, 8] is not threading.current_thread()


@pytest.mark.parametrize("broken", [0, 5])
def test_an_error_in_any_part_comes_back_after_all_have_ended(broken):
    ended = []

    def work(first, last):
        if first == broken:
            raise ValueError(f"part {first}")
        ended.append(first)

    with pytest.raises(ValueError, match=f"part {broken}"):
        in_parts(work, [0, 5, 9])
    assert ended == [5 - broken]


def _work_in_child():
    seen = []
    in_parts(lambda first, last: seen.append(first), [0, 1, 2])
    assert sorted(seen) == [0, 1]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="there is no fork here")
def test_a_forked_child_starts_threads_of_its_own():
    _work_in_child()  # the parent's threads exist
    child = multiprocessing.get_context("fork").Process(target=_work_in_child)
    child.start()
    child.join(30)
    alive = child.is_alive()
    if alive:
        child.kill()
    assert not alive
    assert child.exitcode == 0


def test_parts_within_parts_end():
    def inner(first, last):
        return sum(in_parts(lambda a, b: b - a, [first, first + 1, last]))

    assert in_parts(inner, [0, 4, 9, 20]) == [4, 5, 11]
