from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import Connection, create_engine, inspect, text

from service.catalog import (
    Answered,
    Database,
    Dataset,
    Datasets,
    Keyed,
    Leases,
    Model,
    Models,
    Recent,
    Retention,
    tables,
)
from service.catalog.migrating import climb, newest, revisions, upgrade, version
from service.catalog.paging import decode, encode
from service.catalog.retention import REFERENCES
from service.catalog.tables import metadata
from service.problems import ProblemError

pytestmark = pytest.mark.anyio


@pytest.fixture
def mine(database: Database) -> Datasets:
    return Datasets(database, "default", Recent())


def digest(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def table_of(number: int, name: str | None = None) -> Dataset:
    return Dataset(digest(number), "b/b", 3, 10, [{"name": "x"}], {}, name)


def fit_of(number: int) -> Model:
    return Model(digest(number), "ds_x", "0", "y ~ 1", "REML", 3, {}, {}, "b/m")


async def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await database.read(differences) == []


def test_an_empty_file_gets_the_tables_that_the_migrations_make() -> None:
    def made(make: Callable[[Connection], None]) -> dict[str, object]:
        with create_engine("sqlite://").begin() as connection:
            make(connection)
            found = inspect(connection)
            owners = connection.execute(text("SELECT id FROM owners")).all()
            told: dict[str, object] = {"version": version(connection), "owners": owners}
            for table in found.get_table_names():
                columns = [repr(sorted(each.items(), key=str)) for each in found.get_columns(table)]
                told[table] = (
                    sorted(columns),
                    found.get_pk_constraint(table),
                    found.get_foreign_keys(table),
                    found.get_unique_constraints(table),
                    found.get_check_constraints(table),
                    found.get_indexes(table),
                )
            return told

    step_by_step = made(climb)
    assert step_by_step["version"] == newest()
    assert repr(made(upgrade)) == repr(step_by_step)


async def test_many_processes_may_start_on_an_empty_catalog_at_once(catalog_url: str) -> None:
    databases = [Database(catalog_url) for _ in range(8)]
    await asyncio.gather(*(database.migrate() for database in databases))
    await asyncio.gather(*(database.check() for database in databases))
    await asyncio.gather(*(database.close() for database in databases))


async def test_a_dataset_is_found_by_id_and_by_name(mine: Datasets) -> None:
    kept, new = await mine.add(table_of(1, "radon"))
    assert new
    assert await mine.get(kept.id) == kept == await mine.get("radon")
    assert kept.id.startswith("ds_")
    assert kept.created_at.endswith("Z")


async def test_the_same_content_again_is_the_same_dataset(mine: Datasets) -> None:
    first, _ = await mine.add(table_of(1))
    again, new = await mine.add(table_of(1))
    assert (again, new) == (first, False)


async def test_a_name_can_be_given_later_and_once(mine: Datasets) -> None:
    first, _ = await mine.add(table_of(1))
    named, new = await mine.add(table_of(1, "radon"))
    assert (named, new) == (replace(first, name="radon"), False)
    with pytest.raises(ProblemError, match="already kept, as 'radon'"):
        await mine.add(table_of(1, "other"))


async def test_a_name_stands_for_one_dataset(mine: Datasets) -> None:
    await mine.add(table_of(1, "radon"))
    with pytest.raises(ProblemError, match="belongs to another dataset"):
        await mine.add(table_of(2, "radon"))


async def test_one_of_many_adding_the_same_content_makes_it(mine: Datasets) -> None:
    kept = await asyncio.gather(*(mine.add(table_of(1, "radon")) for _ in range(20)))
    assert sum(new for _, new in kept) == 1
    assert len({dataset.id for dataset, _ in kept}) == 1


async def test_a_deleted_dataset_is_gone_and_may_come_back(mine: Datasets) -> None:
    kept, _ = await mine.add(table_of(1, "radon"))
    assert await mine.delete("radon") == kept
    for ref in ("radon", kept.id):
        with pytest.raises(ProblemError) as caught:
            await mine.get(ref)
        assert caught.value.kind.code == "dataset_not_found"
    assert (await mine.add(table_of(1, "radon")))[1]


async def test_an_owner_sees_nothing_of_another(database: Database, mine: Datasets) -> None:
    kept, _ = await mine.add(table_of(1, "radon"))
    theirs = Datasets(database, "other", Recent())
    for attempt in (theirs.get("radon"), theirs.get(kept.id), theirs.delete(kept.id)):
        with pytest.raises(ProblemError):
            await attempt
    assert (await theirs.page(10)).items == ()
    assert (await theirs.add(table_of(2, "radon")))[1], "names are each owner's own"


async def test_a_file_that_anyone_needs_is_kept(database: Database, mine: Datasets) -> None:
    kept, _ = await mine.add(table_of(1))
    await Datasets(database, "other", Recent()).add(table_of(1))
    await mine.delete(kept.id)
    assert await mine.keeps(kept.blob)
    await Datasets(database, "other", Recent()).delete(kept.id)
    assert not await mine.keeps(kept.blob)


async def test_pages_hold_everything_once_though_rows_come_and_go(mine: Datasets) -> None:
    for number in range(7):
        await mine.add(table_of(number))
    first = await mine.page(3)
    await mine.add(table_of(100))
    await mine.delete(first.items[0].id)
    second = await mine.page(3, first.next)
    third = await mine.page(3, second.next)
    seen = [item.content_hash for page in (first, second, third) for item in page.items]
    assert seen == [digest(number) for number in reversed(range(7))]
    assert third.next is None


@pytest.mark.parametrize("cursor", ["", "x", "nonsense", "ñ", encode("one"), encode("a", "b", "c")])
async def test_a_cursor_of_our_own_making_only(mine: Datasets, cursor: str) -> None:
    with pytest.raises(ProblemError) as caught:
        await mine.page(3, cursor)
    assert caught.value.items[0].path == ("query", "cursor")


def test_a_cursor_carries_its_parts() -> None:
    assert decode(encode("2026-01-01", "ds_ñ")) == ["2026-01-01", "ds_ñ"]


async def test_a_model_is_kept_once(database: Database) -> None:
    models = Models(database, "default", Recent())
    first = await models.add(fit_of(1))
    assert await models.add(fit_of(1)) == first
    assert await models.get(first.id) == first
    assert (await models.page(5)).items == (first,)
    with pytest.raises(ProblemError, match="no model of this id"):
        await Models(database, "other", Recent()).get(first.id)
    await models.delete(first.id)
    with pytest.raises(ProblemError, match="no model of this id"):
        await models.delete(first.id)


async def test_a_catalog_that_does_not_answer_is_a_503(catalog_url: str) -> None:
    database = Database(catalog_url)
    with pytest.raises(ProblemError) as caught:
        await database.check()  # never migrated: the table is not there
    assert caught.value.kind.status == 503
    await database.close()


async def test_a_row_read_a_moment_ago_is_not_asked_for_again(database: Database) -> None:
    mine = Datasets(database, "default", Recent())
    kept, _ = await mine.add(table_of(1, "radon"))
    await mine.get("radon")
    # As another replica would:
    await database.write(lambda connection: connection.execute(text("DELETE FROM datasets")))
    assert await mine.get("radon") == kept
    with pytest.raises(ProblemError):
        await Datasets(database, "default", Recent(seconds=0)).get("radon")


async def test_a_change_made_here_is_seen_at_once(mine: Datasets) -> None:
    await mine.add(table_of(1, "radon"))
    await mine.get("radon")
    await mine.delete("radon")
    with pytest.raises(ProblemError):
        await mine.get("radon")
    await mine.add(table_of(2, "radon"))
    assert (await mine.get("radon")).content_hash == digest(2)


async def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    recent: Recent[str] = Recent()

    async def read(ref: str) -> str:
        recent.forget("default", ref)  # the row is deleted while it is being read
        return ref

    await recent.get("default", "radon", read)
    assert recent.known("default", "radon") is None


async def test_text_is_ordered_by_its_bytes(mine: Datasets, database: Database) -> None:
    for number, name in enumerate(["b", "B", "a", "_", "A-1", "a.1"]):
        await mine.add(table_of(number, f"x{name}"))
    query = text("SELECT name FROM datasets ORDER BY name")
    found = await database.read(lambda connection: connection.scalars(query).all())
    assert list(found) == ["xA-1", "xB", "x_", "xa", "xa.1", "xb"]


async def test_every_version_of_the_tables_can_be_gone_back_to(
    database: Database, mine: Datasets
) -> None:
    kept, _ = await mine.add(table_of(1, "radon"))
    for revision in revisions()[1:]:
        await database.migrate(revision)
        if revision != revisions()[-1]:
            await database.migrate()
            assert await Datasets(database, "default", Recent()).get("radon") == kept
            await database.migrate(revision)
    await database.migrate("base")
    await database.migrate()
    assert (await Datasets(database, "default", Recent()).page(5)).items == ()


async def test_a_lease_is_one_holders_until_it_lets_go_or_its_time_has_passed(
    database: Database,
) -> None:
    here, there = Leases(database, "here"), Leases(database, "there")
    taken = await asyncio.gather(*(each.take("x", 60) for each in (here, there) * 4))
    assert set(taken) == {True, False}
    winner, other = (here, there) if await here.take("x", 60) else (there, here)
    assert await winner.take("x", 60), "who has it may have it longer"
    assert not await other.take("x", 60)
    await other.release("x")
    assert not await other.take("x", 60)
    await winner.release("x")
    assert await other.take("x", -1)
    assert await winner.take("x", 60), "its time had passed"


async def test_a_key_is_free_again_when_its_request_died_or_its_answer_is_old(
    database: Database,
) -> None:
    first, second = (Keyed(database, "default", holder) for holder in ("first", "second"))
    begun = await asyncio.gather(*(each.begin("k") for each in (first, second)))
    assert sorted(map(str, begun)) == ["False", "True"]
    winner, other = (first, second) if begun[0] is True else (second, first)
    await other.release("k")
    assert await other.begin("k") is False
    answer = Answered("f" * 64, 201, {"location": "/x"}, b"\x00body")
    await winner.finish("k", answer, 60)
    assert await other.begin("k") == answer
    assert await Keyed(database, "other", "third").begin("k") is True, "keys are each owner's own"
    await winner.finish("k", answer, -1)
    assert await other.begin("k") is True
    await Retention(database).forget()
    assert await winner.begin("k") is False, "one that is being answered is not forgotten"


async def test_what_is_used_is_not_old_and_what_is_spoken_of_is_no_orphan(
    database: Database, mine: Datasets
) -> None:
    retention = Retention(database)
    old, _ = await mine.add(replace(table_of(1), blob="aa/1"))
    used, _ = await mine.add(replace(table_of(2), blob="aa/2"))
    await database.write(
        lambda connection: connection.execute(text("UPDATE datasets SET used_at = '2020'"))
    )
    assert len(await retention.unused(tables.datasets, 60)) == 2
    await retention.used(tables.datasets, ["aa/2"])
    assert await retention.unused(tables.datasets, 60) == [("default", old.id)]
    with pytest.raises(ProblemError):
        await mine.delete(used.id, unused=60)
    assert (await mine.delete(old.id, unused=60)).id == old.id
    assert await retention.unspoken(["aa/1", "aa/2", "aa/3"]) == ["aa/1", "aa/3"]


def test_every_column_that_names_a_file_is_known_to_who_sweeps() -> None:
    naming = {f"{t.name}.{c.name}" for t in metadata.sorted_tables for c in t.c if "blob" in c.name}
    assert {f"{c.table.name}.{c.name}" for c in REFERENCES} == naming


async def test_of_many_who_ask_at_once_one_reads_and_who_asks_after_a_change_reads_anew() -> None:
    recent: Recent[str] = Recent()
    reads = 0

    async def read(ref: str) -> str:
        nonlocal reads
        reads += 1
        mine = reads
        await asyncio.sleep(0)
        return f"{ref} {mine}"

    before = [asyncio.create_task(recent.get("owner", "row", read)) for _ in range(5)]
    await asyncio.sleep(0)
    recent.forget("owner", "row")
    assert await recent.get("owner", "row", read) == "row 2"
    assert await asyncio.gather(*before) == ["row 1"] * 5
    assert await recent.get("owner", "row", read) == "row 2"
