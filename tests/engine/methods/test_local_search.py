from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import CostTable
from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.methods.local_search import LocalSearch
from radars.engine.problem import SearchProblem
from radars.space import Architecture

SPACE = tiny_space()
TABLE = CostTable.of(SPACE)
LARGEST = SPACE.best(
    {c: {n: float(cost.macs) for n, cost in of.items()} for c, of in TABLE.candidates.items()}
)


def method_of(number: int, batch: int = 1) -> LocalSearch:
    config = quick_config("local_search", children={"number": number, "batch": batch})
    problem = SearchProblem.of(config, Given(space=SPACE, data=tiny_data()))
    return LocalSearch(SearchContext.of(problem))


def accuracy(architecture: Architecture) -> float:
    """Stands for a training: the larger the better, so that there is one local optimum."""
    return TABLE.cost(architecture).macs / 1e6


def train(method: LocalSearch) -> None:
    """One proposal, trained and learnt from."""
    method.proposed = method.propose()
    accuracies = [accuracy(architecture) for architecture in method.proposed]
    method.history += zip(method.proposed, accuracies, strict=True)
    method.learn(accuracies)


def differences(left: Architecture, right: Architecture) -> int:
    return sum(left[choice] != right[choice] for choice in left)


def test_it_moves_to_the_first_better_neighbour_until_there_is_none() -> None:
    method = method_of(100)
    train(method)
    assert method.current == method.proposed[0]
    while method.current != LARGEST:
        before = method.current
        assert before is not None
        train(method)
        [tried] = method.proposed
        assert differences(tried, before) == 1
        assert method.current == (tried if accuracy(tried) > accuracy(before) else before)
    trained = [architecture for architecture, _ in method.history]
    assert len(set(trained)) == len(trained)  # what was trained before is not proposed again


def around(architecture: Architecture) -> list[Architecture]:
    return [
        Architecture({**architecture, choice: name})
        for choice, names in SPACE.full.items()
        for name in names
    ]


def test_it_begins_anew_where_all_neighbours_are_known_and_none_is_better() -> None:
    method = method_of(100)
    method.current = LARGEST
    method.history = [(known, accuracy(known)) for known in set(around(LARGEST))]
    train(method)
    [drawn] = method.proposed
    assert method.current == drawn
    assert drawn != LARGEST


def test_a_neighbour_that_is_known_to_be_better_is_gone_to_without_a_training() -> None:
    method = method_of(100)
    method.current = smallest = Architecture(dict.fromkeys("abc", "none"))
    method.history = [(known, accuracy(known)) for known in set(around(smallest))]
    [proposed] = method.propose()
    assert accuracy(method.current) > accuracy(smallest)
    assert differences(proposed, method.current) == 1


def test_a_batch_is_of_several_neighbours_and_the_best_of_them_is_taken() -> None:
    method = method_of(100, batch=3)
    train(method)
    assert method.current == max(method.proposed, key=accuracy)
    train(method)
    assert len(set(method.proposed)) == 3
