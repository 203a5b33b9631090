"""Decompression of gzip from file to file, counted as it streams."""

from __future__ import annotations

import zlib
from pathlib import Path

from engine import Problem
from service.intake.caps import FREE_BYTES, Caps
from service.intake.errors import IntakeError, TooManyBytesError

_MAGIC = b"\x1f\x8b"
_PIECE = 1 << 18
_GZIP = 31  # zlib's window bits for a gzip wrapper


def is_gzip(path: Path) -> bool:
    """Return whether the file starts as gzip does; no table starts so."""
    with path.open("rb") as file:
        return file.read(2) == _MAGIC


def unpack(path: Path, target: Path, caps: Caps) -> None:
    """Decompress the gzip file ``path`` (of one member or several) into ``target``.

    Stops with ``TooManyBytesError`` at the first piece that passes ``caps.decoded_bytes`` or swells
    more than ``caps.expansion`` allows: a file made to swell costs no more than the caps. Raises
    ``IntakeError`` when it is damaged.
    """
    written = 0
    with path.open("rb") as source, target.open("wb") as sink:
        inflater = zlib.decompressobj(_GZIP)
        pending = source.read(_PIECE)
        while pending:
            try:
                piece = inflater.decompress(pending, _PIECE)
            except zlib.error as error:
                raise _damaged() from error
            written += len(piece)
            if written > caps.decoded_bytes:
                raise too_many_bytes(caps)
            if written > max(FREE_BYTES, caps.expansion * source.tell()):
                raise _swells(caps)
            sink.write(piece)
            if inflater.eof:
                pending = inflater.unused_data.lstrip(b"\0") or source.read(_PIECE).lstrip(b"\0")
                inflater = zlib.decompressobj(_GZIP) if pending else inflater
            else:
                pending = inflater.unconsumed_tail or source.read(_PIECE)
        if not inflater.eof:
            raise _damaged()


def too_many_bytes(caps: Caps) -> TooManyBytesError:
    """Return the error for a file that decodes to more than the cap."""
    return TooManyBytesError(
        Problem(
            "too_many_bytes",
            f"The file decodes to more than {caps.decoded_bytes} bytes.",
            "Send fewer rows or only the columns that are needed; GET /v1/limits tells the limits.",
        )
    )


def _swells(caps: Caps) -> TooManyBytesError:
    return TooManyBytesError(
        Problem(
            "swelling_gzip",
            f"The gzip data decompresses to more than {caps.expansion} times its size.",
            "Send it as Parquet, or not compressed; GET /v1/limits tells the limits.",
        )
    )


def _damaged() -> IntakeError:
    return IntakeError(
        Problem(
            "damaged_gzip", "The gzip data is truncated or damaged.", "Compress the file again."
        )
    )
