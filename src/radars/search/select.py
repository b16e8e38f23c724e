"""Select: the few best architectures are trained alone, and the worst dropped.

Shared weights rank the top poorly: short joint training prefers capacity in late layers. Fresh
weights, trained briefly, prefer what is shallow and wide. A contender is judged by both.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import fmean, pstdev

import torch

from radars.data import Batch, BatchStream
from radars.nn.supernet import Supernet
from radars.search.config import SelectConfig
from radars.search.controller import Controller
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture

_WARMUP_FRACTION = 0.15
_MAX_TRIES_PER_DRAW = 4


@dataclass
class Selection:
    """How far selecting is.

    Attributes:
        contenders: the architectures of the current stage.
        standings: of each, the sum of its standard scores in the stages that are done.
        stage: index of the current stage.
        accuracies: of the contenders that were trained in this stage, in order.
        child: the weights of the one that is being trained.
        child_stream: its batches.
        child_step: its training steps done.
    """

    contenders: list[Architecture]
    standings: list[float]
    stage: int = 0
    accuracies: list[float] = field(default_factory=list)
    child: Supernet | None = None
    child_stream: BatchStream | None = None
    child_step: int = 0


def audition(
    bench: Workbench,
    supernet: Supernet,
    controller: Controller,
    config: SelectConfig,
    favourites: Iterable[Architecture],
) -> list[tuple[Architecture, float]]:
    """Scores draws from the policy with shared weights; returns the best, with their accuracies.

    Beside the favourites and the draws, the likeliest architecture takes part. All are within
    budget and constraints, no two build the same network, and all see the same validation batches.
    """
    likeliest = bench.feasible.best(controller.scores(), controller.subspace, 1)
    known: dict[str, Architecture] = {}
    for architecture in (*favourites, *likeliest):
        if bench.fits(architecture):
            known.setdefault(bench.fingerprint(architecture), architecture)
    for _ in range(config.draws * _MAX_TRIES_PER_DRAW):
        if len(known) >= config.draws:
            break
        architecture = bench.draw(controller).architecture
        known.setdefault(bench.fingerprint(architecture), architecture)
    batches = [bench.validation_stream.next() for _ in range(config.draw_batches)]
    scored = [(a, _shared_accuracy(bench, supernet, a, batches)) for a in known.values()]
    return sorted(scored, key=lambda pair: pair[1], reverse=True)[: config.candidates]


def select(
    bench: Workbench,
    selection: Selection,
    config: SelectConfig,
    *,
    batch_size: int,
    seed: int,
    new_child: Callable[[Architecture, bool], Supernet],
    new_stream: Callable[[], BatchStream],
    tick: Callable[[float], None],
    on_stage: Callable[[Selection], None],
) -> tuple[Architecture, float]:
    """Runs the stages that are left; returns the winner and its accuracy in the last one.

    Args:
        bench: data and memory.
        selection: how far it is; changed as it goes.
        config: the stages.
        batch_size: of the evaluation.
        seed: of dropout.
        new_child: weights for an architecture: those that are shared if the flag says so, or fresh.
        new_stream: the training batches, the same for each contender.
        tick: called after each training step with the latest accuracy.
        on_stage: called when all contenders of a stage have their accuracies and standings.
    """
    latest = float("nan")
    while True:
        steps, is_inherited = config.stages[selection.stage]
        highest = config.optimizer.learning_rate
        if is_inherited:
            highest = config.inherited_learning_rate
        while len(selection.accuracies) < len(selection.contenders):
            architecture = selection.contenders[len(selection.accuracies)]
            if selection.child is None or selection.child_stream is None:
                selection.child = new_child(architecture, is_inherited)
                selection.child_stream = new_stream()
                selection.child_step = 0
            child = selection.child
            while selection.child_step < steps:
                torch.manual_seed(stable_seed(seed, selection.child_step))
                child.set_learning_rate(highest * one_cycle(selection.child_step / steps))
                bench.train_path(child, architecture, selection.child_stream.next())
                selection.child_step += 1
                tick(latest)
            latest = bench.accuracy(child, architecture, batch_size)
            selection.accuracies.append(latest)
            selection.child = selection.child_stream = None
        scores = standard_scores(selection.accuracies)
        selection.standings = [
            standing + score for standing, score in zip(selection.standings, scores, strict=True)
        ]
        on_stage(selection)
        ranked = sorted(
            range(len(selection.contenders)), key=selection.standings.__getitem__, reverse=True
        )
        if selection.stage + 1 == len(config.stages):
            return selection.contenders[ranked[0]], selection.accuracies[ranked[0]]
        if not is_inherited:
            ranked = ranked[: num_kept(len(ranked), config.keep)]
        selection.contenders = [selection.contenders[index] for index in ranked]
        selection.standings = [selection.standings[index] for index in ranked]
        selection.accuracies = []
        selection.stage += 1


def standard_scores(values: list[float]) -> list[float]:
    """The values with mean 0 and variance 1; zeros where they are all the same."""
    mean, deviation = fmean(values), pstdev(values)
    return [(value - mean) / deviation if deviation else 0.0 for value in values]


def one_cycle(fraction: float) -> float:
    """Linear warm-up, then linear decay to zero, as a factor of the highest learning rate."""
    if fraction < _WARMUP_FRACTION:
        return (fraction + 0.01) / (_WARMUP_FRACTION + 0.01)
    return (1.0 - fraction) / (1.0 - _WARMUP_FRACTION)


def num_kept(num_contenders: int, keep: float) -> int:
    """How many contenders go on to the next rung: at least one."""
    return max(1, round(num_contenders * keep))


def num_select_steps(config: SelectConfig, num_contenders: int) -> int:
    """All training steps of a full selection."""
    total = 0
    for steps, is_inherited in config.stages:
        total += num_contenders * steps
        if not is_inherited:
            num_contenders = num_kept(num_contenders, config.keep)
    return total


def _shared_accuracy(
    bench: Workbench, supernet: Supernet, architecture: Architecture, batches: list[Batch]
) -> float:
    correct = sum(int(bench.num_correct(supernet, architecture, batch)) for batch in batches)
    return correct / sum(len(batch.label_B) for batch in batches)
