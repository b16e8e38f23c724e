"""Select: the few best architectures are trained alone, and the worst dropped.

Shared weights rank the top poorly: they were trained for all architectures, well for none. From
them a contender is fine-tuned alone. Short training of any kind prefers what is shallow and quick
to train, so what can be said of an untrained network counts too, which prefers what is deep; the
longer the training, the more accuracy counts.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from statistics import fmean
from typing import Any, NamedTuple

import torch
from safetensors.torch import load, save
from torch import Tensor

from radars.data import Batch, BatchStream
from radars.nn.supernet import Supernet
from radars.search.controller import Controller
from radars.search.effects import main_effects
from radars.search.method_config import SelectConfig
from radars.search.schedule import one_cycle
from radars.search.setup import SearchSetup
from radars.search.standing import Standard, Standards
from radars.search.state import named, of_part
from radars.search.untrained import Untrained
from radars.search.workbench import Workbench
from radars.search.workers import Workers
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace

_PROMISING = 4  # for each contender
_MAX_TRIES = 4  # for each of those: many architectures build the same network


@dataclass
class Selection:
    """How far selecting is.

    Attributes:
        contenders: the architectures of the current rung.
        untrained: what can be said of each before it is trained.
        standards: what uniform draws are like.
        standings: how each stands.
        rung: index of the current rung.
        accuracies: of the contenders that were trained in this rung, in order.
        child: the weights of the one that is being trained.
        child_stream: its batches.
        child_step: its training steps done.
    """

    contenders: list[Architecture]
    untrained: list[Untrained]
    standards: Standards
    standings: list[float]
    rung: int = 0
    accuracies: list[float] = field(default_factory=list)
    child: Supernet | None = None
    child_stream: BatchStream | None = None
    child_step: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        if self.child is None or self.child_stream is None:
            return {}
        return named("child", self.child.state()) | named("stream", self.child_stream.state())

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {
            "contenders": [dict(architecture) for architecture in self.contenders],
            "untrained": [list(known) for known in self.untrained],
            "standards": [list(standard) for standard in self.standards],
            "standings": self.standings,
            "rung": self.rung,
            "accuracies": self.accuracies,
            "child_step": self.child_step,
            "has_child": self.child is not None,
        }

    @classmethod
    def of(
        cls,
        tensors: Mapping[str, Tensor],
        values: Mapping[str, Any],
        new_child: Callable[[Architecture], Supernet],
        new_stream: Callable[[], BatchStream],
    ) -> "Selection":
        """The selection whose `tensors` and `values` these are."""
        selection = cls(
            contenders=[Architecture(known) for known in values["contenders"]],
            untrained=[Untrained(*known) for known in values["untrained"]],
            standards=Standards(*(Standard(*known) for known in values["standards"])),
            standings=list(values["standings"]),
            rung=values["rung"],
            accuracies=list(values["accuracies"]),
            child_step=values["child_step"],
        )
        if values["has_child"]:
            selection.child = new_child(selection.contenders[len(selection.accuracies)])
            selection.child.load_state(of_part("child", tensors))
            selection.child_stream = new_stream()
            selection.child_stream.load_state(of_part("stream", tensors))
        return selection


def audition(
    bench: Workbench,
    supernet: Supernet,
    controller: Controller,
    config: SelectConfig,
    favourites: Iterable[Architecture],
    look_at: Callable[[Architecture, int], Untrained],
    tick: Callable[[], None],
) -> Selection:
    """Chooses who is trained alone: the favourites, then who promises most.

    Uniform draws are scored with shared weights, all on the same validation batches, and looked at
    untrained. From how they stand main effects of the candidates are fitted: a ranking of the draws
    themselves is mostly noise at its top. Of the architectures with the largest sums of effects
    those are the contenders that stand best, by what the draws let expect of their accuracy and by
    a look at each. Soft targets count with accuracy. All are within budget and constraints, as
    whole networks, and no two build the same network.

    Args:
        bench: where it runs.
        supernet: the shared weights; released, as what comes next has the device to itself.
        controller: the policy, whose likeliest architecture is a favourite too.
        config: how many draws and contenders.
        favourites: architectures that are contenders in any case.
        look_at: what can be said of an architecture before it is trained, from so many draws of
            fresh weights. Contenders are looked at by more than those that chose them.
        tick: called after each part of `num_audition_parts`.
    """

    def look(architecture: Architecture, num_draws: int) -> Untrained:
        known = look_at(architecture, num_draws)
        tick()
        return known

    def score(architecture: Architecture) -> float:
        accuracy = _shared_accuracy(bench, supernet, architecture, batches)
        tick()
        return bench.reward(architecture, accuracy)

    likeliest = bench.feasible.ranked(controller.scores(), controller.full)
    contenders = bench.different((*favourites, *islice(likeliest, 1)), config.candidates)
    drawn = [bench.draw(controller, uniform=True).architecture for _ in range(config.draws)]
    batches = [bench.validation_stream.next() for _ in range(config.draw_batches)]
    rewards = [score(architecture) for architecture in drawn]
    supernet.release()
    looks = [look(architecture, config.regions_draws) for architecture in drawn]
    standards = Standards.of(rewards, looks)
    stand = standards.standings(rewards, looks, config)
    promising = _promising(bench, controller.full, drawn, stand, config)
    effects = main_effects(drawn, rewards, controller.full)

    def expected(architecture: Architecture) -> float:
        return fmean(rewards) + sum(effects[choice][name] for choice, name in architecture.items())

    def standings(architectures: list[Architecture], untrained: list[Untrained]) -> list[float]:
        return standards.standings(list(map(expected, architectures)), untrained, config)

    stand = standings(promising, [look(a, config.regions_draws) for a in promising])
    order = sorted(range(len(promising)), key=stand.__getitem__, reverse=True)
    best = (promising[index] for index in order)
    # one at a time, as whole networks may have to be measured
    holding = filter(bench.feasible.holds, chain(contenders, best))
    contenders = bench.different(holding, config.candidates)
    contenders = contenders or [bench.feasible.first_holding(())]
    num_draws = config.regions_draws + config.contender_draws
    untrained = [look(architecture, num_draws) for architecture in contenders]
    return Selection(contenders, untrained, standards, standings(contenders, untrained))


def num_audition_parts(config: SelectConfig) -> int:
    """The most parts of an audition: scores of draws, and looks at draws and at who promises."""
    return 2 * config.draws + (_PROMISING + 1) * config.candidates


def _promising(
    bench: Workbench,
    subspace: Subspace,
    drawn: Sequence[Architecture],
    stand: Sequence[float],
    config: SelectConfig,
) -> list[Architecture]:
    """The architectures with the largest sums of main effects, several for each contender."""
    ranked = bench.feasible.ranked(main_effects(drawn, stand, subspace), subspace)
    most = config.candidates * _PROMISING
    return bench.different(islice(ranked, most * _MAX_TRIES), most)


def select(
    bench: Workbench,
    selection: Selection,
    config: SelectConfig,
    *,
    batch_size: int,
    seed: int,
    new_child: Callable[[Architecture], Supernet],
    new_stream: Callable[[], BatchStream],
    tick: Callable[[float, int], None],
    workers: Workers | None = None,
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
        tick: called with the latest accuracy and the number of steps done, after each training
            step; after each contender where workers train them.
        workers: who trains them; None for this process, one after the other.
        on_rung: called when all contenders of a rung have their accuracies and standings.
    """
    latest = float("nan")
    while True:
        steps = config.rungs[selection.rung]
        if workers is not None:
            latest = _train_elsewhere(selection, steps, new_child, tick, workers)
        while len(selection.accuracies) < len(selection.contenders):
            architecture = selection.contenders[len(selection.accuracies)]
            if selection.child is None or selection.child_stream is None:
                selection.child = new_child(architecture)
                selection.child_stream = new_stream()
                selection.child_step = 0
            child = selection.child
            while selection.child_step < steps:
                batch = selection.child_stream.next()
                _train(bench, child, architecture, batch, config, seed, selection.child_step, steps)
                selection.child_step += 1
                tick(latest, 1)
            latest = bench.accuracy(child, architecture, batch_size, is_alone=True)
            selection.accuracies.append(latest)
            selection.child = selection.child_stream = None
        rewards = [
            bench.reward(*scored)
            for scored in zip(selection.contenders, selection.accuracies, strict=True)
        ]
        selection.standings = selection.standards.standings(
            rewards, selection.untrained, config, accuracy_weight=1.0 + selection.rung
        )
        on_rung(selection)
        ranked = sorted(
            range(len(selection.contenders)), key=selection.standings.__getitem__, reverse=True
        )
        if selection.rung + 1 == len(config.rungs):
            return selection.contenders[ranked[0]], selection.accuracies[ranked[0]]
        ranked = ranked[: num_kept(len(ranked), config.keep)]
        selection.contenders = [selection.contenders[index] for index in ranked]
        selection.untrained = [selection.untrained[index] for index in ranked]
        selection.standings = [selection.standings[index] for index in ranked]
        selection.accuracies = []
        selection.rung += 1


def _train(
    bench: Workbench,
    child: Supernet,
    architecture: Architecture,
    batch: Batch,
    config: SelectConfig,
    seed: int,
    step: int,
    num_steps: int,
) -> None:
    """One training step of a contender."""
    torch.manual_seed(stable_seed(seed, step))
    factor = one_cycle(step / num_steps)
    child.set_learning_rate(config.optimizer.learning_rate * factor)
    bench.train_path(child, architecture, batch)


class Contender(NamedTuple):
    """A contender to be trained elsewhere, for a rung.

    Attributes:
        architecture: of the contender.
        state: the shared weights, as safetensors: one that waits holds nothing of the device.
        num_steps: of the rung.
    """

    architecture: Architecture
    state: bytes
    num_steps: int

    @classmethod
    def of(cls, architecture: Architecture, child: Supernet, num_steps: int) -> "Contender":
        """A contender whose weights are those of `child`."""
        # a copy each: safetensors takes neither strides nor memory that two share
        copies = {
            name: tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in child.state().items()
        }
        return cls(architecture, save(copies), num_steps)


def train_contender(setup: SearchSetup, bench: Workbench, task: Contender) -> float:
    """Trains a contender for a rung; returns its accuracy. What a worker does."""
    child, stream = setup.new_child(task.architecture), setup.new_child_stream()
    child.load_state(load(task.state))
    config, seed = setup.config, stable_seed(setup.config.seed, "select")
    for step in range(task.num_steps):
        batch = stream.next()
        _train(bench, child, task.architecture, batch, config.select, seed, step, task.num_steps)
    batch_size = config.data.batch_size
    return bench.accuracy(child, task.architecture, batch_size, is_alone=True)


def _train_elsewhere(
    selection: Selection,
    num_steps: int,
    new_child: Callable[[Architecture], Supernet],
    tick: Callable[[float, int], None],
    workers: Workers,
) -> float:
    """Has what is left of a rung trained by workers; returns the latest accuracy."""
    accuracy = float("nan")
    left = selection.contenders[len(selection.accuracies) :]
    num_counted = 0 if selection.child is None else selection.child_step  # begun here, before
    selection.child = selection.child_stream = None
    tasks = [Contender.of(known, new_child(known), num_steps) for known in left]
    for accuracy in workers.map(train_contender, tasks):
        selection.accuracies.append(accuracy)
        tick(accuracy, num_steps - num_counted)
        num_counted = 0
    return accuracy


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
    total = sum(float(bench.total_score(supernet, architecture, batch)) for batch in batches)
    num_examples = sum(len(batch.label_B) for batch in batches)
    accuracy = total / num_examples
    bench.note(architecture, accuracy, num_examples, is_alone=False)
    return accuracy
