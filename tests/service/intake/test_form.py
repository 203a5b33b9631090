"""Which form a file has, by its media type or its name."""

from __future__ import annotations

import pytest

from service.intake import MEDIA_TYPES, Form, UnknownFormError, form_of


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_every_published_media_type_is_understood(media_type: str) -> None:
    assert form_of(media_type.upper() + "; charset=UTF-8").value == media_type


@pytest.mark.parametrize(
    ("media_type", "name", "form"),
    [
        ("", "radon.csv", Form.CSV),
        ("application/octet-stream", "RADON.CSV.GZ", Form.CSV),
        ("application/gzip", "radon.tsv.gz", Form.TSV),
        ("application/octet-stream", "a.b.parquet", Form.PARQUET),
        ("text/csv", "radon.parquet", Form.CSV),
    ],
)
def test_a_name_counts_when_the_type_says_nothing(media_type: str, name: str, form: Form) -> None:
    assert form_of(media_type, name) is form


@pytest.mark.parametrize(
    ("media_type", "name"),
    [("", ""), ("application/pdf", "x.csv"), ("application/octet-stream", "radon.xlsx")],
)
def test_anything_else_is_refused_with_what_is_accepted(media_type: str, name: str) -> None:
    with pytest.raises(UnknownFormError) as caught:
        form_of(media_type, name)
    assert "text/csv" in caught.value.problems[0].hint


def test_another_charset_is_refused() -> None:
    with pytest.raises(UnknownFormError, match="UTF-8"):
        form_of("text/csv; charset=latin-1")
