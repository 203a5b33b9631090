"""How the processes of a cluster find and know each other."""

from __future__ import annotations

import json
from pathlib import Path

from distributed.security import Security

from service.settings import Settings


def security_of(settings: Settings) -> Security | None:
    """Return the certificates of the settings, for whichever role; ``None`` where none are given.

    With them nothing is said or heard without encryption, and both ends of every connection show a
    certificate of the authority.
    """
    if not settings.compute_tls_ca:
        return None
    shown = {
        f"tls_{role}_{part}": getattr(settings, f"compute_tls_{part}")
        for role in ("client", "worker", "scheduler")
        for part in ("cert", "key")
    }
    return Security(tls_ca_file=settings.compute_tls_ca, require_encryption=True, **shown)


def address_of(settings: Settings) -> str:
    """Return where the scheduler listens.

    Raises:
        OSError: it has written no file yet.
        ValueError: the file is not a scheduler's.
    """
    if "://" in settings.compute:
        return settings.compute
    told = json.loads(Path(settings.compute).read_text("utf-8"))
    if not (isinstance(told, dict) and isinstance(told.get("address"), str)):
        raise ValueError("this is not the file of a scheduler")
    return str(told["address"])
