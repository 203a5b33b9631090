from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from engine import __version__
from partialpool.cli import main
from partialpool.cli.commands import cli
from partialpool.client import Client
from tests.client.conftest import FORMULA, SURVEY
from tools.live import Live

ROOT = Path(__file__).parents[2]
HERE = [sys.executable, "-m", "partialpool"]


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PARTIALPOOL_URL", raising=False)
    monkeypatch.delenv("PARTIALPOOL_API_KEY", raising=False)


@pytest.fixture
def houses(tmp_path: Path) -> Path:
    path = tmp_path / "houses.csv"
    path.write_text("county,floor,note\nAITKIN,0,mine\nMARS,1,far\n")
    return path


def completed(*words: str) -> list[str]:
    whole = BashComplete(cli, {}, "partialpool", "_PARTIALPOOL_COMPLETE")
    return [item.value for item in whole.get_completions(list(words[:-1]), words[-1])]


def test_a_file_is_fitted_here_and_printed_as_r_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(SURVEY), FORMULA]) == 0
    printed, errors = capsys.readouterr()
    assert "floor       -0.66     0.07" in printed
    assert errors == ""


def test_here_and_at_a_service_the_answers_are_the_same(
    live: Live, houses: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = ["--url", live.url]
    for command in (
        ["fit", str(SURVEY), FORMULA],
        ["effects", str(SURVEY), FORMULA, "--group", "county"],
        ["effects", str(SURVEY), FORMULA, "--csv"],
        ["predict", str(SURVEY), FORMULA, "--new", str(houses), "--threshold", "4"],
    ):
        assert main(command) == main([*command, *there]) == 0
        here, *_ = printed = capsys.readouterr().out.splitlines()
        half = len(printed) // 2
        assert here
        assert printed[:half] == printed[half:]


def test_json_is_the_services(live: Live, houses: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> dict[str, object]:
        assert main([*arguments, "--json"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    here = told("fit", str(SURVEY), FORMULA)
    there = told("fit", "minnesota-radon", FORMULA, "--url", live.url)
    assert here["id"] is None
    assert here.keys() == there.keys()
    assert here["groups"] == there["groups"] == {"county": 85}
    model = str(there["id"])
    with Client(live.url) as client:
        http = client.session.http
        page = http.get(f"/v1/models/{model}/effects/county").json()
        rows = [{"county": "AITKIN", "floor": 0}, {"county": "MARS", "floor": 1}]
        asked = {"rows": rows, "thresholds": [4]}
        answer = http.post(f"/v1/models/{model}/predictions", json=asked).json()
    assert told("effects", model, "--url", live.url)["items"] == page["items"]
    found = told("predict", model, "--new", str(houses), "--threshold", "4", "--url", live.url)
    assert found["items"] == answer["items"]


def test_csv_has_the_rows_beside_what_is_predicted(
    houses: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(SURVEY), FORMULA, "--new", str(houses), "--csv"]
    assert main([*command, "--random-effects", "none"]) == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["note"], second["note"]) == ("mine", "far")
    assert round(float(first["estimate"]), 4) == 1.4924


def test_options_are_those_of_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    spec = ["--method", "ML", "--categorical", "floor", "--contrast", "floor=sum"]
    assert main(["fit", str(SURVEY), FORMULA, *spec, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "ML"
    assert [row["term"] for row in found["fixed_effects"]] == ["(Intercept)", "floor1"]


def test_a_summary_is_made_and_fitted_without_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = tmp_path / "sums.json"
    assert main(["summarise", str(SURVEY), "--formula", FORMULA, "--out", str(sums)]) == 0
    assert capsys.readouterr().out.startswith("919 rows summed")
    assert main(["fit", str(sums)]) == 0
    assert "number of obs: 919" in capsys.readouterr().out


def test_keys_are_made_by_the_same_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["keys", "--data-dir", str(tmp_path / "var")]
    assert main([*keys, "create", "--owner", "ada"]) == 0
    assert capsys.readouterr().out.startswith("pp_")
    assert main([*keys, "list"]) == 0
    assert "ada" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["fit", str(SURVEY), "radon ~ flor + (1 | county)"], 1, "hint: did you mean floor?"),
        (["fit", str(SURVEY)], 1, "a table is fitted to a formula"),
        (["fit", "nowhere.csv", "y ~ x"], 2, "there is no file nowhere.csv"),
        (["fit", str(SURVEY), FORMULA, "--contrast", "floor"], 2, "COLUMN=CODING"),
        (["effects", str(SURVEY), FORMULA, "--group", "state"], 2, "there are: county"),
        (["effects", str(SURVEY), FORMULA, "--json", "--csv"], 2, "one of --json and --csv"),
        (["predict", str(SURVEY), FORMULA, "--new", str(SURVEY), "--level", "2"], 2, "--level"),
        (["fitt"], 2, "No such command"),
    ],
)
def test_what_is_wrong_is_said_and_the_code_tells_its_kind(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert said in errors


def test_a_service_refuses_in_the_same_words(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    url = ["--url", live.url]
    assert main(["fit", "minnesota-radon", "radon ~ flor + (1 | county)", *url]) == 1
    assert "hint: did you mean floor?" in capsys.readouterr().err
    assert main(["effects", "m_none", *url]) == 1
    assert "There is no model of this id" in capsys.readouterr().err


def test_what_is_worth_knowing_is_noted_beside_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "small.csv"
    rows = [f"{y},{x},{'ab'[i % 2]}" for i, (y, x) in enumerate([(1, 1), (2, 2), (3, 4), (5, 6)])]
    path.write_text("\n".join(["y,x,g", *rows, ",7,a\n"]))
    assert main(["fit", str(path), "y ~ x + I(2*x) + (1 | g)"]) == 0
    errors = capsys.readouterr().err
    assert "note: rows that miss a value, left out: 1" in errors
    assert "note: terms that others say already, left out: I(2 * x)" in errors
    assert main(["fit", str(path), "y ~ x + (1 | g)", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_an_interruption_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("partialpool.cli.local.fit_file", interrupted)
    assert main(["fit", str(SURVEY), FORMULA]) == 130
    assert capsys.readouterr().err.strip() == ""


def test_shells_complete_commands_options_and_their_values() -> None:
    assert {"fit", "effects", "predict", "serve", "keys"} <= set(completed(""))
    assert completed("fit", "--meth") == ["--method"]
    assert completed("fit", "--method", "") == ["REML", "ML"]
    assert completed("keys", "re") == ["revoke"]
    assert completed("keys", "create", "--sco") == ["--scopes"]
    assert completed("serve", "--po") == ["--port"]
    assert "--min-count" in completed("summarise", "--")


def test_the_version_is_the_engines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"partialpool {__version__}\n"


def test_completion_is_printed_for_a_shell(capsys: pytest.CaptureFixture[str]) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        assert "_PARTIALPOOL_COMPLETE" in capsys.readouterr().out


def test_the_installed_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["partialpool"].partition(":")
    assert getattr(import_module(module), name) is main


def test_the_package_loads_nothing_that_its_first_call_does_not_need() -> None:
    heavy = ("engine", "fastapi", "numpy", "pandas", "polars", "pyarrow", "scipy", "sqlalchemy")
    program = (
        "import os; before = dict(os.environ); import sys, partialpool, partialpool.cli; "
        f"print([name for name in {heavy} if name in sys.modules], os.environ == before)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[] True\n", "")


def test_who_has_read_enough_ends_it_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*HERE, "completion", "bash"], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
