"""A real HTTP server that answers what it was told to, one answer a request."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16
"""As much of a body as is kept."""


@dataclass(frozen=True)
class Said:
    """An answer; a status of 0 is a connection that ends without one."""

    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    size: int


@dataclass
class Server:
    """Where it listens, what it will say, and what it was asked."""

    url: str
    answers: list[Said]
    asked: list[Asked]


@contextmanager
def answering(*answers: Said) -> Iterator[Server]:
    """Run a server that gives these answers in turn, and the last one again and again."""
    server = Server("", list(answers), [])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body, size = b"", int(self.headers.get("Content-Length", 0))
            for start in range(0, size, PIECE):
                piece = self.rfile.read(min(PIECE, size - start))
                body = body or piece
            headers = {name.lower(): value for name, value in self.headers.items()}
            server.asked.append(Asked(self.command, self.path, headers, body, size))
            said = server.answers[min(len(server.asked), len(server.answers)) - 1]
            if not said.status:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in {**said.headers, "Content-Length": str(len(said.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said.body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - as the standard library calls them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
