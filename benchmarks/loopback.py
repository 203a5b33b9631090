"""The service against a bare FastAPI application that is handed the same bodies, on loopback."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks.fits import HOUSES
from benchmarks.load import CONNECTIONS, generator, requests_per_second
from benchmarks.rounds import Measured, interleaved, table
from benchmarks.servers import Server

FIT = json.dumps(
    {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ 1 + floor + (1 | county)"}
).encode()
PREDICT = json.dumps({"rows": [{"county": "AITKIN", "floor": 0}], "thresholds": [4]}).encode()
UPLOADS = 30


def report(rounds: int, seconds: float) -> str:
    """Load both servers in turn, time fits of fresh uploads, and write the section of the report.

    ``seconds`` are of each server and request in each round.
    """
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch, "answers.json")
        with Server("service", "serve", "--data-dir", scratch) as service:
            houses = Path(HOUSES).read_bytes()
            service.post("/v1/datasets?name=minnesota-radon", houses, "text/csv")
            service.post("/v1/models", FIT)
            fitted = service.post("/v1/models", FIT).json()
            predict = f"/v1/models/{fitted['id']}/predictions"
            predicted = service.post(predict, PREDICT).json()
            uploads = _upload_to_answer(service)
            answers.write_text(json.dumps({"fit": fitted, "predict": predicted}), "utf-8")
            with Server("benchmarks.bare", "--answers", str(answers)) as bare:
                rates = interleaved(
                    {
                        f"{what}|{who}": partial(requests_per_second, url, body, seconds)
                        for what, body, path in (
                            ("fit", FIT, "/v1/models"),
                            ("predict", PREDICT, predict),
                        )
                        for who, url in (
                            ("service", service.url + path),
                            ("plain", f"{bare.url}/plain/{what}"),
                            ("typed", f"{bare.url}/typed/{what}"),
                        )
                    },
                    rounds,
                )
    return _throughput(rates, rounds, seconds) + "\n" + _uploads(uploads)


def _throughput(rates: dict[str, Measured], rounds: int, seconds: float) -> str:
    rows = []
    for what, title in (("fit", "a fit that is known"), ("predict", "one house predicted")):
        ours, plain, typed = (rates[f"{what}|{who}"] for who in ("service", "plain", "typed"))
        rows.append(
            (
                title,
                ours.shown(1, 0),
                plain.shown(1, 0),
                f"{ours.over(plain):.2f}",
                typed.shown(1, 0),
                f"{ours.over(typed):.2f}",
            )
        )
    head = ("request", "service", "bare, plain JSON", "ratio", "bare, same pydantic", "ratio")
    return (
        "## Requests a second on loopback\n\n"
        + table(head, rows)
        + f"\nMedian (lowest–highest) of {rounds} interleaved rounds of {seconds:g} s, and of "
        f"their ratios; {CONNECTIONS} connections from {generator()}; one uvicorn process each. "
        "The bare endpoints read the same body and answer the same JSON, already known: *plain* "
        "with `await request.json()` and `JSONResponse`, *same pydantic* with the service's "
        "models.\n"
    )


def _upload_to_answer(service: Server) -> list[tuple[float, float]]:
    """Return the seconds of an upload and of the fit that follows, each time of other content."""
    content = Path(HOUSES).read_text("ascii")
    seconds: list[tuple[float, float]] = []
    for turn in range(UPLOADS):
        changed = content.replace(",2.2,", f",{2.2 + (turn + 1) / 1e6:.6f},", 1).encode()
        start = time.perf_counter()
        dataset = service.post("/v1/datasets", changed, "text/csv").json()
        uploaded = time.perf_counter()
        body = json.loads(FIT) | {"dataset": dataset["id"]}
        service.post("/v1/models", json.dumps(body).encode())
        seconds.append((uploaded - start, time.perf_counter() - uploaded))
    return seconds


def _uploads(seconds: list[tuple[float, float]]) -> str:
    columns = {
        "upload": [upload for upload, _ in seconds],
        "fit": [fit for _, fit in seconds],
        "both": [upload + fit for upload, fit in seconds],
    }
    rows = [
        (name, f"{statistics.median(times) * 1e3:.1f}", f"{max(times) * 1e3:.1f}")
        for name, times in columns.items()
    ]
    return (
        "## From upload to answer\n\n"
        + table(("request", "median ms", "slowest ms"), rows)
        + f"\nThe 919 houses as CSV, with one reading changed each of {UPLOADS} times so that "
        "nothing is known; one after the other over a kept connection, timed by the client.\n"
    )
