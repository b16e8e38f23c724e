"""Controllers alone: nothing is trained, and the reward is what a published table says.

How many architectures a policy has to ask for until it meets one of the best 1% and 0.1%. A seed
takes well under a second, where a search takes minutes, so hundreds of them tell policies apart; an
LSTM that never meets one takes half a minute until it gives up.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from radars.comparison.published_table import Entry, PublishedTable
from radars.comparison.results_table import as_markdown
from radars.cost import Constraint, CostTable, Feasible
from radars.engine.methods.method import Method
from radars.engine.policies.policy import Policy
from radars.engine.search_config import SearchConfig
from radars.errors import ConfigError
from radars.registries import METHODS
from radars.tracking.progress import NoProgress, Progress
from radars.zoo import load_space

BEST_FRACTIONS = (0.01, 0.001)


@dataclass(frozen=True)
class Hits:
    """When one run of a policy met what.

    Attributes:
        method: whose policy it is.
        seed: the seed of its weights and draws.
        samples: for each of `BEST_FRACTIONS`, how many architectures were drawn until the first
            that is among that fraction of the best; None where there was none.
    """

    method: str
    seed: int
    samples: tuple[int | None, ...]


def run_controllers(
    table: PublishedTable,
    configs: Mapping[str, SearchConfig],
    seeds: Sequence[int],
    *,
    most_samples: int = 5000,
    progress: Progress | None = None,
) -> list[Hits]:
    """Runs the policy of every method with every seed against a table.

    The reward is the validation accuracy where the table has one, else the test accuracy, by which
    the best are told.

    Args:
        table: says what each architecture reaches.
        configs: method to its settings: the policy's, how many draws it learns from at a time, and
            the constraints.
        seeds: the seeds of weights and draws.
        most_samples: where a run gives up.
        progress: shows people how far it is.

    Raises:
        ConfigError: a method has no policy, or no architecture satisfies the constraints.
    """
    space = load_space(table.space)
    for method, config in configs.items():
        if METHODS.get(method).new_policy(space.full, config) is None:
            raise ConfigError(
                f"a controller alone is that of a method which has one, but got {method!r}, "
                f"which has none; leave it out of --methods"
            )
    assert space.input_shape is not None  # those of the zoo have one
    costs = CostTable.of(space, space.input_shape)
    hits = []
    with (progress or NoProgress()).phase("controllers", len(configs) * len(seeds), 0) as bar:
        for method, config in configs.items():
            feasible = Feasible(costs, config.constraints, space.full)
            kind: type[Method] = METHODS.get(method)
            for seed in seeds:
                policy = kind.new_policy(space.full, config.model_copy(update={"seed": seed}))
                assert policy is not None
                batch = kind.policy_batch(config)
                ranks = _ranks(policy, batch, feasible, table, config.constraints)
                first = _first_hits(islice(ranks, most_samples), table, config.constraints)
                hits.append(Hits(method, seed, first))
                bar.advance()
    return hits


def controllers_table(hits: Iterable[Hits]) -> str:
    """A Markdown line for each method: the median number of samples, with its quartiles.

    A run that never met one of the best counts as infinitely many; how many did is said.
    """
    names = [f"best {fraction:.1%}".replace(".0%", "%") for fraction in BEST_FRACTIONS]
    lines = []
    for method, group in groupby(hits, lambda hit: hit.method):
        runs = [run.samples for run in group]
        lines.append([method, str(len(runs)), *map(_spread, zip(*runs, strict=True))])
    return as_markdown(["method", "seeds", *(f"samples to the {n}" for n in names)], lines)


def _ranks(
    policy: Policy,
    batch: int,
    feasible: Feasible,
    table: PublishedTable,
    constraints: Sequence[Constraint],
) -> Iterator[int]:
    """Yields the rank of each architecture that the policy draws, and lets it learn."""
    while True:
        samples = [policy.sample(feasible) for _ in range(batch)]
        architectures = [sample.architecture for sample in samples]
        yield from table.ranks(architectures, constraints).tolist()
        policy.reinforce(samples, [_reward(table[known]) for known in architectures])


def _reward(entry: Entry) -> float:
    known = entry.validation_accuracy
    return entry.test_accuracy if known is None else known


def _first_hits(
    ranks: Iterable[int], table: PublishedTable, constraints: Sequence[Constraint]
) -> tuple[int | None, ...]:
    """For each of `BEST_FRACTIONS`, how many ranks come until the first that is among it."""
    num_allowed = table.num_allowed(constraints)
    lasts = [max(1, math.floor(fraction * num_allowed)) for fraction in BEST_FRACTIONS]
    found: list[int | None] = [None] * len(lasts)
    for number, rank in enumerate(ranks, 1):
        found = [
            number if known is None and rank <= last else known
            for known, last in zip(found, lasts, strict=True)
        ]
        if None not in found:
            break
    return tuple(found)


def _spread(samples: Sequence[int | None]) -> str:
    """The median and the quartiles, by the nearest rank, so that infinity is a number like any."""
    numbers = sorted(math.inf if number is None else number for number in samples)
    low, middle, high = (numbers[round(part * (len(numbers) - 1))] for part in (0.25, 0.5, 0.75))
    reached = sum(map(math.isfinite, numbers))
    never = "" if reached == len(numbers) else f"; {reached} of {len(numbers)} met one"
    return f"{_number(middle)} ({_number(low)} to {_number(high)}{never})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) else "more"
