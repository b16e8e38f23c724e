"""Select: the few best architectures are trained alone, and the worst dropped.

Shared weights rank the top poorly: they were trained for all architectures, well for none. From
them a contender is fine-tuned alone. Short training of any kind prefers what is shallow and quick
to train, so how well fresh weights tell examples apart counts too, which prefers what is deep.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from statistics import fmean, pstdev

import torch

from radars.data import Batch, BatchStream
from radars.nn.supernet import Supernet
from radars.search.config import SelectConfig
from radars.search.controller import Controller
from radars.search.effects import main_effects
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture

_WARMUP_FRACTION = 0.15
_MAX_TRIES = 4  # for each contender: many architectures build the same network


@dataclass
class Selection:
    """How far selecting is.

    Attributes:
        contenders: the architectures of the current rung.
        standings: of each, the sum of its standard scores so far.
        rung: index of the current rung.
        accuracies: of the contenders that were trained in this rung, in order.
        child: the weights of the one that is being trained.
        child_stream: its batches.
        child_step: its training steps done.
    """

    contenders: list[Architecture]
    standings: list[float]
    rung: int = 0
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
) -> list[Architecture]:
    """Chooses who is trained alone: the favourites, then what shared weights promise most.

    Uniform draws are scored with shared weights, all on the same validation batches. From these
    accuracies the main effect of each candidate is fitted, and the architectures with the largest
    sums of effects are the contenders: a ranking of the draws themselves is mostly noise at its
    top. All contenders are within budget and constraints, and no two build the same network.
    """
    likeliest = bench.feasible.ranked(controller.scores(), controller.subspace)
    contenders = bench.different((*favourites, *islice(likeliest, 1)), config.candidates)
    drawn = [bench.draw(controller, uniform=True).architecture for _ in range(config.draws)]
    batches = [bench.validation_stream.next() for _ in range(config.draw_batches)]
    accuracies = [_shared_accuracy(bench, supernet, a, batches) for a in drawn]
    effects = main_effects(drawn, accuracies, controller.subspace)
    promising = islice(
        bench.feasible.ranked(effects, controller.subspace), config.candidates * _MAX_TRIES
    )
    return bench.different((*contenders, *promising), config.candidates)


def initial_standings(
    bench: Workbench,
    contenders: list[Architecture],
    config: SelectConfig,
    new_child: Callable[[Architecture], Supernet],
    stream: BatchStream,
) -> list[float]:
    """Standard scores of how well the contenders' fresh weights tell examples apart.

    Args:
        bench: where it runs.
        contenders: the architectures.
        config: on how many batches.
        new_child: fresh weights for an architecture.
        stream: training batches, the same for all.
    """
    batches = [stream.next() for _ in range(config.regions_batches)]
    scores = []
    for architecture in contenders:
        child = new_child(architecture)
        scores.append(sum(bench.regions(child, architecture, batch) for batch in batches))
    return standard_scores(scores)


def select(
    bench: Workbench,
    selection: Selection,
    config: SelectConfig,
    *,
    batch_size: int,
    seed: int,
    new_child: Callable[[Architecture], Supernet],
    new_stream: Callable[[], BatchStream],
    tick: Callable[[float], None],
    on_rung: Callable[[Selection], None],
) -> tuple[Architecture, float]:
    """Runs the rungs that are left; returns the winner and its accuracy in the last one.

    Args:
        bench: data and memory.
        selection: how far it is; changed as it goes.
        config: the rungs.
        batch_size: of the evaluation.
        seed: of dropout.
        new_child: the shared weights of an architecture, to be trained on.
        new_stream: the training batches, the same for each contender.
        tick: called after each training step with the latest accuracy.
        on_rung: called when all contenders of a rung have their accuracies and standings.
    """
    latest = float("nan")
    while True:
        steps = config.rungs[selection.rung]
        while len(selection.accuracies) < len(selection.contenders):
            architecture = selection.contenders[len(selection.accuracies)]
            if selection.child is None or selection.child_stream is None:
                selection.child = new_child(architecture)
                selection.child_stream = new_stream()
                selection.child_step = 0
            child = selection.child
            while selection.child_step < steps:
                torch.manual_seed(stable_seed(seed, selection.child_step))
                factor = one_cycle(selection.child_step / steps)
                child.set_learning_rate(config.optimizer.learning_rate * factor)
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
        on_rung(selection)
        ranked = sorted(
            range(len(selection.contenders)), key=selection.standings.__getitem__, reverse=True
        )
        if selection.rung + 1 == len(config.rungs):
            return selection.contenders[ranked[0]], selection.accuracies[ranked[0]]
        ranked = ranked[: num_kept(len(ranked), config.keep)]
        selection.contenders = [selection.contenders[index] for index in ranked]
        selection.standings = [selection.standings[index] for index in ranked]
        selection.accuracies = []
        selection.rung += 1


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
    for steps in config.rungs:
        total += num_contenders * steps
        num_contenders = num_kept(num_contenders, config.keep)
    return total


def _shared_accuracy(
    bench: Workbench, supernet: Supernet, architecture: Architecture, batches: list[Batch]
) -> float:
    correct = sum(int(bench.num_correct(supernet, architecture, batch)) for batch in batches)
    return correct / sum(len(batch.label_B) for batch in batches)
