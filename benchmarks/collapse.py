"""Does differentiable search collapse onto skip connections, and does beta decay prevent it?

On NAS-Bench-Macro and CIFAR-10, width 8: shared weights are trained on uniform single paths, then
the supernet of the whole space is differentiated from equal logits, with and without beta decay,
each from the same weights. The table judges what the logits would have kept.

    python benchmarks/collapse.py --data DATA

Appends to `benchmarks/results/collapse.jsonl`.
"""

import argparse
import json
from pathlib import Path

import torch
from about import about
from macro_table import macro_table

from radars.data import DataConfig
from radars.engine import DifferentiateConfig, SearchConfig
from radars.engine.context import SearchContext
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.pace import Pace
from radars.engine.phases.differentiate import PlannedSteps, differentiate
from radars.engine.phases.train_paths import train_paths
from radars.engine.policies.policy import Uniform
from radars.engine.problem import SearchProblem
from radars.engine.search_state import SearchPosition
from radars.memory import MemorySavings, Plan
from radars.nn.supernet import Supernet
from radars.space import Architecture
from radars.zoo.nasbench_macro import table_key

RESULTS = Path(__file__).parent / "results" / "collapse.jsonl"
NUM_CHOICES = 8


def main() -> None:
    """Runs every setting and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="with cifar10/, nas-context-macro/"
    )
    parser.add_argument("--explore-steps", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", default="0,1,2")
    arguments = parser.parse_args()
    table = macro_table(arguments.data)
    for seed in map(int, arguments.seeds.split(",")):
        problem = setup_of(arguments, seed)
        context, supernet = (
            SearchContext.of(problem),
            SearchContext.of(problem).networks.new_supernet(),
        )
        train_shared(problem, context, supernet, arguments.explore_steps)
        shared = {name: tensor.clone() for name, tensor in supernet.state_dict().items()}
        for beta_decay in (0.0, 0.01, 0.1):
            supernet.load_state_dict(shared)
            logits = differentiate_whole(problem, context, supernet, beta_decay)
            best = Architecture(
                {choice: max(known, key=known.__getitem__) for choice, known in logits.items()}
            )
            probability = sum(
                float(torch.tensor(list(known.values())).softmax(-1)[0])
                for known in logits.values()
            )
            row = {
                **about(),
                "seed": seed,
                "beta_decay": beta_decay,
                "explore_steps": arguments.explore_steps,
                "steps": arguments.steps,
                "key": table_key(best),
                "num_identities": sum(name == "identity" for name in best.values()),
                "identity_probability": round(probability / NUM_CHOICES, 3),
                "table_accuracy": round(100 * table.accuracy(best), 2),
            }
            RESULTS.parent.mkdir(exist_ok=True)
            with RESULTS.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(row, flush=True)


def setup_of(arguments: argparse.Namespace, seed: int) -> SearchProblem:
    """The space at width 8, 20,000 training images, and room for the whole supernet."""
    config = SearchConfig(
        space="nasbench-macro",
        proxy_options={"width": 8},
        data=DataConfig(
            source=str(arguments.data / "cifar10"),
            num_train=25_000,
            validation_fraction=0.2,
            augment=False,
        ),
        budget=2**30,
        seed=seed,
        differentiate=DifferentiateConfig(steps=arguments.steps, max_cost_ratio=None),
    )
    return SearchProblem.of(config)


def train_shared(
    problem: SearchProblem, context: SearchContext, supernet: Supernet, steps: int
) -> None:
    """Trains the shared weights on uniform paths."""
    seed = problem.config.seed
    train_paths(
        context,
        supernet,
        Uniform(problem.proxy.full, torch.Generator().manual_seed(seed)),
        PolicyUpdatesConfig(warmup_fraction=1.0),
        Pace(SearchPosition(), steps),
        seed=seed,
        learning_rate_at=lambda fraction: 0.1,
    )


def differentiate_whole(
    problem: SearchProblem, context: SearchContext, supernet: Supernet, beta_decay: float
) -> dict[str, dict[str, float]]:
    """Differentiates the whole space; returns the logits."""
    full, config = problem.proxy.full, problem.config.differentiate
    return differentiate(
        PlannedSteps(context, supernet, Plan(full, MemorySavings(), problem.planner.predict(full))),
        config.model_copy(update={"beta_decay": beta_decay}),
        Pace(SearchPosition(), config.num_steps(full)),
        initial_logits={choice: dict.fromkeys(names, 0.0) for choice, names in full.items()},
        seed=problem.config.seed,
        learning_rate_at=lambda fraction: 0.05 * (1 - fraction),
    )


if __name__ == "__main__":
    main()
