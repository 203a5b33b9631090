import sys
from pathlib import Path

import pytest

from benchmarks.contestant import Contestant, OverTimeError
from benchmarks.fits import distances, houses_task
from benchmarks.programs import ours


@pytest.mark.parametrize("want", ["effects", "tables"])
def test_the_engine_takes_part_and_its_answer_is_the_reference(tmp_path: Path, want: str) -> None:
    with Contestant("partialpool", ours(houses_task(want, tmp_path / "task"))) as program:
        assert max(distances(program.hello["answer"])) < 1e-5
        assert program.hello["seconds"] > 0
        assert all(seconds > 0 for seconds in program.fit_for(0.01))
        assert (program.peak() or 1e8) > 1e7


def test_a_program_that_ends_early_is_named() -> None:
    with (
        pytest.raises(RuntimeError, match="broken ended early, status 3"),
        Contestant("broken", (sys.executable, "-c", "raise SystemExit(3)")),
    ):
        pass


def test_a_program_that_takes_too_long_is_ended() -> None:
    slow = (sys.executable, "-c", "import time; time.sleep(60)")
    with (
        pytest.raises(OverTimeError, match=r"slow did not answer within 0\.2 s"),
        Contestant("slow", slow, limit=0.2),
    ):
        pass
