"""From a request to what exactly is to be fitted, under a key that equal requests share."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from engine import Spec, __version__
from service.catalog.models import model_id
from service.schemas.fits import FitRequest

_REMEMBERED: Final = 2_048


class Specified(Struct, frozen=True):
    """A specification as it was written, and the hash of its canonical form."""

    spec: Spec
    digest: str


class Order(Struct, frozen=True):
    """One fit: a specification on one content, by one version of the engine.

    ``key`` is the SHA-256 over the canonical form and the two others; ``id`` is the model's. So a
    model has one id however it is written, and the order of terms of whoever asks for it first.
    """

    specified: Specified
    dataset_id: str
    dataset_hash: str
    key: str
    id: str

    @classmethod
    def of(cls, specified: Specified, dataset_id: str, dataset_hash: str) -> Order:
        """Return the order of a specification on a dataset."""
        text = f"{__version__}\n{specified.digest}\n{dataset_hash}"
        key = hashlib.sha256(text.encode()).hexdigest()
        return cls(specified, dataset_id, dataset_hash, key, model_id(key))


def specify(asked: FitRequest) -> Specified:
    """Return the specification of a request; raises ``EngineError``."""
    return _specify(
        asked.formula,
        asked.method,
        asked.weights,
        asked.offset,
        tuple(asked.categorical),
        tuple(asked.contrasts.items()),
        asked.missing,
    )


@lru_cache(_REMEMBERED)
def _specify(
    formula: str,
    method: str,
    weights: str | None,
    offset: str | None,
    categorical: tuple[str, ...],
    contrasts: tuple[tuple[str, str], ...],
    missing: str,
) -> Specified:
    spec = Spec.of(
        formula,
        method=method,
        weights=weights,
        offset=offset,
        categorical=categorical,
        contrasts=dict(contrasts),
        missing=missing,
    ).essential()
    return Specified(spec, hashlib.sha256(spec.key().encode()).hexdigest())


def sums_key(spec: Spec, dataset_hash: str) -> str:
    """Return the hash of what the cross-products of a model on a dataset depend on."""
    asked = {**spec.to_json(), "method": None, "missing": None}
    text = f"{__version__}\n{json.dumps(asked, sort_keys=True)}\n{dataset_hash}"
    return hashlib.sha256(text.encode()).hexdigest()


def stored_form(spec: Spec) -> dict[str, Any]:
    """Return a specification as the catalog keeps it."""
    return dict(spec.to_json())
