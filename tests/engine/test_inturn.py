"""Work that is done beside, in turn."""

from __future__ import annotations

import gc
import threading
import weakref
from functools import partial

import pytest

from engine.inturn import InTurn


def test_work_is_done_in_the_order_given_by_another_thread() -> None:
    done: list[int] = []
    threads = set()

    def work(i: int) -> None:
        threads.add(threading.get_ident())
        done.append(i)

    with InTurn() as turn:
        for i in range(50):
            turn.do(partial(work, i))
            assert len(done) >= i  # all before is done
    assert done == list(range(50))
    assert threads.isdisjoint({threading.get_ident()})
    assert len(threads) == 1


def test_the_caller_goes_on_meanwhile() -> None:
    begun, over = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert over.wait(30)

    with InTurn() as turn:
        turn.do(work)
        assert begun.wait(30)
        over.set()


def fail() -> None:
    raise ValueError("this")


def test_what_is_raised_is_raised_when_more_is_given() -> None:
    done: list[int] = []
    with InTurn() as turn:
        turn.do(fail)
        with pytest.raises(ValueError, match="this"):
            turn.do(partial(done.append, 1))
    assert not done


def test_what_is_raised_last_is_raised_at_the_end() -> None:
    with pytest.raises(ValueError, match="this"), InTurn() as turn:
        turn.do(fail)


def test_what_failed_is_let_go_at_once() -> None:
    """Without waiting for the collector of garbage: it may hold a gigabyte."""

    class Large:
        def fail(self) -> None:
            raise MemoryError

    large = Large()
    held = weakref.ref(large)
    gc.disable()
    try:
        with pytest.raises(MemoryError), InTurn() as turn:
            turn.do(large.fail)
        del turn, large
        assert held() is None
    finally:
        gc.enable()


def fail_beside() -> None:
    with InTurn() as turn:
        turn.do(fail)
        raise KeyError


def test_what_the_caller_raises_comes_first() -> None:
    with pytest.raises(KeyError):
        fail_beside()
