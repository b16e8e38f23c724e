"""`TrainConfig`: everything that decides a training from scratch. Checked when constructed."""

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from radars.data import DataConfig
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import Precision
from radars.run import LoggerName


class TrainConfig(BaseModel):
    """How one architecture is trained from scratch, on the whole training split.

    Attributes:
        space: a name of the zoo, or `file.py:function`.
        space_options: keyword arguments of the space's function.
        data: where the examples come from. Its `validation_fraction` is always made 0: nothing is
            chosen here, so nothing is held out.
        epochs: how many times the training split is visited.
        optimizer: of the weights; its `learning_rate` is the highest of the schedule.
        warmup_fraction: of all steps, in which the learning rate rises linearly; then it decays
            to 0 as a cosine.
        label_smoothing: how much of a label is spread evenly over all classes.
        max_gradient_norm: gradients whose norm is larger are scaled down to it.
        max_skipped_steps: a step whose loss or gradient is not finite is skipped; more of them
            than this end the training.
        precision: `32-true` or `bf16-mixed`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        seed: of everything random.
        loggers: that draw curves while it runs: `tensorboard`, `mlflow`, `wandb`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    space: str = Field(default="digits", min_length=1)
    space_options: dict[str, Any] = Field(default={})
    data: DataConfig = Field(default=DataConfig(validation_fraction=0.0))
    epochs: int = Field(default=60, ge=1)
    optimizer: OptimizerConfig = Field(default=OptimizerConfig(learning_rate=0.1))
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    max_gradient_norm: float = Field(default=5.0, gt=0)
    max_skipped_steps: int = Field(default=5, ge=0)
    precision: Precision = Field(default="32-true")
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    seed: int = Field(default=0, ge=0, lt=2**31)
    loggers: tuple[LoggerName, ...] = Field(default=("tensorboard",))

    @field_validator("data")
    @classmethod
    def _hold_nothing_out(cls, data: DataConfig) -> DataConfig:
        return data.model_copy(update={"validation_fraction": 0.0})

    def learning_rate_at(self, step: int, num_steps: int) -> float:
        """The learning rate of a step: linear warm-up, then cosine decay to 0."""
        warmup_steps = int(self.warmup_fraction * num_steps)
        if step < warmup_steps:
            return self.optimizer.learning_rate * (step + 1) / warmup_steps
        fraction = (step - warmup_steps) / (num_steps - warmup_steps)
        return self.optimizer.learning_rate * 0.5 * (1.0 + math.cos(math.pi * fraction))
