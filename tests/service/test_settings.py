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


def test_a_secret_is_read_from_the_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "catalog_url"
    secret.write_text("postgresql://user:p%20ss@host/name\n")
    monkeypatch.setenv("PARTIALPOOL_CATALOG_URL_FILE", str(secret))
    assert Settings().catalog_url == "postgresql://user:p%20ss@host/name"


def test_what_is_no_text_is_read_from_a_file_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    roots = tmp_path / "roots"
    roots.write_text('{"survey": "/srv/survey"}')
    monkeypatch.setenv("PARTIALPOOL_DATA_ROOTS_FILE", str(roots))
    assert Settings().data_roots == {"survey": "/srv/survey"}


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARTIALPOOL_PORT", "9000")
    monkeypatch.setenv("PARTIALPOOL_PORT_FILE", str(tmp_path / "port"))
    with pytest.raises(ValueError, match="both set"):
        Settings()


def test_a_secret_whose_file_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PARTIALPOOL_CATALOG_URL_FILE", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        Settings()
