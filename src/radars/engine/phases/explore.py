"""Explore: the RL half of a round. Single paths are trained, rewarded, and the policy updated.

Memory is that of one path, whatever the number of candidates.
"""

from collections.abc import Callable

import torch

from radars.engine.context import SearchContext
from radars.engine.method_config import ExploreConfig
from radars.engine.policies.policy import Policy
from radars.engine.search_observer import Tick
from radars.nn.supernet import Supernet
from radars.seeds import seed_torch


def explore(
    context: SearchContext,
    supernet: Supernet,
    controller: Policy,
    config: ExploreConfig,
    *,
    start: int,
    seed: int,
    num_uniform: int,
    learning_rate_at: Callable[[int], float],
    tick: Tick,
) -> None:
    """Runs the steps from `start` on; everything that they change is in the arguments.

    Args:
        context: data, memory, constraints.
        supernet: the shared weights.
        controller: the policy.
        config: how many steps, how often the policy is updated, and from how many samples.
        start: steps of this phase that are done already.
        seed: of dropout.
        num_uniform: the first steps that draw uniformly and leave the policy as it is, so that
            it does not lock onto what was trained first.
        learning_rate_at: the learning rate of the weights at a step of this phase.
        tick: called after each step.
    """
    accuracy = float("nan")
    for step in range(start, config.steps):
        seed_torch(seed, step)
        is_warmup = step < num_uniform
        is_uniform = is_warmup or float(torch.rand(())) < config.uniform_fraction
        sample = context.sampler.draw(controller, uniform=is_uniform)
        supernet.set_learning_rate(learning_rate_at(step))
        context.trainer.train_path(supernet, sample.architecture, context.train_stream.next())
        if not is_warmup and (step + 1) % config.update_every == 0:
            accuracy = update_policy(context, supernet, controller, config)
        tick(step + 1, accuracy)


def update_policy(
    context: SearchContext, supernet: Supernet, controller: Policy, config: ExploreConfig
) -> float:
    """Rewards samples on validation batches and updates the policy; returns their mean accuracy."""
    samples = [context.sampler.draw(controller) for _ in range(config.samples)]
    totals = torch.zeros(len(samples), device=context.problem.device)
    num_examples = 0
    for _ in range(config.reward_batches):
        batch = context.validation_stream.next()
        num_examples += len(batch.label_B)
        for index, sample in enumerate(samples):
            totals[index] += context.evaluator.total_score(supernet, sample.architecture, batch)
    accuracies: list[float] = (totals / num_examples).tolist()
    rewards = [
        context.reward(sample.architecture, accuracy)
        for sample, accuracy in zip(samples, accuracies, strict=True)
    ]
    controller.reinforce(samples, rewards)
    return sum(accuracies) / len(accuracies)
