"""Files kept by the hash of their content, in a directory or any object store."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import obstore
import structlog
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from service.observing.timing import Timed, untimed
from service.problems import ProblemError
from service.secret_files import from_file

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

CHUNK_BYTES: Final = 1 << 20
LARGE_BYTES: Final = 16 * CHUNK_BYTES
_PROBE: Final = "probe"

ANSWER_SECONDS: Final = 20.0
"""A store that has sent or taken nothing for so long does not answer."""
SLOWEST: Final = CHUNK_BYTES / 2
"""Bytes a second that a store takes at least."""
# The bounds above are on what moves; a whole object may take as long as it takes.
_CLIENT: Final[ClientConfig] = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(hours=6),
}
_RETRIES: Final[RetryConfig] = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}
_CREDENTIALS: Final = ("access_key_id", "secret_access_key", "session_token")
_READ_BYTES: Final = 8 * CHUNK_BYTES


class Blobs:
    """Create-only storage: a key names one content for ever.

    A key is ``<first two of the hash>/<sha256 of the bytes>.<drawn><suffix>``; what is read back is
    checked against it. As part of it is drawn, a file belongs to the one row that speaks of it: the
    same content kept twice is two files, what is deleted is gone whatever others keep or store at
    that moment, and nobody learns from a put that somebody else has the content. Every method
    raises ``ProblemError``: ``unavailable`` when the store does not answer, ``corrupt_artefact``
    when the bytes are not those that were written. With ``sync`` a file in a directory is on the
    disk when it is kept.
    """

    def __init__(self, url: str, *, sync: bool = False, timed: Timed = untimed) -> None:
        self._sync = sync
        self._timed = timed
        self.store = opened_store(url)

    async def put(self, content: bytes, suffix: str = "") -> str:
        """Keep ``content`` and return its key."""
        return await self._create(_drawn(await _digest(content), suffix), content, len(content))

    async def put_file(self, path: Path, suffix: str = "") -> str:
        """Keep the content of a file and return its key."""
        digest, size = await asyncio.to_thread(_measured, path)
        key, put = _drawn(digest, suffix), self._create if size <= LARGE_BYTES else self._stream
        return await put(key, path, size)

    async def read(self, key: str) -> bytes:
        """Return the whole content of ``key``."""
        content = b"".join([piece async for piece in self._pieces(key)])
        if await _digest(content) != digest_of(key):
            raise _damaged()
        return content

    async def intact(self, key: str) -> bool:
        """Tell whether the file of ``key`` is there and what was written."""
        try:
            async for _ in self.stream(key):
                pass
        except ProblemError as error:
            if error.kind.code != "corrupt_artefact":
                raise
            return False
        return True

    def path(self, key: str) -> Path | None:
        """Return where the file of ``key`` is on this machine, ``None`` in an object store.

        Whether it is there, and what it should be, is not checked.
        """
        prefix = self.store.prefix if isinstance(self.store, LocalStore) else None
        return None if prefix is None else Path(prefix, key)

    async def file(self, key: str, spare: Path) -> Path:
        """Return a file of this machine with the content of ``key``, its hash checked.

        It is the store's own where the store is a directory, else a copy in the directory
        ``spare``.
        """
        own = self.path(key)
        if own is None:
            own = spare / digest_of(key)
            with own.open("wb") as copy:
                async for piece in self.stream(key):
                    copy.write(piece)
            return own
        try:
            digest, _ = await asyncio.to_thread(_measured, own)
        except FileNotFoundError as error:
            raise _damaged() from error
        except OSError as error:
            raise _unavailable() from error
        if digest != digest_of(key):
            raise _damaged()
        return own

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """Yield the content of ``key`` in pieces; raises after the last when the hash is wrong."""
        seen = hashlib.sha256()
        async for piece in self._pieces(key):
            seen.update(piece)
            yield piece
        if seen.hexdigest() != digest_of(key):
            raise _damaged()

    async def delete(self, key: str) -> None:
        """Remove ``key``; one that is not there is no error."""
        async with self._asking("delete"):
            try:
                await obstore.delete_async(self.store, key)
            except FileNotFoundError:
                return

    async def check(self) -> None:
        """Write and read a small file, to know that the store can do both."""
        async with self._asking("check"):
            await obstore.put_async(self.store, _PROBE, b"ok")
            await (await obstore.get_async(self.store, _PROBE)).bytes_async()

    async def check_creating(self) -> None:
        """Find out whether the store refuses to write over what is there, and log when not.

        Keys are drawn, so nothing is ever written over; a store that keeps its word is a second
        guard against whoever else writes there.
        """
        key = f"{_PROBE}-{os.urandom(8).hex()}"
        async with _answering():
            await obstore.put_async(self.store, key, b"1", mode="create")
            try:
                await obstore.put_async(self.store, key, b"2", mode="create")
            except AlreadyExistsError:
                pass
            else:
                structlog.get_logger("service").warning("the store writes over what is there")
            await obstore.delete_async(self.store, key)

    async def older(self, seconds: float) -> AsyncIterator[list[str]]:
        """Yield the keys of all files written more than so many seconds ago, some at a time."""
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        listing = obstore.list(self.store, chunk_size=1000)
        while True:
            async with _answering():
                try:
                    found = await anext(listing)
                except StopAsyncIteration:
                    return
            keys = [each["path"] for each in found if each["last_modified"] < before]
            yield [key for key in keys if _is_key(key)]

    async def clear_unfinished(self, seconds: float) -> int:
        """Remove what processes that died while they wrote left more than so many seconds ago.

        In a directory these are files beside the key; an object store drops unfinished uploads by a
        rule of its own.
        """
        if not isinstance(self.store, LocalStore) or self.store.prefix is None:
            return 0
        return await asyncio.to_thread(_clear, Path(self.store.prefix), seconds)

    @asynccontextmanager
    async def _asking(self, operation: str, size: int = 0) -> AsyncIterator[None]:
        """Ask the store for something, within the time that so many bytes may take."""
        with self._timed("blobs", operation):
            async with _answering(size):
                yield

    async def _pieces(self, key: str) -> AsyncIterator[bytes]:
        async with self._asking("get"):
            try:
                found = await obstore.get_async(self.store, key)
            except FileNotFoundError as error:
                raise _damaged() from error
            pieces = aiter(found.stream(_READ_BYTES))
        while True:
            async with _answering():
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield bytes(piece)

    async def _stream(self, key: str, path: Path, size: int) -> str:
        """Put a large file piece by piece; a create-only put would hold the whole of it in memory.

        The key appears when the last piece is there.
        """
        async with self._asking("put", size):
            await obstore.put_async(
                self.store,
                key,
                path,
                use_multipart=True,
                chunk_size=8 * CHUNK_BYTES,
                max_concurrency=2,
            )
        return await self._settled(key)

    async def _create(self, key: str, content: bytes | Path, size: int) -> str:
        async with self._asking("put", size):
            with suppress(AlreadyExistsError):  # by a first try whose answer was lost
                await obstore.put_async(self.store, key, content, mode="create")
        return await self._settled(key)

    async def _settled(self, key: str) -> str:
        path = self.path(key) if self._sync else None
        if path is not None:
            async with _answering():
                await asyncio.to_thread(_settle, path)
        return key


def opened_store(url: str) -> ObjectStore:
    """Return the store; credentials of an object store are in the environment or files it names."""
    if url.startswith("file://"):
        Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        return from_url(url)
    if url.startswith("memory:"):
        return MemoryStore()
    # Options given here replace what the environment says of the client, also this one.
    plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true"}
    options: ClientConfig = {**_CLIENT, "allow_http": plain}
    config = _secrets() if url.startswith("s3://") else None
    return from_url(url, config=config, client_options=options, retry_config=_RETRIES)


def _secrets() -> S3Config:
    """Return the credentials that stand in files; others the client finds by itself."""
    given = {name: from_file(f"AWS_{name.upper()}") for name in _CREDENTIALS}
    return cast("S3Config", {name: value for name, value in given.items() if value is not None})


def _drawn(digest: str, suffix: str) -> str:
    return key_of(digest, f".{os.urandom(8).hex()}{suffix}")


def key_of(digest: str, suffix: str = "") -> str:
    """Return the key of the content with this sha256 (64 hexadecimal digits)."""
    return f"{digest[:2]}/{digest}{suffix}"


def digest_of(key: str) -> str:
    """Return the sha256 that a key carries."""
    return key.split("/")[-1].split(".")[0]


def _is_key(path: str) -> bool:
    """Tell whether a path is one of ours: a store may be shared with other things."""
    start, _, rest = path.partition("/")
    return len(start) == 2 and rest.startswith(start) and len(digest_of(path)) == 64


async def _digest(content: bytes) -> str:
    """Hash what is large in a thread, what is small here: that takes less time than the thread."""
    if len(content) <= CHUNK_BYTES:
        return hashlib.sha256(content).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, content)).hexdigest()


def _measured(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _settle(path: Path) -> None:
    """Wait until a file and the name of it are on the disk."""
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _clear(root: Path, seconds: float) -> int:
    """Remove the files that are still being written, by the name that the store gives them."""
    before, cleared = datetime.now(UTC).timestamp() - seconds, 0
    for path in root.glob("??/*#*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                path.unlink()
                cleared += 1
    return cleared


@asynccontextmanager
async def _answering(size: int = 0) -> AsyncIterator[None]:
    """Raise ``unavailable`` for what a store raises, or when so many bytes take it too long."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS + size / SLOWEST):
            yield
    except ProblemError:
        raise
    except (BaseError, OSError) as error:
        raise _unavailable() from error


def _unavailable() -> ProblemError:
    return ProblemError("unavailable", "The store of files does not answer.")


def _damaged() -> ProblemError:
    return ProblemError("corrupt_artefact", "The stored file is missing or not what was written.")
