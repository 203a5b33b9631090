"""An S3 server whose objects outlive its process: moto, and a journal of what was written.

``python -m tests.faults.durable PORT JOURNAL`` listens on the loopback address. A write is in the
journal before it is acknowledged; at the start all that is there is written again, in order.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import EnvironBuilder, run_wsgi_app

_WRITING = ("PUT", "DELETE")


class Journalled:
    """A WSGI application that writes down what others have written."""

    def __init__(self, journal: Path) -> None:
        self._app = DomainDispatcherApplication(create_backend_app)
        self._journal = journal
        self._alone = threading.Lock()
        for line in _whole(journal):
            self._again(json.loads(line))

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request, once it is in the journal if it has written."""
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        if method not in _WRITING and not (method == "POST" and "delete" in query):
            assert method != "POST", "what is sent in parts is not kept here"
            return self._answered(environ, start_response)
        content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(content)
        with self._alone:  # in the order in which they take effect
            body, status, headers = run_wsgi_app(self._app, environ)
            told = b"".join(body)
            if status.startswith("2"):
                self._note(environ, content)
        start_response(status, list(headers))
        return [told]

    def _answered(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        found: Iterable[bytes] = self._app(environ, start_response)
        return found

    def _note(self, environ: dict[str, Any], content: bytes) -> None:
        kept = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "uri": environ["REQUEST_URI"],  # as it was sent: a key may have a percent sign
            "query": environ.get("QUERY_STRING", ""),
            "headers": {
                key.removeprefix("HTTP_").replace("_", "-"): value
                for key, value in environ.items()
                if key.startswith("HTTP_") or key == "CONTENT_TYPE"
            },
            "content": base64.b64encode(content).decode(),
        }
        with self._journal.open("ab", buffering=0) as file:
            file.write(json.dumps(kept).encode() + b"\n")

    def _again(self, kept: dict[str, Any]) -> None:
        environ = EnvironBuilder(
            path=kept["path"],
            method=kept["method"],
            query_string=kept["query"],
            headers=kept["headers"],
            data=base64.b64decode(kept["content"]),
            environ_overrides={"REQUEST_URI": kept["uri"], "RAW_URI": kept["uri"]},
        ).get_environ()
        _, status, _ = run_wsgi_app(self._app, environ, buffered=True)
        assert status.startswith("2"), (status, kept["method"], kept["path"])


def _whole(journal: Path) -> Iterator[bytes]:
    """Yield the lines of a journal; one that was cut off was never acknowledged."""
    if journal.exists():
        yield from (line for line in journal.open("rb") if line.endswith(b"\n"))


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), Journalled(Path(sys.argv[2])), threaded=True)
