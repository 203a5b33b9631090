"""A short run of each kind of odd request; ``make fuzz`` is the long one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from tests.fuzz.asking import MEMORY, fuzz_files, fuzz_formulas, parsed
from tests.fuzz.formulas import formulas
from tools.live import Live, serving

SEED = 7


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("fuzz"), PARTIALPOOL_BUNDLED_DATA="false") as running:
        yield running


def test_formulas_are_read_or_refused_and_what_is_read_reads_itself() -> None:
    counted = parsed(islice(formulas(SEED), 2_000))
    assert min(counted["read"], counted["refused"]) > 300, "the generator makes both"


def test_formulas_never_break_the_service(live: Live) -> None:
    told = fuzz_formulas(live, SEED, 80)
    assert not told.faults, told.faults[:3]
    assert told.statuses[201] > 5, "some of them are fitted"
    assert told.grown < MEMORY


def test_damaged_files_never_break_the_service(live: Live) -> None:
    told = fuzz_files(live, SEED, 200)
    assert not told.faults, told.faults[:3]
    assert told.statuses[201] > 5, "some of them are tables all the same"
    assert told.statuses[422] > 100
    assert told.grown < MEMORY
