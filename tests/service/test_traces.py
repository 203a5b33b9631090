"""Traces go to a collector over HTTP, as OTLP, without a value of the data."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tools.live import serving

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@contextmanager
def collecting() -> Iterator[tuple[str, list[Span]]]:
    """Run a collector on a port of this machine."""
    spans: list[Span] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            sent = ExportTraceServiceRequest.FromString(body)
            spans.extend(
                span
                for resource in sent.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces", spans
        finally:
            server.shutdown()
            thread.join()


def test_a_request_is_a_span_of_its_caller_s_trace(tmp_path: Path) -> None:
    with collecting() as (url, spans):
        with serving(tmp_path, PARTIALPOOL_TRACES_URL=url) as running:
            httpx.get(f"{running.url}/v1/limits?secret=sesame", headers={"traceparent": PARENT})
            httpx.get(f"{running.url}/v1/nothing")
        ours = [span for span in spans if span.trace_id.hex() == PARENT.split("-")[1]]
    assert len(ours) == 1
    attributes = {pair.key: pair.value.string_value for pair in ours[0].attributes}
    assert attributes["http.route"] == "/v1/limits"
    assert ours[0].parent_span_id.hex() == PARENT.split("-")[2]
    assert "sesame" not in str(spans)
    assert len(spans) >= 2
