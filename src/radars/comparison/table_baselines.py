"""What anybody gets from a published table without a search: baselines to print beside methods."""

from collections.abc import Mapping, Sequence

import numpy as np

from radars.comparison.published_table import PublishedTable
from radars.comparison.results_table import as_markdown
from radars.cost import Constraint

NUM_DRAWS = 20


def expected_best(
    table: PublishedTable, constraints: Sequence[Constraint], num_draws: int
) -> float:
    """The expected test accuracy of the best of uniform draws, told by the table itself.

    Args:
        table: a published table of A architectures that satisfy the constraints.
        constraints: hard bounds.
        num_draws: how many are drawn, with replacement; the draws share a chance of
            (i/A)^num_draws to have nothing better than the i-th worst.
    """
    ascending_A = table.accuracies(constraints)
    chance_A = (np.arange(len(ascending_A) + 1) / len(ascending_A)) ** num_draws
    return float(np.diff(chance_A) @ ascending_A)


def yardsticks_table(table: PublishedTable, settings: Mapping[str, Sequence[Constraint]]) -> str:
    """A Markdown line for each setting: its best, and what needs no search.

    Args:
        table: the published table.
        settings: name to constraints.

    Raises:
        ConfigError: no architecture satisfies the constraints of a setting, or the table does not
            say what one bounds.
    """
    header = [
        *("setting", "architectures", "best", "the largest that it allows"),
        f"expected best of {NUM_DRAWS} random draws, judged by the table",
    ]
    lines = []
    for name, constraints in settings.items():
        largest = table.largest(constraints)
        cells = [
            name,
            f"{table.num_allowed(constraints):,}",
            f"{table.accuracy(table.best(constraints)):.2%}",
            f"{table.accuracy(largest):.2%} (rank {table.rank(largest, constraints)})",
            f"{expected_best(table, constraints, NUM_DRAWS):.2%}",
        ]
        lines.append(cells)
    return as_markdown(header, lines)
