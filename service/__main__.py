"""The command line: ``python -m service serve | migrate | sweep``, of a cluster, and of pages."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> None:
    """Run one command."""
    options = vars(_parser().parse_args(arguments))
    match options.pop("command"):
        case "serve":
            _serve({name: value for name, value in options.items() if value is not None})
        case "scheduler":
            _schedule(**options)
        case "worker":
            _work(**options)
        case "migrate":
            _migrate(options["to"])
        case "sweep":
            _sweep()
        case command:
            sys.stdout.write(_page(command))


# Each command imports what it needs and no more: every worker process begins by reading this file.


def _serve(given: dict[str, Any]) -> None:
    from service.server import serve
    from service.settings import Settings

    serve(Settings(**given))


def _schedule(host: str, port: int, file: Path | None) -> None:
    from service.cluster.processes import schedule
    from service.settings import Settings

    schedule(Settings(), host, port, file)


def _work(compute: str | None, host: str | None) -> None:
    from service.cluster.processes import work
    from service.settings import Settings

    work(Settings() if compute is None else Settings(compute=compute), host)


def _migrate(to: str | None) -> None:
    from service import upkeep
    from service.settings import Settings

    asyncio.run(upkeep.migrate(Settings(), to))


def _sweep() -> None:
    from service import upkeep
    from service.settings import Settings

    sys.stdout.write(json.dumps(asyncio.run(upkeep.sweep(Settings()))) + "\n")


def _page(name: str) -> str:
    from service import kinds, openapi, settings
    from service.app import create_app

    match name:
        case "openapi":
            return openapi.text(create_app(settings.Settings()))
        case "settings":
            return settings.table()
        case _:
            return kinds.catalogue()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("serve", help="start the service")
    run.add_argument("--host", help="address to listen on")
    run.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    run.add_argument("--data-dir", type=Path, help="directory of the catalog and the files")
    plan = commands.add_parser("scheduler", help="start the scheduler of a cluster")
    plan.add_argument("--host", default="127.0.0.1", help="address to listen on")
    plan.add_argument(
        "--port", type=int, default=8786, help="port to listen on; 0 takes a free one"
    )
    plan.add_argument("--file", type=Path, help="file to write where it listens")
    work = commands.add_parser("worker", help="start a worker of a cluster")
    work.add_argument("compute", nargs="?", help="the scheduler's address, or its file")
    work.add_argument("--host", help="address that the others reach this worker at")
    tables = commands.add_parser("migrate", help="bring the catalog to this version")
    tables.add_argument("--to", help="an earlier version to go back to, as 0002")
    commands.add_parser("sweep", help="remove what is no longer needed, and print what went")
    commands.add_parser("openapi", help="print the OpenAPI document")
    commands.add_parser("settings", help="print the settings as Markdown")
    commands.add_parser("problems", help="print the kinds of problem as Markdown")
    return parser


if __name__ == "__main__":
    main()
