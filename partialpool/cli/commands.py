"""The commands and what they take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import click
from click.shell_completion import get_completion_class

from partialpool.bars import chosen, silent
from partialpool.cli import shown
from partialpool.cli.deferred import Deferred
from partialpool.cli.failing import write
from partialpool.cli.forwarded import Forwarded
from partialpool.cli.options import PREDICTION, made, prediction_options, spec_options
from service.schemas.fits import FitRequest
from service.schemas.predictions import PredictionOptions

if TYPE_CHECKING:
    import pandas as pd

    from partialpool.bars import Progress

C = TypeVar("C", bound=Callable[..., Any])

CODES: Final = (
    "Exit codes: 0 done, 1 cannot be done, 2 the command cannot be read, 3 the service does not "
    "answer, 130 interrupted, 141 whoever reads has enough."
)


class AModel(Protocol):
    """A fitted model, here or at a service."""

    @property
    def groups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""

    def summary(self) -> str:
        """The table that R prints."""

    def notes(self) -> list[str]:
        """What is worth knowing beside it."""

    def document(self) -> dict[str, Any]:
        """All that is told of it."""

    def effects(self, group: str) -> pd.DataFrame:
        """The effects of each level."""

    def predict(self, new: pd.DataFrame, asked: PredictionOptions) -> pd.DataFrame:
        """Predictions of new rows."""


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from engine.version import __version__

        write(f"partialpool {__version__}\n")
        ctx.exit()


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=CODES
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print it.",
)
def cli() -> None:
    """Multilevel models: fit a table here or at a service, and ask what it says."""


def _target(command: C) -> C:
    """Add what a model is made of, or found by, and how the answer is written."""
    for add in reversed(
        (
            click.argument("target", metavar="FILE|DATASET|MODEL"),
            click.argument("formula", required=False),
            spec_options,
            click.option(
                "--url",
                envvar="PARTIALPOOL_URL",
                show_envvar=True,
                help="A service to fit at; without it, models are fitted on this machine.",
            ),
            click.option("--local", is_flag=True, help="Fit on this machine, whatever the others."),
            click.option(
                "--api-key", envvar="PARTIALPOOL_API_KEY", show_envvar=True, help="Its key."
            ),
            click.option("--quiet", "-q", is_flag=True, help="Show no progress and no notes."),
            click.option(
                "--json", "as_json", is_flag=True, help="Write JSON, as the service does."
            ),
        )
    ):
        command = add(command)
    return command


csv_option = click.option("--csv", "as_csv", is_flag=True, help="Write CSV.")


@cli.command(epilog=CODES)
@_target
def fit(as_json: bool, **given: Any) -> None:
    """Fit a model and print its table, as R does.

    FILE is CSV, TSV, Parquet or Arrow; here also a summary, which needs no FORMULA. At a service it
    is uploaded, or stands for a dataset by its name. FORMULA is lme4's.
    """
    with ExitStack() as open_:
        model = _model(open_, **given)
        if not given["quiet"]:
            sys.stderr.write("".join(f"note: {note}\n" for note in model.notes()))
        write(shown.to_json(model.document()) if as_json else model.summary())


@cli.command(epilog=CODES)
@_target
@click.option("--group", help="A grouping factor; may be left out when the model has one.")
@csv_option
def effects(as_json: bool, as_csv: bool, group: str | None, **given: Any) -> None:
    """Print what the model says of each level of a group.

    Of a model that is fitted first, as by `fit`, or of a MODEL of a service by its id.
    """
    _one_form(as_json, as_csv)
    with ExitStack() as open_:
        model = _model(open_, **given)
        name = _group(model, group)
        found = model.effects(name)
        if as_csv:
            text = shown.csv(found)
        elif as_json:
            text = shown.to_json({"group": name, "items": shown.effects_items(found)})
        else:
            text = shown.effects_text(found)
        write(text)


@cli.command(epilog=CODES)
@_target
@click.option(
    "--new",
    "new",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="A table of rows to predict; columns that the model does not use are left out.",
)
@prediction_options
@csv_option
def predict(as_json: bool, as_csv: bool, new: Path, **given: Any) -> None:
    """Predict new rows.

    By a model that is fitted first, as by `fit`, or by a MODEL of a service by its id.
    """
    _one_form(as_json, as_csv)
    asked = made(PredictionOptions, {name: given.pop(name) for name in PREDICTION})
    with ExitStack() as open_:
        from partialpool.cli.local import table_of

        model, rows = _model(open_, **given), table_of(new)
        found = model.predict(rows, asked)
        if as_csv:
            text = shown.csv(rows.join(found.rename(columns=_apart(rows, found))))
        elif as_json:
            items = shown.predictions_items(found)
            text = shown.to_json({"level": asked.level, "items": items})
        else:
            text = shown.predictions_text(rows, found, asked.level)
        write(text)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete these commands.

    For bash: eval "$(partialpool completion bash)".
    """
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click has these three
    name = ctx.find_root().info_name or "partialpool"
    write(kind(cli, {}, name, "_PARTIALPOOL_COMPLETE").source())


def _service(arguments: Sequence[str]) -> None:
    from service.__main__ import main

    main(arguments, "partialpool")


def _service_parser() -> argparse.ArgumentParser:
    from service.__main__ import parser

    return parser("partialpool")


def _engine(arguments: Sequence[str]) -> int:
    from engine.command import main

    return main(arguments, "partialpool")


def _engine_parser() -> argparse.ArgumentParser:
    from engine.command import parser

    return parser("partialpool")


def _radon() -> click.Group:
    from partialpool.cli.radon import radon

    return radon


cli.add_command(
    Deferred("radon", "Ask a service about the radon in a house, and what to do about it.", _radon)
)
for _name, _does, _run, _parser in (
    ("serve", "Start the service.", _service, _service_parser),
    ("keys", "Make, list and revoke API keys of the service.", _service, _service_parser),
    ("summarise", "Write the sums that a model needs of a table.", _engine, _engine_parser),
    ("merge", "Add summaries of different rows.", _engine, _engine_parser),
):
    cli.add_command(Forwarded(_name, _does, _run, _parser))


def _model(
    open_: ExitStack,
    *,
    target: str,
    formula: str | None,
    url: str | None,
    local: bool,
    api_key: str | None,
    quiet: bool,
    **spec: Any,
) -> AModel:
    """Return the model that the arguments name: fitted here, fitted there, or found there."""
    progress: Progress = silent if quiet else chosen(None)
    asked = None if formula is None else made(FitRequest, spec, formula=formula)
    if url is None or local:
        return _here(Path(target), asked, progress)
    from partialpool.cli.remote import RemoteModel, fitted
    from partialpool.client import Client

    client = open_.enter_context(Client(url, api_key, progress=progress))
    if asked is None:
        return RemoteModel(client.model(target))
    return fitted(client, target, asked)


def _here(path: Path, asked: FitRequest | None, progress: Progress) -> AModel:
    if not path.is_file():
        hint = "without --url, FILE is a table on this machine"
        raise click.UsageError(f"there is no file {path}: {hint}")
    from partialpool.cli.local import fitted

    return fitted(path, asked, progress)


def _group(model: AModel, group: str | None) -> str:
    names = list(model.groups)
    if group is None and len(names) == 1:
        return names[0]
    if group not in names:
        known = ", ".join(names) or "none"
        raise click.UsageError(f"name a group of the model by --group; there are: {known}")
    return group


def _apart(rows: pd.DataFrame, found: pd.DataFrame) -> dict[str, str]:
    """Return other names for the predictions that are called as a column of the rows is."""
    return {name: f"{name}.predicted" for name in map(str, found) if name in rows}


def _one_form(as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise click.UsageError("give one of --json and --csv")
