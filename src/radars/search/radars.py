"""RADARS: the main loop. Explore prunes, a plan fits the budget, differentiate searches the rest.

Yan, Jiang, Hu, Shi: "RADARS: Memory Efficient Reinforcement Learning Aided Differentiable Neural
Architecture Search" (arXiv 2109.05691). The paper's: RL prunes until a subspace fits the memory,
DNAS searches it, iterated. Ours: everything else (see docs/method.md).
"""

import math
from collections.abc import Callable
from functools import cache, partial

from radars.data import BatchStream
from radars.memory import Plan
from radars.nn.supernet import Supernet
from radars.search.config import SearchConfig, SelectConfig
from radars.search.differentiate import differentiate
from radars.search.explore import explore
from radars.search.observer import Observer
from radars.search.select import Untrained, audition, num_select_steps, select
from radars.search.state import SearchState
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture


def search_radars(
    bench: Workbench,
    state: SearchState,
    config: SearchConfig,
    observer: Observer,
    new_child: Callable[..., Supernet],
    new_stream: Callable[[], BatchStream],
) -> tuple[Architecture, float]:
    """Runs what is left of a search; returns the architecture and its validation accuracy.

    Args:
        bench: data, memory, constraints.
        state: how far the search is; changed as it goes, complete after each step.
        config: the whole configuration.
        observer: told of every step; saves the state, and stops the search by raising.
        new_child: fresh weights for an architecture, and for what they are.
        new_stream: the training batches of a child.
    """
    while state.phase != "select":
        run_round(bench, state, config, observer)
        state.round_index += 1
        state.phase, state.step = "explore", 0
        if state.round_index == config.num_rounds:
            state.phase = "select"
    return run_selection(bench, state, config, observer, new_child, new_stream)


def run_round(
    bench: Workbench, state: SearchState, config: SearchConfig, observer: Observer
) -> None:
    """Explore, plan, differentiate, and what was preferred feeds the policy."""
    round_seed = stable_seed(config.seed, "round", state.round_index)
    before = state.round_index * (config.explore.steps + config.differentiate.steps)
    total = config.num_rounds * (config.explore.steps + config.differentiate.steps)

    def learning_rate_at(step: int) -> float:
        return config.optimizer.learning_rate * cosine((before + step) / total)

    if state.phase == "explore":
        warmup = round(config.explore.warmup_fraction * config.explore.steps)
        with observer.phase("explore", config.explore.steps, state) as tick:
            explore(
                bench,
                state.supernet,
                state.controller,
                config.explore,
                start=state.step,
                seed=round_seed,
                num_uniform=warmup if state.round_index == 0 else 0,
                learning_rate_at=learning_rate_at,
                tick=tick,
            )
        state.plan = bench.planner.plan(state.controller.probabilities())
        state.phase, state.step = "differentiate", 0
        observer.log_plan(state)
    assert state.plan is not None

    def on_new_plan(plan: Plan) -> None:
        state.plan = plan
        observer.log_plan(state)

    with observer.phase("differentiate", config.differentiate.steps, state) as tick:
        trained = differentiate(
            bench,
            state.supernet,
            state.plan,
            config.differentiate,
            initial_logits=state.controller.scores(),
            start=state.step,
            seed=round_seed,
            learning_rate_at=lambda step: learning_rate_at(config.explore.steps + step),
            tick=tick,
            on_new_plan=on_new_plan,
        )
    state.favourites += bench.feasible.best(trained, state.plan.subspace, 1)
    state.controller.learn(trained, config.differentiate.feedback)
    observer.log_outcome(state, trained)


def run_selection(
    bench: Workbench,
    state: SearchState,
    config: SearchConfig,
    observer: Observer,
    new_child: Callable[..., Supernet],
    new_stream: Callable[[], BatchStream],
) -> tuple[Architecture, float]:
    """The most promising architectures are trained alone, and the worst dropped."""

    def inherited_child(architecture: Architecture) -> Supernet:
        child = new_child(architecture)
        child.inherit(state.supernet)
        return child

    def on_step(accuracy: float) -> None:
        tick(state.step + 1, accuracy)

    if state.selection is None:
        look_at = cache(partial(_look_at, bench, config.select, new_child))
        state.selection = audition(
            bench, state.supernet, state.controller, config.select, state.favourites, look_at
        )
        observer.log_selection(state.selection)
    state.supernet.release()  # after a resume too
    total = num_select_steps(config.select, len(state.selection.contenders))
    with observer.phase("select", total, state) as tick:
        return select(
            bench,
            state.selection,
            config.select,
            batch_size=config.data.batch_size,
            seed=stable_seed(config.seed, "select"),
            new_child=inherited_child,
            new_stream=new_stream,
            tick=on_step,
            on_rung=observer.log_selection,
        )


def _look_at(
    bench: Workbench,
    config: SelectConfig,
    new_child: Callable[..., Supernet],
    architecture: Architecture,
) -> Untrained:
    """What can be said of an architecture before it is trained."""
    stream = bench.train.batches(
        bench.planner.spec.batch_size, augment=False, seed=stable_seed(0, "regions")
    )
    regions = 0.0
    for draw in range(config.regions_draws):
        child = new_child(architecture, "regions", draw, architecture.to_json())
        regions += bench.regions(child, architecture, stream.next())
    return Untrained(regions, math.log(bench.planner.costs.cost(architecture).macs or 1))


def cosine(fraction: float) -> float:
    """Cosine decay from 1 to 0."""
    return 0.5 * (1.0 + math.cos(math.pi * fraction))
