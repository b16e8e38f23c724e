import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny import cell_space, shared_space, tiny_network, tiny_space, wide_space, zoo_space

from radars.cost import CostTable
from radars.errors import BudgetError
from radars.memory import (
    MemorySavings,
    Plan,
    Planner,
    StepMemory,
    TrainingSpec,
    predict,
    saving_settings,
)
from radars.nn.steps import StepKind
from radars.settings import merge_settings
from radars.space import Architecture, SearchSpace, Subspace

SPACE = tiny_space()
SPEC = TrainingSpec((1, 8, 8), 32)
ROOMY = Planner(SPACE, SPEC, 2**40)
SMALLEST = ROOMY.smallest_path()
PLAIN_BYTES = ROOMY.predict(SPACE.full).peak_bytes
RECOMPUTED_BYTES = ROOMY.predict(SPACE.full, MemorySavings(recompute=True)).peak_bytes
LEAST_BYTES = min(
    ROOMY.predict(SMALLEST, MemorySavings(recompute=recompute)).peak_bytes
    for recompute in (False, True)
)

Preferences = Mapping[str, Mapping[str, float]]


def shares(names: tuple[str, ...], weights: list[int]) -> dict[str, float]:
    return {name: weight / sum(weights) for name, weight in zip(names, weights, strict=True)}


preference_maps = st.fixed_dictionaries(
    {
        choice: st.lists(st.integers(1, 100), min_size=len(names), max_size=len(names)).map(
            partial(shares, names)
        )
        for choice, names in SPACE.full.items()
    }
)


def planner(budget_bytes: int, max_cost_ratio: float | None = None) -> Planner:
    return Planner(SPACE, SPEC, budget_bytes, max_cost_ratio)


def exact_memory(space: SearchSpace, spec: TrainingSpec, plan: Plan) -> StepMemory:
    """The memory of the dearest step of a plan, each kind with its own savings."""
    is_path = plan.subspace.num_architectures == 1
    memories = [
        predict(space, plan.subspace, spec, kinds=[kind], savings=plan.savings_of(kind))
        for kind in (spec.training_kinds[:1] if is_path else spec.training_kinds)
    ]
    return max(memories, key=lambda memory: memory.peak_bytes)


def mass(subspace: Subspace, preferences: Preferences) -> float:
    return sum(preferences[choice][name] for choice, names in subspace.items() for name in names)


def check(plan: Plan, budget_bytes: int) -> None:
    exact = exact_memory(SPACE, SPEC, plan)
    assert plan.memory == exact
    assert exact.peak_bytes <= budget_bytes
    assert SPACE.full.holds(plan.subspace)
    assert plan.savings.recompute == ("recompute" in plan.measures)
    assert (plan.subspace != SPACE.full) == ("prune" in plan.measures)


@given(st.floats(0, 1), preference_maps)
def test_a_plan_fits_whatever_the_budget(fraction: float, preferences: Preferences) -> None:
    budget_bytes = round(LEAST_BYTES + fraction * (PLAIN_BYTES - LEAST_BYTES))
    check(planner(budget_bytes).plan(preferences), budget_bytes)


@pytest.mark.parametrize("more_bytes", [0, 1, 100, 1000])
def test_a_plan_exists_from_the_smallest_path_on(more_bytes: int) -> None:
    budget_bytes = LEAST_BYTES + more_bytes
    check(planner(budget_bytes).plan(), budget_bytes)


def test_nothing_is_done_where_everything_fits() -> None:
    plan = planner(PLAIN_BYTES).plan()
    assert plan.subspace == SPACE.full
    assert plan.measures == ()
    check(plan, PLAIN_BYTES)


def test_nothing_is_done_even_to_what_is_hardly_wanted() -> None:
    preferences = {
        choice: {name: 1.0 if index == 0 else 1e-12 * index for index, name in enumerate(names)}
        for choice, names in SPACE.full.items()
    }
    assert planner(PLAIN_BYTES).plan(preferences).measures == ()
    nothing = {choice: dict.fromkeys(names, 0.0) for choice, names in SPACE.full.items()}
    assert planner(PLAIN_BYTES).plan(nothing).measures == ()


def test_candidates_are_recomputed_before_any_is_pruned() -> None:
    for budget_bytes in (PLAIN_BYTES - 1, RECOMPUTED_BYTES):
        plan = planner(budget_bytes).plan()
        assert plan.subspace == SPACE.full
        assert plan.measures == ("recompute",)
    assert planner(RECOMPUTED_BYTES - 1).plan().measures == ("recompute", "prune")


@settings(max_examples=10)
@given(st.floats(0, 1))
def test_no_more_is_recomputed_than_the_budget_asks_for(fraction: float) -> None:
    budget_bytes = round(RECOMPUTED_BYTES + fraction * (PLAIN_BYTES - 1 - RECOMPUTED_BYTES))
    allowed = list(saving_settings(recompute=True, max_micro_batches=1, batch_size=8))
    savings = Planner(SPACE, SPEC, budget_bytes, settings=allowed).plan_whole(SPACE.full).savings
    before = allowed[allowed.index(savings) - 1]
    assert ROOMY.predict(SPACE.full, savings).peak_bytes <= budget_bytes
    assert ROOMY.predict(SPACE.full, before).peak_bytes > budget_bytes


def test_pruning_keeps_what_is_preferred() -> None:
    favourite = Architecture({"a": "conv3", "b": "none", "c": "mb2"})
    preferences = {
        choice: {name: 0.9 if name == favourite[choice] else 0.05 for name in names}
        for choice, names in SPACE.full.items()
    }
    need_bytes = ROOMY.predict(favourite, MemorySavings(recompute=True)).peak_bytes
    plan = planner((need_bytes + RECOMPUTED_BYTES) // 2).plan(preferences)
    assert "prune" in plan.measures
    assert all(favourite[choice] in names for choice, names in plan.subspace.items())


@pytest.mark.parametrize(
    ("part", "least_kept"), [pytest.param(0.1, 13, marks=pytest.mark.slow), (0.9, 23)]
)
def test_little_of_the_room_for_pruned_candidates_stays_empty(part: float, least_kept: int) -> None:
    space = zoo_space("nasbench-macro", width=16)
    spec = TrainingSpec((3, 32, 32), 8)
    allowed = list(saving_settings(recompute=True, max_micro_batches=1, batch_size=8))
    roomy = Planner(space, spec, 2**40, settings=allowed)
    smallest_bytes = roomy.least_bytes(roomy.smallest_path())
    room_bytes = part * (roomy.predict(space.full, allowed[-1]).peak_bytes - smallest_bytes)
    plan = Planner(space, spec, smallest_bytes + round(room_bytes), settings=allowed).plan()
    assert plan.is_pruned
    assert 0.8 * room_bytes <= plan.memory.peak_bytes - smallest_bytes <= room_bytes
    assert plan.subspace.num_candidates >= least_kept


def test_a_larger_budget_keeps_as_much_of_what_is_preferred() -> None:
    preferences = {
        "a": {"none": 0.2, "conv3": 0.3, "mb2": 0.5},
        "b": {"none": 0.1, "conv3": 0.6, "mb2": 0.3},
        "c": {"none": 0.4, "conv3": 0.25, "mb2": 0.35},
    }
    budgets = [round(LEAST_BYTES + step / 10 * (PLAIN_BYTES - LEAST_BYTES)) for step in range(11)]
    masses = [mass(planner(budget).plan(preferences).subspace, preferences) for budget in budgets]
    # prices guide the pruning, so between two plans that are pruned a little may be lost
    assert all(later >= earlier - 0.5 for earlier, later in itertools.pairwise(masses)), masses
    assert masses[0] < masses[-1] == pytest.approx(len(SPACE.full))


@pytest.mark.parametrize("num_bytes", [1, LEAST_BYTES // 2, LEAST_BYTES - 1])
def test_a_budget_below_the_smallest_path_is_refused_with_what_it_needs(num_bytes: int) -> None:
    with pytest.raises(BudgetError, match=f"{LEAST_BYTES:,} bytes"):
        planner(num_bytes).plan()
    with pytest.raises(BudgetError, match="batches of 32") as refused:
        planner(num_bytes).plan_path(SMALLEST)
    [setting] = re.findall(r"raise (\S+_batches)", str(refused.value))
    assert merge_settings(overrides=[f"{setting}=4"]) == {
        "memory_savings": {"max_micro_batches": 4}
    }


@settings(max_examples=8)
@given(st.floats(1, 3), preference_maps, st.sampled_from([RECOMPUTED_BYTES, 2**40]))
def test_the_cost_of_a_supernet_step_is_limited(
    ratio: float, preferences: Preferences, budget_bytes: int
) -> None:
    costs = CostTable.of(SPACE).candidates
    dearest = sum(max(cost.macs for cost in costs[choice].values()) for choice in SPACE.full)
    plan = planner(budget_bytes, ratio).plan(preferences)
    spent = sum(
        costs[choice][name].macs for choice, names in plan.subspace.items() for name in names
    )
    assert spent <= ratio * dearest * (1 + 1e-6)
    check(plan, budget_bytes)


def test_a_plan_within_a_subspace_stays_there() -> None:
    within = Subspace({"a": ("none", "conv3"), "b": ("mb2",), "c": ("conv3", "mb2")})
    assert planner(2**40).plan(within=within).subspace == within
    need_bytes = ROOMY.predict(
        ROOMY.smallest_path(within), MemorySavings(recompute=True)
    ).peak_bytes
    assert within.holds(planner(need_bytes).plan(within=within).subspace)


def test_a_path_is_recomputed_only_where_it_must_be() -> None:
    path = Architecture(dict.fromkeys(SPACE.full, "mb2"))
    plain, recomputed = (
        ROOMY.predict(path, MemorySavings(recompute=recompute)).peak_bytes
        for recompute in (False, True)
    )
    assert recomputed < plain
    assert planner(plain).plan_path(path) == Plan(
        path.as_subspace(), MemorySavings(), ROOMY.predict(path)
    )
    plan = planner(recomputed).plan_path(path)
    assert plan.savings.recompute
    assert plan.measures == ("recompute",)
    with pytest.raises(BudgetError):
        planner(recomputed - 1).plan_path(path)


def allowing(budget_bytes: int, *, recompute: bool, max_micro_batches: int) -> Planner:
    settings = saving_settings(
        recompute=recompute,
        selective=False,
        max_micro_batches=max_micro_batches,
        batch_size=SPEC.batch_size,
    )
    return Planner(SPACE, SPEC, budget_bytes, settings=settings)


def test_settings_are_those_that_are_allowed_cheapest_first() -> None:
    def settings(
        recompute: bool, most: int, batch_size: int, **options: bool
    ) -> list[MemorySavings]:
        return list(
            saving_settings(
                recompute=recompute, max_micro_batches=most, batch_size=batch_size, **options
            )
        )

    recomputed = [MemorySavings(recompute=part / 16) for part in range(17)]
    split = [MemorySavings(recompute=1.0, split_channels=part) for part in (0.25, 1.0)]
    parts = [replace(split[-1], micro_batches=number) for number in (2, 4)]
    plain = partial(settings, selective=False)
    assert plain(False, 1, 64) == [MemorySavings()]
    assert plain(True, 1, 64) == [*recomputed, *split]
    assert plain(True, 7, 64) == [*recomputed, *split, *parts]
    in_two = MemorySavings(recompute=1.0, micro_batches=2)
    assert plain(True, 2, 64, split_channels=False) == [*recomputed, in_two]
    two_examples_a_part = [MemorySavings(micro_batches=number) for number in (1, 2, 4)]
    assert plain(False, 64, 8) == two_examples_a_part
    cheap = [MemorySavings(selective=part / 16) for part in range(16)]
    all_cheap = [replace(savings, selective=1.0) for savings in plain(True, 7, 64)]
    assert settings(True, 7, 64) == [*cheap, *all_cheap]
    all_cheap = [replace(savings, selective=1.0) for savings in plain(False, 4, 64)]
    assert settings(False, 4, 64) == [*cheap, *all_cheap]


def test_channels_are_split_before_candidates_are_pruned() -> None:
    space, spec = wide_space(), TrainingSpec((1, 8, 8), 32)
    roomy = Planner(space, spec, 2**40)
    allowed = list(
        saving_settings(recompute=True, selective=False, max_micro_batches=1, batch_size=8)
    )
    for savings, recompute in zip(allowed[-2:], (13 / 16, 15 / 16), strict=True):
        budget_bytes = roomy.predict(space.full, savings).peak_bytes
        plan = Planner(space, spec, budget_bytes, settings=allowed).plan()
        assert (plan.subspace, plan.savings) == (space.full, replace(savings, recompute=recompute))
        assert plan.memory.peak_bytes <= budget_bytes
        less = replace(savings, recompute=recompute - 1 / 16)
        assert roomy.predict(space.full, less).peak_bytes > budget_bytes
        expected_bytes = roomy.expected_bytes(space.full, savings)
        assert expected_bytes == pytest.approx(budget_bytes, rel=0.1)
    assert plan.measures == ("recompute=0.9375", "split_channels")
    assert Planner(space, spec, budget_bytes - 1, settings=allowed).plan().is_pruned
    some = allowed[:-2:6] + allowed[-3:]
    plans = [Planner(space, spec, 2**40, settings=[savings]).plan() for savings in some]
    ratios = [plan.time_ratio for plan in plans]
    assert ratios == sorted(ratios)
    assert ratios[-3] < ratios[-2] < ratios[-1] <= 1.8


@pytest.mark.slow
def test_no_more_is_recomputed_than_must_be() -> None:
    """Of a network whose maps get smaller, as most do."""
    space = zoo_space("nasbench-macro", width=4)
    spec = TrainingSpec((3, 32, 32), 8)
    savings = MemorySavings(recompute=0.5)
    memory = predict(space, space.full, spec, savings=savings)
    allowed = saving_settings(recompute=True, selective=False, max_micro_batches=1, batch_size=8)
    made = Planner(space, spec, round(1.02 * memory.peak_bytes), settings=allowed).plan()
    assert made.savings == savings
    assert made.measures == ("recompute=0.5",)
    assert made.memory == memory
    everything = Planner(space, spec, 2**40, settings=[MemorySavings(recompute=1.0)]).plan()
    assert 1 < made.time_ratio < everything.time_ratio


@pytest.mark.parametrize(
    ("part", "measures"),
    [
        (0.9, ("selective=0.125",)),
        pytest.param(0.4, ("selective", "recompute=0.125"), marks=pytest.mark.slow),
    ],
)
def test_what_is_cheap_is_recomputed_first(part: float, measures: tuple[str, ...]) -> None:
    space = zoo_space("nasbench-macro", width=8)
    spec = TrainingSpec((3, 32, 32), 16)
    budget_bytes = round(part * predict(space, space.full, spec).peak_bytes)
    allowed = list(saving_settings(recompute=True, max_micro_batches=1, batch_size=16))
    plan = Planner(space, spec, budget_bytes, settings=allowed).plan()
    assert plan.measures == measures
    assert plan.memory == exact_memory(space, spec, plan)
    assert plan.memory.peak_bytes <= budget_bytes
    expected_bytes = Planner(space, spec, budget_bytes).expected_bytes(space.full, plan.savings)
    assert expected_bytes == pytest.approx(plan.memory.peak_bytes, rel=0.2)
    without = saving_settings(recompute=True, selective=False, max_micro_batches=1, batch_size=16)
    other = Planner(space, spec, budget_bytes, settings=without).plan()
    assert not other.savings.selective
    assert plan.time_ratio <= other.time_ratio


def test_batches_are_split_before_candidates_are_pruned_where_that_is_allowed() -> None:
    full = SPACE.full
    split_bytes = ROOMY.predict(full, MemorySavings(recompute=True, micro_batches=2)).peak_bytes
    assert split_bytes < RECOMPUTED_BYTES
    plan = allowing(split_bytes, recompute=True, max_micro_batches=4).plan()
    assert plan.measures == ("recompute=0.625", "split_channels", "micro_batches=2")
    less = replace(plan.savings, recompute=0.5625)
    assert ROOMY.predict(full, less).peak_bytes > split_bytes
    assert plan.subspace == full
    assert plan.memory == exact_memory(SPACE, SPEC, plan)
    assert "prune" in planner(split_bytes).plan().measures


@pytest.mark.parametrize("max_micro_batches", [1, 4])
def test_a_switch_that_is_off_stays_off(max_micro_batches: int) -> None:
    allowed = MemorySavings(micro_batches=max_micro_batches)
    need_bytes = ROOMY.predict(SMALLEST, allowed).peak_bytes
    for budget_bytes in (need_bytes, (need_bytes + PLAIN_BYTES) // 2, PLAIN_BYTES):
        plan = allowing(budget_bytes, recompute=False, max_micro_batches=max_micro_batches).plan()
        assert not plan.savings.recompute
        assert plan.savings.micro_batches <= max_micro_batches
        assert plan.memory.peak_bytes <= budget_bytes
        assert plan.memory == exact_memory(SPACE, SPEC, plan)


def test_recomputing_is_expected_to_take_longer() -> None:
    assert planner(PLAIN_BYTES).plan().time_ratio == 1.0
    assert 1.2 < planner(RECOMPUTED_BYTES).plan().time_ratio <= 1.4


@pytest.mark.parametrize(
    ("name", "part", "lighter_kind"),
    [
        ("nasbench-macro", 0.9, StepKind.ARCHITECTURE),
        pytest.param("nasbench201", 0.75, StepKind.WEIGHTS, marks=pytest.mark.slow),
    ],
)
def test_a_step_that_needs_less_takes_the_cheapest_levers_that_fit(
    name: str, part: float, lighter_kind: StepKind
) -> None:
    options = {"cells_per_stage": 1} if name == "nasbench201" else {}
    space, spec = zoo_space(name, **options), TrainingSpec((3, 32, 32), 64)
    budget_bytes = round(part * predict(space, space.full, spec).peak_bytes)
    allowed = list(saving_settings(recompute=True, max_micro_batches=1, batch_size=8))
    plan = Planner(space, spec, budget_bytes, settings=allowed).plan_whole(space.full)
    assert plan.lighter is not None
    kind, lighter = plan.lighter
    assert kind is lighter_kind
    assert allowed.index(lighter) < allowed.index(plan.savings)

    assert plan.memory == exact_memory(space, spec, plan)
    assert plan.memory.peak_bytes <= budget_bytes
    for cheaper in allowed[: allowed.index(lighter)][-1:]:
        memory = predict(space, space.full, spec, kinds=[kind], savings=cheaper)
        assert memory.peak_bytes > budget_bytes
    same = Planner(space, spec, 2**40, settings=[plan.savings]).plan_whole(space.full)
    assert same.lighter is None
    assert 1 < plan.time_ratio < same.time_ratio
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_the_smallest_and_the_largest_path() -> None:
    peaks = {
        names: ROOMY.predict(Architecture(dict(zip(SPACE.full, names, strict=True)))).peak_bytes
        for names in itertools.product(*SPACE.full.values())
    }
    assert ROOMY.predict(SMALLEST).peak_bytes == min(peaks.values())
    assert ROOMY.predict(ROOMY.largest_path()).peak_bytes == max(peaks.values())
    for names, peak_bytes in peaks.items():
        path = Architecture(dict(zip(SPACE.full, names, strict=True)))
        assert peak_bytes <= 1.05 * ROOMY.expected_path_bytes(path)


@pytest.mark.parametrize(
    ("space", "spec"),
    [
        (zoo_space("digits"), TrainingSpec((1, 8, 8), 64)),
        (zoo_space("digits"), TrainingSpec((1, 8, 8), 8)),
        (zoo_space("nasbench-macro", width=16), TrainingSpec((3, 32, 32), 64)),
        (shared_space(), TrainingSpec((1, 8, 8), 64)),
    ],
    ids=["digits", "digits-8", "nasbench-macro", "shared"],
)
def test_the_expected_bytes_of_a_path_are_not_too_few_and_hardly_too_many(
    space: SearchSpace, spec: TrainingSpec
) -> None:
    # a search trusts them to be 5% too few at the most, and traces more where they are too many
    exact = Planner(space, spec, 2**40)
    generator = torch.Generator().manual_seed(0)
    for _ in range(8):
        path = space.random_architecture(generator)
        peak_bytes = exact.predict(path).peak_bytes
        assert peak_bytes / 1.05 <= exact.expected_path_bytes(path) <= 1.3 * peak_bytes


def test_planning_leaves_randomness_alone() -> None:
    before = torch.get_rng_state()
    Planner(SPACE, SPEC, RECOMPUTED_BYTES - 1, 2.0).plan()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "savings",
    [
        MemorySavings(),
        MemorySavings(recompute=True),
        MemorySavings(recompute=True, micro_batches=2),
    ],
)
@pytest.mark.parametrize(
    ("space", "spec"),
    [
        (zoo_space("digits"), TrainingSpec((1, 8, 8), 64)),
        (zoo_space("nasbench-macro", width=16), TrainingSpec((3, 32, 32), 64)),
        (shared_space(), TrainingSpec((1, 8, 8), 64)),
    ],
    ids=["digits", "nasbench-macro", "shared"],
)
def test_the_expected_bytes_of_a_supernet_are_near_the_exact(
    space: SearchSpace, spec: TrainingSpec, savings: MemorySavings
) -> None:
    planner = Planner(space, spec, 2**40)
    exact_bytes = planner.predict(space.full, savings).peak_bytes
    assert planner.expected_bytes(space.full, savings) == pytest.approx(exact_bytes, rel=0.15)


def test_the_full_supernet_is_traced_where_that_is_quick_and_priced_where_it_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert planner(2**40).full_supernet_bytes == PLAIN_BYTES
    monkeypatch.setattr("radars.memory.forecast._MAX_TRACED", 8)
    assert planner(2**40).full_supernet_bytes == round(ROOMY.expected_bytes(SPACE.full))


def test_of_very_many_candidates_all_or_none_are_recomputed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed = list(
        saving_settings(recompute=True, selective=False, max_micro_batches=1, batch_size=8)
    )
    planner = Planner(SPACE, SPEC, PLAIN_BYTES - 1, settings=allowed)
    assert 0 < planner.plan_whole(SPACE.full).savings.recompute < 1
    monkeypatch.setattr("radars.memory.forecast._MAX_TRACED", 8)
    assert planner.plan_whole(SPACE.full).savings == MemorySavings(recompute=1.0)


Traced = list[tuple[Subspace, MemorySavings, tuple[StepKind, ...] | None]]


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> Traced:
    """What is traced from now on."""
    traced: Traced = []

    def noted(
        space: SearchSpace, subspace: Subspace, spec: TrainingSpec, **options: Any
    ) -> StepMemory:
        traced.append((subspace, options["savings"], options["kinds"]))
        return predict(space, subspace, spec, **options)

    monkeypatch.setattr("radars.memory.traces.predict", noted)
    return traced


def new_space() -> SearchSpace:
    """One of which nothing was traced yet."""
    return SearchSpace(tiny_network, name="tiny", input_shape=(1, 8, 8))


def test_what_is_hopeless_by_prices_is_not_traced(traced: Traced) -> None:
    space = new_space()
    assert Planner(space, SPEC, LEAST_BYTES + 1000).plan().measures == ("recompute", "prune")
    assert traced
    assert (space.full, MemorySavings(), None) not in traced


def test_nothing_is_traced_twice_in_a_process(traced: Traced) -> None:
    space = new_space()
    first = Planner(space, SPEC, RECOMPUTED_BYTES).plan()
    assert len(set(traced)) == len(traced) > 1
    traced.clear()
    assert Planner(space, SPEC, RECOMPUTED_BYTES).plan() == first
    assert traced == []
    Planner(space, replace(SPEC, batch_size=2 * SPEC.batch_size), 2**40).plan()
    Planner(new_space(), SPEC, 2**40).plan()
    assert traced.count((space.full, MemorySavings(), None)) == 2


def test_a_planner_is_tightened_and_never_loosened() -> None:
    made = planner(PLAIN_BYTES)
    made.tighten(PLAIN_BYTES + 1)
    assert made.plan().measures == ()
    made.tighten(RECOMPUTED_BYTES)
    assert made.plan().measures == ("recompute",)


def test_what_is_pruned_holds_an_architecture_that_keeps_the_rules() -> None:
    space = cell_space()
    spec = TrainingSpec((1, 8, 8), 32)
    assert all(
        space.rules[0].allows(path)
        for planner in [Planner(space, spec, 2**40)]
        for path in (planner.smallest_path(), planner.largest_path())
    )
    for wanted in ("none", "conv3"):
        preferences = {
            choice: {name: float(name == wanted) for name in names}
            for choice, names in space.full.items()
        }
        plan = Planner(space, spec, 2**40, max_cost_ratio=0.3).plan(preferences)
        assert plan.is_pruned
        assert space.rules[0].allows(space.best({}, plan.subspace))
