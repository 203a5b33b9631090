"""``python -m tools.smoke single | fleet``: the main job, and what is left when containers die.

The containers of the profile run (``docker compose up``); this asks by HTTP, ends some, and looks.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

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
    say(f"{len(kept.bodies)} artefacts are as they were; {service.again} requests were sent again")
    say(f"smoke test of {profile}: nothing is lost")


def main_job(service: Service, kept: Kept) -> str:
    """Upload, fit, read effects, predict, draw; return the path of the model."""
    rows = HOUSES.read_bytes()
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
    assert abs(told["items"][0]["outcome"]["median"] - 3.32) < 0.01
    kept.keep(service, f"{path}/plots/caterpillar", "image/svg+xml")
    say(f"uploaded {dataset['n_rows']} rows, fitted {model['id']}, read effects, predicted, drew")
    return path


def long_job(service: Service) -> str:
    """Ask for what takes a while, and return the path of its job."""
    model = service.ask("/v1/models", {"dataset": "us-radon", "formula": LONG}).json()
    seed = time.time_ns() // 1_000_000_000
    path = f"/v1/models/{model['id']}/fixed-effects?interval=bootstrap&n_sim=1000&seed={seed}"
    answer = service.ask(path, Prefer="respond-async")
    assert answer.status == 202, f"it was no job: {answer.status}"
    until("the job runs", lambda: service.ask(answer.headers["location"]).json()["progress"] > 0.01)
    return answer.headers["location"]


def finish(service: Service, job: str, kept: Kept) -> None:
    """Follow a job to its end by its events, and keep its result."""
    told = service.follow(job)
    assert told[-1]["state"] == "succeeded", told[-1]
    kept.keep(service, told[-1]["result"]["href"], "application/json")
    say(f"the job that was under way has succeeded; {len(told)} events of it came")


def single(service: Service, job: str, kept: Kept) -> None:
    """Kill the one service while it works, and let Docker start it again."""
    (name,) = containers.of_service("web")
    sealed(name)
    containers.crash(name)
    say("killed the service")
    until("it answers again", lambda: service.status("/readyz") == 200)
    finish(service, job, kept)
    start(containers.inspect(name, "{{.Image}}"))


def fleet(service: Service, job: str, kept: Kept, model: str) -> None:
    """Kill a replica and a worker while a job is under way and others ask."""
    replicas, workers = containers.of_service("api"), containers.of_service("worker")
    assert len(replicas) > 1, "a fleet has two replicas or more"
    killed = (replicas[0], workers[0])
    before = {name: containers.restarts(name) for name in killed}
    for name in killed:
        sealed(name)
    with Traffic(service, model) as traffic:
        for name in killed:
            containers.crash(name)
            say(f"killed {name}")
            time.sleep(2.0)
        finish(service, job, kept)
    kept.bodies.update(traffic.kept.bodies)
    say(f"meanwhile {traffic.predictions} predictions and {traffic.uploads} uploads were answered")
    until("they were started again", lambda: all(restarted(name, before[name]) for name in killed))
    say("both run again")
    watched(len(replicas))


def sealed(name: str) -> None:
    """See what a container may do."""
    containers.look_inside(name)
    say(f"{name} is unprivileged, without capabilities, on a read-only root")


def restarted(name: str, before: int) -> bool:
    """Tell whether a container was started again, and is well."""
    return containers.restarts(name) > before and containers.running(name)


def watched(replicas: int) -> None:
    """See that Prometheus reaches every replica, has the alerts, and can fill the dashboard."""
    published = os.environ.get("PARTIALPOOL_PROMETHEUS", "127.0.0.1:9090")
    prometheus = Service(f"http://{published}", PATIENCE)
    until("Prometheus reaches it all", lambda: watching.reached(prometheus) == replicas)
    until("its console lists it all", lambda: watching.listed(prometheus) == replicas)
    known, (filled, queries) = watching.alerts(prometheus), watching.drawn(prometheus)
    assert filled > queries // 2, f"only {filled} of {queries} queries find anything"
    say(f"Prometheus reaches {replicas} replicas and has {known} alerts")
    say(f"{filled} of {queries} queries of the dashboard find data by now, and all are understood")


def start(image: str) -> None:
    """Time the first answer of containers that start with an empty catalog."""
    times = []
    for _ in range(3):
        began = time.monotonic()
        name = containers.fresh(image, FRESH_PORT)
        answers = Service(f"http://127.0.0.1:{FRESH_PORT}", PATIENCE)
        until("it answers", lambda own=answers: own.status("/healthz") == 200, every=0.02)
        times.append(time.monotonic() - began)
        containers.docker("rm", "--force", name)
    told = ", ".join(f"{seconds:.2f}" for seconds in times)
    size = int(containers.docker("image", "inspect", "--format", "{{.Size}}", image))
    say(f"image: {size / 1e6:.0f} MB with its base; from docker run to /healthz: {told} s")


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
