"""Whether Prometheus watches the fleet: its targets, the alerts, what the dashboard asks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tools.smoke.asking import Service

DEPLOY: Final = Path(__file__).parents[2] / "deploy"


def reached(prometheus: Service) -> int:
    """Return how many replicas Prometheus reaches."""
    found = _values(prometheus, 'sum(up{job="partialpool"})')
    return int(float(found[0]["value"][1])) if found else 0


def alerts(prometheus: Service) -> int:
    """Return how many alerts are loaded; raises ``AssertionError`` when they are others."""
    groups = prometheus.ask("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    wanted = set(re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))
    assert {rule["name"] for rule in rules} == wanted, rules
    broken = [rule for rule in rules if rule["health"] not in {"ok", "unknown"}]
    assert not broken, broken
    return len(rules)


def drawn(prometheus: Service) -> tuple[int, int]:
    """Return how many queries of the dashboard find data, of how many; each must be understood."""
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "partialpool.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return sum(bool(_values(prometheus, query)) for query in asked), len(asked)


def listed(prometheus: Service) -> int:
    """Return how many replicas the console of Prometheus lists."""
    page = prometheus.ask("/consoles/partialpool.html", accept="text/html").body.decode()
    return page.count(":9000</td>")


def processor_seconds(service: Service) -> float:
    """Return what the process of a service has taken of a processor since it began."""
    told = service.ask("/metrics", accept="text/plain").body.decode()
    found = re.search(r"^process_cpu_seconds_total (\S+)$", told, re.MULTILINE)
    assert found is not None, told
    return float(found[1])


def _values(prometheus: Service, query: str) -> list[dict[str, Any]]:
    found = prometheus.ask("/api/v1/query?query=" + quote(query, safe="")).json()
    assert found["status"] == "success", found
    values: list[dict[str, Any]] = found["data"]["result"]
    return values
