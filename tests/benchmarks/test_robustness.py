from benchmarks.robustness import FEW_ROWS, MISS, hard_set, report, study


def test_a_set_is_the_same_whenever_it_is_made() -> None:
    one, again = hard_set(1, 17), hard_set(1, 17)
    assert one.spec == again.spec
    assert one.data.equals(again.data)
    assert not hard_set(1, 18).data.equals(one.data)


def test_a_study_finds_no_miss_among_a_few_sets() -> None:
    found = list(study(12, 3, (1, 2)))
    assert len(found) > 6
    for kind, _, searched in found:
        assert "factor" in kind or str(FEW_ROWS) in kind
        assert searched.converged
        assert searched.excess < MISS
        assert searched.ml_excess < MISS


def test_the_report_has_a_row_for_each_kind() -> None:
    results = {kind: [searched] for kind, _, searched in study(3, 5, (1,))}
    lines = report(results).splitlines()
    assert len(lines) == 2 + len(results)
    assert len({line.count("|") for line in lines}) == 1
