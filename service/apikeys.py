"""API keys as text: 256 random bits, the id of their row, and a checksum.

``pp_<id>_<secret><checksum>``: the form says what it is to programs that look for leaked keys, and
one mistyped is known without a look into the catalog.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zlib
from typing import Final

PATTERN: Final = re.compile(r"pp_([a-z2-7]{12})_[0-9A-Za-z]{49}")

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_DIGITS: Final = 43
_CHECK_DIGITS: Final = 6


def new_key() -> str:
    """Return a key that nobody has."""
    identity = base64.b32encode(os.urandom(10))[:12].decode().lower()
    return key_of(identity, os.urandom(32))


def key_of(identity: str, secret: bytes) -> str:
    """Return the key with this id and these 32 bytes."""
    return _checked(f"pp_{identity}_{_digits(int.from_bytes(secret), _SECRET_DIGITS)}")


def id_of(key: str) -> str | None:
    """Return the id in a key, ``None`` when it is none of ours."""
    found = PATTERN.fullmatch(key)
    if found is None or _checked(key[:-_CHECK_DIGITS]) != key:
        return None
    return found[1]


def digest_of(key: str) -> str:
    """Return what is kept of a key: its SHA-256, enough for a secret of 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checked(text: str) -> str:
    return text + _digits(zlib.crc32(text.encode()), _CHECK_DIGITS)


def _digits(number: int, count: int) -> str:
    """Return a number in base 62, with leading zeros."""
    found = []
    for _ in range(count):
        number, digit = divmod(number, len(_ALPHABET))
        found.append(_ALPHABET[digit])
    return "".join(reversed(found))
