"""Why a process may have ended that nobody here has ended."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

_COUNTS: Final = Path("/proc/vmstat")
_COUNT: Final = "oom_kill "

_OF_SIGNAL: Final = {
    signal.SIGKILL: "It was killed from outside the service.",
    signal.SIGTERM: "It was stopped from outside the service.",
    signal.SIGABRT: "A library gave up, which some do when they get no more memory.",
    signal.SIGSEGV: "A library crashed.",
    signal.SIGBUS: "A library crashed: a file that was read has become shorter, or a disk is full.",
    signal.SIGILL: "A library asked for an instruction that this processor does not have.",
    signal.SIGXCPU: "It used all the time of a processor that the system gives it.",
}


class Endings:
    """The processes that the system ends for want of memory, from now on."""

    def __init__(self) -> None:
        self._before = _count()

    def told(self, status: int | None) -> str:
        """Return why a process probably ended with this status; empty when nothing is known.

        Nobody but the system knows which process it chose: that it chose one while this process was
        killed is what can be told.
        """
        if status is None or status == 0:
            return ""
        if status > 0:
            return f"The worker process ended by itself, with status {status}."
        try:
            number = signal.Signals(-status)
        except ValueError:
            return f"The worker process was ended by signal {-status}."
        why = _OF_SIGNAL.get(number, "")
        if number is signal.SIGKILL and _count() > self._before:
            why = "The system had no memory left, and ended a process at that time."
        return f"The worker process was ended by {number.name}. {why}".rstrip()


def _count() -> int:
    """Return how many processes this machine has ended for want of memory; 0 where none says."""
    try:
        lines = _COUNTS.read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(_COUNT)), 0)
