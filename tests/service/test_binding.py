"""Where the service listens, and whom it lets in there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.service.guarded import asking, issue
from tests.service.test_problems import read as read_problem
from tools.live import Live, serving


@pytest.mark.parametrize(
    ("host", "auth", "needed"),
    [
        ("127.0.0.1", "auto", False),
        ("::1", "auto", False),
        ("localhost", "auto", False),
        ("0.0.0.0", "auto", True),
        ("::", "auto", True),
        ("192.0.2.1", "auto", True),
        ("service.example", "auto", True),
        ("127.0.0.1", "keys", True),
        ("0.0.0.0", "off", False),
    ],
)
def test_keys_are_needed_wherever_other_machines_can_ask(
    host: str, auth: str, needed: bool
) -> None:
    assert Settings.model_validate({"host": host, "auth": auth}).keys_needed is needed


def start(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "serve", "--data-dir", str(directory)]
    return subprocess.run(
        [*command, "--host", "0.0.0.0", "--port", "0"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_does_not_listen_to_other_machines_before_there_is_a_key(tmp_path: Path) -> None:
    done = start(tmp_path)
    assert done.returncode == 1
    assert "does not listen on 0.0.0.0 before there is an API key" in done.stderr
    assert "keys create" in done.stderr
    assert not done.stdout


def test_with_a_key_it_does_and_lets_in_who_has_it(tmp_path: Path) -> None:
    key = issue(Settings(data_dir=tmp_path), "alice")
    with serving(tmp_path, PARTIALPOOL_HOST="0.0.0.0", PARTIALPOOL_BUNDLED_DATA="false") as live:
        assert "Authorization: Bearer $KEY" in live.greeting
        address = socket.gethostbyname(socket.gethostname())
        for host in ("127.0.0.1", address):
            url = live.url.replace("127.0.0.1", host)
            with asking(url) as nobody, asking(url, key) as alice:
                assert nobody.get("/v1/datasets").status_code == 401
                assert alice.get("/v1/datasets").status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("192.0.2.1", 200),
        ("attacker.example", 421),
        ("localhost.attacker.example:8000", 421),
    ],
)
def test_without_keys_it_answers_to_no_name_but_its_own(live: Live, host: str, status: int) -> None:
    """A page of the web whose name resolves to this machine is refused."""
    answer = httpx.get(f"{live.url}/v1/limits", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert read_problem(answer).code == "wrong_host"


def test_a_connection_without_requests_is_kept_as_long_as_the_operator_says(tmp_path: Path) -> None:
    with serving(tmp_path, PARTIALPOOL_KEEP_ALIVE_SECONDS="1") as live:
        port = int(live.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while piece := connection.recv(4096):  # until it ends the connection, which nobody uses
                answer += piece
            assert answer.startswith(b"HTTP/1.1 200")
    assert Settings().keep_alive_seconds > 60  # what most proxies and clients hold theirs
