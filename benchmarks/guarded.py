"""What keys and rate limits cost: known fits and predictions under load with and without them.

    python -m benchmarks.guarded --rounds 5 --seconds 3

The same requests as in the report of ``make bench``, to a service that lets all in, to one that
wants a key and counts what it is used for, and to the bare endpoint of the same answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.load import CONNECTIONS, generator, loaded
from benchmarks.loopback import FIT, PREDICT
from benchmarks.rounds import interleaved, table
from benchmarks.servers import Server
from service.apikeys import digest_of, id_of, new_key
from service.catalog import Database, Key, Keys
from service.settings import Settings

UNITS = "1000000000"
HEAD = (
    "request",
    "bare",
    "no keys",
    "keys and limits",
    "no keys / bare",
    "with / bare",
    "p99 bare",
    "p99 with",
    "with / bare",
)


async def issued(directory: str) -> str:
    """Make a key in the catalog of a directory."""
    database = Database(Settings(data_dir=Path(directory)).catalog)
    await database.migrate()
    text = new_key()
    await Keys(database).add(Key("bench", id_of(text) or "", digest_of(text), ("write",), ""))
    await database.close()
    return text


def report(rounds: int, seconds: float) -> str:
    """Load the three servers in turn and return the table."""
    with ExitStack() as stack:
        scratch = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(2)]
        key = asyncio.run(issued(scratch[1]))
        serve = ("service", "serve", "--data-dir")
        free = stack.enter_context(Server(*serve, scratch[0]))
        told = _told(free)
        limits = {"PARTIALPOOL_AUTH": "keys", "PARTIALPOOL_RATE_UNITS": UNITS}
        held = stack.enter_context(Server(*serve, scratch[1], key=key, **limits))
        _told(held)
        predict = f"/v1/models/{told['fit']['id']}/predictions"
        answers = Path(scratch[0], "answers.json")
        answers.write_text(json.dumps(told), "utf-8")
        bare = stack.enter_context(Server("benchmarks.bare", "--answers", str(answers)))
        asked = (("fit", FIT, "/v1/models"), ("predict", PREDICT, predict))
        slowest: dict[str, list[float]] = defaultdict(list)

        def measure(name: str, url: str, body: bytes, key: str) -> float:
            found = loaded(url, body, seconds, key)
            slowest[name].append(found.p99)
            return found.rate

        rates = interleaved(
            {
                f"{what}|{who}": partial(measure, f"{what}|{who}", url, body, given)
                for what, body, path in asked
                for who, url, given in (
                    ("free", free.url + path, ""),
                    ("held", held.url + path, key),
                    ("bare", f"{bare.url}/plain/{what}", ""),
                )
            },
            rounds,
        )
    rows = []
    for what, title in (("fit", "a fit that is known"), ("predict", "one house predicted")):
        free_, held_, bare_ = (rates[f"{what}|{who}"] for who in ("free", "held", "bare"))
        shown = (each.shown(1, 0) for each in (bare_, free_, held_))
        bare_p99, held_p99 = (
            statistics.median(slowest[f"{what}|{who}"]) for who in ("bare", "held")
        )
        rows.append(
            (
                title,
                *shown,
                f"{free_.over(bare_):.2f}",
                f"{held_.over(bare_):.2f}",
                f"{bare_p99:.2f}",
                f"{held_p99:.2f}",
                f"{held_p99 / bare_p99:.2f}",
            )
        )
    return table(HEAD, rows) + (
        f"\nRequests a second, and milliseconds that 99 of 100 take less than: medians of {rounds} "
        f"interleaved rounds of {seconds:g} s; {CONNECTIONS} connections from {generator()}.\n"
    )


def _told(server: Server) -> dict[str, Any]:
    """Ask for a fit and a prediction; return the answers."""
    model = server.post("/v1/models", FIT).json()
    predicted = server.post(f"/v1/models/{model['id']}/predictions", PREDICT).json()
    return {"fit": model, "predict": predicted}


def main() -> None:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guarded", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    sys.stdout.write(report(options.rounds, options.seconds))


if __name__ == "__main__":
    main()
