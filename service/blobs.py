"""Files kept by the hash of their content, in a directory or any object store."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from service.problems import ProblemError

CHUNK_BYTES: Final = 1 << 20
LARGE_BYTES: Final = 16 * CHUNK_BYTES
_PROBE: Final = "probe"


class Blobs:
    """Create-only storage: a key names one content for ever.

    A key is ``<first two of the hash>/<sha256 of the bytes><suffix>``; what is read back is checked
    against it. Every method raises ``ProblemError``: ``unavailable`` when the store does not
    answer, ``corrupt_artefact`` when the bytes are not those that were written.
    """

    def __init__(self, url: str) -> None:
        if url.startswith("file://"):
            Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        self.store: ObjectStore = from_url(url)

    async def put(self, content: bytes, suffix: str = "") -> str:
        """Keep ``content`` and return its key; the same content again has the same key."""
        return await self._create(key_of(await _digest(content), suffix), content)

    async def put_file(self, path: Path, suffix: str = "") -> str:
        """Keep the content of a file and return its key."""
        digest, size = await asyncio.to_thread(_measured, path)
        key = key_of(digest, suffix)
        return await (self._create(key, path) if size <= LARGE_BYTES else self._stream(key, path))

    async def read(self, key: str) -> bytes:
        """Return the whole content of ``key``."""
        try:
            content = bytes(await (await obstore.get_async(self.store, key)).bytes_async())
        except FileNotFoundError as error:
            raise _damaged() from error
        except BaseError as error:
            raise _unavailable() from error
        if await _digest(content) != digest_of(key):
            raise _damaged()
        return content

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
        try:
            async for piece in (await obstore.get_async(self.store, key)).stream(CHUNK_BYTES):
                seen.update(piece)
                yield bytes(piece)
        except FileNotFoundError as error:
            raise _damaged() from error
        except BaseError as error:
            raise _unavailable() from error
        if seen.hexdigest() != digest_of(key):
            raise _damaged()

    async def delete(self, key: str) -> None:
        """Remove ``key``; one that is not there is no error."""
        try:
            await obstore.delete_async(self.store, key)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise _unavailable() from error

    async def check(self) -> None:
        """Write and read a small file, to know that the store can do both."""
        try:
            await obstore.put_async(self.store, _PROBE, b"ok")
            await (await obstore.get_async(self.store, _PROBE)).bytes_async()
        except (BaseError, OSError) as error:
            raise _unavailable() from error

    async def _stream(self, key: str, path: Path) -> str:
        """Put a large file piece by piece; a create-only put would hold the whole of it in memory.

        The key appears when the last piece is there, and whoever wrote it wrote the same bytes.
        """
        try:
            await obstore.head_async(self.store, key)
        except FileNotFoundError:
            pass
        except BaseError as error:
            raise _unavailable() from error
        else:
            return key
        try:
            await obstore.put_async(
                self.store,
                key,
                path,
                use_multipart=True,
                chunk_size=8 * CHUNK_BYTES,
                max_concurrency=2,
            )
        except (BaseError, OSError) as error:
            raise _unavailable() from error
        return key

    async def _create(self, key: str, content: bytes | Path) -> str:
        try:
            await obstore.put_async(self.store, key, content, mode="create")
        except AlreadyExistsError:
            return key
        except (BaseError, OSError) as error:
            raise _unavailable() from error
        return key


def key_of(digest: str, suffix: str = "") -> str:
    """Return the key of the content with this sha256 (64 hexadecimal digits)."""
    return f"{digest[:2]}/{digest}{suffix}"


def digest_of(key: str) -> str:
    """Return the sha256 that a key carries."""
    return key.split("/")[-1].split(".")[0]


async def _digest(content: bytes) -> str:
    """Hash what is large in a thread, what is small here: that takes less time than the thread."""
    if len(content) <= CHUNK_BYTES:
        return hashlib.sha256(content).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, content)).hexdigest()


def _measured(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def _unavailable() -> ProblemError:
    return ProblemError("unavailable", "The store of files does not answer.")


def _damaged() -> ProblemError:
    return ProblemError("corrupt_artefact", "The stored file is missing or not what was written.")
