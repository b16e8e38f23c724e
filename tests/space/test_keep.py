import itertools

import pytest
import torch
from torch import nn

from radars.cost import Constraint, CostTable, Feasible
from radars.errors import SpaceError
from radars.space import Architecture, Choose, Factory, Keep, SearchSpace, Subspace
from radars.space.keep import best_keeping, check_rules, num_keeping

RULE = Keep(("a", "b", "c"), 2)
FULL = Subspace(
    {
        "a": ("none", "x", "y"),
        "b": ("none", "x", "y"),
        "c": ("none", "x"),
        "d": ("u", "v"),
    }
)


def every(subspace: Subspace) -> list[Architecture]:
    return [
        Architecture(dict(zip(subspace, names, strict=True)))
        for names in itertools.product(*subspace.values())
    ]


def node(choose: Choose) -> nn.Module:
    def linear(size: int) -> nn.Module:
        return nn.Sequential(nn.Linear(4, size), nn.Linear(size, 4))

    candidates = {"none": nn.Identity, "x": lambda: linear(2), "y": lambda: linear(3)}
    return nn.Sequential(*(choose(name, candidates) for name in "abcd"))


SPACE = SearchSpace(node, input_shape=(4,), rules=[Keep(("a", "b", "c"), 2)])


def test_the_number_of_architectures_is_that_of_those_that_keep_the_rule() -> None:
    assert num_keeping([RULE], FULL) == sum(map(RULE.allows, every(FULL))) == 16
    assert num_keeping([], FULL) == len(every(FULL))
    assert SPACE.num_architectures == sum(map(RULE.allows, every(SPACE.full)))


def test_the_best_is_that_of_an_exhaustive_search() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        scores = {
            choice: {name: float(torch.randn((), generator=generator)) for name in names}
            for choice, names in FULL.items()
        }

        def total(a: Architecture, scores: dict[str, dict[str, float]] = scores) -> float:
            return sum(scores[choice][name] for choice, name in a.items())

        allowed = [a for a in every(FULL) if RULE.allows(a)]
        assert best_keeping([RULE], scores, FULL) == max(allowed, key=total)


def test_candidates_that_are_not_there_are_not_taken() -> None:
    subspace = Subspace({"a": ("x",), "b": ("none",), "c": ("none", "x"), "d": ("v",)})
    assert dict(best_keeping([RULE], {}, subspace)) == {"a": "x", "b": "none", "c": "x", "d": "v"}
    for candidates in (("x",), ("none",)):  # too many, too few
        stuck = Subspace({"a": candidates, "b": candidates, "c": candidates, "d": ("v",)})
        assert num_keeping([RULE], stuck) == 0
        with pytest.raises(SpaceError, match="exactly 2 of the choices a, b, c"):
            best_keeping([RULE], {}, stuck)


def test_rules_that_are_refused() -> None:
    with pytest.raises(SpaceError, match="'e' is not one"):
        check_rules([Keep(("a", "e"), 1)], FULL)
    with pytest.raises(SpaceError, match="'b' is named twice"):
        check_rules([Keep(("a", "b"), 1), Keep(("b", "c"), 1)], FULL)
    with pytest.raises(SpaceError, match="do not allow it"):
        check_rules([Keep(("d",), 0)], FULL)


def test_an_architecture_of_a_space_keeps_its_rules() -> None:
    kept = {"a": "x", "b": "none", "c": "y", "d": "none"}
    assert dict(SPACE.architecture(kept)) == kept
    with pytest.raises(SpaceError, match="exactly 2 of 3 choices of 'node'"):
        SPACE.build(kept | {"b": "x"})
    generator = torch.Generator().manual_seed(0)
    drawn = [SPACE.random_architecture(generator) for _ in range(300)]
    assert all(map(RULE.allows, drawn))
    assert len(set(drawn)) > 30  # of 36


def test_what_is_sampled_ranked_and_allowed_keeps_the_rules_under_a_constraint() -> None:
    table = CostTable.of(SPACE)
    limit = Constraint("macs", 40.0)  # x costs 16, y 24
    feasible = Feasible(table, [limit], SPACE.full, SPACE.rules)
    expected = {a for a in every(SPACE.full) if RULE.allows(a) and table.cost(a).macs <= 40}
    assert set(feasible.ranked({}, SPACE.full)) == expected
    assert {a for a in every(SPACE.full) if feasible.allows(a)} == expected
    generator = torch.Generator().manual_seed(0)

    def pick(choice: str, names: tuple[str, ...]) -> str:
        return names[int(torch.randint(len(names), (), generator=generator))]

    drawn = {feasible.sample(SPACE.full, pick, generator)[0] for _ in range(200)}
    assert drawn == expected


def test_choices_that_must_or_cannot_take_something_are_drawn_so() -> None:
    def network(choose: Choose) -> nn.Module:
        layers: dict[str, Factory] = {
            "none": nn.Identity,
            "x": lambda: nn.Linear(4, 4),
            "y": nn.ReLU,
        }
        names = {"a": ("x", "y"), "b": ("none", "x"), "c": ("none", "x", "y"), "d": ("none",)}
        return nn.Sequential(
            *(choose(c, {name: layers[name] for name in own}) for c, own in names.items())
        )

    rule = Keep(("a", "b", "c", "d"), 2)
    space = SearchSpace(network, input_shape=(4,), rules=[rule])
    generator = torch.Generator().manual_seed(0)
    drawn = {space.random_architecture(generator) for _ in range(60)}
    assert drawn == {a for a in every(space.full) if rule.allows(a)}
