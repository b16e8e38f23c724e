"""The training loop. Shapes: B batch, K classes."""

from collections.abc import Callable

import torch
from lightning_fabric import Fabric

from radars.data import move
from radars.nn.optimizer import set_learning_rate
from radars.nn.statistics import StatisticsCopy
from radars.nn.steps import is_finite
from radars.nn.task import Task
from radars.seeds import stable_seed
from radars.train.config import TrainConfig
from radars.train.state import TrainState


def train_steps(
    fabric: Fabric,
    state: TrainState,
    config: TrainConfig,
    task: Task,
    *,
    steps_per_epoch: int,
    tick: Callable[[], None],
) -> None:
    """Runs what is left of a training; the network is then in evaluation mode.

    A step whose loss or gradient is not finite changes nothing but the count of such steps.

    Args:
        fabric: device, precision, and the backward pass.
        state: how far the training is; changed as it goes, complete after each step.
        config: the whole configuration.
        task: the loss and the score.
        steps_per_epoch: batches of an epoch.
        tick: called after each step; may stop the training by raising.
    """
    num_steps = config.epochs * steps_per_epoch
    network, optimizer = fabric.setup(state.network, state.optimizer)
    network.train()
    loss_of = task.smoothed_loss(config.label_smoothing)
    while state.step < num_steps:
        # dropout depends on the step alone, so that a resumed run draws the same
        torch.manual_seed(stable_seed(config.seed, "step", state.step))
        set_learning_rate(state.optimizer, config.learning_rate_at(state.step, num_steps))
        example_B, label_B = move(state.stream.next(), fabric.device)
        statistics = StatisticsCopy(network)
        output_BK = network(example_B)
        loss = loss_of(output_BK, label_B)
        is_sound = is_finite(loss)
        if is_sound:
            fabric.backward(loss)
            norm = fabric.clip_gradients(
                network, optimizer, max_norm=config.max_gradient_norm, error_if_nonfinite=False
            )
            assert norm is not None
            is_sound = is_finite(norm)
        if state.step % steps_per_epoch == 0:
            state.totals.zero_()
        if is_sound:
            optimizer.step()
            total_score = task.score(output_BK.detach(), label_B).sum()
            state.totals[0] += loss.detach() * len(label_B)
            state.totals[1] += total_score
            state.totals[2] += len(label_B)
        else:
            statistics.restore()
            state.skipped.add()
        optimizer.zero_grad()
        state.step += 1
        tick()
    network.eval()
