"""The command line: ``python -m service serve | migrate | sweep | keys | datasets | ...``."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PROGRAM: Final = "python -m service"

# Fits run side by side in threads of their own: one BLAS thread each is fastest, and the answer
# does not depend on the machine. To be said before numpy is loaded; the environment may differ.
for _library in ("OPENBLAS", "MKL", "OMP"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")


def main(arguments: Sequence[str] | None = None, prog: str = PROGRAM) -> None:
    """Run one command of a program of this name."""
    with _kept():
        parsed = parser(prog).parse_args(arguments)
    options = vars(parsed)
    match options.pop("command"):
        case "keys" | "datasets":
            _on_the_catalog(parsed)
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
    with _kept():
        from service.server import serve
        from service.settings import Settings

    serve(Settings(**given))


@contextmanager
def _kept() -> Iterator[None]:
    """Look for no garbage while what stays is imported, nor among it later: a quarter less time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


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


def _on_the_catalog(options: argparse.Namespace) -> None:
    from service import commands
    from service.problems import ProblemError
    from service.settings import Settings

    given = {} if options.data_dir is None else {"data_dir": options.data_dir}
    try:
        asyncio.run(commands.run(Settings(**given), options))
    except ProblemError as error:
        sys.exit(error.detail)


def parser(prog: str = PROGRAM) -> argparse.ArgumentParser:
    """Return what reads the commands."""
    from service import commands

    whole = argparse.ArgumentParser(prog=prog, description=__doc__)
    parsers = whole.add_subparsers(dest="command", required=True)
    run = parsers.add_parser("serve", help="start the service")
    run.add_argument("--host", help="address to listen on")
    run.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    run.add_argument("--data-dir", type=Path, help="directory of the catalog and the files")
    plan = parsers.add_parser("scheduler", help="start the scheduler of a cluster")
    plan.add_argument("--host", default="127.0.0.1", help="address to listen on")
    plan.add_argument(
        "--port", type=int, default=8786, help="port to listen on; 0 takes a free one"
    )
    plan.add_argument("--file", type=Path, help="file to write where it listens")
    work = parsers.add_parser("worker", help="start a worker of a cluster")
    work.add_argument("compute", nargs="?", help="the scheduler's address, or its file")
    work.add_argument("--host", help="address that the others reach this worker at")
    tables = parsers.add_parser("migrate", help="bring the catalog to this version")
    tables.add_argument("--to", help="an earlier version to go back to, as 0002")
    parsers.add_parser("sweep", help="remove what is no longer needed, and print what went")
    commands.add_parsers(parsers)
    parsers.add_parser("openapi", help="print the OpenAPI document")
    parsers.add_parser("settings", help="print the settings as Markdown")
    parsers.add_parser("problems", help="print the kinds of problem as Markdown")
    return whole


if __name__ == "__main__":
    main()
