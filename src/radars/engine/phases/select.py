"""Select: the few best architectures are trained alone, and the worst dropped.

Shared weights rank the top poorly: they were trained for all architectures, well for none. From
them a finalist is fine-tuned alone. Short training of any kind prefers what is shallow and quick
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
from radars.engine.method_config import SelectConfig
from radars.engine.policies.categorical import Controller
from radars.engine.rankers.main_effects import main_effects
from radars.engine.rankers.standing import Standard, Standards
from radars.engine.rankers.untrained import Untrained
from radars.engine.search_setup import SearchSetup
from radars.engine.search_state import named, of_part
from radars.engine.workbench import Workbench
from radars.engine.workers import Workers
from radars.nn.supernet import Supernet
from radars.schedules import one_cycle
from radars.seeds import stable_seed
from radars.space import Architecture, Subspace

_PROMISING = 4  # for each finalist
_MAX_TRIES = 4  # for each of those: many architectures build the same network


@dataclass
class Selection:
    """How far selecting is.

    Attributes:
        finalists: the architectures of the current halving round.
        untrained: what can be said of each before it is trained.
        standards: what uniform draws are like.
        standings: how each stands.
        halving_round: index of the current halving round.
        accuracies: of the finalists that were trained in this halving round, in order.
        child: the weights of the one that is being trained.
        child_stream: its batches.
        child_step: its training steps done.
    """

    finalists: list[Architecture]
    untrained: list[Untrained]
    standards: Standards
    standings: list[float]
    halving_round: int = 0
    accuracies: list[float] = field(default_factory=list)
    child: Supernet | None = None
    child_stream: BatchStream | None = None
    child_step: int = 0

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        if self.child is None or self.child_stream is None:
            return {}
        return named("child", self.child.state_dict()) | named(
            "stream", self.child_stream.state_dict()
        )

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {
            "finalists": [dict(architecture) for architecture in self.finalists],
            "untrained": [list(known) for known in self.untrained],
            "standards": [list(standard) for standard in self.standards],
            "standings": self.standings,
            "halving_round": self.halving_round,
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
            finalists=[Architecture(known) for known in values["finalists"]],
            untrained=[Untrained(*known) for known in values["untrained"]],
            standards=Standards(*(Standard(*known) for known in values["standards"])),
            standings=list(values["standings"]),
            halving_round=values["halving_round"],
            accuracies=list(values["accuracies"]),
            child_step=values["child_step"],
        )
        if values["has_child"]:
            selection.child = new_child(selection.finalists[len(selection.accuracies)])
            selection.child.load_state_dict(of_part("child", tensors))
            selection.child_stream = new_stream()
            selection.child_stream.load_state_dict(of_part("stream", tensors))
        return selection


def shortlist(
    bench: Workbench,
    supernet: Supernet,
    controller: Controller,
    config: SelectConfig,
    round_winners: Iterable[Architecture],
    look_at: Callable[[Architecture, int], Untrained],
    tick: Callable[[], None],
) -> Selection:
    """Chooses who is trained alone: the round_winners, then who promises most.

    Uniform draws are scored with shared weights, all on the same validation batches, and looked at
    untrained. From how they stand main effects of the candidates are fitted: a ranking of the draws
    themselves is mostly noise at its top. Of the architectures with the largest sums of effects
    those are the finalists that stand best, by what the draws let expect of their accuracy and by
    a look at each. Soft targets count with accuracy. All are within budget and constraints, as
    whole networks, and no two build the same network.

    Args:
        bench: where it runs.
        supernet: the shared weights; released, as what comes next has the device to itself.
        controller: the policy, whose likeliest architecture is a favourite too.
        config: how many draws and finalists.
        round_winners: architectures that are finalists in any case.
        look_at: what can be said of an architecture before it is trained, from so many draws of
            fresh weights. Finalists are looked at by more than those that chose them.
        tick: called after each part of `num_shortlist_parts`.
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
    finalists = bench.different((*round_winners, *islice(likeliest, 1)), config.finalists)
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
    holding = filter(bench.feasible.holds, chain(finalists, best))
    finalists = bench.different(holding, config.finalists)
    finalists = finalists or [bench.feasible.first_holding(())]
    num_draws = config.regions_draws + config.finalist_draws
    untrained = [look(architecture, num_draws) for architecture in finalists]
    return Selection(finalists, untrained, standards, standings(finalists, untrained))


def num_shortlist_parts(config: SelectConfig) -> int:
    """The most parts of an shortlist: scores of draws, and looks at draws and at who promises."""
    return 2 * config.draws + (_PROMISING + 1) * config.finalists


def _promising(
    bench: Workbench,
    subspace: Subspace,
    drawn: Sequence[Architecture],
    stand: Sequence[float],
    config: SelectConfig,
) -> list[Architecture]:
    """The architectures with the largest sums of main effects, several for each finalist."""
    ranked = bench.feasible.ranked(main_effects(drawn, stand, subspace), subspace)
    most = config.finalists * _PROMISING
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
    on_halving_round: Callable[[Selection], None],
) -> tuple[Architecture, float]:
    """Runs the halving rounds that are left; returns the winner and its accuracy in the last one.

    Args:
        bench: data and memory.
        selection: how far it is; changed as it goes.
        config: the halving rounds.
        batch_size: of the evaluation.
        seed: of dropout.
        new_child: the shared weights of an architecture, to be trained on.
        new_stream: the training batches, the same for each finalist.
        tick: called with the latest accuracy and the number of steps done, after each training
            step; after each finalist where workers train them.
        workers: who trains them; None for this process, one after the other.
        on_halving_round: called when all finalists of a halving round have their accuracies and
            standings.
    """
    latest = float("nan")
    while True:
        steps = config.halving_steps[selection.halving_round]
        if workers is not None:
            latest = _train_elsewhere(selection, steps, new_child, tick, workers)
        while len(selection.accuracies) < len(selection.finalists):
            architecture = selection.finalists[len(selection.accuracies)]
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
            for scored in zip(selection.finalists, selection.accuracies, strict=True)
        ]
        selection.standings = selection.standards.standings(
            rewards, selection.untrained, config, accuracy_weight=1.0 + selection.halving_round
        )
        on_halving_round(selection)
        ranked = sorted(
            range(len(selection.finalists)), key=selection.standings.__getitem__, reverse=True
        )
        if selection.halving_round + 1 == len(config.halving_steps):
            return selection.finalists[ranked[0]], selection.accuracies[ranked[0]]
        ranked = ranked[: num_kept(len(ranked), config.keep)]
        selection.finalists = [selection.finalists[index] for index in ranked]
        selection.untrained = [selection.untrained[index] for index in ranked]
        selection.standings = [selection.standings[index] for index in ranked]
        selection.accuracies = []
        selection.halving_round += 1


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
    """One training step of a finalist."""
    torch.manual_seed(stable_seed(seed, step))
    factor = one_cycle(step / num_steps)
    child.set_learning_rate(config.optimizer.learning_rate * factor)
    bench.train_path(child, architecture, batch)


class Finalist(NamedTuple):
    """A finalist to be trained elsewhere, for a halving round.

    Attributes:
        architecture: of the finalist.
        state: the shared weights, as safetensors: one that waits holds nothing of the device.
        num_steps: of the halving round.
    """

    architecture: Architecture
    state: bytes
    num_steps: int

    @classmethod
    def of(cls, architecture: Architecture, child: Supernet, num_steps: int) -> "Finalist":
        """A finalist whose weights are those of `child`."""
        # a copy each: safetensors takes neither strides nor memory that two share
        copies = {
            name: tensor.to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, tensor in child.state_dict().items()
        }
        return cls(architecture, save(copies), num_steps)


def train_finalist(setup: SearchSetup, bench: Workbench, task: Finalist) -> float:
    """Trains a finalist for a halving round; returns its accuracy. What a worker does."""
    child, stream = setup.new_child(task.architecture), setup.new_child_stream()
    child.load_state_dict(load(task.state))
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
    """Has what is left of a halving round trained by workers; returns the latest accuracy."""
    accuracy = float("nan")
    left = selection.finalists[len(selection.accuracies) :]
    num_counted = 0 if selection.child is None else selection.child_step  # begun here, before
    selection.child = selection.child_stream = None
    tasks = [Finalist.of(known, new_child(known), num_steps) for known in left]
    for accuracy in workers.map(train_finalist, tasks):
        selection.accuracies.append(accuracy)
        tick(accuracy, num_steps - num_counted)
        num_counted = 0
    return accuracy


def num_kept(num_finalists: int, keep: float) -> int:
    """How many finalists go on to the next halving round: at least one."""
    return max(1, round(num_finalists * keep))


def num_select_steps(config: SelectConfig, num_finalists: int) -> int:
    """All training steps of a full selection."""
    total = 0
    for steps in config.halving_steps:
        total += num_finalists * steps
        num_finalists = num_kept(num_finalists, config.keep)
    return total


def _shared_accuracy(
    bench: Workbench, supernet: Supernet, architecture: Architecture, batches: list[Batch]
) -> float:
    total = sum(float(bench.total_score(supernet, architecture, batch)) for batch in batches)
    num_examples = sum(len(batch.label_B) for batch in batches)
    accuracy = total / num_examples
    bench.note(architecture, accuracy, num_examples, is_alone=False)
    return accuracy
