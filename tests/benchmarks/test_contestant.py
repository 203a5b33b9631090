import sys

import pytest

from benchmarks.contestant import Contestant
from benchmarks.fits import HOUSES, distances

ENGINE = (sys.executable, "-m", "benchmarks.contestants.partialpool", HOUSES, "none")


def test_the_engine_takes_part_and_its_answer_is_the_reference() -> None:
    with Contestant("partialpool", ENGINE) as program:
        assert max(distances(program.hello["answer"])) < 1e-5
        assert all(seconds > 0 for seconds in program.fit_for(0.01))


def test_a_program_that_ends_early_is_named() -> None:
    with (
        pytest.raises(RuntimeError, match="broken ended early, status 3"),
        Contestant("broken", (sys.executable, "-c", "raise SystemExit(3)")),
    ):
        pass
