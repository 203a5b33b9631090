"""The compose file: what every container of both profiles is held to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FLEET = {"proxy", "api", "migrate", "scheduler", "worker", "postgres", "store", "prometheus"}


def test_one_service_is_the_default_and_the_fleet_is_a_profile() -> None:
    profiles = {name: own["profiles"] for name, own in SERVICES.items()}
    assert profiles == {"web": ["single"], **{name: ["fleet"] for name in FLEET}}
    assert (ROOT / ".env").read_text().splitlines()[-1] == "COMPOSE_PROFILES=single"


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_sealed(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])
    assert "privileged" not in service
    assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_limits(name: str) -> None:
    assert {"mem_limit", "pids_limit"} <= SERVICES[name].keys()


@pytest.mark.parametrize("name", sorted(FLEET - {"migrate", "worker", "api"}))
def test_every_server_of_the_fleet_is_asked_whether_it_is_well(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]  # replicas are asked as the image says


def test_only_the_proxy_and_prometheus_have_a_port_outside_and_only_for_this_machine() -> None:
    published = {name: own["ports"] for name, own in SERVICES.items() if "ports" in own}
    assert published.keys() == {"web", "proxy", "prometheus"}
    assert all(":-127.0.0.1:" in port for ports in published.values() for port in ports)
    outside = {
        name for name, own in SERVICES.items() if "default" in own.get("networks", ["default"])
    }
    assert outside == published.keys()
    assert all(network["internal"] for network in COMPOSE["networks"].values())


def test_secrets_come_by_file_and_are_those_that_are_drawn() -> None:
    drawn = set(
        re.findall(r"^keep (\w+)", (ROOT / "tools/fleet-secrets").read_text(), re.MULTILINE)
    )
    assert COMPOSE["secrets"].keys() == drawn
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY_ID|CATALOG_URL", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_every_file_that_is_mounted_is_there() -> None:
    assert all((ROOT / own["file"]).is_file() for own in COMPOSE["configs"].values())


def test_a_worker_cannot_reach_the_catalog_nor_the_proxy_anything_but_replicas() -> None:
    assert set(SERVICES["worker"]["networks"]) == {"cluster"}
    assert set(SERVICES["proxy"]["networks"]) == {"default", "proxied"}
    assert {name for name, own in SERVICES.items() if "proxied" in own.get("networks", [])} == {
        "proxy",
        "api",
    }


def test_the_dashboard_is_wired_to_the_data_source_that_is_provisioned() -> None:
    grafana = ROOT / "deploy" / "grafana"
    board = json.loads((grafana / "dashboards" / "partialpool.json").read_text())
    sources = yaml.safe_load((grafana / "provisioning/datasources/prometheus.yml").read_text())
    known = {each["uid"] for each in sources["datasources"]}
    assert {panel["datasource"]["uid"] for panel in board["panels"]} <= known
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
