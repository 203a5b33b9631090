from __future__ import annotations

import os
from pathlib import Path

import pytest

from service.blobs import LARGE_BYTES, Blobs, digest_of
from service.problems import ProblemError

pytestmark = pytest.mark.anyio


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(f"file://{tmp_path}/blobs")


def file_of(tmp_path: Path, key: str) -> Path:
    return tmp_path / "blobs" / key


async def test_what_is_put_is_read_back_whole_and_in_pieces(blobs: Blobs) -> None:
    content = bytes(range(256)) * 20_000
    key = await blobs.put(content, ".bin")
    assert await blobs.read(key) == content
    assert b"".join([piece async for piece in blobs.stream(key)]) == content


async def test_the_same_content_has_the_same_key_and_is_written_once(
    blobs: Blobs, tmp_path: Path
) -> None:
    key = await blobs.put(b"a")
    written = file_of(tmp_path, key).stat()
    source = tmp_path / "source"
    source.write_bytes(b"a")
    assert await blobs.put(b"a") == await blobs.put_file(source) == key
    assert file_of(tmp_path, key).stat() == written


async def test_a_large_file_is_put_in_pieces_and_written_once(blobs: Blobs, tmp_path: Path) -> None:
    content = os.urandom(LARGE_BYTES + 1)
    source = tmp_path / "source"
    source.write_bytes(content)
    key = await blobs.put_file(source, ".bin")
    assert await blobs.read(key) == content
    written = file_of(tmp_path, key).stat()
    assert await blobs.put_file(source, ".bin") == key
    assert file_of(tmp_path, key).stat() == written
    assert sorted(path.name for path in file_of(tmp_path, key).parent.iterdir()) == [key[3:]]


@pytest.mark.parametrize("damage", [b"", b"b", b"a" * 100])
async def test_a_damaged_file_is_reported_and_not_served(
    blobs: Blobs, tmp_path: Path, damage: bytes
) -> None:
    key = await blobs.put(b"a")
    file_of(tmp_path, key).write_bytes(damage)
    with pytest.raises(ProblemError) as caught:
        await blobs.read(key)
    assert caught.value.kind.code == "corrupt_artefact"
    with pytest.raises(ProblemError):
        [piece async for piece in blobs.stream(key)]


async def test_a_deleted_file_is_gone_and_deleting_it_again_is_no_error(blobs: Blobs) -> None:
    key = await blobs.put(b"a")
    await blobs.delete(key)
    await blobs.delete(key)
    with pytest.raises(ProblemError):
        await blobs.read(key)


async def test_a_store_that_cannot_be_written_is_a_503(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.check()
    (tmp_path / "blobs" / "probe").unlink()
    (tmp_path / "blobs").rmdir()
    (tmp_path / "blobs").write_bytes(b"a file in the way")
    with pytest.raises(ProblemError) as caught:
        await blobs.check()
    assert caught.value.kind.code == "unavailable"
    with pytest.raises(ProblemError):
        await blobs.put(b"a")


def test_a_key_carries_the_hash_of_its_content() -> None:
    assert digest_of("ab/abcd.parquet") == "abcd"


async def test_a_file_on_this_machine_has_a_path_and_one_in_memory_has_none(
    blobs: Blobs, tmp_path: Path
) -> None:
    key = await blobs.put(b"rows", ".parquet")
    path = blobs.path(key)
    assert path == file_of(tmp_path, key)
    assert path.read_bytes() == b"rows"
    assert Blobs("memory:///").path(key) is None


@pytest.mark.parametrize("url", ["file", "memory"])
async def test_the_file_of_a_key_has_its_content_wherever_the_store_is(
    blobs: Blobs, tmp_path: Path, url: str
) -> None:
    store = blobs if url == "file" else Blobs("memory:///")
    spare = tmp_path / "spare"
    spare.mkdir()
    key = await store.put(b"rows" * 1000, ".parquet")
    assert (await store.file(key, spare)).read_bytes() == b"rows" * 1000
    assert len(list(spare.iterdir())) == (url == "memory"), "no copy of what is here already"
    with pytest.raises(ProblemError) as caught:
        await store.file(key.replace(key[3:7], "0000"), spare)
    assert caught.value.kind.code == "corrupt_artefact"


async def test_the_file_of_a_damaged_key_is_not_served(blobs: Blobs, tmp_path: Path) -> None:
    key = await blobs.put(b"a")
    file_of(tmp_path, key).write_bytes(b"b")
    with pytest.raises(ProblemError) as caught:
        await blobs.file(key, tmp_path)
    assert caught.value.kind.code == "corrupt_artefact"
