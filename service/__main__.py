"""The command line: ``python -m service serve | migrate | sweep``, and what prints a page."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from service import kinds, openapi, settings, upkeep
from service.app import create_app
from service.server import serve
from service.settings import Settings


def main(arguments: list[str] | None = None) -> None:
    """Run one command."""
    options = vars(_parser().parse_args(arguments))
    match options.pop("command"):
        case "serve":
            given = {name: value for name, value in options.items() if value is not None}
            serve(Settings(**given))
        case "migrate":
            asyncio.run(upkeep.migrate(Settings(), options["to"]))
        case "sweep":
            sys.stdout.write(json.dumps(asyncio.run(upkeep.sweep(Settings()))) + "\n")
        case "openapi":
            sys.stdout.write(openapi.text(create_app(Settings())))
        case "settings":
            sys.stdout.write(settings.table())
        case "problems":
            sys.stdout.write(kinds.catalogue())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("serve", help="start the service")
    run.add_argument("--host", help="address to listen on")
    run.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    run.add_argument("--data-dir", type=Path, help="directory of the catalog and the files")
    tables = commands.add_parser("migrate", help="bring the catalog to this version")
    tables.add_argument("--to", help="an earlier version to go back to, as 0002")
    commands.add_parser("sweep", help="remove what is no longer needed, and print what went")
    commands.add_parser("openapi", help="print the OpenAPI document")
    commands.add_parser("settings", help="print the settings as Markdown")
    commands.add_parser("problems", help="print the kinds of problem as Markdown")
    return parser


if __name__ == "__main__":
    main()
