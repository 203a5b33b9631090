"""Commands that others have already: their arguments are passed on, their completion is asked."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
from click.shell_completion import CompletionItem

Run = Callable[[Sequence[str]], int | None]
Parser = Callable[[], argparse.ArgumentParser]


class Forwarded(click.Command):
    """A command whose arguments an ``argparse`` parser reads.

    Args:
        name: of the command, which is also the first argument of what runs it.
        does: what it does, for the list of commands.
        run: runs it, and returns its exit code; None is 0.
        parser: what reads it; its module is loaded only when it is needed.
    """

    def __init__(self, name: str, does: str, run: Run, parser: Parser) -> None:
        self._run, self._parser = run, parser
        rest = click.Argument(
            ["arguments"], nargs=-1, type=click.UNPROCESSED, shell_complete=self._completed
        )
        super().__init__(
            name,
            params=[rest],
            callback=self._call,
            help=does,
            add_help_option=False,
            context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
        )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the options of the parser."""
        return self._completed(ctx, self.params[0], incomplete)

    def _call(self, arguments: tuple[str, ...]) -> int:
        return self._run([self.name or "", *arguments]) or 0

    def _completed(
        self, ctx: click.Context, _: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        given = [self.name or "", *ctx.params.get("arguments", ())]
        return list(_offers(self._parser(), given, incomplete))


def _offers(
    parser: argparse.ArgumentParser, given: Sequence[str], incomplete: str
) -> Iterator[CompletionItem]:
    for word in given:
        parser = _commands(parser).get(word, parser)
    last = given[-1] if given else ""
    expecting = _expecting(parser, last)
    if expecting is None:
        for name, action in _all(parser):
            if name.startswith(incomplete):
                yield CompletionItem(name, help=action.help)
    elif expecting.choices is not None:
        yield from (CompletionItem(str(each)) for each in expecting.choices)
    elif expecting.type is Path:
        yield CompletionItem(incomplete, type="file")


def _all(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from ((name, action) for name in action.choices)
        else:
            yield from ((name, action) for name in action.option_strings if name != "-h")


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _expecting(parser: argparse.ArgumentParser, last: str) -> argparse.Action | None:
    """Return the option that waits for its value; None when the next word may be any."""
    for action in parser._actions:
        if last in action.option_strings and action.nargs != 0:
            return action
    return None
