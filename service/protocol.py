"""HTTP as uvicorn reads it, with our own answer to what is not HTTP."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.kinds import KINDS
from service.middleware import SECURITY_HEADERS, new_request_id
from service.problems import REQUEST_ID, respond


class Protocol(HttpToolsProtocol):
    """One connection; a request that cannot be parsed is told a problem like any other."""

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request, or one with too long a target, and hang up."""
        kind, made = KINDS["bad_request"], new_request_id()
        scope = {"path": "", REQUEST_ID: made.decode()}
        answer = respond(scope, kind, msg)
        headers = [*answer.raw_headers, (b"x-request-id", made), *SECURITY_HEADERS]
        lines = [name + b": " + value + b"\r\n" for name, value in headers]
        head = [STATUS_LINE[kind.status], *lines, b"connection: close\r\n\r\n"]
        self.transport.write(b"".join([*head, bytes(answer.body)]))
        self.transport.close()
