"""A group of commands whose module is loaded when one of them is wanted."""

from __future__ import annotations

from collections.abc import Callable

import click


class Deferred(click.Group):
    """A group that another one stands for until it is needed.

    Args:
        name: of the group.
        does: what it does, for the list of commands.
        load: returns the group that has the commands.
    """

    def __init__(self, name: str, does: str, load: Callable[[], click.Group]) -> None:
        super().__init__(name, help=does)
        self._load = load

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return self._load().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name."""
        return self._load().get_command(ctx, cmd_name)
