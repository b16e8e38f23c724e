"""Training of shared weights on single paths, and rewards of a policy with them, as in ENAS.

Memory is that of one path, whatever the number of candidates.
"""

from collections.abc import Callable

import torch

from radars.engine.context import SearchContext
from radars.engine.method_config import PolicyUpdatesConfig
from radars.engine.pace import Pace
from radars.engine.policies.policy import Policy
from radars.nn.supernet import Supernet
from radars.seeds import seed_torch


def train_paths(
    context: SearchContext,
    supernet: Supernet,
    controller: Policy,
    config: PolicyUpdatesConfig,
    pace: Pace,
    *,
    seed: int,
    learning_rate_at: Callable[[float], float],
) -> None:
    """Runs the steps that are left; everything that they change is in the arguments.

    Args:
        context: data, memory, constraints.
        supernet: the shared weights.
        controller: the policy.
        config: when the policy is updated, and from how many samples.
        pace: how long it goes on; told of each step.
        seed: the seed of dropout.
        learning_rate_at: the learning rate of the weights after a fraction of the phase.
    """
    accuracy = float("nan")
    for step in pace.steps():
        seed_torch(seed, step)
        is_warmup = pace.fraction < config.warmup_fraction
        is_uniform = is_warmup or float(torch.rand(())) < config.uniform_fraction
        sample = context.sampler.draw(controller, uniform=is_uniform)
        supernet.set_learning_rate(learning_rate_at(pace.fraction))
        context.trainer.train_path(supernet, sample.architecture, context.train_stream.next())
        if not is_warmup and (step + 1) % config.update_every == 0:
            accuracy = update_policy(context, supernet, controller, config)
        pace.done(accuracy)


def update_policy(
    context: SearchContext, supernet: Supernet, controller: Policy, config: PolicyUpdatesConfig
) -> float:
    """Rewards samples on validation batches and updates the policy; returns their mean accuracy."""
    samples = [context.sampler.draw(controller) for _ in range(config.samples)]
    architectures = [sample.architecture for sample in samples]
    totals = torch.zeros(len(samples), device=context.problem.device)
    num_examples = 0
    for _ in range(config.reward_batches):
        batch = context.validation_stream.next()
        num_examples += len(batch.label_B)
        scores = context.evaluator.total_scores(supernet, architectures, batch)
        totals += torch.stack(scores)
    accuracies: list[float] = (totals / num_examples).tolist()
    rewards = [
        context.reward(sample.architecture, accuracy)
        for sample, accuracy in zip(samples, accuracies, strict=True)
    ]
    controller.reinforce(samples, rewards)
    return sum(accuracies) / len(accuracies)
