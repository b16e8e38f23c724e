import torch
from tests.tiny import quick_config, tiny_data, tiny_space
from torch import nn

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.variation import cross, mutate, neighbours
from radars.engine.problem import SearchProblem
from radars.space import Choose, Keep, SearchSpace


def kept_network(choose: Choose) -> nn.Module:
    """Four choices of which two are kept, and one without a rule."""
    return nn.Sequential(
        nn.Flatten(),
        *(
            choose(name, {"none": nn.Identity, "relu": nn.ReLU, "tanh": nn.Tanh})
            for name in "abcde"
        ),
        nn.Linear(64, 4),
    )


KEPT = SearchSpace(kept_network, input_shape=(1, 8, 8), rules=[Keep(("a", "b", "c", "d"), 2)])


def test_mutations_and_crossovers_keep_the_rules_and_reach_everything() -> None:
    context = SearchContext.of(
        SearchProblem.of(quick_config(), Given(space=KEPT, data=tiny_data()))
    )
    generator = torch.Generator().manual_seed(0)
    first = KEPT.best({"a": {"relu": 1.0}, "b": {"tanh": 1.0}})
    second = KEPT.best({"c": {"relu": 1.0}, "d": {"tanh": 1.0}, "e": {"tanh": 1.0}})
    mutations = {mutate(context, first, generator) for _ in range(120)}
    moved = [{c for c in "abcde" if child[c] != first[c]} for child in mutations]
    assert all(map(KEPT.rules[0].allows, mutations))
    assert {len(choices) for choices in moved} == {1, 2}
    assert {choice for choices in moved for choice in choices} == set("abcde")
    crossovers = {cross(context, first, second, generator) for _ in range(40)}
    assert all(map(KEPT.rules[0].allows, crossovers))
    assert {(child["a"], child["e"]) for child in crossovers} == {
        (first["a"], first["e"]),
        (first["a"], second["e"]),
        (second["a"], first["e"]),
        (second["a"], second["e"]),
    }


def test_every_single_change_is_a_neighbour_once_and_in_random_order() -> None:
    space = tiny_space()
    context = SearchContext.of(
        SearchProblem.of(quick_config(), Given(space=space, data=tiny_data()))
    )
    generator = torch.Generator().manual_seed(0)
    centre = space.best()
    found = list(neighbours(context, centre, generator))
    assert {sum(known[c] != centre[c] for c in "abc") for known in found} == {1}
    assert len(set(found)) == len(found) == space.full.num_candidates - 3
    assert list(neighbours(context, centre, generator)) != found
