"""`tuning_step`: an architecture that began with the shared weights is trained alone."""

from radars.data import Batch
from radars.engine.context import SearchContext
from radars.nn.supernet import Supernet
from radars.schedules import one_cycle
from radars.seeds import seed_torch, stable_seed
from radars.space import Architecture


def tuning_step(
    context: SearchContext,
    child: Supernet,
    architecture: Architecture,
    batch: Batch,
    step: int,
    num_steps: int,
) -> None:
    """One training step, before a reward or as a finalist, by the optimizer of `select`.

    Args:
        context: memory, and the settings.
        child: the weights.
        architecture: their only path.
        batch: a batch of the training part.
        step: index of the step, which the dropout depends on.
        num_steps: the number of steps of the whole training, over which the learning rate rises and
            falls.
    """
    config = context.problem.config
    seed_torch(stable_seed(config.seed, "select"), step)
    child.set_learning_rate(config.select.optimizer.learning_rate * one_cycle(step / num_steps))
    context.trainer.train_path(child, architecture, batch)
