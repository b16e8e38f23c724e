import itertools
from collections.abc import Mapping, Sequence

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.tiny import tiny_space, within

from radars.cost import Additive, Constraint, Cost, CostTable, Feasible, Metric
from radars.errors import ConfigError
from radars.memory import inference_memory
from radars.space import Architecture, Subspace

SPACE = tiny_space()
FULL = SPACE.full
TABLE = CostTable.of(SPACE)
ALL = [
    Architecture(dict(zip(FULL, names, strict=True))) for names in itertools.product(*FULL.values())
]
COSTS = {architecture: TABLE.cost(architecture) for architecture in ALL}

limits = st.builds(
    lambda metric, architecture, slack: Constraint(
        metric, float(getattr(COSTS[architecture], metric)) + slack
    ),
    st.sampled_from(["macs", "parameters"]),
    st.sampled_from(ALL),
    st.sampled_from([0.0, 0.5, 1.0]),
)
constraint_lists = st.lists(limits, max_size=2)
subspaces = st.builds(
    lambda picks: Subspace(dict(zip(FULL, picks, strict=True))),
    st.tuples(
        *(st.lists(st.sampled_from(names), min_size=1, unique=True) for names in FULL.values())
    ),
)
scores = st.fixed_dictionaries(
    {
        choice: st.fixed_dictionaries({name: st.floats(-30, 0, width=16) for name in names})
        for choice, names in FULL.items()
    }
)


def allowed_of(constraints: Sequence[Constraint], subspace: Subspace = FULL) -> list[Architecture]:
    return [
        architecture
        for architecture in ALL
        if subspace.holds(architecture)
        and all(within(constraint, COSTS[architecture]) for constraint in constraints)
    ]


def first(choice: str, names: tuple[str, ...]) -> str:
    return names[0]


def total(architecture: Architecture, values: Mapping[str, Mapping[str, float]]) -> float:
    return sum(values[choice][name] for choice, name in architecture.items())


@given(constraint_lists, st.integers(0, 2**31), subspaces)
def test_every_sample_is_allowed(
    constraints: list[Constraint], seed: int, subspace: Subspace
) -> None:
    allowed = allowed_of(constraints, subspace)
    assume(allowed)
    feasible = Feasible(TABLE, constraints, FULL)
    generator = torch.Generator().manual_seed(seed)

    def pick(choice: str, names: tuple[str, ...]) -> str:
        return names[int(torch.randint(len(names), (), generator=generator))]

    for picker in (pick, first):
        architecture, had = feasible.sample(subspace, picker, generator)
        assert architecture in allowed
        assert feasible.allows(architecture)
        assert list(architecture) == list(FULL)
        assert all(architecture[choice] in names for choice, names in had.items())
        assert all(set(names) <= set(subspace[choice]) for choice, names in had.items())


@pytest.mark.parametrize(
    "constraints",
    [
        [],
        [Constraint("macs", float(TABLE.fixed.macs + 30_000))],
        [Constraint("parameters", float(TABLE.fixed.parameters + 500))],
        [
            Constraint("macs", float(TABLE.fixed.macs + 30_000)),
            Constraint("parameters", float(TABLE.fixed.parameters + 500)),
        ],
    ],
)
def test_every_allowed_architecture_can_be_drawn_and_no_other(
    constraints: list[Constraint],
) -> None:
    feasible = Feasible(TABLE, constraints, FULL)
    generator = torch.Generator().manual_seed(0)

    def pick(choice: str, names: tuple[str, ...]) -> str:
        return names[int(torch.randint(len(names), (), generator=generator))]

    drawn = {feasible.sample(FULL, pick, generator)[0] for _ in range(600)}
    assert len(drawn) > 1
    assert drawn == set(allowed_of(constraints))


@given(constraint_lists, st.permutations(list(FULL)), st.integers(0, 2**31))
def test_choices_are_drawn_in_the_order_that_is_asked_for(
    constraints: list[Constraint], order: list[str], seed: int
) -> None:
    allowed = allowed_of(constraints)
    assume(allowed)
    asked: list[str] = []

    def last(choice: str, names: tuple[str, ...]) -> str:
        asked.append(choice)
        return names[-1]

    feasible = Feasible(TABLE, constraints, FULL)
    generator = torch.Generator().manual_seed(seed)
    before = generator.get_state()
    architecture, had = feasible.sample(FULL, last, generator, order=order)
    assert architecture in allowed
    assert list(architecture) == list(FULL)
    if any(len(names) > 1 for names in had.values()):  # it was picked
        assert asked[-len(FULL) :] == list(had) == order
        assert torch.equal(generator.get_state(), before)  # nothing is random but the order


def test_a_random_order_is_drawn_for_each_architecture() -> None:
    asked: list[str] = []

    def note(choice: str, names: tuple[str, ...]) -> str:
        asked.append(choice)
        return names[0]

    feasible = Feasible(TABLE, [], FULL)
    feasible.sample(FULL, note, torch.Generator().manual_seed(5))
    feasible.sample(FULL, note, generator := torch.Generator().manual_seed(5))
    order = torch.randperm(3, generator=torch.Generator().manual_seed(5)).tolist()
    assert asked == 2 * [list(FULL)[position] for position in order]
    for _ in range(30):
        feasible.sample(FULL, note, generator)
    assert len({tuple(asked[start : start + 3]) for start in range(0, len(asked), 3)}) == 6


@given(constraint_lists, scores, subspaces, st.integers(1, 30))
def test_the_best_are_those_of_an_exhaustive_search(
    constraints: list[Constraint],
    values: dict[str, dict[str, float]],
    subspace: Subspace,
    count: int,
) -> None:
    allowed = allowed_of(constraints, subspace)
    assume(allowed_of(constraints))
    feasible = Feasible(TABLE, constraints, FULL)
    best = feasible.best(values, subspace, count)
    assert len(best) == len(set(best)) == min(count, len(allowed))
    assert set(best) <= set(allowed)
    expected = sorted((total(architecture, values) for architecture in allowed), reverse=True)
    assert [total(architecture, values) for architecture in best] == pytest.approx(
        expected[: len(best)], abs=1e-6
    )


def test_the_best_is_exact_where_scores_differ_by_little() -> None:
    # a solver that stops at a relative gap of 1e-4 may return the second best
    values = {choice: dict.fromkeys(names, -100.0) for choice, names in FULL.items()}
    values["a"]["mb2"] = values["b"]["conv3"] = values["c"]["none"] = -99.995
    best = Feasible(TABLE, [], FULL).best(values, FULL, 1)
    assert best == [Architecture({"a": "mb2", "b": "conv3", "c": "none"})]


def test_a_missing_score_is_zero() -> None:
    [best] = Feasible(TABLE, [], FULL).best({"b": {"conv3": 1.0, "mb2": -1.0}}, FULL, 1)
    assert best["b"] == "conv3"


@pytest.mark.parametrize("metric", ["macs", "parameters"])
def test_an_impossible_constraint_names_the_least(metric: str) -> None:
    least = min(getattr(cost, metric) for cost in COSTS.values())
    Feasible(TABLE, [Constraint(metric, float(least))], FULL)
    with pytest.raises(ConfigError, match=f"{least:,}"):
        Feasible(TABLE, [Constraint(metric, least - 1.0)], FULL)


def test_constraints_that_are_impossible_only_together() -> None:
    full = Subspace({"a": ("wide", "long")})
    table = CostTable(Cost(), {"a": {"wide": Cost(1, 9), "long": Cost(9, 1)}})
    limits = [Constraint("macs", 5.0), Constraint("parameters", 5.0)]
    for limit in limits:
        assert len(Feasible(table, [limit], full).best({}, full, 9)) == 1
    with pytest.raises(ConfigError, match=r"macs<=5 and parameters<=5 together"):
        Feasible(table, limits, full)


def test_a_subspace_without_an_allowed_architecture_is_refused() -> None:
    least = min(cost.macs for cost in COSTS.values())
    feasible = Feasible(TABLE, [Constraint("macs", float(least))], FULL)
    subspace = FULL.without("a", "none")
    assert feasible.best({}, subspace, 1) == []
    with pytest.raises(ConfigError, match="loosen"):
        feasible.sample(subspace, first, torch.Generator())


def test_the_only_allowed_architecture_is_found_where_constraints_conflict() -> None:
    # drawn one choice at a time, almost every draw ends where nothing can complete it
    names = [f"layer{index}" for index in range(12)]
    full = Subspace(dict.fromkeys(names, ("macs", "parameters")))
    table = CostTable(
        Cost(), {name: {"macs": Cost(2**i, 0), "parameters": Cost(0, 2**i)}
                 for i, name in enumerate(names)}
    )  # fmt: skip
    limits = [Constraint("macs", 0b101010101010), Constraint("parameters", 0b010101010101)]
    feasible = Feasible(table, limits, full)
    architecture, _ = feasible.sample(full, first, torch.Generator().manual_seed(0))
    assert feasible.allows(architecture)


def test_what_is_impossible_together_says_what_to_loosen_and_how_far() -> None:
    full = Subspace({"a": ("wide", "long")})
    table = CostTable(Cost(), {"a": {"wide": Cost(1, 9), "long": Cost(9, 1)}})
    limits = [Constraint("macs", 5.0), Constraint("parameters", 5.0)]
    with pytest.raises(ConfigError, match="loosen macs<=5 to 9 or parameters<=5 to 9"):
        Feasible(table, limits, full)


MEMORY = inference_memory(SPACE, (1, 8, 8))
WITH_MEMORY = CostTable(TABLE.fixed, TABLE.candidates, {"memory": MEMORY})
HELD = {architecture: MEMORY.of(architecture) for architecture in ALL}


@pytest.mark.parametrize("held_bytes", sorted(set(HELD.values()))[::4])
def test_a_bound_on_memory_allows_what_holds_no_more(held_bytes: float) -> None:
    feasible = Feasible(WITH_MEMORY, [Constraint("memory", held_bytes)], FULL)
    allowed = {architecture for architecture, held in HELD.items() if held <= held_bytes}
    assert set(feasible.best({}, FULL, 100)) == allowed
    assert all(map(feasible.holds, allowed))
    generator = torch.Generator().manual_seed(0)

    def pick(choice: str, names: tuple[str, ...]) -> str:
        return names[int(torch.randint(len(names), (), generator=generator))]

    drawn = {feasible.sample(FULL, pick, generator)[0] for _ in range(150)}
    assert drawn <= allowed
    assert len(drawn) > len(allowed) / 2


def test_a_bound_on_memory_that_nothing_satisfies_names_the_least() -> None:
    least = min(HELD.values())
    with pytest.raises(ConfigError, match=f"the least is {least:,.0f} bytes; loosen it"):
        Feasible(WITH_MEMORY, [Constraint("memory", least - 1)], FULL)


def measured_table(factor: float) -> CostTable:
    """Latencies that are 1 ms for each candidate but `none`, and another whole network's."""
    candidates = {c: {n: float(n != "none") for n in names} for c, names in FULL.items()}
    known = Additive(1.0, candidates)
    metric = Metric((known,), lambda architecture: factor * known.of(architecture), margin=0.1)
    return CostTable(TABLE.fixed, TABLE.candidates, {"latency_ms": metric})


def test_the_next_best_is_taken_where_the_whole_network_is_slower_than_its_candidates() -> None:
    feasible = Feasible(measured_table(1.2), [Constraint("latency_ms", 3.0)], FULL)
    slow, fast = (
        Architecture({"a": "mb2", "b": second, "c": "none"}) for second in ("mb2", "none")
    )
    assert feasible.allows(slow)  # 3 ms by its candidates, 3.6 ms when it is measured
    assert not feasible.holds(slow)
    assert feasible.first_holding([slow, fast]) == fast
    cheapest = Architecture(dict.fromkeys("abc", "none"))
    assert feasible.first_holding([slow]) == cheapest


def test_a_margin_is_kept_and_what_even_the_cheapest_misses_is_refused() -> None:
    Feasible(measured_table(1.2), [Constraint("latency_ms", 1.33)], FULL)
    with pytest.raises(ConfigError, match=r"has 1\.200 ms, which has to be 10% below; loosen"):
        Feasible(measured_table(1.2), [Constraint("latency_ms", 1.31)], FULL)
