"""Files of a bucket, and files of other forms than Parquet, registered where they are."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest
from pyarrow import ipc

from service.buckets import Bucket
from service.intake.rooted import NotBelowError
from service.problems import ProblemError
from service.registered import Asked, Bounds, register
from service.settings import Settings
from tests.servers import Storage
from tests.service.intake.taking import parquet
from tools.live import serving

FORMULA = "y ~ x + (1 | g)"
CAP = 1 << 20
BOUNDS = Bounds(files=10, rows=1_000_000, columns=100, bytes=CAP, expansion=200)
COUNTIES = ["NA", "None", "007", "LAC QUI PARLE", "7", "ANOKA"]


def rows(n: int, seed: int) -> pa.Table:
    draw = np.random.default_rng(seed)
    g, x = draw.integers(0, 6, n), draw.normal(size=n)
    y = 1.0 + 0.5 * x + 0.4 * g + draw.normal(size=n)
    return pa.table({"g": [COUNTIES[j] for j in g], "x": x, "y": y})


def csv(table: pa.Table, sign: str = ",") -> bytes:
    sink = io.BytesIO()
    pc.write_csv(table, sink, pc.WriteOptions(delimiter=sign))
    return sink.getvalue()


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


@dataclass(frozen=True)
class Places:
    """A service with two roots, a directory and a prefix of a bucket, and who writes there."""

    client: httpx.Client
    directory: Path
    storage: Storage
    prefix: str

    def put(self, root: str, name: str, content: bytes) -> None:
        if root == "lake":
            self.storage.put(self.prefix, name, content)
        else:
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def delete(self, root: str, name: str) -> None:
        if root == "lake":
            self.storage.delete(self.prefix, name)
        else:
            (self.directory / name).unlink()

    def refer(self, root: str, path: str, form: str | None = None, **query: Any) -> httpx.Response:
        asked = {"reference": {"root": root, "path": path, "format": form}}
        return self.client.post("/v1/datasets", json=asked, params=query)

    def fit(self, dataset: str, formula: str = FORMULA, **more: Any) -> httpx.Response:
        asked = {"dataset": dataset, "formula": formula, **more}
        return self.client.post("/v1/models", json=asked, headers={"prefer": "wait=60"})


@pytest.fixture(scope="module")
def places(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    directory, prefix = tmp_path_factory.mktemp("root"), storage.bucket()
    roots = json.dumps({"survey": str(directory), "lake": prefix})
    named = {
        "PARTIALPOOL_DATA_ROOTS": roots,
        "PARTIALPOOL_WORKER_PROCESSES": "1",
        "PARTIALPOOL_MAX_REGISTERED_BYTES": str(CAP),
    }
    with (
        serving(tmp_path_factory.mktemp("service"), **named) as live,
        httpx.Client(base_url=live.url, timeout=120) as client,
    ):
        yield Places(client, directory, storage, prefix)


@pytest.fixture
def folder() -> str:
    """A folder that no other test has files in."""
    return uuid4().hex


@pytest.fixture
def bucket(storage: Storage) -> str:
    """An empty prefix of a bucket."""
    return storage.bucket()


FORMS: dict[str, tuple[str, Callable[[pa.Table], bytes]]] = {
    "csv": ("csv", csv),
    "csv.gz": ("csv", lambda table: gzip.compress(csv(table))),
    "tsv": ("tsv", lambda table: csv(table, "\t")),
    "arrow": ("arrow", arrow),
    "parquet": ("parquet", parquet),
}


@pytest.mark.parametrize("root", ["survey", "lake"])
@pytest.mark.parametrize("ending", FORMS)
def test_files_of_each_form_are_fitted_as_an_upload_of_their_rows_is(
    places: Places, folder: str, root: str, ending: str
) -> None:
    form, write = FORMS[ending]
    first, second = rows(200, 1), rows(100, 2)
    for name, table in (("a", first), ("b", second)):
        places.put(root, f"{folder}/{name}.{ending}", write(table))
    made = places.refer(root, f"{folder}/*.{ending}")
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["reference"]["format"] == form
    assert [each["kind"] for each in body["columns"]] == ["text", "number", "number"]
    both = pa.concat_tables([first, second])
    found = places.fit(body["id"])
    assert found.status_code == 201, found.text
    sent = places.client.post(
        "/v1/datasets", content=csv(both), headers={"content-type": "text/csv"}
    )
    wanted = places.fit(sent.json()["id"]).json()
    assert found.json()["groups"] == {"g": 6}
    for own, its in zip(found.json()["fixed_effects"], wanted["fixed_effects"], strict=True):
        assert own["estimate"] == pytest.approx(its["estimate"], rel=1e-9)
    page = places.client.get(f"/v1/datasets/{body['id']}/rows?limit=150").json()
    rest = places.client.get(f"/v1/datasets/{body['id']}/rows?limit=150&cursor={page['next']}")
    assert [*page["items"], *rest.json()["items"]] == both.to_pylist()
    assert places.client.get(f"/v1/models/{found.json()['id']}/diagnostics").status_code == 200


@pytest.mark.parametrize("root", ["survey", "lake"])
def test_a_later_file_may_decide_the_kind_of_a_column(
    places: Places, folder: str, root: str
) -> None:
    places.put(root, f"{folder}/a.csv", b"g,k,y\n1,1,2\n2,2,NA\n")
    places.put(root, f"{folder}/b.csv", b"g,k,y\n3,1.5,x\n007,,1\n")
    body = places.refer(root, f"{folder}/*.csv").json()
    assert [each["kind"] for each in body["columns"]] == ["text", "number", "text"]
    page = places.client.get(f"/v1/datasets/{body['id']}/rows").json()
    assert [row["g"] for row in page["items"]] == ["1", "2", "3", "007"]
    assert [row["k"] for row in page["items"]] == [1.0, 2.0, 1.5, None]
    other = places.refer(root, f"{folder}/*.csv", missing=["x", "NA"], text=["k"]).json()
    assert other["id"] != body["id"]
    assert [each["kind"] for each in other["columns"]] == ["text", "text", "integer"]
    assert other["columns"][2]["missing"] == 2


@pytest.mark.parametrize("root", ["survey", "lake"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_changed_file_is_an_error_and_never_another_answer(
    places: Places, folder: str, root: str, ending: str
) -> None:
    _, write = FORMS[ending]
    name, content = f"{folder}/a.{ending}", write(rows(100, 1))
    places.put(root, name, content)
    dataset = places.refer(root, name).json()["id"]
    flipped = content.replace(b"007", b"008", 1)  # of the same size
    for other in (write(rows(120, 3)), flipped):
        places.put(root, name, other)
        for answer in (places.fit(dataset), places.client.get(f"/v1/datasets/{dataset}/rows")):
            assert (answer.status_code, answer.json()["code"]) == (409, "files_changed")
    assert places.refer(root, name).json()["id"] != dataset
    places.put(root, name, content)
    assert places.fit(dataset).status_code == 201
    places.delete(root, name)
    answer = places.client.get(f"/v1/datasets/{dataset}/rows")
    assert answer.json()["code"] == "files_changed"
    assert places.fit(dataset, method="ML").status_code == 201  # its sums are kept


@pytest.mark.parametrize("root", ["survey", "lake"])
def test_what_is_too_large_of_several_forms_or_damaged_is_refused(
    places: Places, folder: str, root: str
) -> None:
    zeros = b"a,b\n" + b"0,0\n" * 600_000
    files = {
        "large.csv": zeros,
        "bomb.csv.gz": gzip.compress(zeros),
        "ragged.csv": b"a,b\n1,2\n3\n",
        "mixed/a.csv": b"a\n1\n",
        "mixed/b.tsv": b"a\n1\n",
        "other/a.csv": b"a\n1\n",
        "other/b.csv": b"b\n1\n",
        "x.dat": b"a\n1\n",
        "x.ndjson": b'{"a": 1}\n',
        "x.parquet": parquet(rows(5, 1)),
    }
    for name, content in files.items():
        places.put(root, f"{folder}/{name}", content)
    for path, query, code in [
        ("large.csv", {}, "too_many_bytes"),
        ("bomb.csv.gz", {}, "too_many_bytes"),
        ("ragged.csv", {}, "ragged_row"),
        ("mixed/*", {}, "other_form"),
        ("other/*", {}, "other_columns"),
        ("x.ndjson", {}, "other_form"),
        ("x.dat", {}, "unreadable_file"),
        ("x.parquet", {"text": "x"}, "typed_columns"),
        ("none.csv", {}, "no_files"),
    ]:
        answer = places.refer(root, f"{folder}/{path}", **query)
        assert answer.status_code in {413, 422}, (path, answer.text)
        assert answer.json()["errors"][0]["code"] == code, path
    named = places.refer(root, f"{folder}/x.dat", "csv")
    assert named.status_code == 201


def test_only_what_is_below_the_prefix_is_found(storage: Storage, bucket: str) -> None:
    for key in ("2024/a.csv", "2024/.b.csv", "2024/deep/c.csv", "d.csv"):
        storage.put(bucket, key, b"a\n1\n")
    storage.put(f"{bucket}2", "2024/a.csv", b"a\n1\n")  # a sibling whose name begins alike
    storage.put(bucket.rpartition("/")[0], "secret.csv", b"a\n1\n")
    found = Bucket(bucket)
    assert found.matching("*/*.csv", 10) == ["2024/a.csv"]
    assert found.matching("2024/a.csv", 10) == ["2024/a.csv"]
    assert found.matching("*.csv", 10) == ["d.csv"]
    assert found.matching("202[0-9]/*/c.csv", 10) == ["2024/deep/c.csv"]
    assert found.matching("2024", 10) == found.matching("secret.csv", 10) == []


@pytest.mark.parametrize(
    "path",
    [
        "../secret.csv",
        "2024/../../secret.csv",
        "/secret.csv",
        "2024//a.csv",
        "./2024/a.csv",
        "s3://other/a.csv",
        "2024\\a.csv",
        "**/a.csv",
        "%2e%2e/secret.csv",
        "..%2fsecret.csv",
        "*/secret.csv",
    ],
)
def test_no_path_leads_out_of_a_prefix(storage: Storage, bucket: str, path: str) -> None:
    storage.put(bucket, "2024/a.csv", b"a\n1\n")
    storage.put(bucket.rpartition("/")[0], "secret.csv", b"a\n1\n")
    with pytest.raises(ProblemError) as caught:
        register(Asked(bucket, path), BOUNDS)
    assert caught.value.items[0].code in {"invalid_path", "no_files"}


def test_a_bucket_that_does_not_answer_is_no_empty_one(storage: Storage) -> None:
    with pytest.raises(ProblemError) as caught:
        register(Asked(f"s3://nothing-{uuid4().hex}/x", "*.csv"), BOUNDS)
    assert caught.value.kind.code == "unavailable"
    assert storage.process is not None


def test_an_object_that_is_written_to_while_it_is_read_is_noticed(
    storage: Storage, bucket: str
) -> None:
    storage.put(bucket, "a.csv", b"a\n1\n")
    with Bucket(bucket).opened(["a.csv"], CAP) as (copy,):
        assert copy.now() == copy.mark
        storage.put(bucket, "a.csv", b"a\n2\n")
        assert copy.now() != copy.mark
        assert copy.path.read_bytes() == b"a\n1\n"
    with pytest.raises(NotBelowError), Bucket(bucket).opened(["../a.csv"], CAP):
        pass


@pytest.mark.parametrize("root", ["http://host/x", "gs://bucket/x", "s3://", "s3://bucket/../x"])
def test_other_urls_are_no_roots(root: str) -> None:
    with pytest.raises(ValueError, match="a root is a directory or s3://bucket/prefix"):
        Settings(data_roots={"x": root})


@pytest.mark.parametrize(
    "root", ["/", "{data}", "{data}/blobs", "s3://bucket", "s3://bucket/a/b/c"]
)
def test_a_root_does_not_hold_what_the_service_keeps_nor_lie_in_it(
    tmp_path: Path, root: str
) -> None:
    place = root.replace("{data}", str(tmp_path))
    with pytest.raises(ValueError, match="overlap"):
        Settings(data_dir=tmp_path, blobs_url="s3://bucket/a/b", data_roots={"x": place})
    beside = {"x": "s3://bucket/a/bc", "y": f"{tmp_path}2"}
    assert Settings(data_dir=tmp_path, blobs_url="s3://bucket/a/b", data_roots=beside).data_roots
