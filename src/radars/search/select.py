"""Select: the few best architectures are trained alone, each from the start, and the worst dropped.

Shared weights rank the top poorly: short joint training prefers capacity in late layers. A short
training of each contender, the same batches for all, costs one path's memory and settles it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

import torch

from radars.data import BatchStream
from radars.nn.supernet import Supernet
from radars.search.config import SelectConfig
from radars.search.controller import Controller
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture

_WARMUP_FRACTION = 0.15
_MAX_DRAWS = 100

Trained = Sequence[tuple[Architecture, float]]
"""Architectures that were trained alone, and their validation accuracies."""


@dataclass
class Selection:
    """How far selecting is.

    Attributes:
        contenders: the architectures of the current rung, or wave of it.
        rung: index of the current rung.
        wave: index of the current wave of the first rung.
        earlier: what earlier waves of the rung found.
        accuracies: of the contenders that were trained already, in order.
        child: the weights of the one that is being trained.
        child_stream: its batches.
        child_step: its training steps done.
    """

    contenders: list[Architecture]
    rung: int = 0
    wave: int = 0
    earlier: list[tuple[Architecture, float]] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    child: Supernet | None = None
    child_stream: BatchStream | None = None
    child_step: int = 0


def contenders(
    bench: Workbench,
    controller: Controller,
    config: SelectConfig,
    favourites: Sequence[Architecture],
    seed: int,
    known: Sequence[Architecture] = (),
) -> list[Architecture]:
    """The architectures of a wave: within budget and constraints, no two the same network.

    First what rounds ended with, then, in turn, the likeliest under the policy and draws from it
    (likeliest after Gumbel noise), so that they do not all differ in one choice only. None of them
    is one of the `known`.
    """
    scores, subspace = controller.scores(), controller.subspace
    num_drawn = 2 * config.candidates + len(known)
    likeliest = bench.feasible.best(scores, subspace, num_drawn)
    generator = torch.Generator().manual_seed(seed)
    drawn = []
    for _ in range(num_drawn):
        drawn += bench.feasible.best(_with_gumbel_noise(scores, generator), subspace, 1)
    in_turn = [a for pair in zip_longest(likeliest, drawn) for a in pair if a is not None]
    seen = {bench.fingerprint(architecture) for architecture in known}
    found: list[Architecture] = []
    # last, draws that are known to fit: for where the likeliest do not
    fitting = (bench.draw(controller).architecture for _ in range(_MAX_DRAWS))
    for architecture in chain(favourites, in_turn, fitting):
        if len(found) == config.candidates:
            break
        digest = bench.fingerprint(architecture)
        if digest not in seen and bench.fits(architecture):
            seen.add(digest)
            found.append(architecture)
    return found


def _with_gumbel_noise(
    scores: Mapping[str, Mapping[str, float]], generator: torch.Generator
) -> dict[str, dict[str, float]]:
    noisy = {}
    for choice, known in scores.items():
        noise_C = -torch.empty(len(known)).exponential_(generator=generator).log()
        noisy[choice] = {
            name: score + noise
            for (name, score), noise in zip(known.items(), noise_C.tolist(), strict=True)
        }
    return noisy


def select(
    bench: Workbench,
    selection: Selection,
    config: SelectConfig,
    *,
    batch_size: int,
    seed: int,
    new_child: Callable[[Architecture], Supernet],
    new_stream: Callable[[], BatchStream],
    next_wave: Callable[[Trained, Trained], list[Architecture]],
    tick: Callable[[float], None],
    on_rung: Callable[[list[Architecture], list[float]], None],
) -> tuple[Architecture, float]:
    """Runs the rungs that are left; returns the winner and its validation accuracy.

    Args:
        bench: data and memory.
        selection: how far it is; changed as it goes.
        config: the rungs.
        batch_size: of the evaluation.
        seed: of dropout.
        new_child: fresh weights for an architecture.
        new_stream: the training batches, the same for each contender.
        next_wave: the contenders of the next wave, from those of the last one and of all so far.
        tick: called after each training step with the latest accuracy.
        on_rung: called after each rung or wave with its contenders and their accuracies.
    """
    latest = float("nan")
    while True:
        steps = config.rungs[selection.rung]
        while len(selection.accuracies) < len(selection.contenders):
            architecture = selection.contenders[len(selection.accuracies)]
            if selection.child is None or selection.child_stream is None:
                selection.child, selection.child_stream = new_child(architecture), new_stream()
                selection.child_step = 0
            child = selection.child
            while selection.child_step < steps:
                torch.manual_seed(stable_seed(seed, selection.child_step))
                child.set_learning_rate(
                    config.optimizer.learning_rate * one_cycle(selection.child_step / steps)
                )
                bench.train_path(child, architecture, selection.child_stream.next())
                selection.child_step += 1
                tick(latest)
            latest = bench.accuracy(child, architecture, batch_size)
            selection.accuracies.append(latest)
            selection.child = selection.child_stream = None
        on_rung(selection.contenders, selection.accuracies)
        latest_wave = list(zip(selection.contenders, selection.accuracies, strict=True))
        selection.earlier += latest_wave
        selection.accuracies = []
        if selection.rung == 0 and selection.wave + 1 < config.waves:
            selection.wave += 1
            selection.contenders = next_wave(latest_wave, selection.earlier)
            continue
        ranked = sorted(selection.earlier, key=lambda pair: pair[1], reverse=True)
        if selection.rung + 1 == len(config.rungs) or len(ranked) == 1:
            return ranked[0]
        num_kept = max(1, round(len(ranked) * config.keep))
        selection.contenders = [architecture for architecture, _ in ranked[:num_kept]]
        selection.earlier = []
        selection.rung += 1


def one_cycle(fraction: float) -> float:
    """Linear warm-up, then linear decay to zero, as a factor of the highest learning rate."""
    if fraction < _WARMUP_FRACTION:
        return (fraction + 0.01) / (_WARMUP_FRACTION + 0.01)
    return (1.0 - fraction) / (1.0 - _WARMUP_FRACTION)


def num_select_steps(config: SelectConfig) -> int:
    """All training steps of a full selection."""
    total, remaining = 0, config.candidates * config.waves
    for steps in config.rungs:
        total += remaining * steps
        if remaining == 1:
            break
        remaining = max(1, round(remaining * config.keep))
    return total
