"""The command line: ``python -m service serve | migrate | sweep | keys | datasets | ...``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from service import commands, kinds, openapi, settings, upkeep
from service.app import create_app
from service.problems import ProblemError
from service.server import serve
from service.settings import Settings


def main(arguments: list[str] | None = None) -> None:
    """Run one command."""
    parsed = _parser().parse_args(arguments)
    options = vars(parsed)
    match options.pop("command"):
        case "keys" | "datasets":
            _on_the_catalog(parsed)
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


def _on_the_catalog(options: argparse.Namespace) -> None:
    given = {} if options.data_dir is None else {"data_dir": options.data_dir}
    try:
        asyncio.run(commands.run(Settings(**given), options))
    except ProblemError as error:
        sys.exit(error.detail)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description=__doc__)
    parsers = parser.add_subparsers(dest="command", required=True)
    run = parsers.add_parser("serve", help="start the service")
    run.add_argument("--host", help="address to listen on")
    run.add_argument("--port", type=int, help="port to listen on; 0 takes a free one")
    run.add_argument("--data-dir", type=Path, help="directory of the catalog and the files")
    tables = parsers.add_parser("migrate", help="bring the catalog to this version")
    tables.add_argument("--to", help="an earlier version to go back to, as 0002")
    parsers.add_parser("sweep", help="remove what is no longer needed, and print what went")
    commands.add_parsers(parsers)
    parsers.add_parser("openapi", help="print the OpenAPI document")
    parsers.add_parser("settings", help="print the settings as Markdown")
    parsers.add_parser("problems", help="print the kinds of problem as Markdown")
    return parser


if __name__ == "__main__":
    main()
