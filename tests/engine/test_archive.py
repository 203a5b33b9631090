"""A fit as bytes: nothing is lost, and what is not a fit is refused."""

import json
from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

import engine
from engine import DataError, Fit, from_bytes, to_bytes
from tests.engine.simulated import table

MODELS: dict[str, tuple[str, dict[str, object]]] = {
    "intercepts": ("y ~ x + (1 | g)", {}),
    "slopes": ("y ~ x * c + (x + z | g)", {"method": "ML"}),
    "independent": ("y ~ poly(x, 2) + scale(z) + (x || g)", {"weights": "w"}),
    "offset": ("log(y + 40) ~ log(pmax(w, 0.5)) + (1 | g)", {"offset": "z"}),
    "contrasts": ("y ~ c + u + (0 + c | g)", {"contrasts": {"c": "helmert"}}),
    "two parts": ("y ~ x + (1 | g:c)", {}),
    "crossed": ("y ~ x + (1 | g) + (x | c)", {}),
    "nested": ("y ~ x + (1 | c/g)", {}),
    "boundary": ("z ~ 1 + (1 | g)", {}),
    "aliased": ("y ~ x + I(2 * x) + (1 | g)", {}),
    "least squares": ("sqrt(w) ~ x + c", {}),
    "no predictor": ("y ~ 1", {}),
    "no fixed effect": ("y ~ 0 + (1 | g)", {}),
    "strange names": ("`the y` ~ `a x` + (1 | `Landkreis, ä`)", {}),
}


@cache
def fitted(name: str) -> Fit:
    formula, options = MODELS[name]
    data = table(seed=8, n_levels=20, most_rows=9)
    data["the y"], data["a x"], data["Landkreis, ä"] = data["y"], data["x"], data["g"] + " ü\n\"'"
    spec = engine.Spec.of(formula, **options)  # type: ignore[arg-type]  # the options of a spec
    return engine.fit_spec(spec, data)


def assert_equal(one: object, other: object) -> None:
    """Equal through and through: types, shapes, every bit."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert isinstance(other, np.ndarray)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
    elif isinstance(one, tuple) and isinstance(other, tuple):
        assert len(one) == len(other)
        for own, its in zip(one, other, strict=True):
            assert_equal(own, its)
    elif isinstance(one, Mapping) and isinstance(other, Mapping):
        assert list(one) == list(other)
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, Struct):
        for field in one.__struct_fields__:
            assert_equal(getattr(one, field), getattr(other, field))
    elif hasattr(one, "__dataclass_fields__"):
        for field in one.__dataclass_fields__:
            assert_equal(getattr(one, field), getattr(other, field))
    else:
        assert one == other


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_comes_back_without_loss(name: str) -> None:
    before = fitted(name)
    data = to_bytes(before)
    after = from_bytes(data)
    assert_equal(after, before)
    assert to_bytes(after) == data


@pytest.mark.parametrize("name", MODELS)
def test_what_comes_back_gives_the_same_answers(name: str) -> None:
    before = fitted(name)
    after = from_bytes(to_bytes(before))
    assert engine.display(after) == engine.display(before)
    assert engine.fixed_effects(after) == engine.fixed_effects(before)
    assert engine.predictors(after) == engine.predictors(before)
    for effects in before.random:
        assert_equal(
            engine.group_effects(after, effects.group), engine.group_effects(before, effects.group)
        )
    columns: dict[str, list[object]] = {
        each.name: [*each.levels[:2]] if each.levels else [1.5, 2.5]
        for each in engine.predictors(before)
    }
    one, other = (engine.predict(fit, columns, thresholds=[1.0]) for fit in (after, before))
    assert_equal(one, other)


def test_the_same_fit_has_the_same_bytes_each_time() -> None:
    data = table(seed=8)
    first, second = (to_bytes(engine.fit("y ~ x + (x | g)", data)) for _ in range(2))
    assert first == second


def test_a_fit_of_few_levels_is_small() -> None:
    assert len(to_bytes(fitted("intercepts"))) < 10_000


def test_the_header_names_the_version_of_the_layout() -> None:
    data = to_bytes(fitted("intercepts"))
    length = int.from_bytes(data[:8], "little")
    assert list(json.loads(data[8 : 8 + length])["__metadata__"]) == ["partialpool-fit/1"]


# What is not a fit


def refused(data: bytes) -> None:
    with pytest.raises(DataError) as caught:
        from_bytes(data)
    assert caught.value.problems[0].code == "not_a_fit"


def test_bytes_cut_short_are_refused() -> None:
    data = to_bytes(fitted("slopes"))
    for stop in [*range(64), *range(64, len(data), 97), len(data) - 1]:
        refused(data[:stop])


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 8, b"\xff" * 64, b"not a fit at all", b"PK\x03\x04", b"{}" * 100],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    refused(data)


def rewritten(change: object, form: str = "partialpool-fit/1") -> bytes:
    """A container that holds some other JSON, and no arrays."""
    header = json.dumps({"__metadata__": {form: json.dumps(change)}}).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        None,
        1,
        [],
        {},
        {"Fit": {}},
        {"Spec": {"formula": "y ~ x"}},
        {"Number": {"value": 1.0}},
        {"array": "a0"},
        {"os.system": {"command": "true"}},
        {"Fit": {"engine_version": "0"}, "Spec": {}},
        {"Spec": {"formula": "y ~ __import__('os')"}},
        {"map": [1, 2]},
        {"float": "many"},
    ],
)
def test_a_container_with_something_else_is_refused(content: object) -> None:
    refused(rewritten(content))


def test_another_version_of_the_layout_is_refused() -> None:
    refused(rewritten({}, "partialpool-fit/2"))


def test_json_nested_without_end_is_refused() -> None:
    refused(rewritten(json.loads("[" * 900 + "]" * 900)))
    header = b'{"__metadata__":{"partialpool-fit/1":"' + b"[" * 50_000 + b'"}}'
    refused(len(header).to_bytes(8, "little") + header)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_read_but_raise_nothing_else(data: st.DataObject) -> None:
    whole = bytearray(to_bytes(fitted("crossed")))
    length = int.from_bytes(whole[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 8 + length - 1))  # the header: numbers cannot be told wrong
        whole[at] = data.draw(st.integers(0, 255))
    try:
        found = from_bytes(bytes(whole))
    except DataError as error:
        codes = {problem.code for problem in error.problems}
    else:
        codes = {"not_a_fit"}
        assert isinstance(found, Fit)
    assert codes == {"not_a_fit"}
