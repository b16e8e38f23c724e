import pytest
from tests.tiny import quick_config, tiny_data, tiny_space

from radars.engine.context import SearchContext
from radars.engine.given import Given
from radars.engine.problem import SearchProblem
from radars.memory.predict import track
from radars.nn.steps import evaluation_step
from radars.space import Architecture

LARGEST = Architecture(dict.fromkeys("abc", "mb2"))


def test_accuracy_is_a_fraction_of_the_whole_validation_part() -> None:
    problem = SearchProblem.of(quick_config(), Given(space=tiny_space(), data=tiny_data()))
    context = SearchContext.of(problem)
    supernet = context.networks.new_supernet()
    whole = context.evaluator.accuracy(supernet, LARGEST, 64)
    assert 0 <= whole <= 1
    assert (whole * len(context.problem.data.validation)) == pytest.approx(
        round(whole * len(context.problem.data.validation))
    )
    batch = next(context.problem.data.validation.evaluation_batches(64))
    [score] = context.evaluator.total_scores(supernet, [LARGEST], batch)
    assert int(score) == whole * 64


def test_an_evaluation_of_a_path_that_is_trained_in_parts_is_in_parts() -> None:
    config = quick_config(data={"batch_size": 16}, memory_savings={"max_micro_batches": 8})
    roomy = SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))
    config = config.model_copy(update={"budget": roomy.planner.least_bytes(LARGEST)})
    problem = SearchProblem.of(config, Given(space=tiny_space(), data=tiny_data()))
    context = SearchContext.of(problem)
    supernet = context.networks.new_supernet()
    batch = context.train_stream.next()
    context.trainer.train_path(supernet, LARGEST, batch)
    with track(supernet, batch) as whole:
        evaluation_step(supernet, batch.example_B)
    with track(supernet, batch) as parts:
        context.evaluator.total_scores(supernet, [LARGEST], batch)
    assert parts.peak_bytes <= config.budget < whole.peak_bytes


def test_what_is_scored_is_kept_for_a_front_that_is_asked_for() -> None:
    given = Given(space=tiny_space(), data=tiny_data())
    context = SearchContext.of(SearchProblem.of(quick_config(pareto=("accuracy", "macs")), given))
    accuracy = context.evaluator.accuracy(context.networks.new_supernet(), LARGEST, 64)
    assert context.evaluator.evaluations is not None
    [(architecture, known)] = context.evaluator.evaluations.items()
    assert (architecture, known.accuracy, known.num_examples) == (LARGEST, accuracy, 64)
    assert SearchContext.of(SearchProblem.of(quick_config(), given)).evaluator.evaluations is None
