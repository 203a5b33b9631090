"""Traces by OpenTelemetry, sent where an endpoint is configured; otherwise nothing is loaded.

FastAPI makes a span of every request; what is made within adds its own.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from engine import __version__


class Traces:
    """The spans of this process on their way to a collector."""

    def __init__(self, exporter: SpanExporter, replica: str) -> None:
        resource = Resource.create(
            {
                "service.name": "partialpool",
                "service.version": __version__,
                "service.instance.id": replica,
            }
        )
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(_WithoutQuery())
        self._provider.add_span_processor(BatchSpanProcessor(exporter))

    @classmethod
    def to(cls, endpoint: str, replica: str) -> Traces:
        """Send spans to an OTLP endpoint over HTTP, such as ``http://collector:4318/v1/traces``."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return cls(OTLPSpanExporter(endpoint), replica)

    @property
    def provider(self) -> trace.TracerProvider:
        """What makes the spans."""
        return self._provider

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class _WithoutQuery(SpanProcessor):
    """Takes the query out of spans: it can hold values of columns."""

    def on_start(  # parent_context is part of the interface
        self,
        span: Span,
        parent_context: Context | None = None,  # noqa: ARG002
    ) -> None:
        """Blank the query of a span that has one."""
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", "REDACTED")
