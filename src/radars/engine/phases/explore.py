"""Explore: the RL half of a round. Shared weights are trained, then architectures are rewarded.

Memory is that of one path, whatever the number of candidates.
"""

from dataclasses import dataclass

import torch

from radars.data import Batch
from radars.engine.context import SearchContext
from radars.engine.method_config import ExploreConfig
from radars.engine.pace import Pace
from radars.engine.phases.tuning_step import tuning_step
from radars.engine.policies.categorical import Controller
from radars.engine.policies.policy import Sample
from radars.nn.supernet import Supernet
from radars.schedules import cosine
from radars.seeds import seed_torch, stable_seed
from radars.space import Architecture, Subspace

_MAX_DRAWS = 50  # of an architecture that was not rewarded in this round


@dataclass(frozen=True)
class Explorer:
    """What a round explores with.

    Attributes:
        context: data, memory, constraints.
        supernet: the shared weights.
        controller: the policy.
        config: how much of the time trains shared weights, and what a reward is.
        round_index: the index of the round.
        steps_before: training steps of exploring before this run of the phase.
    """

    context: SearchContext
    supernet: Supernet
    controller: Controller
    config: ExploreConfig
    round_index: int
    steps_before: int = 0

    @property
    def seed(self) -> int:
        """The seed of the round."""
        return stable_seed(self.context.problem.config.seed, "round", self.round_index)

    @property
    def _rewards_seed(self) -> int:
        """The seed of the batches of all rewards of the round."""
        return stable_seed(self.seed, "rewards")

    @property
    def _group(self) -> int:
        """The group of the round's rewards: even. The next is of those after differentiation."""
        return 2 * self.round_index

    def run(self, pace: Pace) -> None:
        """Runs what is left of the phase: shared weights first, then rewards.

        A step is a training step, on a path of the shared weights or on an architecture that is
        rewarded.
        """
        accuracy = float("nan")
        batches = self._reward_batches()
        for step in pace.steps():
            fraction = pace.fraction / self.config.training_fraction
            if fraction < 1.0:
                self._train_path(step, fraction)
                pace.done(accuracy)
            else:
                sample = self._new_sample()
                accuracy = self.reward([sample], batches, num_steps=step)
                pace.done(accuracy, self.config.steps_per_reward)
        self.controller.update()

    def reward(
        self,
        samples: list[Sample],
        batches: list[Batch] | None = None,
        *,
        num_steps: int = 0,
        is_after: bool = False,
    ) -> float:
        """Rewards architectures, and lets the policy learn; returns their mean accuracy.

        Args:
            samples: the architectures.
            batches: what they are rewarded on; by default those of the round.
            num_steps: the steps of this run of the phase so far.
            is_after: whether the shared weights are those that differentiation left, with which
                rewards do not compare with those before.
        """
        batches = batches or self._reward_batches()
        accuracies = [self._tuned_accuracy(known.architecture, batches) for known in samples]
        rewards = [
            self.context.reward(known.architecture, accuracy)
            for known, accuracy in zip(samples, accuracies, strict=True)
        ]
        trained = self.shared_steps(num_steps) + self.config.tuning_steps
        self.controller.reinforce(
            samples,
            rewards,
            group=self._group + is_after,
            fraction=self.context.problem.fraction_trained(trained, max(accuracies)),
        )
        return sum(accuracies) / len(accuracies)

    def shared_steps(self, num_steps: int = 0) -> float:
        """The training steps that a candidate's shared weights have had.

        Args:
            num_steps: the steps of this run of the phase so far.
        """
        exploring = [
            known
            for known in self.controller.rewarded
            if known.group % 2 == 0 and not known.is_alone
        ]
        steps = self.steps_before + num_steps - self.config.steps_per_reward * len(exploring)
        return max(0, steps) / max(map(len, self.controller.full.values()))

    def _train_path(self, step: int, fraction: float) -> None:
        """One step of the shared weights."""
        context = self.context
        seed_torch(self.seed, step)
        is_uniform = float(torch.rand(())) < self.config.uniform_fraction
        if self.round_index == 0 or is_uniform:
            taken = fair_path(self.controller.full, self.seed, step)
            architecture = context.problem.proxy.made(taken)
            if not context.sampler.allows(architecture):
                architecture = context.sampler.draw(self.controller, uniform=True).architecture
        else:
            architecture = context.sampler.draw(self.controller).architecture
        config = context.problem.config
        done = (self.round_index + fraction) / config.num_rounds
        self.supernet.set_learning_rate(config.optimizer.learning_rate * cosine(done))
        context.trainer.train_path(self.supernet, architecture, context.train_stream.next())

    def _new_sample(self) -> Sample:
        """A draw that was not rewarded in this round yet, if there are any.

        Some are uniform, whatever the policy: what it has hardly any rewards of, it cannot judge.
        """
        luck = torch.Generator()
        luck.manual_seed(stable_seed(self.seed, "reward", len(self.controller.rewarded)))
        uniform = float(torch.rand((), generator=luck)) < self.config.uniform_fraction
        known = {
            rewarded.architecture
            for rewarded in self.controller.rewarded
            if rewarded.group == self._group
        }
        for _ in range(_MAX_DRAWS):
            sample = self.context.sampler.draw(self.controller, uniform=uniform)
            if sample.architecture not in known:
                return sample
        return self.context.sampler.draw(self.controller, uniform=True)

    def _tuned_accuracy(self, architecture: Architecture, batches: list[Batch]) -> float:
        """The accuracy after a few steps on the path alone, which the shared weights forget.

        Shared weights that were trained for all paths fit none; a few steps bring each to what it
        is, so that paths are compared at equal maturity.
        """
        context, num_steps = self.context, self.config.tuning_steps
        self.supernet.release()  # the path has the device to itself
        child = context.networks.inherited_child(architecture, self.supernet)
        stream = context.networks.new_child_stream()
        for step in range(num_steps):
            tuning_step(context, child, architecture, stream.next(), step, num_steps)
        scores = context.evaluator.scores_of_each(child, architecture, batches, self._rewards_seed)
        total: float = sum(torch.stack(scores).tolist())  # waits for the device once
        num_examples = sum(len(batch.label_B) for batch in batches)
        accuracy = total / num_examples
        context.evaluator.note(architecture, accuracy, num_examples, is_alone=False)
        return accuracy

    def _reward_batches(self) -> list[Batch]:
        """The validation batches of all rewards of the round."""
        problem = self.context.problem
        validation, batch_size = problem.data.validation, problem.config.data.batch_size
        stream = validation.batches(batch_size, augment=False, seed=self._rewards_seed)
        most = max(1, len(validation) // batch_size)
        return [stream.next() for _ in range(min(most, self.config.reward_batches))]


def fair_path(full: Subspace, seed: int, step: int) -> Architecture:
    """The path of a step, such that each candidate of a choice is trained equally often.

    It has every choice, whether it is made or not.

    FairNAS (Chu et al. 2021, "Rethinking Evaluation Fairness of Weight Sharing Neural Architecture
    Search"), but that a path is a step of its own: over as many steps as the largest choice has
    candidates, each candidate of it is taken once.
    """
    num_paths = max(map(len, full.values()))
    generator = torch.Generator().manual_seed(stable_seed(seed, "fair", step // num_paths))
    taken = {}
    for choice, names in full.items():
        order = torch.randperm(len(names), generator=generator).tolist()
        taken[choice] = names[order[step % num_paths % len(names)]]
    return Architecture(taken)
