"""What who runs the service does beside it, on its catalog: keys and public datasets."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from service.access import SCOPES
from service.apikeys import digest_of, id_of, new_key
from service.catalog import DEFAULT_OWNER, Database, Datasets, Key, Keys, Recent
from service.catalog.scope import now
from service.settings import Settings

OWNER: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")

_SECONDS: Final = {"m": 60, "h": 3_600, "d": 86_400, "y": 365 * 86_400}
_LONGEST_NOTE: Final = 100

Parsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command: TypeAlias = Callable[[Database, argparse.Namespace], Awaitable[None]]


def add_parsers(commands: Parsers) -> None:
    """Add the commands to those of ``python -m service``."""
    keys = _group(commands, "keys", "make, list and revoke API keys")
    create = keys.add_parser("create", help="make a key; it is shown once")
    create.add_argument("--owner", type=_owner, required=True, help="whose datasets and models")
    create.add_argument(
        "--scopes", type=_scopes, default=("read", "write"), help="of read, write, admin"
    )
    create.add_argument("--expires", type=_expiry, help="after how long, as in 90d, 12h or 1y")
    create.add_argument("--note", type=_note, default="", help="what it is for")
    create.set_defaults(run=_create)
    shown = keys.add_parser("list", help="list the keys, without what makes them keys")
    shown.add_argument("--owner", type=_owner, help="only those of one owner")
    shown.set_defaults(run=_list)
    revoke = keys.add_parser("revoke", help="refuse a key from now on")
    revoke.add_argument("key", help="its id, or the key")
    revoke.set_defaults(run=_revoke)
    datasets = _group(commands, "datasets", "publish datasets")
    for name, public in (("publish", True), ("withdraw", False)):
        does = "let every owner read a dataset" if public else "let only its owner read it again"
        parser = datasets.add_parser(name, help=does)
        parser.add_argument("dataset", help="id or name")
        parser.add_argument("--owner", type=_owner, default=DEFAULT_OWNER, help="whose it is")
        parser.set_defaults(run=_publish, public=public)


def _group(commands: Parsers, name: str, does: str) -> Parsers:
    group = commands.add_parser(name, help=does)
    group.add_argument("--data-dir", type=Path, help="directory of the catalog")
    return group.add_subparsers(required=True)


async def run(settings: Settings, options: argparse.Namespace) -> None:
    """Run a command on the catalog that the settings name; makes it when there is none."""
    database = Database(settings.catalog)
    try:
        await database.migrate()
        command: Command = options.run
        await command(database, options)
    finally:
        await database.close()


async def _create(database: Database, options: argparse.Namespace) -> None:
    text = new_key()
    key = Key(
        owner=options.owner,
        id=id_of(text) or "",
        digest=digest_of(text),
        scopes=options.scopes,
        note=options.note,
        expires_at=options.expires,
    )
    await Keys(database).add(key)
    _say(text)
    sys.stderr.write("This is the only time that it is shown.\n")


async def _list(database: Database, options: argparse.Namespace) -> None:
    keys = await Keys(database).all(options.owner)
    head = ("id", "owner", "scopes", "state", "created", "expires", "last used", "note")
    _say(*_lines([head, *map(_row, keys)]))


async def _revoke(database: Database, options: argparse.Namespace) -> None:
    key = await Keys(database).revoke(id_of(options.key) or options.key)
    _say(f"{key.id} of {key.owner} is revoked.")


async def _publish(database: Database, options: argparse.Namespace) -> None:
    datasets = Datasets(database, options.owner, Recent())
    found = await datasets.publish(options.dataset, public=options.public)
    _say(f"{found.name or found.id} is {'public' if found.public else 'its owner’s alone'}.")


def _row(key: Key) -> tuple[str, ...]:
    state = "valid" if key.valid else "revoked" if key.revoked_at else "expired"
    return (
        key.id,
        key.owner,
        ",".join(key.scopes),
        state,
        _day(key.created_at),
        _day(key.expires_at),
        _hour(key.used_at),
        key.note,
    )


def _day(time: str | None) -> str:
    return "never" if time is None else time[:10]


def _hour(time: str | None) -> str:
    return "never" if time is None else f"{time[:13]}:00Z"


def _lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines whose columns are as wide as their widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _owner(text: str) -> str:
    if not OWNER.fullmatch(text):
        raise argparse.ArgumentTypeError("small letters, digits, '.', '_' and '-', up to 63")
    return text


def _scopes(text: str) -> tuple[str, ...]:
    asked = set(text.split(","))
    if not asked <= set(SCOPES):
        raise argparse.ArgumentTypeError(f"of {', '.join(SCOPES)}, with commas between")
    return tuple(scope for scope in SCOPES if scope in asked)


def _expiry(text: str) -> str:
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhdy])", text)
    if found is None:
        raise argparse.ArgumentTypeError("a number and m, h, d or y, as in 90d")
    return now(-int(found[1]) * _SECONDS[found[2]])


def _note(text: str) -> str:
    if len(text) > _LONGEST_NOTE or not text.isprintable():
        raise argparse.ArgumentTypeError(f"one line of at most {_LONGEST_NOTE} characters")
    return text
