from benchmarks.rounds import Measured, interleaved, table


def test_every_round_begins_with_another_measure() -> None:
    order: list[str] = []

    def measure(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = interleaved({"a": lambda: measure("a"), "b": lambda: measure("b")}, rounds=2)
    assert order == ["a", "b", "b", "a"]
    assert measured["a"].rounds == (1.0, 4.0)


def test_ratios_are_of_neighbours_in_a_round() -> None:
    disturbed = Measured((1.0, 100.0, 1.0))
    assert disturbed.over(Measured((2.0, 200.0, 2.0))) == 0.5


def test_a_measure_shows_its_median_and_range() -> None:
    assert Measured((0.003, 0.001, 0.002)).shown(1e3, 1) == "2.0 (1.0–3.0)"


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [("x", "1")]) == "| a | b |\n| --- | ---: |\n| x | 1 |\n"
