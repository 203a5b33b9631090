from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings, table

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_settings_page_is_what_the_command_prints() -> None:
    assert DOCS.read_text() == table()


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_a_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTIALPOOL_PORT", "9000")
    assert Settings().port == 9000


def test_a_setting_given_by_name_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTIALPOOL_PORT", "9000")
    assert Settings(port=9001).port == 9001


def test_the_data_directory_is_put_into_both_urls(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.catalog == f"sqlite:///{tmp_path}/catalog.db"
    assert settings.blobs == f"file://{tmp_path}/blobs"


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]  # that it is refused is what is tested


@pytest.mark.parametrize("bad", [{"port": -1}, {"max_body_bytes": 0}])
def test_a_setting_out_of_range_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(bad)
