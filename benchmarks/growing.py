"""A dataset that grows by a hundredth, over HTTP: ``python -m benchmarks.growing``.

The table is that of ``benchmarks.scan``: 3,000 counties (text), three predictors, as Parquet. A
service of its own is started, the table uploaded and fitted; then a part of one row for every
hundred is appended, and the same formula fitted to what has grown. A model is deleted after it is
timed and fitted anew, so that each round does the whole work; every request is timed at the client,
from the first byte sent to the last received, and the least of the rounds is told. The first fits
have worker processes that are warm. Beside it, all rows are uploaded as one dataset and fitted, to
compare the answers.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.scan import COUNTIES, FORMULA, write
from benchmarks.servers import Server

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
LIMITS = {
    "PARTIALPOOL_MAX_BODY_BYTES": str(4 << 30),
    "PARTIALPOOL_MAX_DECODED_BYTES": str(16 << 30),
    "PARTIALPOOL_MAX_ROWS": "1000000000",
    "PARTIALPOOL_WAIT_SECONDS": "3600",
}
RESULTS = Path(__file__).with_name("results-growing.md")


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that a call takes, and what it returns."""
    begun = time.perf_counter()
    value = call()
    return time.perf_counter() - begun, value


def send(server: Server, method: str, path: str, body: bytes = b"", media: str = JSON) -> Any:
    """Send one request over a connection of its own; return the JSON of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3600)
    try:
        connection.request(method, path, body, {"Content-Type": media})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {content.decode()}")
    return json.loads(content or "null")


def upload(server: Server, path: str, file: Path) -> Any:
    """Send a file; return what the service says of the dataset."""
    return send(server, "POST", path, file.read_bytes(), PARQUET)


def fit(server: Server, dataset: str, formula: str = FORMULA) -> Any:
    """Fit the formula and return the model."""
    asked = json.dumps({"dataset": dataset, "formula": formula}).encode()
    return send(server, "POST", "/v1/models", asked)


def afresh(server: Server, dataset: str, rounds: int, formula: str = FORMULA) -> tuple[float, Any]:
    """Return the least seconds of several fits, each new, and the last model."""
    took = []
    for _ in range(rounds):
        seconds, model = timed(lambda: fit(server, dataset, formula))
        took.append(seconds)
        send(server, "DELETE", f"/v1/models/{model['id']}")
    return min(took), fit(server, dataset, formula)


def difference(found: Any, wanted: Any) -> float:
    """Return the largest difference of estimates and errors, in standard errors."""
    pairs: Iterable[tuple[Any, Any]] = zip(
        found["fixed_effects"], wanted["fixed_effects"], strict=True
    )
    return max(
        float(abs(own[name] - its[name]) / its["std_error"])
        for own, its in pairs
        for name in ("estimate", "std_error")
    )


def joined(first: Path, second: Path, both: Path) -> None:
    """Write the rows of two files as one."""
    with pq.ParquetWriter(both, pq.read_schema(first), compression="zstd") as writer:
        for path in (first, second):
            for batch in pq.ParquetFile(path).iter_batches(1 << 20):
                writer.write_table(pa.Table.from_batches([batch]), 262_144)


def row(name: str, rows: int, seconds: float, whole: float) -> str:
    """Return a line of the table."""
    return f"| {name} | {rows:,} | {seconds:.3f} | {seconds / whole:.3f} |"


def measure(server: Server, folder: Path, rows: int, rounds: int) -> str:
    """Return the page's table for a number of rows."""
    first, part, both = (folder / f"{name}.parquet" for name in ("first", "part", "both"))
    write(first, rows)
    write(part, max(rows // 100, 1), seed=2)
    joined(first, part, both)
    sent, old = timed(lambda: upload(server, "/v1/datasets", first))
    fit(server, old["id"], "y ~ floor + (1 | county)")  # a worker is started, its pages are warm
    whole, _ = afresh(server, old["id"], rounds)
    added, new = timed(lambda: upload(server, f"/v1/datasets/{old['id']}/parts", part))
    again, found = afresh(server, new["id"], rounds)
    if found["provenance"]["added_to"] != old["id"]:
        raise RuntimeError(f"all rows were read: {found['provenance']}")
    everything = upload(server, "/v1/datasets", both)
    from_all, wanted = afresh(server, everything["id"], rounds)
    load = os.getloadavg()[0]
    about = f"least of {rounds} rounds; {os.cpu_count()} processors, load average {load:.1f}"
    gap = difference(found, wanted)
    lines = [
        f"{rows:,} rows and {rows // 100:,} more, {COUNTIES:,} counties, `{FORMULA}`; {about}",
        "",
        "| | rows read | seconds | x the first fit |",
        "| --- | ---: | ---: | ---: |",
        row("upload", rows, sent, whole),
        row("first fit", rows, whole, whole),
        row("append", rows // 100, added, whole),
        row("fit of what has grown", found["provenance"]["rows_read"], again, whole),
        row("fit of all rows as one dataset", wanted["n_rows"], from_all, whole),
        "",
        f"Estimates and errors of the last two differ by {gap:.1e} standard errors at most.",
    ]
    for dataset in (old, new, everything):
        send(server, "DELETE", f"/v1/datasets/{dataset['id']}")
    return "\n".join(lines)


def main() -> None:
    """Write the page of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growing", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS)
    asked = parser.parse_args()
    os.environ |= LIMITS
    tables = []
    with TemporaryDirectory() as folder:
        command = ("service", "serve", "--data-dir", f"{folder}/var")
        with Server(*command) as server:
            for rows in asked.rows:
                tables.append(measure(server, Path(folder), rows, asked.rounds))
                print(tables[-1], end="\n\n", flush=True)
    head = ["# Growing data", "", "Written by `make bench-growing`.", ""]
    asked.output.write_text("\n".join([*head, "\n\n".join(tables)]) + "\n")


if __name__ == "__main__":
    main()
