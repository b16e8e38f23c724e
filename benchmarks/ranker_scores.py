"""What candidates add to what rankers say: of their numbers, and of the order they put networks in.

Random networks within a problem's constraint are looked at by the rankers of `radars`. From the
looks at 32 of them, as many as a search has, tables of what candidates add are fitted: to the
numbers, and to their normal scores, of which only the order counts. The published table judges: the
rank correlation (Spearman) of the tables' sums over all networks that the constraint allows, and
the accuracies of those that they like best. Means over 6 draws of the 32. Of development spaces
only (protocol.md).

    cd benchmarks; python ranker_scores.py --problems macro-40,cells201 --data DATA

Appends two rows for each problem to `results/ranker_scores.jsonl`. One thread.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from about import about
from early_accuracy import RANKERS, Numbers, context_of, drawn, rho
from judged import PROBLEMS

from radars.comparison import PublishedTable
from radars.engine.context import SearchContext
from radars.engine.policies.reward_model import Rewarded, Scores, fit_rewards
from radars.engine.rankers.ranker_tables import normal_scores
from radars.engine.rankers.zero_cost_scores import zero_cost_scores
from radars.space import Architecture, Subspace

ROWS = Path(__file__).parent / "results" / "ranker_scores.jsonl"
_LOOKS, _DRAWS, _NUM_FIRST = 32, 6, 8

Scored = Callable[[Sequence[float]], Sequence[float]]
SCORED: dict[str, Scored] = {"numbers": lambda values: values, "normal scores": normal_scores}


def main() -> None:
    """Looks at networks, and prints a row for each problem and kind of score."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--problems", default="macro-40,cells201,cells201-40,cells201-80")
    parser.add_argument("--number", type=int, default=120, help="networks that are looked at")
    parser.add_argument("--data", type=Path, required=True, help="the folder of published data")
    parser.add_argument("--out", type=Path, default=ROWS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.problems.split(","):
        problem = PROBLEMS[name]
        table, context = problem.table(arguments.data), context_of(problem, arguments.data)
        networks = drawn(table, context, arguments.number)
        said = [zero_cost_scores(context, RANKERS, network, 1) for network in networks]
        allowed = [network for network in table if context.problem.feasible.allows(network)]
        for label, scored in SCORED.items():
            judged = []
            for draw in range(_DRAWS):
                chosen = np.random.default_rng(draw).choice(len(networks), _LOOKS, replace=False)
                some = [(networks[index], said[index]) for index in chosen]
                sums_N = sums(context, some, scored, allowed)
                judged.append(against(table, allowed, sums_N))
            means = {
                key: round(float(np.mean([row[key] for row in judged])), 2) for key in judged[0]
            }
            row = about() | {"problem": name, "allowed": len(allowed), "scores": label} | means
            print(row, flush=True)
            with arguments.out.open("a") as file:
                file.write(json.dumps(row) + "\n")


def sums(
    context: SearchContext,
    looks: Sequence[tuple[Architecture, dict[str, float]]],
    scored: Scored,
    networks: Sequence[Architecture],
) -> Numbers:
    """What all rankers say together of networks, as the sum of what candidates add."""
    full: Subspace = context.problem.proxy.full
    tables: dict[str, Scores] = {}
    for ranker in RANKERS:
        scores = scored([said[ranker] for _, said in looks])
        rewarded = [Rewarded(look[0], score) for look, score in zip(looks, scores, strict=True)]
        tables[ranker] = fit_rewards(rewarded, full).effects
    model = fit_rewards([], full, tables, expected=RANKERS)
    return np.array([model(network) for network in networks])


def against(
    table: PublishedTable, networks: Sequence[Architecture], sums_N: Numbers
) -> dict[str, float]:
    """What the table says of the sums; accuracies in percent."""
    accuracy_N = 100 * np.array([table.accuracy(network) for network in networks])
    ranked_N = accuracy_N[np.argsort(-sums_N)]
    best: dict[str, Any] = {"best": accuracy_N.max(), "first": ranked_N[0]}
    best[f"first {_NUM_FIRST}"] = ranked_N[:_NUM_FIRST].mean()
    return {"correlation": rho(sums_N, accuracy_N)} | best


if __name__ == "__main__":
    main()
