from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.engine.on_paths import pace_of
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import CostTable
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.asha import Asha, AshaConfig
from radars.engine.methods.children import Children
from radars.engine.problem import SearchProblem
from radars.engine.run import run_search
from radars.space import Architecture

SPACE, DATA = tiny_space(), tiny_data()
TABLE = CostTable.of(SPACE)


def context_of(**settings: Any) -> SearchContext:
    config = quick_config("asha", **{"asha": {"minimum_steps": 1}} | settings)
    return SearchContext.of(SearchProblem.of(config, Given(space=SPACE, data=DATA)))


def accuracy(architecture: Architecture) -> float:
    """Stands for a training: the larger the better."""
    return TABLE.cost(architecture).macs / 1e6


def trained(method: Asha) -> Iterator[tuple[int, Architecture]]:
    """Yields the index of the rung and the architecture of each training, one after the other."""
    while proposed := method.propose():
        method.proposed = proposed
        for architecture in proposed:
            method.history.append((architecture, accuracy(architecture)))
            yield method.current, architecture
        method.learn([accuracy(architecture) for architecture in proposed])


def test_rungs_are_parts_of_the_longest_training() -> None:
    assert AshaConfig().rung_steps(200) == [22, 67, 200]
    assert AshaConfig(eta=2, minimum_steps=50).rung_steps(200) == [50, 100, 200]
    assert AshaConfig().rung_steps(10) == [10]  # below the minimum: as `random`


def test_the_best_of_a_rung_go_on_and_no_network_is_drawn_twice() -> None:
    method = Asha(context_of(children={"number": 4, "steps": 9}))
    fingerprint = method.context.sampler.fingerprint
    assert [rung.num_steps for rung in method.rungs] == [1, 3, 9]
    members: list[list[Architecture]] = [[], [], []]
    for rung, architecture in trained(method):
        if rung:
            below = sorted(members[rung - 1], key=accuracy, reverse=True)
            assert architecture in below[: len(below) // 3]
        members[rung].append(architecture)
    for of_rung in members:
        assert len(set(map(fingerprint, of_rung))) == len(of_rung)
    assert len(members[0]) >= 3 * len(members[2]) == 3
    best, reached, _ = method.best_so_far()
    assert [best] == members[2]
    assert reached == accuracy(best)
    num_steps = sum(len(of_rung) * steps for of_rung, steps in zip(members, (1, 3, 9), strict=True))
    assert method.num_steps_left == 4 * 9 - num_steps
    assert num_steps <= 4 * 9


def test_where_there_is_no_other_network_all_go_on_until_all_are_trained_in_full() -> None:
    method = Asha(context_of(children={"number": 100, "steps": 9}))
    members: list[set[Architecture]] = [set(), set(), set()]
    for rung, architecture in trained(method):
        members[rung].add(architecture)
    assert members[0] == members[1] == members[2]
    assert method.best_so_far().accuracy == max(map(accuracy, members[2]))
    assert method.num_steps_left > 0


def test_the_accuracy_is_that_of_a_whole_training_and_the_work_that_of_random() -> None:
    settings = {"children": {"number": 3, "steps": 4}, "asha": {"eta": 2, "minimum_steps": 2}}
    steps = 0

    def count(event: Any) -> None:
        nonlocal steps
        steps = max(steps, getattr(event, "step", 0))

    config = quick_config("asha", **settings)
    result = run_search(config, Given(space=SPACE, data=DATA), on_event=count)
    alone = Children(context_of(children={"number": 3, "steps": 4, "check_fraction": 0}))
    assert result.validation_accuracy == alone.accuracy(result.architecture, pace_of())
    assert 4 < steps <= 3 * 4


@dataclass(frozen=True)
class Here:
    """Workers that train here, each task with a context of its own."""

    new_context: Callable[[], SearchContext]

    def map(
        self, work: Any, tasks: Sequence[Any], while_waiting: Callable[[], None] = lambda: None
    ) -> Iterator[Any]:
        return (work(self.new_context(), task) for task in tasks)


def test_workers_train_a_rung_as_long_as_it_says() -> None:
    def new_context() -> SearchContext:
        return context_of(children={"number": 3, "steps": 3, "batch": 2})

    alone = Asha(new_context())
    helped = Asha(replace(new_context(), workers=Here(new_context)))
    for rung, other in zip(alone.rungs, helped.rungs, strict=True):
        group = alone.draw(2)
        assert helped.draw(2) == group
        expected = list(rung.children.accuracies(group, pace_of()))
        assert list(other.children.accuracies(group, pace_of())) == expected
