"""How the cells of CSV get their kind, and which are missing."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from service.intake import MISSING_WORDS, Form, Kind, Reading, delimited
from tests.service.intake.taking import take

TEXT = ("x",)


def one(cells: list[str], reading: Reading | None = None) -> tuple[str, list[object]]:
    found = take("x,row\n" + "".join(f"{cell},r\n" for cell in cells), reading=reading)
    return found.kinds["x"], found.values["x"]


@pytest.mark.parametrize(
    ("cells", "kind", "values"),
    [
        (["1", "-2", "0"], Kind.INTEGER, [1, -2, 0]),
        (["1.5", "-2", ".5", "1.", "2e3"], Kind.NUMBER, [1.5, -2.0, 0.5, 1.0, 2000.0]),
        (["1.0", "2.0"], Kind.INTEGER, [1, 2]),
        (["1e3", "5"], Kind.INTEGER, [1000, 5]),
        (["+5", "-0.0"], Kind.INTEGER, [5, 0]),
        ([" 3.5", "4 "], Kind.NUMBER, [3.5, 4.0]),
        (['"3.5"', '"4"'], Kind.NUMBER, [3.5, 4.0]),
        (["true", "FALSE", "True"], Kind.BOOLEAN, [True, False, True]),
        (["T", "F"], Kind.TEXT, ["T", "F"]),
        (["true", "1"], Kind.TEXT, ["true", "1"]),
        (["0", "1"], Kind.INTEGER, [0, 1]),
        (["007", "8"], Kind.TEXT, ["007", "8"]),
        (["8", "-07"], Kind.TEXT, ["8", "-07"]),
        (["0x1F", "2"], Kind.TEXT, ["0x1F", "2"]),
        (["0.5", "0"], Kind.NUMBER, [0.5, 0.0]),
        (["1,5".replace(",", "_"), "2"], Kind.TEXT, ["1_5", "2"]),
        (["1", "two"], Kind.TEXT, ["1", "two"]),
        (["nan(1)", "2"], Kind.TEXT, ["nan(1)", "2"]),
        (["9007199254740993"], Kind.INTEGER, [9007199254740993]),
        (["9223372036854775807"], Kind.INTEGER, [9223372036854775807]),
        (["12345678901234567890", "1"], Kind.TEXT, ["12345678901234567890", "1"]),
        (["1e300", "12345678901234567890"], Kind.NUMBER, [1e300, 12345678901234567890.0]),
        (["9007199254740993", "0.5"], Kind.NUMBER, [9007199254740992.0, 0.5]),
        (["inf", "west"], Kind.TEXT, ["inf", "west"]),
        (["2024-01-31"], Kind.TEXT, ["2024-01-31"]),
        ([" AITKIN", "ANOKA "], Kind.TEXT, [" AITKIN", "ANOKA "]),
        (["1e-400", "2"], Kind.INTEGER, [0, 2]),
    ],
)
def test_a_column_has_the_kind_that_holds_every_cell(
    cells: list[str], kind: Kind, values: list[object]
) -> None:
    assert one(cells) == (kind, values)


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_each_default_word_is_missing_among_numbers_and_booleans(word: str) -> None:
    assert one(["1.5", word, "2"]) == (Kind.NUMBER, [1.5, None, 2.0])
    assert one([word, "1"]) == (Kind.INTEGER, [None, 1])
    assert one(["true", word]) == (Kind.BOOLEAN, [True, None])
    assert one([f" {word} ", "1"]) == (Kind.INTEGER, [None, 1])


@pytest.mark.parametrize("word", [word for word in MISSING_WORDS if word])
def test_text_keeps_the_words_that_look_missing(word: str) -> None:
    assert one(["AITKIN", word, ""]) == (Kind.TEXT, ["AITKIN", word, None])


def test_words_given_replace_the_default_and_hold_in_text_too() -> None:
    reading = Reading(missing=("-9", "unknown"))
    assert one(["1", "-9", ""], reading) == (Kind.INTEGER, [1, None, None])
    assert one(["Y", "unknown", "NA"], reading) == (Kind.TEXT, ["Y", None, "NA"])
    assert one(["1", "NA"], reading) == (Kind.TEXT, ["1", "NA"])
    assert one(["1", "-9", "2.5"], reading) == (Kind.NUMBER, [1.0, None, 2.5])


def test_no_word_given_leaves_only_the_empty_cell_missing() -> None:
    assert one(["1", "NA", ""], Reading(missing=())) == (Kind.TEXT, ["1", "NA", None])


def test_missing_and_kept_words_are_counted_by_column() -> None:
    found = take("county,radon\nNA,NA\nNone,1\nNA,\n,NaN\nANOKA,NA\n")
    county, radon = found.column("county"), found.column("radon")
    assert (county.missing, county.missing_words) == (1, {"": 1})
    assert county.kept_words == {"NA": 2, "None": 1}
    assert (radon.missing, radon.missing_words) == (4, {"": 1, "NA": 2, "NaN": 1})
    assert radon.kept_words == {}


def test_a_column_of_nothing_but_missing_is_a_number() -> None:
    assert one(["", "NA"]) == (Kind.NUMBER, [None, None])


@pytest.mark.parametrize(
    ("cells", "because"),
    [
        (["1", "007"], "row 2 is a number padded with zeros"),
        (["1", "2", "three"], "row 3 is not a number"),
        (["12345678901234567890"], "whole numbers of more than 64 bits would lose digits"),
        (["north", "1"], ""),
    ],
)
def test_a_column_that_looked_like_numbers_says_why_it_is_text(
    cells: list[str], because: str
) -> None:
    assert take("x\n" + "\n".join(cells)).column("x").because == because


def test_text_can_be_asked_for() -> None:
    kind, values = one(["1", "NA", "2.50", ""], Reading(text=TEXT))
    assert (kind, values) == (Kind.TEXT, ["1", "NA", "2.50", None])


@pytest.mark.parametrize("late", ["0.5", "three", "007", "true", "12345678901234567890", ""])
@pytest.mark.parametrize("early", ["1", "", "2.0", "true"])
def test_the_kind_and_the_hash_do_not_depend_on_how_the_file_is_cut_into_blocks(
    early: str, late: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "x,y\n" + f"{early},a\n" * 400 + f"{late},b\n" + f"{early},c\n" * 400
    whole = take(content)
    monkeypatch.setattr(delimited, "_BLOCK", 256)
    cut = take(content)
    assert cut.kinds == whole.kinds
    assert cut.id == whole.id
    assert cut.values == whole.values
    assert replace(cut.column("x"), because="") == replace(whole.column("x"), because="")


def test_tabs_separate_the_cells_of_tsv() -> None:
    found = take("county\tradon\nBIG STONE, MN\t1.5\n", Form.TSV)
    assert found.values == {"county": ["BIG STONE, MN"], "radon": [1.5]}


def test_quotes_hold_delimiters_line_breaks_and_quotes() -> None:
    found = take('a,b\r\n"x,1\r\n""q""",2\r\n')
    assert found.values == {"a": ['x,1\r\n"q"'], "b": [2]}


def test_a_byte_order_mark_blank_lines_and_blanks_around_names_are_no_matter() -> None:
    plain = take("a,b\n1,2\n3,4\n")
    assert take("\ufeffa, b \n\n1,2\n\n3,4\n\n\n").id == plain.id
    assert take("a,b\r1,2\r3,4").id == plain.id


def test_the_summary_tells_range_mean_and_distinct_values() -> None:
    found = take("county,radon,floor,wet\nA,1.5,0,true\nB,2.5,1,false\nA,,1,true\n")
    county, radon, floor, wet = found.table.columns
    assert (county.distinct, county.minimum, county.mean) == (2, None, None)
    assert (radon.minimum, radon.maximum, radon.mean, radon.missing) == (1.5, 2.5, 2.0, 1)
    assert radon.distinct is None
    assert (floor.minimum, floor.maximum, floor.distinct) == (0, 1, 2)
    assert wet.mean == pytest.approx(2 / 3)


def test_the_head_shows_the_first_rows() -> None:
    found = take("x,y\n" + "".join(f"{i},t{i}\n" for i in range(9)))
    assert found.table.head.to_pydict()["x"] == [0, 1, 2, 3, 4]
    assert found.table.rows == 9
