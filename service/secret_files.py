"""Variables of the environment whose value stands in a file, as secrets come to containers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

SUFFIX: Final = "_FILE"


def from_file(variable: str) -> str | None:
    """Return what is in the file that ``<variable>_FILE`` names, without the last line's end.

    ``None`` when no file is named. Raises ``OSError`` when it cannot be read, ``ValueError`` when
    the variable itself is there as well.
    """
    path = os.environ.get(variable + SUFFIX)
    if not path:
        return None
    if variable in os.environ:
        raise ValueError(f"{variable} and {variable}{SUFFIX} are both set")
    return Path(path).read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")


class FileSource(PydanticBaseSettingsSource):
    """Settings whose value stands in a file."""

    def __init__(self, settings: type[BaseSettings], prefix: str) -> None:
        super().__init__(settings)
        self._prefix = prefix

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return what the file of a setting says, its name, whether it is JSON."""
        text = from_file(self._prefix + field_name.upper())
        return text, field_name, self.field_is_complex(field)

    def __call__(self) -> dict[str, Any]:
        """Return all settings that a file is named for."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            text, _, is_json = self.get_field_value(field, name)
            if text is not None:
                found[name] = self.prepare_field_value(name, field, text, is_json)
        return found
