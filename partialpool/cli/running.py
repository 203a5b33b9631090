"""Running one command, and how it ends: what was wrong, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

import click

from partialpool.cli.commands import cli
from partialpool.cli.failing import DONE, INTERRUPTED, code_of, told

NAME: Final = "partialpool"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Results go to standard output, all else to errors."""
    try:
        found = cli.main(arguments, prog_name=NAME, standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        code = code_of(error)
        if code is None:
            raise
        sys.stderr.write(told(error))
        return code
    return found if isinstance(found, int) else DONE
