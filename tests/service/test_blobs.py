from __future__ import annotations

import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from service.blobs import LARGE_BYTES, Blobs, digest_of
from service.problems import ProblemError
from tests.servers import Storage, flipped, running_storage

pytestmark = pytest.mark.anyio


@pytest.fixture
def blobs(blobs_url: str) -> Blobs:
    return Blobs(blobs_url, sync=True)


@pytest.fixture
def directory(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path}/var/blobs")


@pytest.fixture
def damage(blobs_url: str, request: pytest.FixtureRequest) -> Callable[[str], None]:
    """What flips a bit of the file of a key, behind the back of the store."""
    if blobs_url.startswith("s3:"):
        server: Storage = request.getfixturevalue("storage")
        return lambda key: server.damage(blobs_url, key)

    def damaging(key: str) -> None:
        path = Path(blobs_url.removeprefix("file://"), key)
        path.write_bytes(flipped(path.read_bytes()))

    return damaging


def file_of(tmp_path: Path, key: str) -> Path:
    return tmp_path / "var" / "blobs" / key


async def listed(blobs: Blobs, seconds: float = -60) -> list[str]:
    return [key async for keys in blobs.older(seconds) for key in keys]


async def test_what_is_put_is_read_back_whole_and_in_pieces(blobs: Blobs) -> None:
    content = bytes(range(256)) * 20_000
    key = await blobs.put(content, ".bin")
    assert await blobs.read(key) == content
    assert b"".join([piece async for piece in blobs.stream(key)]) == content
    assert key.endswith(".bin")


async def test_the_same_content_twice_is_two_files_so_that_one_can_go(
    blobs: Blobs, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"a")
    first, second = await blobs.put(b"a"), await blobs.put_file(source)
    assert first != second
    assert digest_of(first) == digest_of(second)
    await blobs.delete(first)
    assert await blobs.read(second) == b"a"
    assert await listed(blobs) == [second]


async def test_a_large_file_is_put_in_pieces(blobs: Blobs, tmp_path: Path) -> None:
    content = os.urandom(LARGE_BYTES + 1)
    source = tmp_path / "source"
    source.write_bytes(content)
    key = await blobs.put_file(source, ".bin")
    assert await blobs.read(key) == content
    assert await blobs.intact(key)
    assert await listed(blobs) == [key]


async def test_what_is_there_is_not_written_over(
    blobs: Blobs, capfd: pytest.CaptureFixture[str]
) -> None:
    await blobs.check_creating()
    assert "writes over" not in "".join(capfd.readouterr())
    assert await listed(blobs) == []


@pytest.mark.parametrize("size", [10, LARGE_BYTES + 1])
async def test_a_file_with_one_bit_wrong_is_reported_and_not_served(
    blobs: Blobs, tmp_path: Path, damage: Callable[[str], None], size: int
) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(size))
    key = await blobs.put_file(source)
    damage(key)
    for attempt in (blobs.read(key), blobs.file(key, tmp_path)):
        with pytest.raises(ProblemError) as caught:
            await attempt
        assert caught.value.kind.code == "corrupt_artefact"
    with pytest.raises(ProblemError):
        [piece async for piece in blobs.stream(key)]
    assert not await blobs.intact(key)


@pytest.mark.parametrize("damage", [b"", b"b", b"a" * 100])
async def test_a_file_of_another_length_is_not_served(
    directory: Blobs, tmp_path: Path, damage: bytes
) -> None:
    key = await directory.put(b"a")
    file_of(tmp_path, key).write_bytes(damage)
    with pytest.raises(ProblemError) as caught:
        await directory.read(key)
    assert caught.value.kind.code == "corrupt_artefact"


async def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(blobs: Blobs) -> None:
    key = await blobs.put(b"a")
    await blobs.delete(key)
    await blobs.delete(key)
    with pytest.raises(ProblemError) as caught:
        await blobs.read(key)
    assert caught.value.kind.code == "corrupt_artefact"
    assert not await blobs.intact(key)


async def test_files_are_listed_by_their_age_and_nothing_else_is(
    directory: Blobs, tmp_path: Path
) -> None:
    old, new = await directory.put(b"old"), await directory.put(b"new")
    await directory.check()  # which leaves a file that is nobody's
    before = time.time() - 3600
    os.utime(file_of(tmp_path, old), (before, before))
    assert await listed(directory, 60) == [old]
    assert sorted(await listed(directory)) == sorted([old, new])


async def test_what_a_writer_that_died_left_half_written_is_cleared(
    directory: Blobs, tmp_path: Path
) -> None:
    key = await directory.put(b"whole")
    halves = [file_of(tmp_path, key).with_name(f"{key[3:]}#{i}") for i in (1, 2)]
    for half in halves:
        half.write_bytes(b"who")
    before = time.time() - 3600
    os.utime(halves[0], (before, before))
    assert await listed(directory) == [key]
    assert await directory.clear_unfinished(60) == 1
    assert [half.exists() for half in halves] == [False, True]
    assert await directory.read(key) == b"whole"


async def test_a_store_that_cannot_be_written_is_a_503(directory: Blobs, tmp_path: Path) -> None:
    await directory.check()
    (tmp_path / "var" / "blobs" / "probe").unlink()
    (tmp_path / "var" / "blobs").rmdir()
    (tmp_path / "var" / "blobs").write_bytes(b"a file in the way")
    with pytest.raises(ProblemError) as caught:
        await directory.check()
    assert caught.value.kind.code == "unavailable"
    with pytest.raises(ProblemError):
        await directory.put(b"a")


async def test_a_store_that_was_away_or_asleep_answers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.blobs.ANSWER_SECONDS", 2.0)
    with running_storage() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        blobs = Blobs(server.bucket())
        key = await blobs.put(b"a")
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        await refused(blobs.read(key))
        server.process.send_signal(signal.SIGCONT)
        assert await blobs.read(key) == b"a"
        url = server.bucket()
        blobs = Blobs(url)
        server.stop()
        for attempt in (blobs.read(key), blobs.put(b"b"), blobs.delete(key), blobs.check()):
            await refused(attempt)
        server.start()
        server.bucket(url)
        assert await blobs.read(await blobs.put(b"b")) == b"b"


async def test_the_keys_of_a_store_may_stand_in_files(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = storage.bucket()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / name).write_text(os.environ[name] + "\n")
        monkeypatch.delenv(name)
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    blobs = Blobs(url)
    assert await blobs.read(await blobs.put(b"a")) == b"a"


async def refused(attempt: Awaitable[object]) -> None:
    with pytest.raises(ProblemError) as caught:
        await attempt
    assert (caught.value.kind.code, caught.value.kind.retryable) == ("unavailable", True)


def test_a_key_carries_the_hash_of_its_content() -> None:
    assert digest_of("ab/abcd.parquet") == "abcd"


async def test_a_file_on_this_machine_has_a_path_and_one_elsewhere_has_none(
    directory: Blobs, tmp_path: Path
) -> None:
    key = await directory.put(b"rows", ".parquet")
    path = directory.path(key)
    assert path == file_of(tmp_path, key)
    assert path.read_bytes() == b"rows"
    assert Blobs("memory:///").path(key) is None


async def test_the_file_of_a_key_has_its_content_wherever_the_store_is(
    blobs: Blobs, blobs_url: str, tmp_path: Path
) -> None:
    spare = tmp_path / "spare"
    spare.mkdir()
    key = await blobs.put(b"rows" * 1000, ".parquet")
    assert (await blobs.file(key, spare)).read_bytes() == b"rows" * 1000
    copies = len(list(spare.iterdir()))
    assert copies == blobs_url.startswith("s3:"), "no copy of what is here already"
    with pytest.raises(ProblemError) as caught:
        await blobs.file(key.replace(key[3:7], "0000"), spare)
    assert caught.value.kind.code == "corrupt_artefact"
