"""Files that are registered as datasets where they are, and what is not below a root."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from service.intake.rooted import MOST_LOOKED_AT, NotBelowError, matching, opened
from service.problems import ProblemError
from service.registered import Asked, Bounds, Reference, hash_of, register, scanned
from tests.service.intake.taking import parquet
from tests.service.test_jobs import until
from tools.live import Live, serving

FORMULA = "y ~ x + (1 | g)"
BOUNDS = Bounds(files=10, rows=1_000_000, columns=100, bytes=1 << 24, expansion=200)


def rows(n: int, seed: int) -> pa.Table:
    draw = np.random.default_rng(seed)
    g, x = draw.integers(0, 8, n), draw.normal(size=n)
    y = 1.0 + 0.5 * x + 0.4 * g + draw.normal(size=n)
    return pa.table({"g": [f"{j:03d}" for j in g], "x": x, "y": y})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that is a data root."""
    return tmp_path_factory.mktemp("registered")


@pytest.fixture(scope="module")
def running(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that allows one root."""
    named = {"PARTIALPOOL_DATA_ROOTS": json.dumps({"survey": str(base)})}
    named |= {"PARTIALPOOL_MAX_COLUMNS": "5", "PARTIALPOOL_WORKER_PROCESSES": "1"}
    with serving(tmp_path_factory.mktemp("service"), **named) as live:
        yield live


@pytest.fixture
def client(running: Live) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running.url, timeout=120) as client:
        yield client


@pytest.fixture
def root(base: Path) -> Path:
    """A directory below the root with two files of one table, and a secret beside it."""
    place = Path(tempfile.mkdtemp(dir=base))
    root = place / "survey"
    (root / "2024").mkdir(parents=True)
    pq.write_table(rows(200, 1), root / "2024" / "a.parquet")
    pq.write_table(rows(100, 2), root / "2024" / "b.parquet")
    pq.write_table(rows(10, 3), place / "secret.parquet")
    return root


def refer(client: httpx.Client, root: Path, path: str, **headers: str) -> httpx.Response:
    """Register what a path names below a directory of the root."""
    below = f"{root.parent.name}/{root.name}/{path}"
    document = {"reference": {"root": "survey", "path": below}}
    return client.post("/v1/datasets", json=document, headers=headers)


def fit(client: httpx.Client, dataset: str, **more: Any) -> httpx.Response:
    asked = {"dataset": dataset, "formula": FORMULA, **more}
    return client.post("/v1/models", json=asked, headers={"prefer": "wait=60"})


def test_files_are_a_dataset_that_is_scanned_where_they_are(
    client: httpx.Client, root: Path
) -> None:
    made = refer(client, root, "2024/*.parquet")
    assert made.status_code == 201, made.text
    body = made.json()
    below = f"{root.parent.name}/survey"
    assert body["reference"] == {
        "root": "survey",
        "path": f"{below}/2024/*.parquet",
        "format": "parquet",
        "files": [f"{below}/2024/a.parquet", f"{below}/2024/b.parquet"],
    }
    assert (body["n_rows"], body["parts"], body["previous"]) == (300, [], None)
    assert [column["kind"] for column in body["columns"]] == ["text", "number", "number"]
    both = pa.concat_tables([rows(200, 1), rows(100, 2)])
    assert body["columns"][1]["mean"] == pytest.approx(np.mean(both["x"].to_numpy()))
    found = (fit(client, body["id"])).json()
    sent = client.post(
        "/v1/datasets",
        content=parquet(both),
        headers={"content-type": "application/vnd.apache.parquet"},
    )
    wanted = (fit(client, sent.json()["id"])).json()
    for own, its in zip(found["fixed_effects"], wanted["fixed_effects"], strict=True):
        assert own["estimate"] == pytest.approx(its["estimate"], rel=1e-9)
    ml = (fit(client, body["id"], method="ML")).json()
    assert ml["provenance"]["rows_read"] == 0
    page = (client.get(f"/v1/datasets/{body['id']}/rows?limit=250")).json()
    assert page["items"] == both.slice(0, 250).to_pylist()
    told = client.get(f"/v1/models/{found['id']}/diagnostics")
    assert told.status_code == 200, told.text
    assert (refer(client, root, "2024/*.parquet")).status_code == 200
    assert (client.delete(f"/v1/datasets/{body['id']}")).status_code == 204
    assert (root / "2024" / "a.parquet").exists()


def test_a_registration_may_be_a_job_whose_result_is_the_dataset(
    client: httpx.Client, root: Path
) -> None:
    answer = refer(client, root, "2024/*.parquet", prefer="respond-async")
    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "respond-async")
    assert answer.json()["kind"] == "registration"
    job = until(client, answer.headers["location"], "succeeded", "failed")
    assert (job["state"], job["progress"], job["error"]) == ("succeeded", 1.0, None)
    found = client.get(job["result"]["href"]).json()
    assert (found["n_rows"], found["reference"]["root"]) == (300, "survey")
    again = refer(client, root, "2024/*.parquet", prefer="respond-async, wait=60")
    assert (again.status_code, again.json()) == (200, found)
    gone = refer(client, root, "2025/*.parquet", prefer="respond-async")
    failed = until(client, gone.headers["location"], "succeeded", "failed")
    assert failed["error"]["errors"][0]["code"] == "no_files"


def test_a_long_registration_tells_how_far_it_is_and_can_be_cancelled(
    client: httpx.Client, root: Path
) -> None:
    some = b"".join(b"%d,%d.25,text %d\n" % (i, i % 977, i % 31) for i in range(100_000))
    (root / "long.csv").write_bytes(b"i,x,t\n" + 60 * some)
    given = {"prefer": "respond-async", "idempotency-key": "long"}
    first = refer(client, root, "long.csv", **given)
    job = first.headers["location"]
    other = refer(client, root, "long.csv", prefer="wait=0")
    assert (other.status_code, other.headers["location"]) == (202, job), "it is the same work"
    assert refer(client, root, "long.csv", **given).headers["location"] == job
    told = {0.0}
    end = time.monotonic() + 120
    while len(told) < 3 and time.monotonic() < end:
        told.add(client.get(job).json()["progress"])
        time.sleep(0.02)
    assert len(told) == 3, "it moves"
    assert client.delete(job).json()["state"] == "cancelled"
    made = refer(client, root, "2024/a.parquet", prefer="wait=60")
    assert made.status_code == 201, "the worker is free"
    assert client.get(job).json()["result"] is None


def test_changed_files_are_an_error_and_never_another_answer(
    client: httpx.Client, root: Path
) -> None:
    dataset = (refer(client, root, "2024/*.parquet")).json()["id"]
    file = root / "2024" / "b.parquet"
    content = file.read_bytes()
    pq.write_table(rows(100, 5), file)
    answer = fit(client, dataset)
    assert (answer.status_code, answer.json()["code"]) == (409, "files_changed")
    page = client.get(f"/v1/datasets/{dataset}/rows")
    assert (page.status_code, page.json()["code"]) == (409, "files_changed")
    again = refer(client, root, "2024/*.parquet")
    assert again.status_code == 201
    assert again.json()["id"] != dataset
    file.write_bytes(content)  # as it was, at another time
    assert (fit(client, dataset)).status_code == 201
    file.unlink()
    assert (fit(client, dataset, method="ML")).status_code == 201  # its sums are kept
    gone = client.get(f"/v1/datasets/{dataset}/rows")
    assert gone.json()["code"] == "files_changed"


def test_a_link_in_place_of_a_registered_file_is_not_followed(
    client: httpx.Client, root: Path
) -> None:
    dataset = (refer(client, root, "2024/*.parquet")).json()["id"]
    file = root / "2024" / "a.parquet"
    file.rename(root / "moved.parquet")
    file.symlink_to(root / "moved.parquet")  # the very content
    answer = fit(client, dataset)
    assert (answer.status_code, answer.json()["code"]) == (409, "files_changed")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.parquet",
        "2024/../../secret.parquet",
        "/etc/passwd",
        "//etc/passwd",
        "./2024/a.parquet",
        "2024//a.parquet",
        "**/a.parquet",
        "2024\\a.parquet",
        "2024/a\u0000.parquet",
        "",
        "file:///etc/passwd",
        "http://127.0.0.1/x.parquet",
        "s3://bucket/x.parquet",
        "2024",
        "*",
        "link.parquet",
        "way/a.parquet",
        "*/secret.parquet",
        "fifo",
        ".hid*",
        "2023/*.parquet",
    ],
)
def test_what_is_not_a_file_below_a_root_is_refused(root: Path, path: str) -> None:
    secret = root.parent / "secret.parquet"
    (root / "link.parquet").symlink_to(secret)
    (root / "way").symlink_to(root / "2024")
    (root / "up").symlink_to(root.parent)
    os.mkfifo(root / "fifo")
    with pytest.raises(ProblemError) as caught:
        register(Asked(str(root), path), BOUNDS)
    assert caught.value.kind.code == "invalid_request"
    (item,) = caught.value.items
    assert item.path == ("reference", "path")
    assert item.code in {"invalid_path", "no_files"}
    assert "passwd" not in item.detail


@pytest.mark.parametrize("path", ["../x.parquet", "/etc/passwd", "s3://bucket/x.parquet", "no*"])
def test_such_a_path_is_a_problem_of_the_request(client: httpx.Client, path: str) -> None:
    asked = {"reference": {"root": "survey", "path": path}}
    answer = client.post("/v1/datasets", json=asked)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/reference/path")


def test_other_roots_keys_and_forms_are_refused(client: httpx.Client) -> None:
    for reference, pointer in [
        ({"root": "lake", "path": "a.parquet"}, "#/reference/root"),
        ({"root": "survey", "path": "a.xlsx", "format": "xlsx"}, "#/reference/format"),
        ({"root": "survey", "path": "a.parquet", "url": "http://x"}, "#/reference/url"),
        ({"root": "survey"}, "#/reference/path"),
    ]:
        answer = client.post("/v1/datasets", json={"reference": reference})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_table_may_have_a_column_of_that_name(client: httpx.Client) -> None:
    answer = client.post("/v1/datasets", json={"columns": {"reference": [1, 2]}})
    assert answer.status_code == 201
    assert answer.json()["reference"] is None


def test_files_are_parquet_of_equal_columns_within_the_limits(
    client: httpx.Client, root: Path
) -> None:
    pq.write_table(pa.table({"z": [1]}), root / "2024" / "c.parquet")
    pq.write_table(pa.table({f"c{i}": [1] for i in range(6)}), root / "wide.parquet")
    pq.write_table(pa.table({"c": pa.array([[1]])}), root / "nested.parquet")
    pq.write_table(rows(0, 1), root / "empty.parquet")
    (root / "text.parquet").write_text("no Parquet")
    for path, code in [
        ("2024/*.parquet", "other_columns"),
        ("wide.parquet", "too_many_columns"),
        ("nested.parquet", None),
        ("empty.parquet", "no_rows"),
        ("text.parquet", "unreadable_file"),
    ]:
        answer = refer(client, root, path)
        assert answer.status_code == 422, path
        assert code is None or answer.json()["errors"][0]["code"] == code


def test_registered_files_do_not_grow_by_parts(client: httpx.Client, root: Path) -> None:
    dataset = (refer(client, root, "2024/a.parquet")).json()["id"]
    answer = client.post(
        f"/v1/datasets/{dataset}/parts",
        content="g,x,y\na,1,2\n",
        headers={"content-type": "text/csv"},
    )
    (item,) = answer.json()["errors"]
    assert (answer.status_code, item["code"]) == (422, "registered_files")
    assert "register all files again" in item["hint"]


def test_a_file_that_is_written_to_while_it_is_scanned_is_an_error(root: Path) -> None:
    found = register(Asked(str(root), "2024/a.parquet"), BOUNDS)
    reference = Reference(str(root), found.files, BOUNDS)
    with pytest.raises(ProblemError) as caught:
        _scan_while_written(reference, root / "2024" / "a.parquet")
    assert caught.value.kind.code == "files_changed"


def test_a_name_that_is_swapped_after_it_was_opened_leads_to_the_same_file(root: Path) -> None:
    name = "2024/a.parquet"
    with opened(root, [name]) as (file,):
        before = file.digest()
        (root / name).unlink()
        (root / name).symlink_to(root.parent / "secret.parquet")
        assert pq.read_metadata(file.path).num_rows == 200
        assert file.digest() == before
    with pytest.raises(OSError, match="symbolic"), opened(root, [name]):
        pass


def test_so_many_files_are_matched_and_no_more(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(20):
        (root / f"{i:02d}.parquet").touch()
    assert len(matching(root, "*.parquet", 5)) == 6
    with pytest.raises(ProblemError) as caught:
        register(Asked(str(root), "*.parquet"), BOUNDS)
    assert caught.value.items[0].code == "too_many_files"
    assert MOST_LOOKED_AT >= 10_000
    monkeypatch.setattr("service.intake.rooted.MOST_LOOKED_AT", 10)
    with pytest.raises(NotBelowError):
        matching(root, "*.parquet", 50)


def test_places_are_part_of_what_a_dataset_is(root: Path) -> None:
    found = register(Asked(str(root), "2024/a.parquet"), BOUNDS)
    assert hash_of("survey", found.files) != hash_of("lake", found.files)


def _scan_while_written(reference: Reference, path: Path) -> None:
    with scanned(reference, ["x"]) as scan:
        scan.collect()
        with path.open("ab") as file:
            file.write(b"more")
