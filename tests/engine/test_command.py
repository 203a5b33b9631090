"""The command line of the engine."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import ipc

import engine
from engine.command import main

SURVEY = Path(__file__).parents[2] / "service/radon/data/minnesota-radon.csv"
FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"


@pytest.fixture
def survey() -> pd.DataFrame:
    return pd.read_csv(SURVEY)


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(each) for each in arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(each) for each in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "arrow", "feather"])
def test_a_table_of_any_form_is_summarised_and_fitted(
    ending: str, survey: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"table.{ending}"
    match ending:
        case "parquet":
            survey.to_parquet(path)
        case "arrow" | "feather":
            table = pa.Table.from_pandas(survey)
            opened = ipc.new_stream if ending == "arrow" else ipc.new_file
            with opened(str(path), table.schema) as writer:
                writer.write_table(table)
        case _:
            survey.to_csv(path, sep="\t" if ending == "tsv" else ",", index=False)
    expected = engine.display(engine.fit(FORMULA, survey))
    assert shown(capsys, "fit", path, "--formula", FORMULA) == expected
    out = tmp_path / "sums.json"
    told = shown(capsys, "summarise", path, "--formula", FORMULA, "--out", out)
    assert told == "919 rows summed\n"
    assert shown(capsys, "fit", out) == expected
    assert shown(capsys, "fit", out, "--formula", "log(radon+.1) ~ (1|county) + floor") == expected


def test_summaries_merge_to_the_same_in_any_order(
    survey: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = []
    for i in range(3):
        survey[i::3].to_csv(tmp_path / f"{i}.csv", index=False)
        parts.append(tmp_path / f"{i}.{'arrow' if i else 'json'}")
        shown(capsys, "summarise", tmp_path / f"{i}.csv", "--formula", FORMULA, "--out", parts[i])
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    assert shown(capsys, "merge", *parts, "--out", one) == "919 rows of 3 summaries\n"
    shown(capsys, "merge", *reversed(parts), "--out", other)
    assert one.read_bytes() == other.read_bytes()
    expected = engine.display(engine.fit(FORMULA, survey, method="ML"))
    assert shown(capsys, "fit", one, "--method", "ML") == expected


def test_without_a_file_the_summary_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["summarise", str(SURVEY), "--formula", FORMULA]) == 0
    captured = capsys.readouterr()
    assert captured.err == "919 rows summed\n"
    assert engine.read_summary(captured.out.encode()).n_rows == 919


def test_small_cells_are_refused_or_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sums.json"
    formula = "log(radon + 0.1) ~ log_uranium + (1 | county)"
    asked = ["summarise", SURVEY, "--formula", formula, "--min-count", 5, "--out", out]
    assert "error: cells with fewer than 5 rows: 39 of county" in refused(capsys, *asked)
    assert not out.exists()
    told = shown(capsys, *asked, "--suppress")
    assert told.startswith("799 rows summed; left out: 120 rows in cells of fewer than 5 rows")


def test_constants_are_shared_by_sites(
    survey: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    formula = "log(radon + 0.1) ~ scale(log_uranium) + (1 | county)"
    files = [tmp_path / name for name in ("a.csv", "b.csv", "a.json", "b.json")]
    survey[::2].to_csv(files[0], index=False)
    survey[1::2].to_csv(files[1], index=False)
    shown(capsys, "summarise", files[0], "--formula", formula, "--out", files[2])
    shown(capsys, "summarise", files[1], "--formula", formula, "--out", files[3])
    assert "other constants" in refused(capsys, "merge", files[2], files[3])
    again = ["summarise", files[1], "--formula", formula, "--out", files[3]]
    shown(capsys, *again, "--constants", files[2])
    assert main(["merge", str(files[2]), str(files[3])]) == 0


def test_text_stays_text_and_words_for_missing_are_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.csv"
    lines = [
        f"{1.5 * i + i % 3},{i % 5},{i % 4:03d},{'TRUE' if i % 3 else 'false'}" for i in range(40)
    ]
    path.write_text("\n".join(["y,x,g,b", *lines, "NA,1,001,true", "2.5,,001,true", "2,1,,true"]))
    out = tmp_path / "sums.json"
    told = shown(capsys, "summarise", path, "--formula", "y ~ x + b + (1 | g)", "--out", out)
    assert told == "40 rows summed; left out: 3 rows that miss a value\n"
    summary = engine.read_summary(out.read_bytes())
    assert summary.levels == {"b": ("FALSE", "TRUE")}
    assert summary.sums.products.groups[0].levels == ("000", "001", "002", "003")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fit", "nowhere.json"], "No such file"),
        (["fit", str(SURVEY)], "a table is fitted to a formula"),
        (["fit", str(SURVEY), "--formula", "radon ~ flor"], "did you mean floor"),
        (["fit", str(SURVEY), "--formula", "radon ~"], "error: "),
        (["fit", str(SURVEY.parent / "README.md")], "neither JSON nor"),
        (["summarise", str(SURVEY.parent / "README.md"), "--formula", FORMULA], "not known"),
        (["merge", str(SURVEY)], "neither JSON nor"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in refused(capsys, *arguments)


def test_the_same_sums_twice_and_other_formulas_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sums.json"
    shown(capsys, "summarise", SURVEY, "--formula", FORMULA, "--out", out)
    assert "count twice" in refused(capsys, "merge", out, out)
    assert "another formula" in refused(capsys, "fit", out, "--formula", "radon ~ 1")
    damaged = tmp_path / "damaged.json"
    damaged.write_text(out.read_text().replace('"n_rows":919', '"n_rows":9'))
    assert "damaged.json: /products: " in refused(capsys, "fit", damaged)
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    assert "cannot be read" in refused(capsys, "fit", broken, "--formula", FORMULA)


@pytest.mark.parametrize(
    "arguments", [[], ["sum"], ["summarise", "a.csv"], ["fit", "a.json", "--contrast", "c"]]
)
def test_a_command_that_cannot_be_read_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
