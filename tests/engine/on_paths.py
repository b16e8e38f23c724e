"""What the tests of drawing paths and of training them share: the tiny space, and what fits."""

from tests.tiny import quick_config, tiny_data, tiny_space

from radars.cost import Feasible
from radars.engine.given import Given
from radars.engine.pace import Pace, Tick
from radars.engine.policies.categorical import Controller
from radars.engine.problem import SearchProblem, training_spec
from radars.engine.search_state import SearchPosition
from radars.memory import Planner
from radars.nn.memory_saving.savings import saving_settings
from radars.space import Architecture

LARGEST = Architecture(dict.fromkeys("abc", "mb2"))
ROOMY = Planner(tiny_space(), training_spec(quick_config(), (1, 8, 8)), 2**40)
ALLOWED = tuple(saving_settings(recompute=True, max_micro_batches=1, batch_size=8))


def problem_of(budget: int) -> SearchProblem:
    given = Given(space=tiny_space(), data=tiny_data())
    return SearchProblem.of(quick_config(budget=budget), given)


def pace_of(on_step: Tick = lambda step, accuracy: None) -> Pace:
    """Of a phase that goes on as long as it likes."""
    return Pace(SearchPosition(), 1000, on_step=on_step)


def prefer(policy: Controller, feasible: Feasible, name: str, *choices: str) -> None:
    """Rewards a candidate until the policy hardly draws anything else."""
    samples = [policy.sample(feasible, uniform=True) for _ in range(60)]
    rewards = [
        float(sum(sample.architecture[choice] == name for choice in choices)) for sample in samples
    ]
    policy.reinforce(samples, rewards)
