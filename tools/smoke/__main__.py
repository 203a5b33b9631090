"""``python -m tools.smoke single | fleet``: the main job, and what is left when containers die.

The containers of the profile run (``docker compose up``); this asks by HTTP, ends some, and looks.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from tools.smoke import containers, watching
from tools.smoke.asking import Service
from tools.smoke.traffic import Kept, Traffic

HOUSES: Final = Path(__file__).parents[2] / "service" / "radon" / "data" / "minnesota-radon.csv"
FORMULA: Final = "log(radon + 0.1) ~ floor + (1 | county)"
LONG: Final = "log(radon + 0.1) ~ floor + (1 + floor | state) + (1 | state:county)"
PATIENCE: Final = 120.0
"""Seconds for what is to come back by itself."""
FRESH_PORT: Final = 8999


def main() -> None:
    """Run the smoke test of a profile."""
    parser = argparse.ArgumentParser(prog="python -m tools.smoke", description=__doc__)
    parser.add_argument("profile", choices=("single", "fleet"))
    profile = parser.parse_args().profile
    published = os.environ.get("PARTIALPOOL_PUBLISH", "127.0.0.1:8000")
    service, kept = Service(f"http://{published}", PATIENCE), Kept()
    until("the service is ready", lambda: service.status("/readyz") == 200)
    model = main_job(service, kept)
    job = long_job(service)
    if profile == "single":
        single(service, job, kept)
    else:
        fleet(service, job, kept, model)
    kept.check(service)
    say(f"{len(kept.bodies)} artefacts are as they were")
    say(f"{service.again.total()} requests were sent again: {dict(service.again)}")
    say(f"smoke test of {profile}: nothing is lost")


def main_job(service: Service, kept: Kept) -> str:
    """Upload, fit, read effects, predict, draw; return the path of the model."""
    rows = b"".join(HOUSES.read_bytes().splitlines(keepends=True)[:801])  # a table of its own
    dataset = service.ask("/v1/datasets?name=smoke", rows, kind="text/csv").json()
    assert dataset["n_rows"] == rows.count(b"\n") - 1
    kept.keep(service, f"/v1/datasets/{dataset['id']}/rows?limit=1000", "text/csv")
    model = service.ask("/v1/models", {"dataset": dataset["id"], "formula": FORMULA}).json()
    path = f"/v1/models/{model['id']}"
    for accept in ("application/json", "text/plain"):
        kept.keep(service, path, accept)
    kept.keep(service, f"{path}/effects/county", "text/csv")
    asked = json.dumps({"rows": [{"county": "AITKIN", "floor": 0}], "thresholds": [4]}).encode()
    told = json.loads(kept.keep(service, f"{path}/predictions", "application/json", asked))
    assert 2.5 < told["items"][0]["outcome"]["median"] < 4.5, told
    kept.keep(service, f"{path}/plots/caterpillar", "image/svg+xml")
    say(f"uploaded {dataset['n_rows']} rows, fitted {model['id']}, read effects, predicted, drew")
    return path


def long_job(service: Service) -> str:
    """Ask for what takes a while, and return the path of its job."""
    model = service.ask("/v1/models", {"dataset": "us-radon", "formula": LONG}).json()
    seed = time.time_ns() // 1_000_000_000
    path = f"/v1/models/{model['id']}/fixed-effects?interval=bootstrap&n_sim=150&seed={seed}"
    answer = service.ask(path, Prefer="respond-async")
    assert answer.status == 202, f"it was no job: {answer.status}"
    until("the job runs", lambda: service.ask(answer.headers["location"]).json()["progress"] > 0.01)
    return answer.headers["location"]


def finish(told: list[dict[str, Any]], service: Service, kept: Kept) -> None:
    """See that a job has succeeded, by what its events told, and keep its result."""
    assert told[-1]["state"] == "succeeded", told[-1]
    kept.keep(service, told[-1]["result"]["href"], "application/json")
    say(f"the job that was under way has succeeded; {len(told)} events of it came")


def single(service: Service, job: str, kept: Kept) -> None:
    """Kill the one service while it works, and let Docker start it again."""
    (name,) = containers.of_service("web")
    sealed(name)
    with ThreadPoolExecutor() as threads:
        told = threads.submit(service.follow, job)
        killed(name)
        finish(told.result(), service, kept)
    start(containers.inspect(name, "{{.Image}}"))


def fleet(service: Service, job: str, kept: Kept, model: str) -> None:
    """Kill each replica and a worker while a job is under way and others ask.

    Each replica, for one of them has the job and one its stream of events.
    """
    replicas, workers = containers.of_service("api"), containers.of_service("worker")
    assert len(replicas) > 1, "a fleet has two replicas or more"
    for name in (replicas[0], workers[0]):
        sealed(name)
    with Traffic(service, model) as traffic, ThreadPoolExecutor() as threads:
        told = threads.submit(service.follow, job)
        for name in (*replicas, workers[0]):
            killed(name)
        finish(told.result(), service, kept)
    kept.bodies.update(traffic.kept.bodies)
    say(f"meanwhile {traffic.predictions} predictions and {traffic.uploads} uploads were answered")
    watched(len(replicas))


def killed(name: str) -> None:
    """Kill a container, and see that Docker starts it again and it is well."""
    before = containers.restarts(name)
    containers.crash(name)
    until("it runs again", lambda: containers.restarts(name) > before and containers.running(name))
    say(f"killed {name}, and it runs again")


def sealed(name: str) -> None:
    """See what a container may do."""
    containers.look_inside(name)
    say(f"{name} is unprivileged, without capabilities, on a read-only root")


def watched(replicas: int) -> None:
    """See that Prometheus reaches every replica, has the alerts, and can fill the dashboard."""
    published = os.environ.get("PARTIALPOOL_PROMETHEUS", "127.0.0.1:9090")
    prometheus = Service(f"http://{published}", PATIENCE)
    until("Prometheus reaches it all", lambda: watching.reached(prometheus) == replicas)
    until("its console lists it all", lambda: watching.listed(prometheus) == replicas)
    (name,) = containers.of_service("prometheus")
    containers.docker("exec", name, "promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    known, (filled, queries) = watching.alerts(prometheus), watching.drawn(prometheus)
    assert filled > queries // 2, f"only {filled} of {queries} queries find anything"
    say(f"Prometheus reaches {replicas} replicas and has {known} alerts; promtool is content")
    say(f"{filled} of {queries} queries of the dashboard find data by now, and all are understood")


def start(image: str) -> None:
    """Time the first answer of containers that start with an empty catalog."""
    taken, used = [], []
    for _ in range(3):
        began = time.monotonic()
        name = containers.fresh(image, FRESH_PORT)
        answers = Service(f"http://127.0.0.1:{FRESH_PORT}", PATIENCE)
        until("it answers", answers.alive, every=0.02)
        taken.append(f"{time.monotonic() - began:.2f}")
        used.append(f"{watching.processor_seconds(answers):.2f}")
        containers.docker("rm", "--force", name)
    size = int(containers.docker("image", "inspect", "--format", "{{.Size}}", image))
    say(f"the image has {size / 1e6:.0f} MB, those of its base among them")
    say(f"from docker run to an answer, with an empty catalog: {', '.join(taken)} s")
    say(f"of a processor it took: {', '.join(used)} s")


def until(what: str, true: Callable[[], bool], every: float = 0.3) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"in vain: {what}"
        time.sleep(every)


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
