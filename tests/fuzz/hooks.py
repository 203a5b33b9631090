"""What schemathesis needs to know: bodies that it has no way to write, texts that it need not."""

from __future__ import annotations

import json
from typing import Any

import schemathesis

EVENTS = "text/event-stream"
LONGEST = 10_000


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """Forget bounds of what no request is made so long for."""
    _forget(raw_schema)


def _forget(node: Any) -> None:
    if isinstance(node, dict):
        if EVENTS in node:  # the schema is of the whole stream, and it compares single events
            node[EVENTS] = {}
        for bound in ("maxLength", "maxItems"):
            if isinstance(node.get(bound), int) and node[bound] > LONGEST:
                del node[bound]
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict | list):
            _forget(inner)


@schemathesis.serializer("application/x-ndjson")
def lines_of_json(_: schemathesis.SerializationContext, value: Any) -> bytes:
    """Write the text of an example as it is, anything else as lines of JSON."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    rows = value if isinstance(value, list) else [value]
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
