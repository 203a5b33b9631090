from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from pyarrow import csv, ipc

from service import summaries
from service.app import create_app
from service.catalog import DEFAULT_OWNER
from service.catalog.datasets import dataset_id
from service.context import Services
from service.intake import MEDIA_TYPES, take_columns
from service.settings import Settings
from tests.service.intake.tables import WRITERS
from tests.service.intake.taking import Columns, parquet
from tests.service.keeping import RADON

pytestmark = pytest.mark.anyio

TABLE: Columns = {
    "county": ["AITKIN", "ANOKA", None, "NA"],
    "radon": [2.2, None, 3.1, 0.5],
    "floor": [0, 1, 1, None],
}
CSV = "county,radon,floor\nAITKIN,2.2,0\nANOKA,NA,1\n,3.1,1\nNA,0.5,\n"


JSON = "application/json"
PARQUET = parquet(pa.table({"a": [1]}))


async def upload(
    client: httpx.AsyncClient, content: str | bytes = CSV, media: str = "text/csv", **query: str
) -> httpx.Response:
    return await client.post(
        "/v1/datasets", params=query, content=content, headers={"content-type": media}
    )


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def files(settings: Settings) -> list[Path]:
    return [path for path in (settings.data_dir / "blobs").rglob("*.parquet") if path.is_file()]


async def test_a_new_table_is_created_and_found_at_its_location(client: httpx.AsyncClient) -> None:
    answer = await upload(client, name="houses")
    assert answer.status_code == 201
    found = await client.get(answer.headers["location"])
    assert found.json() == answer.json()
    body = answer.json()
    assert (body["n_rows"], body["n_columns"], body["name"]) == (4, 3, "houses")
    assert [column["kind"] for column in body["columns"]] == ["text", "number", "integer"]
    assert body["columns"][0]["missing_words"] == {"": 1}
    assert body["columns"][0]["kept_words"] == {"NA": 1}
    assert body["columns"][1]["missing_words"] == {"NA": 1}
    assert (await client.get("/v1/datasets/houses")).json() == body


async def test_the_same_content_is_the_same_dataset_in_every_form(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    first = (await upload(client)).json()
    for name, (form, write) in WRITERS.items():
        again = await upload(client, write(TABLE), form.value)
        assert again.status_code == 200, name
        assert again.json() == first
        assert again.headers["location"] == f"/v1/datasets/{first['id']}"
    assert len(files(settings)) == 1


async def test_the_id_is_the_one_that_the_intake_makes(client: httpx.AsyncClient) -> None:
    table, _ = take_columns(TABLE)
    assert (await upload(client)).json()["id"] == table.id == dataset_id(table.hash)


async def test_a_form_may_carry_the_file(client: httpx.AsyncClient) -> None:
    first = (await upload(client)).json()
    for name, content in (
        ("houses.csv", CSV.encode()),
        ("houses.csv.gz", gzip.compress(CSV.encode())),
    ):
        part = {"file": (name, content, "application/octet-stream")}
        answer = await client.post("/v1/datasets", files=part)
        assert (answer.status_code, answer.json()["id"]) == (200, first["id"])


async def test_gzip_is_understood(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "text/csv", "content-encoding": "gzip"}
    content = gzip.compress(CSV.encode())
    answer = await client.post("/v1/datasets", content=content, headers=headers)
    assert answer.status_code == 201


async def test_how_cells_are_read_can_be_told(client: httpx.AsyncClient) -> None:
    answer = await upload(client, missing="NA", text="floor")
    county, radon, floor = answer.json()["columns"]
    assert (county["missing"], radon["missing"]) == (2, 1)
    assert (floor["kind"], floor["missing"]) == ("text", 1)
    plain = await upload(client)
    assert plain.status_code == 201
    assert plain.json()["id"] != answer.json()["id"]


async def test_a_preview_tells_the_same_and_keeps_nothing(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    headers = {"content-type": "text/csv"}
    answer = await client.post("/v1/datasets/preview", content=CSV, headers=headers)
    assert answer.status_code == 200
    assert files(settings) == []
    assert (await client.get("/v1/datasets")).json() == {"items": [], "next": None}
    kept = (await upload(client)).json()
    assert answer.json()["id"] == kept["id"]
    assert answer.json()["columns"] == kept["columns"]
    assert answer.json()["head"][1] == {"county": "ANOKA", "radon": None, "floor": 1}


async def test_a_name_belongs_to_one_content(client: httpx.AsyncClient, settings: Settings) -> None:
    first = (await upload(client, name="houses")).json()
    other = await upload(client, "a\n1\n", name="houses")
    assert (other.status_code, other.json()["code"]) == (409, "name_taken")
    assert len(files(settings)) == 1
    renamed = await upload(client, name="homes")
    assert (renamed.status_code, renamed.json()["code"]) == (409, "name_taken")
    assert (await client.get(f"/v1/datasets/{first['id']}")).json()["name"] == "houses"
    assert len(files(settings)) == 1


async def test_a_dataset_without_a_name_can_be_given_one(client: httpx.AsyncClient) -> None:
    first = (await upload(client)).json()
    named = await upload(client, name="houses")
    assert (named.status_code, named.json()["name"]) == (200, "houses")
    assert (await client.get("/v1/datasets/houses")).json()["id"] == first["id"]


@pytest.mark.parametrize("name", ["", "ds_x", "a b", "a/b", "-a", "x" * 101, "é", "a\n"])
async def test_a_name_that_would_not_work_in_a_path_is_refused(
    client: httpx.AsyncClient, name: str
) -> None:
    answer = await upload(client, name=name)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == "#/query/name"


@pytest.mark.parametrize("media", ["", "application/pdf", "text/html"])
@pytest.mark.parametrize("path", ["/v1/datasets", "/v1/datasets/preview"])
async def test_an_unknown_type_is_told_what_is_accepted(
    client: httpx.AsyncClient, media: str, path: str
) -> None:
    headers = {"content-type": media} if media else {}
    answer = await client.post(path, content=b"a\n1\n", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    for known in (*MEDIA_TYPES, "multipart/form-data"):
        assert known in answer.headers["accept-post"]
    assert "text/csv" in answer.json()["errors"][0]["hint"]


@pytest.mark.parametrize(
    ("content", "media", "status", "code", "item", "pointer"),
    [
        ("a,b\n1\n", "text/csv", 422, "invalid_table", "ragged_row", "#/rows/0"),
        ("a,a\n1,2\n", "text/csv", 422, "invalid_table", "duplicate_column", "#/columns/a"),
        ("a\ninf\n", "text/csv", 422, "invalid_table", "infinite_value", "#/columns/a"),
        (PARQUET[:-9], MEDIA_TYPES[2], 422, "invalid_table", "unreadable_file", "#"),
        ("{", JSON, 400, "malformed_json", "malformed_json", "#"),
        ('{"rows": [{"a": 1}, {}]}', JSON, 422, "invalid_table", "missing_key", "#/rows/1/a"),
        ("x" * 70_000, "text/csv", 422, "invalid_table", "no_rows", "#"),
        ("a\n" + "x" * 70_000, "text/csv", 422, "limit_passed", "long_cell", "#/columns/a"),
    ],
)  # fmt: skip
async def test_a_bad_file_is_a_precise_problem_and_leaves_nothing(
    content: str | bytes,
    media: str,
    status: int,
    code: str,
    item: str,
    pointer: str,
    client: httpx.AsyncClient,
    settings: Settings,
) -> None:
    answer = await upload(client, content, media, name="bad")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    error = answer.json()["errors"][0]
    assert (error["code"], error["pointer"]) == (item, pointer)
    assert files(settings) == []
    assert (await client.get("/v1/datasets/bad")).status_code == 404


async def test_a_body_over_the_limit_and_a_gzip_bomb_are_too_large(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "var",
        bundled_data=False,
        max_body_bytes=100_000,
        max_decoded_bytes=200_000,
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client,
    ):
        for content in (b"a\n" + b"1\n" * 60_000, gzip.compress(b"a\n" + b"1\n" * 110_000)):
            answer = await upload(client, content)
            assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert files(settings) == []


async def test_no_temporary_file_stays(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = names(tmp_path)
    assert (await upload(client)).status_code == 201
    assert (await upload(client, "a,b\n1\n")).status_code == 422
    assert names(tmp_path) == before


async def test_lists_are_paged_newest_first(client: httpx.AsyncClient) -> None:
    ids = [(await upload(client, f"a\n{i}\n")).json()["id"] for i in range(5)]
    first = (await client.get("/v1/datasets", params={"limit": 3})).json()
    rest = (await client.get("/v1/datasets", params={"limit": 3, "cursor": first["next"]})).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None


async def test_a_dataset_has_a_strong_tag(client: httpx.AsyncClient) -> None:
    location = (await upload(client)).headers["location"]
    tag = (await client.get(location)).headers["etag"]
    assert tag.startswith('"')
    for path in (location, f"{location}/rows"):
        tag = (await client.get(path)).headers["etag"]
        again = await client.get(path, headers={"if-none-match": tag})
        assert (again.status_code, again.content) == (304, b"")


async def test_rows_come_in_pages_as_json(client: httpx.AsyncClient) -> None:
    location = (await upload(client)).headers["location"]
    first = (await client.get(f"{location}/rows", params={"limit": 3})).json()
    assert first["columns"] == ["county", "radon", "floor"]
    assert first["items"][2] == {"county": None, "radon": 3.1, "floor": 1}
    rest = (
        await client.get(f"{location}/rows", params={"limit": 3, "cursor": first["next"]})
    ).json()
    assert (rest["start"], rest["next"]) == (3, None)
    assert rest["items"] == [{"county": "NA", "radon": 0.5, "floor": None}]


async def test_rows_come_as_csv_parquet_and_arrow_with_a_link_to_the_next(
    client: httpx.AsyncClient,
) -> None:
    location = (await upload(client, RADON.read_bytes())).headers["location"]
    readers: dict[str, Callable[[io.BytesIO], pa.Table]] = {
        "text/csv": csv.read_csv,
        "application/vnd.apache.parquet": pq.read_table,
        "application/vnd.apache.arrow.stream": lambda content: ipc.open_stream(content).read_all(),
    }
    for media, read in readers.items():
        path, tables = f"{location}/rows?limit=500", []
        while path:
            answer = await client.get(path, headers={"accept": media})
            assert answer.headers["content-type"].startswith(media)
            tables.append(read(io.BytesIO(answer.content)))
            path = answer.links.get("next", {}).get("url", "")
        found = [table.num_rows for table in tables]
        assert found == [500, 419]
        counties = {name for table in tables for name in table["county"].to_pylist()}
        assert len(counties) == 85


async def test_a_cursor_that_is_not_ours_is_refused(client: httpx.AsyncClient) -> None:
    location = (await upload(client)).headers["location"]
    for cursor in ("x", "eA", "cm93Ci0x", "cm93CjFlOQ"):
        answer = await client.get(f"{location}/rows", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_form_that_rows_do_not_have_is_not_acceptable(client: httpx.AsyncClient) -> None:
    location = (await upload(client)).headers["location"]
    answer = await client.get(f"{location}/rows", headers={"accept": "image/png"})
    assert answer.status_code == 406


async def test_a_deleted_dataset_is_gone_with_its_file(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    location = (await upload(client, name="houses")).headers["location"]
    assert (await client.delete("/v1/datasets/houses")).status_code == 204
    assert files(settings) == []
    for path in (location, f"{location}/rows", "/v1/datasets/houses"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "dataset_not_found")
    assert (await client.delete(location)).status_code == 404
    again = await upload(client, name="houses")
    assert (again.status_code, again.headers["location"]) == (201, location)


async def test_uploads_of_one_content_at_once_make_one_dataset(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    answers = await asyncio.gather(*(upload(client, name="houses") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert len(files(settings)) == 1


async def test_uploads_and_deletions_at_once_leave_no_row_without_its_file(
    client: httpx.AsyncClient,
) -> None:
    location = (await upload(client)).headers["location"]
    await asyncio.gather(*(upload(client) if i % 2 else client.delete(location) for i in range(20)))
    await upload(client)
    assert (await client.get(f"{location}/rows")).status_code == 200


async def test_a_damaged_file_is_told_and_never_served(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    location = (await upload(client)).headers["location"]
    (stored,) = files(settings)
    content = bytearray(stored.read_bytes())
    content[40] ^= 1
    stored.write_bytes(content)
    answer = await client.get(f"{location}/rows")
    assert (answer.status_code, answer.json()["code"]) == (500, "corrupt_artefact")


async def test_a_model_is_fitted_to_an_upload(client: httpx.AsyncClient) -> None:
    await upload(client, RADON.read_bytes(), name="mine")
    asked = {"dataset": "mine", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}
    answer = await client.post("/v1/models", json=asked)
    assert answer.status_code == 201
    assert answer.json()["groups"] == {"county": 85}


async def test_what_is_kept_can_be_read_by_the_catalog(
    client: httpx.AsyncClient, parts: Services
) -> None:
    await upload(client, name="houses")
    row = await parts.datasets(DEFAULT_OWNER).get("houses")
    assert row.n_rows == 4
    assert [column["name"] for column in row.columns] == ["county", "radon", "floor"]


async def test_every_accepted_type_is_documented(app: FastAPI) -> None:
    for path, more in (("/v1/datasets", summaries.MEDIA_TYPES), ("/v1/datasets/preview", ())):
        body = app.openapi()["paths"][path]["post"]["requestBody"]
        assert set(body["content"]) == {*MEDIA_TYPES, "multipart/form-data", *more}
