"""The one file of a ``multipart/form-data`` body, taken out as the body streams in."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from engine import Problem
from service.intake.errors import IntakeError

_HINT = "For example: curl -F file=@radon.csv, which sends one part called 'file'."


class FilePart:
    """Finds the part ``file`` in the pieces of a body.

    ``media_type`` and ``file_name`` are what the part says of itself; they are there when
    ``finish`` has returned. Raises ``IntakeError`` for a body that is not well formed, has another
    part, or has no file.
    """

    def __init__(self, content_type: str) -> None:
        _, options = parse_options_header(content_type)
        self.media_type = ""
        self.file_name = ""
        self._found = False
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._field = self._value = b""
        self._content = bytearray()
        try:
            self._parser = MultipartParser(
                options.get(b"boundary", b""),
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed() from error

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece of the body and return what of the file is in it."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _malformed() from error
        content = bytes(self._content)
        self._content.clear()
        return content

    def finish(self) -> None:
        """Take the end of the body."""
        if not self._ended:
            raise _malformed()
        if not self._found:
            raise _refusal("no_file_part", "The form has no part called 'file'.")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode(errors="replace")
        if name != "file":
            raise _refusal("unknown_part", f"The form has a part called {name[:60]!r}.")
        if self._found:
            raise _refusal("two_files", "The form has two parts called 'file'.")
        self._found = True
        self.file_name = options.get(b"filename", b"").decode(errors="replace")
        self.media_type = self._headers.get(b"content-type", b"").decode(errors="replace")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _on_end(self) -> None:
        self._ended = True


def _malformed() -> IntakeError:
    return _refusal("malformed_multipart", "The multipart body is cut off or not well formed.")


def _refusal(code: str, detail: str) -> IntakeError:
    return IntakeError(Problem(code, detail, _HINT))
