"""Datasets that grow by parts, over HTTP."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from service import fits
from service.caps import RequestCaps
from service.context import Services
from service.settings import Settings

pytestmark = pytest.mark.anyio

FORMULA = "y ~ x + c + (1 | g)"


def rows(n: int, seed: int, kinds: str = "abc", groups: int = 8) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    g, c = draw.integers(0, groups, n), draw.choice(list(kinds), n)
    x = draw.normal(size=n)
    y = 1.0 + 0.5 * x + 0.4 * g + (c == "b") + draw.normal(size=n)
    return pd.DataFrame({"g": [f"{j:03d}" for j in g], "c": c, "x": x, "y": y})


def csv(table: pd.DataFrame) -> str:
    sink = io.StringIO()
    table.to_csv(sink, index=False)
    return sink.getvalue()


async def send(
    client: httpx.AsyncClient, path: str, table: pd.DataFrame | str, **query: str
) -> httpx.Response:
    content = table if isinstance(table, str) else csv(table)
    kind = {"content-type": "text/csv"}
    return await client.post(path, params=query, content=content, headers=kind)


async def upload(client: httpx.AsyncClient, table: pd.DataFrame, **query: str) -> str:
    answer = await send(client, "/v1/datasets", table, **query)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.json()["id"])


async def append(client: httpx.AsyncClient, ref: str, table: pd.DataFrame, **query: str) -> Any:
    answer = await send(client, f"/v1/datasets/{ref}/parts", table, **query)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def fit(client: httpx.AsyncClient, dataset: str, formula: str = FORMULA, **more: Any) -> Any:
    asked = {"dataset": dataset, "formula": formula, **more}
    answer = await client.post("/v1/models", json=asked)
    while answer.status_code == 202:  # the machine is busy: the job goes on
        answer = await client.post("/v1/models", json=asked)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def assert_equal(found: Any, wanted: Any) -> None:
    assert [e["term"] for e in found["fixed_effects"]] == [
        e["term"] for e in wanted["fixed_effects"]
    ]
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(
            [effect[name] for effect in found["fixed_effects"]],
            [effect[name] for effect in wanted["fixed_effects"]],
            rtol=1e-9,
        )
    assert (found["n_rows"], found["groups"]) == (wanted["n_rows"], wanted["groups"])
    assert found["statistics"]["criterion"] == pytest.approx(
        wanted["statistics"]["criterion"], rel=1e-11
    )


def read(model: Any) -> tuple[int, str | None, str | None]:
    told = model["provenance"]
    return told["rows_read"], told["added_to"], told["reread"]


async def test_a_part_makes_a_new_dataset_and_the_old_one_stays(client: httpx.AsyncClient) -> None:
    first, later = rows(300, 1), rows(40, 2)
    old = await upload(client, first, name="before")
    new = await append(client, "before", later, name="after")
    assert new["id"] != old
    assert (new["n_rows"], new["previous"], new["name"]) == (340, old, "after")
    assert [part["n_rows"] for part in new["parts"]] == [300, 40]
    found = (await client.get(f"/v1/datasets/{old}")).json()
    assert (found["n_rows"], found["previous"], len(found["parts"])) == (300, None, 1)
    column = new["columns"][2]
    assert column["mean"] == pytest.approx(pd.concat([first, later])["x"].mean())
    assert (await client.get("/v1/datasets/after")).json() == new


async def test_the_same_part_again_is_the_same_dataset(client: httpx.AsyncClient) -> None:
    old = await upload(client, rows(300, 1))
    new = await append(client, old, rows(40, 2))
    again = await send(client, f"/v1/datasets/{old}/parts", rows(40, 2))
    assert (again.status_code, again.json()) == (200, new)
    twice = await append(client, new["id"], rows(40, 2))
    assert twice["id"] != new["id"]
    assert twice["n_rows"] == 380


async def test_a_fit_of_what_has_grown_reads_the_part_alone(client: httpx.AsyncClient) -> None:
    first, later = rows(300, 1), rows(40, 2, kinds="abcd", groups=11)
    old = await upload(client, first)
    assert read(await fit(client, old)) == (300, None, None)
    new = await append(client, old, later)
    found = await fit(client, new["id"])
    assert read(found) == (40, old, None)
    whole = await upload(client, pd.concat([first, later]))
    assert_equal(found, await fit(client, whole))
    ml = await fit(client, new["id"], method="ML")
    assert read(ml) == (0, new["id"], None)
    assert_equal(ml, await fit(client, whole, method="ML"))


async def test_parts_that_nobody_fitted_are_read_together(client: httpx.AsyncClient) -> None:
    tables = [rows(300, 1), rows(40, 2), rows(30, 3), rows(20, 4)]
    ref = old = await upload(client, tables[0])
    await fit(client, old)
    for table in tables[1:]:
        ref = (await append(client, ref, table))["id"]
    found = await fit(client, ref)
    assert read(found) == (90, old, None)
    assert_equal(found, await fit(client, await upload(client, pd.concat(tables))))


@pytest.mark.parametrize("call", ["scale(x)", "center(x)", "poly(x, 2)", "ave(x, g)"])
async def test_what_depends_on_all_rows_reads_them_and_says_so(
    client: httpx.AsyncClient, call: str
) -> None:
    formula, first, later = f"y ~ {call} + (1 | g)", rows(300, 1), rows(40, 2)
    old = await upload(client, first)
    await fit(client, old, formula)
    new = await append(client, old, later)
    found = await fit(client, new["id"], formula)
    assert read(found) == (340, None, f"the constants of {call} are those of all rows")
    assert_equal(found, await fit(client, await upload(client, pd.concat([first, later])), formula))


async def test_levels_that_change_the_contrasts_read_all_rows(client: httpx.AsyncClient) -> None:
    first, later = rows(300, 1, kinds="bc"), rows(40, 2, kinds="abc")
    old = await upload(client, first)
    await fit(client, old)
    found = await fit(client, (await append(client, old, later))["id"])
    assert read(found)[:2] == (340, None)
    assert "new levels of c" in str(read(found)[2])
    assert_equal(found, await fit(client, await upload(client, pd.concat([first, later]))))


async def test_missing_rows_of_all_parts_are_counted(client: httpx.AsyncClient) -> None:
    first, later = rows(300, 1), rows(40, 2)
    first.loc[0:3, "x"] = np.nan
    later["x"] = np.nan
    old = await upload(client, first)
    await fit(client, old)
    new = await append(client, old, later)
    found = await fit(client, new["id"])
    assert (found["n_rows"], found["n_dropped"]) == (296, 44)
    refused = await client.post(
        "/v1/models", json={"dataset": new["id"], "formula": FORMULA, "missing": "fail"}
    )
    assert refused.json()["errors"][0]["code"] == "missing_values"


async def test_workers_add_to_kept_sums_too(
    client: httpx.AsyncClient, parts: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all rows are many and where the growth is few beside them: 40 rows of 4 columns."""
    for large, seed in ((1, 10), (200, 20)):
        monkeypatch.setattr(fits, "LARGE_CELLS", large)
        first, later = rows(300, seed + 1), rows(40, seed + 2, kinds="abcd")
        old = await upload(client, first)
        assert read(await fit(client, old)) == (300, None, None)
        new = await append(client, old, later)
        found = await fit(client, new["id"])
        assert read(found) == (40, old, None)
        assert parts.compute.submitted
        whole = await fit(client, await upload(client, pd.concat([first, later])))
        assert_equal(found, whole)
        other = await append(client, old, rows(40, seed + 3, kinds="0abc"))
        assert "new levels of c" in str(read(await fit(client, other["id"]))[2])
        scaled = await fit(client, new["id"], "y ~ scale(x) + (1 | g)")
        assert read(scaled)[2] == "the constants of scale(x) are those of all rows"


async def test_whole_numbers_may_become_numbers_and_text_stays_text(
    client: httpx.AsyncClient,
) -> None:
    first = "y,x,k,t\n1,2,007,TRUE\n2,1,008,yes\n3.5,7,x,no\n"
    answer = await send(client, "/v1/datasets", first)
    assert [c["kind"] for c in answer.json()["columns"]] == ["number", "integer", "text", "text"]
    part = "k,t,x,y\n12,TRUE,0.5,\n13,FALSE,,4\n"
    new = (await send(client, f"/v1/datasets/{answer.json()['id']}/parts", part)).json()
    assert [c["kind"] for c in new["columns"]] == ["number", "number", "text", "text"]
    found = (await client.get(f"/v1/datasets/{new['id']}/rows", params={"limit": 3})).json()
    assert found["columns"] == ["y", "x", "k", "t"]
    more = (
        await client.get(f"/v1/datasets/{new['id']}/rows", params={"cursor": found["next"]})
    ).json()
    assert [*found["items"], *more["items"]][2:] == [
        {"y": 3.5, "x": 7.0, "k": "x", "t": "no"},
        {"y": None, "x": 0.5, "k": "12", "t": "TRUE"},
        {"y": 4.0, "x": None, "k": "13", "t": "FALSE"},
    ]


@pytest.mark.parametrize(
    ("part", "code", "name"),
    [
        ("y,x\n1,2\n", "missing_column", "g"),
        ("y,x,g,h\n1,2,a,b\n", "unknown_column", "h"),
        ("y,x,g\n1,many,a\n", "other_kind", "x"),
        ("y,x,g\n1,TRUE,a\n", "other_kind", "x"),
    ],
)
async def test_a_part_has_the_columns_of_the_dataset(
    client: httpx.AsyncClient, part: str, code: str, name: str
) -> None:
    answer = await send(client, "/v1/datasets", "y,x,g\n1.5,2,a\n2,3,b\n")
    refused = await send(client, f"/v1/datasets/{answer.json()['id']}/parts", part)
    assert refused.status_code == 422
    assert [(e["code"], e["pointer"]) for e in refused.json()["errors"]] == [
        (code, f"#/columns/{name}")
    ]


async def test_deleting_a_version_leaves_the_others_whole(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    old = await upload(client, rows(300, 1))
    new = (await append(client, old, rows(40, 2)))["id"]
    assert (await client.delete(f"/v1/datasets/{old}")).status_code == 204
    found = await client.get(f"/v1/datasets/{new}/rows", params={"limit": 340})
    assert len(found.json()["items"]) == 340
    assert (await client.get(f"/v1/models/{(await fit(client, new))['id']}")).status_code == 200
    assert (await client.delete(f"/v1/datasets/{new}")).status_code == 204
    blobs = settings.data_dir / "blobs"
    assert not [path for path in blobs.rglob("*.parquet") if path.is_file()]


async def test_a_model_of_a_grown_dataset_has_diagnostics_of_all_rows(
    client: httpx.AsyncClient,
) -> None:
    old = await upload(client, rows(300, 1))
    await fit(client, old)
    model = await fit(client, (await append(client, old, rows(40, 2)))["id"])
    found = await client.get(f"/v1/models/{model['id']}/diagnostics")
    assert found.status_code == 200, found.text


async def test_a_deleted_fit_is_no_base(client: httpx.AsyncClient) -> None:
    old = await upload(client, rows(300, 1))
    model = await fit(client, old)
    new = await append(client, old, rows(40, 2))
    await client.delete(f"/v1/models/{model['id']}")
    assert read(await fit(client, new["id"])) == (340, None, None)


async def test_a_dataset_has_so_many_parts_and_rows_at_most(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.parts.REQUEST", RequestCaps(parts=2))
    ref = await upload(client, rows(20, 1))
    ref = (await append(client, ref, rows(10, 2)))["id"]
    refused = await send(client, f"/v1/datasets/{ref}/parts", rows(10, 3))
    assert refused.json()["errors"][0]["code"] == "too_many_parts"


async def test_a_part_of_a_dataset_that_is_not_there_is_refused(client: httpx.AsyncClient) -> None:
    refused = await send(client, "/v1/datasets/nothing/parts", rows(10, 1))
    assert (refused.status_code, refused.json()["code"]) == (404, "dataset_not_found")
