"""API keys: what they look like, who they let in, and the commands that make and revoke them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from service import callers
from service.__main__ import main
from service.apikeys import PATTERN, digest_of, id_of, key_of, new_key
from service.catalog import Database, Keys
from service.catalog.scope import now
from service.context import Services
from service.settings import Settings
from tests.service.guarded import given
from tests.service.keeping import another
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

HOUSES = "county,floor,radon\nAITKIN,1,2.2\nAITKIN,0,2.9\nANOKA,0,1.4\nANOKA,1,0.9\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "var", bundled_data=False, auth="keys")


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_key_has_a_form_of_its_own_and_names_its_row() -> None:
    key = new_key()
    assert PATTERN.fullmatch(key)
    assert id_of(key) == key.split("_")[1]
    assert key != new_key()


@pytest.mark.parametrize("place", [4, 20, -1])
def test_a_mistyped_key_is_known_by_its_checksum(place: int) -> None:
    key = list(new_key())
    key[place] = "b" if key[place] == "a" else "a"
    assert id_of("".join(key)) is None


@pytest.mark.parametrize(
    "wrong",
    ["", "Bearer", "Basic YTpi", "Bearer x", "Bearer pp_aaaaaaaaaaaa_x", "Bearer \xff\xfe"],
)
async def test_what_is_no_key_is_refused(client: httpx.AsyncClient, wrong: str) -> None:
    headers = httpx.Headers([(b"authorization", wrong.encode("latin-1"))])
    answer = await client.get("/v1/datasets", headers=headers)
    assert read(answer).code == "unauthorized"
    assert answer.headers["www-authenticate"].startswith('Bearer realm="partialpool"')


async def test_a_key_that_nobody_was_given_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/datasets", headers=bearer(new_key()))
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_key_with_the_id_of_another_is_refused(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    key = await given(settings, "alice")
    forged = key_of(id_of(key) or "", bytes(32))
    assert id_of(forged) == id_of(key)
    assert (await client.get("/v1/datasets", headers=bearer(forged))).status_code == 401
    assert (await client.get("/v1/datasets", headers=bearer(key))).status_code == 200


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_a_key_comes_in_either_header(
    client: httpx.AsyncClient, settings: Settings, header: str
) -> None:
    key = await given(settings, "alice")
    value = f"bearer {key}" if header == "authorization" else key
    assert (await client.get("/v1/datasets", headers={header: value})).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [(("read",), (200, 403, 403)), (("write",), (200, 201, 403)), (("admin",), (200, 201, 200))],
)
async def test_each_scope_includes_the_ones_before_it(
    client: httpx.AsyncClient, settings: Settings, scopes: tuple[str, ...], allowed: tuple[int, ...]
) -> None:
    key = await given(settings, "alice", *scopes)
    writer = bearer(await given(settings, "alice", "write"))
    own = HOUSES + f"{scopes[0]},1,1.0\n"
    csv = {"content-type": "text/csv"}
    await client.post("/v1/datasets?name=known", content=HOUSES, headers=csv | writer)
    answers = [
        await client.get("/v1/datasets", headers=bearer(key)),
        await client.post("/v1/datasets", content=own, headers=csv | bearer(key)),
        await client.put("/v1/datasets/known/public", headers=bearer(key)),
    ]
    assert tuple(answer.status_code for answer in answers) == allowed
    for answer, scope in zip(answers, ("read", "write", "admin"), strict=True):
        if answer.status_code == 403:
            assert read(answer).code == "insufficient_scope"
            assert f'scope="{scope}"' in answer.headers["www-authenticate"]


async def test_what_is_computed_and_not_kept_needs_to_read_only(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    reader = bearer(await given(settings, "alice", "read"))
    preview = await client.post(
        "/v1/datasets/preview", content=HOUSES, headers={"content-type": "text/csv"} | reader
    )
    assert preview.status_code == 200
    assert (await client.delete("/v1/models/m_x", headers=reader)).status_code == 403
    assert (await client.post("/v1/models/m_x/predictions", headers=reader)).status_code == 404


async def test_an_expired_key_is_refused(client: httpx.AsyncClient, settings: Settings) -> None:
    past, soon = now(1), now(-0.5)
    old = await given(settings, "alice", expires=past)
    assert (await client.get("/v1/datasets", headers=bearer(old))).status_code == 401
    short = await given(settings, "alice", expires=soon)
    while now() < soon:
        assert (await client.get("/v1/limits", headers=bearer(short))).status_code in {200, 401}
        await asyncio.sleep(0.1)
    assert (await client.get("/v1/limits", headers=bearer(short))).status_code == 401


async def test_a_revoked_key_is_refused_within_seconds_on_every_replica(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callers.SECONDS <= 2
    monkeypatch.setattr(callers, "SECONDS", 0.2)
    key = await given(settings, "alice")
    async with another(settings) as one, another(settings) as two:
        for replica in (one, two):
            assert (await replica.get("/v1/datasets", headers=bearer(key))).status_code == 200
        database = Database(settings.catalog)
        await Keys(database).revoke(id_of(key) or "")
        await database.close()
        await asyncio.sleep(callers.SECONDS)
        for replica in (one, two):
            assert (await replica.get("/v1/datasets", headers=bearer(key))).status_code == 401


async def test_the_last_use_is_noted_once_an_hour(
    client: httpx.AsyncClient, settings: Settings, parts: Services
) -> None:
    keys = Keys(parts.database)
    key = await given(settings, "alice")
    await client.get("/v1/datasets", headers=bearer(key))
    (used,) = await keys.all()
    assert used.used_at is not None
    await keys.note_use(used)
    assert (await keys.all())[0].used_at == used.used_at


async def test_a_key_is_kept_as_its_hash(settings: Settings) -> None:
    key = await given(settings, "alice")
    files = [path.read_bytes() for path in settings.data_dir.glob("catalog.db*")]
    secret = key.split("_")[2]
    assert not any(secret.encode() in content for content in files)
    assert any(digest_of(key).encode() in content for content in files)


def test_keys_are_made_listed_and_revoked_by_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data-dir", str(tmp_path)]
    asked = ["--owner", "alice", "--scopes", "read,write", "--expires", "90d", "--note", "notebook"]
    main(["keys", *where, "create", *asked])
    key = capsys.readouterr().out.strip()
    assert PATTERN.fullmatch(key)
    main(["keys", *where, "list"])
    listed = capsys.readouterr().out
    assert re.search(rf"{id_of(key)} +alice +read,write +valid .* never +notebook", listed)
    assert key.split("_")[2] not in listed
    main(["keys", *where, "revoke", key])
    main(["keys", *where, "list", "--owner", "alice"])
    assert " revoked " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="no key of this id"):
        main(["keys", *where, "revoke", "nothing"])


@pytest.mark.parametrize(
    "wrong",
    [
        ["--owner", "Al ice"],
        ["--owner", "a", "--scopes", "all"],
        ["--owner", "a", "--expires", "x"],
    ],
)
def test_a_command_that_asks_for_nonsense_is_refused(
    tmp_path: Path, wrong: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "--data-dir", str(tmp_path), "create", *wrong])
    assert "error: argument" in capsys.readouterr().err
