"""The training loop. Shapes: B batch, K classes."""

from collections.abc import Callable

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torchvision.transforms import v2

from radars.data import Split, move
from radars.example import call
from radars.nn.modules import all_modules
from radars.nn.optimizer import set_learning_rate, stepping_where
from radars.nn.statistics import StatisticsCopy, batch_norms
from radars.nn.task import Task, main_output
from radars.seeds import seed_torch
from radars.training.train_config import TrainConfig
from radars.training.training_state import TrainState

Mix = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Mixes the examples of a batch in pairs: labels (B,) become probabilities (B, K)."""


def train_steps(
    fabric: Fabric,
    state: TrainState,
    config: TrainConfig,
    task: Task,
    *,
    steps_per_epoch: int,
    tick: Callable[[], None],
    mix: Mix | None = None,
    held_out: Split | None = None,
) -> None:
    """Runs what is left of a training; the networks are then in evaluation mode.

    A step whose loss or gradient is not finite changes nothing but the count of such steps; an
    average of the weights follows them as they are. No step waits for the device.

    Args:
        fabric: device, precision, and the backward pass; the training may share batches with those
            of other processes.
        state: how far the training is; changed as it goes, complete after each step.
        config: the whole configuration.
        task: the loss and the score.
        steps_per_epoch: batches of an epoch.
        tick: called after each step; may stop the training by raising.
        mix: applied to each batch.
        held_out: what tells which epoch is the best; None for none.
    """
    num_steps = config.epochs * steps_per_epoch
    network, optimizer = fabric.setup(state.network, state.optimizer)
    parts = ("step",) if fabric.global_rank == 0 else ("rank", fabric.global_rank, "step")
    network.train()
    while state.step < num_steps:
        # dropout and mixing depend on the step alone, so that a resumed run draws the same
        seed_torch(config.seed, *parts, state.step)
        set_learning_rate(state.optimizer, config.learning_rate_at(state.step, num_steps))
        if state.step % steps_per_epoch == 0:
            state.totals.zero_()
        is_sound = _train_step(fabric, network, optimizer, state, config, task, mix)
        state.skipped.note(is_sound)
        state.step += 1
        if held_out is not None and state.step % steps_per_epoch == 0:
            accuracy = accuracy_on(held_out, state.current, config.data.batch_size, fabric, task)
            state.note_epoch(state.step // steps_per_epoch, fabric.broadcast(accuracy))
            network.train()
        tick()
    state.network.eval()
    state.current.eval()


def _train_step(
    fabric: Fabric,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: TrainState,
    config: TrainConfig,
    task: Task,
    mix: Mix | None,
) -> Tensor:
    """One step; returns whether loss and gradient were finite, in every process: a scalar."""
    example_B, label_B = move(state.stream.next(), fabric.device)
    target = label_B
    if mix is not None:
        example_B, target = mix(example_B, label_B)
        label_B = target.argmax(-1)  # that of which there is most
    statistics = StatisticsCopy(batch_norms(all_modules(network)))
    output_BK = call(network, example_B)
    loss = task.smoothed_loss(config.label_smoothing)(output_BK, target)
    fabric.backward(loss)
    norm = fabric.clip_gradients(
        network, optimizer, max_norm=config.optimizer.max_gradient_norm, error_if_nonfinite=False
    )
    assert norm is not None
    total_score = task.score(main_output(output_BK).detach(), label_B).sum().to(state.totals.dtype)
    num_examples = torch.full_like(total_score, len(label_B))
    is_unsound = (loss.isfinite() & norm.isfinite()).logical_not().to(total_score)
    totals = torch.stack([loss.detach() * len(label_B), total_score, num_examples, is_unsound])
    totals = _sum_over_processes(fabric, totals)
    is_sound = totals[-1] == 0  # in every process
    with stepping_where(is_sound, state.optimizer):
        optimizer.step()
    optimizer.zero_grad()
    statistics.restore_unless(is_sound)
    if state.average is not None:
        state.average.update(state.network)
    state.totals += totals[:3].where(is_sound, 0.0)
    return is_sound


def mix_of(config: TrainConfig, num_classes: int) -> Mix | None:
    """MixUp (Zhang et al., ICLR 2018), CutMix (Yun et al., ICCV 2019), either, or none."""
    kinds: list[nn.Module] = []
    if config.mixup_alpha:
        kinds.append(v2.MixUp(alpha=config.mixup_alpha, num_classes=num_classes))
    if config.cutmix_alpha:
        kinds.append(v2.CutMix(alpha=config.cutmix_alpha, num_classes=num_classes))
    return v2.RandomChoice(kinds) if kinds else None


@torch.inference_mode()
def accuracy_on(
    split: Split, network: nn.Module, batch_size: int, fabric: Fabric, task: Task
) -> float:
    """The mean score of a network, which is then in evaluation mode."""
    network.eval()
    total_score = torch.zeros((), device=fabric.device, dtype=torch.float64)
    for batch in split.evaluation_batches(batch_size):
        example_B, label_B = move(batch, fabric.device)
        with fabric.autocast():
            output_BK = call(network, example_B)
        total_score += task.score(output_BK, label_B).sum()
    return float(total_score) / len(split)


def _sum_over_processes(fabric: Fabric, tensor: Tensor) -> Tensor:
    if fabric.world_size > 1:
        fabric.all_reduce(tensor, reduce_op="sum")  # in place
    return tensor
