from radars.cost import Additive, Metric

SUMS = (Additive(1, {"a": {"x": 2, "y": 5}}), Additive(4, {"a": {"x": 2, "y": 1}}))


def test_a_cost_is_the_largest_of_its_sums() -> None:
    metric = Metric(SUMS)
    assert [metric.of({"a": name}) for name in "xy"] == [6, 6]
    assert Metric(SUMS[:1]).of({"a": "x"}) == 3


def test_what_holds_is_decided_by_the_whole_network_where_sums_estimate_it() -> None:
    assert Metric(SUMS).holds({"a": "x"}, 6)
    assert not Metric(SUMS).holds({"a": "x"}, 5)
    whole = Metric(SUMS, lambda architecture: 8.0, margin=0.25)
    assert whole.holds({"a": "x"}, 10)
    assert not whole.holds({"a": "x"}, 9.9)
