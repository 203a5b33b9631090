"""A body on its way to disk: as it is, or the file part of a form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from engine import Problem
from service.intake.errors import IntakeError, UnknownFormError
from service.intake.form import Form, form_of
from service.intake.multipart import FilePart
from service.intake.unpack import is_gzip

MULTIPART = "multipart/form-data"
_BUFFER = 1 << 20


class Received(Struct, frozen=True):
    """A file that has arrived: where it is, what form it has, and how many bytes came."""

    path: Path
    form: Form
    size: int


async def receive(
    pieces: AsyncIterable[bytes], content_type: str, content_encoding: str, path: Path
) -> Received:
    """Write a body to ``path`` as it arrives, off the event loop, and tell its form.

    What the form is, is known before a byte is read unless the body is multipart. Raises
    ``UnknownFormError``, and ``IntakeError`` for a multipart body that has no file in it.
    """
    gzipped = _is_gzip_encoding(content_encoding)
    part = FilePart(content_type) if content_type.lower().startswith(MULTIPART) else None
    form = None if part else form_of(content_type)
    with path.open("wb") as file:
        size = await _write(pieces, part, file)
    if part:
        part.finish()
        form = form_of(part.media_type, part.file_name)
    _require_gzip(gzipped, path)
    return Received(path, form or form_of(""), size)


async def receive_plain(pieces: AsyncIterable[bytes], content_encoding: str, path: Path) -> None:
    """Write a body that is no table to ``path`` as it arrives; raises as :func:`receive`."""
    gzipped = _is_gzip_encoding(content_encoding)
    with path.open("wb") as file:
        await _write(pieces, None, file)
    _require_gzip(gzipped, path)


def _is_gzip_encoding(content_encoding: str) -> bool:
    encoding = content_encoding.strip().lower()
    if encoding not in {"", "identity", "gzip", "x-gzip"}:
        raise UnknownFormError(_unknown_encoding())
    return encoding.endswith("gzip")


def _require_gzip(gzipped: bool, path: Path) -> None:
    if gzipped and not is_gzip(path):
        detail = "The body says Content-Encoding: gzip and is not gzip."
        raise IntakeError(Problem("damaged_gzip", detail, "Compress it, or leave the header out."))


async def _write(pieces: AsyncIterable[bytes], part: FilePart | None, file: BinaryIO) -> int:
    size, waiting = 0, bytearray()
    async for piece in pieces:
        size += len(piece)
        waiting += part.feed(piece) if part else piece
        if len(waiting) >= _BUFFER:
            await asyncio.to_thread(file.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(file.write, bytes(waiting))
    return size


def _unknown_encoding() -> Problem:
    return Problem(
        "unknown_encoding",
        "The Content-Encoding is not one that is understood.",
        "Use gzip or none.",
        ("header", "content-encoding"),
    )
