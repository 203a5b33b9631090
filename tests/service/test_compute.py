from __future__ import annotations

import threading

import pytest

from service.compute import Compute


def test_no_more_tasks_run_at_a_time_than_there_are_threads() -> None:
    compute, running, most, lock = Compute(threads=2), 0, 0, threading.Lock()
    begun = threading.Semaphore(0)
    release = threading.Event()

    def task() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        begun.release()
        release.wait(10)
        with lock:
            running -= 1

    futures = [compute.submit(task) for _ in range(6)]
    begun.acquire()
    begun.acquire()
    release.set()
    for future in futures:
        future.result(10)
    assert (most, compute.submitted) == (2, 6)
    compute.close()


def test_an_error_of_a_task_reaches_who_asked() -> None:
    compute = Compute(threads=1)
    with pytest.raises(ZeroDivisionError):
        compute.submit(lambda: 1 / 0).result(10)
    compute.close()
