from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.shelf import Shelf


def test_the_one_not_used_for_longest_goes() -> None:
    shelf: Shelf[str, str] = Shelf(20)
    shelf.put("a", "A", 10)
    shelf.put("b", "B", 10)
    assert shelf.get("a") == "A"
    shelf.put("c", "C", 10)
    assert (shelf.get("a"), shelf.get("b"), shelf.get("c")) == ("A", None, "C")


def test_what_is_too_heavy_is_not_kept_and_pushes_nothing_out() -> None:
    shelf: Shelf[str, str] = Shelf(20)
    shelf.put("a", "A", 10)
    shelf.put("b", "B", 21)
    assert (shelf.get("a"), shelf.get("b")) == ("A", None)


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 5), st.integers(1, 15))
    )
)
def test_it_never_weighs_more_than_it_may(steps: list[tuple[str, int, int]]) -> None:
    shelf: Shelf[int, int] = Shelf(30)
    for step, key, weight in steps:
        if step == "put":
            shelf.put(key, weight, weight)
        elif step == "drop":
            shelf.drop(key)
        held = [found for key in range(6) if (found := shelf.get(key)) is not None]
        assert sum(held) == shelf.weight <= 30
