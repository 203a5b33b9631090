"""Mutated files: nothing but the intake's own error, and nothing that hangs."""

from __future__ import annotations

import contextlib
import random
import time

import pyarrow as pa
import pytest

from service.intake import Caps, Form, IntakeError
from tests.service.intake.tables import WRITERS
from tests.service.intake.taking import Columns, take

CAPS = Caps(rows=100_000, columns=100, decoded_bytes=10_000_000, document_bytes=1_000_000)
COLUMNS: Columns = {
    "county": ["AITKIN", "ANOKA", None, "BIG STONE"] * 30,
    "radon": [2.2, None, 3.1, -0.5] * 30,
    "floor": [0, 1, 1, None] * 30,
    "wet": [True, False, None, True] * 30,
}
TRIES = 60


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return the content with a few bytes changed, cut out, doubled, or the end cut off."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        match chance.randrange(6):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                data[at] ^= 1 << chance.randrange(8)
            case 2:
                del data[at : at + chance.randint(1, 20)]
            case 3:
                data[at:at] = data[at : at + chance.randint(1, 50)]
            case 4:
                data[at : at + 4] = chance.choice(
                    [b"\xff\xff\xff\x7f", b"\0\0\0\0", b'"', b"\n", b",,", b"\xff", b"1e999"]
                )
            case 5 if chance.random() < 0.3:
                del data[at:]
        data = data or bytearray(b"x")
    return bytes(data)


def seeded(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - to repeat a failure, not to keep a secret


def tried(content: bytes, form: Form) -> None:
    with contextlib.suppress(IntakeError):
        assert take(content, form, caps=CAPS).table.rows > 0


@pytest.mark.parametrize("name", WRITERS)
def test_a_mutated_file_is_a_table_or_a_refusal(name: str) -> None:
    form, write = WRITERS[name]
    content = write(COLUMNS)
    for seed in range(TRIES):
        begun = time.perf_counter()
        tried(mutated(content, seeded(f"{name} {seed}")), form)
        assert time.perf_counter() - begun < 5
    assert pa.total_allocated_bytes() < 100_000_000


@pytest.mark.parametrize("form", Form)
def test_any_bytes_are_a_table_or_a_refusal(form: Form) -> None:
    for seed in range(100):
        chance = seeded(str(seed))
        content = chance.choice([b"", b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"{", b"a,b\n"])
        content += chance.randbytes(chance.randrange(200))
        tried(content, form)


def test_a_file_of_one_form_sent_as_another_is_a_table_or_a_refusal() -> None:
    for _, write in WRITERS.values():
        for form in Form:
            tried(write(COLUMNS), form)
