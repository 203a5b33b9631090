"""The stored form: reads back exactly, by columns and by rows, and quickly."""

from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import engine
from service.intake import Form, read_columns, read_rows, scan_stored, storage, take_in

RADON = Path(__file__).parents[2] / "reference" / "data" / "radon.csv"


@pytest.fixture
def stored(tmp_path: Path) -> bytes:
    take_in(RADON, Form.CSV, scratch=tmp_path, target=tmp_path / "stored")
    return (tmp_path / "stored").read_bytes()


def test_columns_are_read_in_the_order_asked(stored: bytes) -> None:
    table = read_columns(stored, ["radon", "county"])
    assert table.column_names == ["radon", "county"]
    assert table.num_rows == 919
    assert table.schema.field("county").type == pa.dictionary(pa.int32(), pa.string())
    assert len(table["county"].unique()) == 85


def test_an_unknown_column_is_a_key_error(stored: bytes) -> None:
    with pytest.raises(KeyError, match="flor"):
        read_columns(stored, ["flor"])


def test_reading_the_columns_of_a_model_takes_about_a_millisecond(stored: bytes) -> None:
    def once() -> float:
        begun = time.perf_counter()
        read_columns(stored, ["county", "floor", "radon"])
        return time.perf_counter() - begun

    assert min(once() for _ in range(20)) < 0.002


def test_text_has_one_dictionary_over_all_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "GROUP_ROWS", 100)
    take_in(RADON, Form.CSV, scratch=tmp_path, target=tmp_path / "stored")
    assert pq.ParquetFile(tmp_path / "stored").metadata.num_row_groups == 10
    chunks = read_columns(tmp_path / "stored")["county"].chunks
    assert all(chunk.dictionary.equals(chunks[0].dictionary) for chunk in chunks)
    assert len(set(chunks[0].dictionary.to_pylist())) == 85


@pytest.mark.parametrize(("start", "count"), [(0, 5), (95, 10), (300, 400), (900, 50), (919, 5)])
def test_rows_are_read_from_the_groups_that_hold_them(
    start: int, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "GROUP_ROWS", 100)
    take_in(RADON, Form.CSV, scratch=tmp_path, target=tmp_path / "stored")
    whole = read_columns(tmp_path / "stored").to_pylist()
    assert read_rows(tmp_path / "stored", start, count).to_pylist() == whole[start : start + count]


def test_the_same_table_is_stored_as_the_same_bytes(stored: bytes, tmp_path: Path) -> None:
    table = read_columns(stored)
    pq.write_table(table, tmp_path / "given")
    take_in(tmp_path / "given", Form.PARQUET, scratch=tmp_path, target=tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == stored


def test_a_scan_of_a_stored_table_fits_as_the_table_does(tmp_path: Path) -> None:
    place = tmp_path / "[odd] *"
    place.mkdir()
    take_in(RADON, Form.CSV, scratch=tmp_path, target=place / "stored")
    formula = "log(radon + 0.1) ~ floor + (1 | county)"
    found = engine.fit(formula, scan_stored(place / "stored"))
    expected = engine.fit(formula, read_columns(place / "stored"))
    assert found.random[0].levels == expected.random[0].levels
    assert found.beta == pytest.approx(expected.beta, rel=1e-9)
    assert found.std_errors == pytest.approx(expected.std_errors, rel=1e-9)
