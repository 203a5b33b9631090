"""From the bytes of a summary to the summary, within the caps."""

from __future__ import annotations

import struct
from pathlib import Path

import pyarrow as pa

from engine import Problem, Summary, read_summary
from service.intake.caps import Caps
from service.intake.errors import IntakeError, TooManyBytesError
from service.intake.frames import decoded_sizes
from service.intake.unpack import is_gzip, too_many_bytes, unpack

_MAGIC = b"ARROW1\0\0"
_BROKEN = (pa.ArrowException, OSError, ValueError, OverflowError, struct.error)


def take_summary(path: Path, scratch: Path, caps: Caps) -> Summary:
    """Read a summary, JSON or Arrow, gzip or not; ``scratch`` is for files on the way.

    Raises:
        IntakeError: it is damaged, or larger than the caps.
        EngineError: it is no summary; the problems' paths point into it.
    """
    if is_gzip(path):
        unpack(path, scratch / "unpacked", caps)
        path = scratch / "unpacked"
    with path.open("rb") as file:
        is_json = file.read(64).lstrip()[:1] == b"{"
    if is_json:
        if path.stat().st_size > caps.document_bytes:
            raise _large_document(caps)
        return read_summary(path.read_bytes())
    _require_small(path, caps)
    # A file of Arrow is read as the stream that it holds: that is what was measured.
    return read_summary(path.read_bytes().removeprefix(_MAGIC))


def _require_small(path: Path, caps: Caps) -> None:
    """Refuse an Arrow stream that decodes to more than the cap, before it is decoded."""
    try:
        with pa.OSFile(str(path)) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                file.seek(0)
            size = 0
            for frame in decoded_sizes(file):
                size += frame
                if size > caps.decoded_bytes:
                    raise too_many_bytes(caps)
    except IntakeError:
        raise
    except _BROKEN as error:
        raise IntakeError(
            Problem(
                "not_a_summary",
                "The body is neither JSON nor an Arrow stream.",
                "docs/summaries.md describes the format.",
            )
        ) from error


def _large_document(caps: Caps) -> TooManyBytesError:
    return TooManyBytesError(
        Problem(
            "too_many_bytes",
            f"The document has more than {caps.document_bytes} bytes.",
            "Send it as Arrow.",
        )
    )
