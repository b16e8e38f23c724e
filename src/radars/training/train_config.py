"""`TrainConfig`: everything that decides a training. Checked when constructed."""

import math
import warnings
from collections.abc import Mapping
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from radars.data import DataConfig, RandAugment
from radars.execution.device import DeviceName
from radars.nn.optimizer import OptimizerConfig
from radars.nn.steps import Precision
from radars.renamed_settings import RenamedSetting
from radars.tracking.loggers import LoggerName

INHERITED_DATA = (
    "source",
    "image_column",
    "label_column",
    "image_size",
    "mean",
    "std",
    "batch_size",
    "num_workers",
    "in_memory_bytes",
)
"""The settings of `data` that a training of what a search found has from the search."""

CHANGEABLE = ("max_skipped_steps", "loggers")
CHANGEABLE_DATA = ("num_workers", "in_memory_bytes")
"""Settings, and of `data`, that may be others when a training goes on; its result does not depend
on them."""


class TrainConfig(BaseModel):
    """How one architecture is trained, by default from scratch and on the whole training split.

    Attributes:
        space: a name of the zoo, or `file.py:function`.
        space_options: keyword arguments of the space's function.
        held_out_fraction: the fraction of the training split on which the best epoch is chosen. 0
            trains on all of it and takes the last epoch.
        data: where the examples come from. Its `validation_fraction` is made the fraction above.
        from_search: the directory of a search, from whose shared weights the training starts;
            None for fresh ones.
        epochs: how many times the training split is visited.
        optimizer: trains the weights; its `learning_rate` is the highest of the schedule.
        warmup_fraction: the fraction of all steps in which the learning rate rises linearly. Then
            it decays to 0 as a cosine.
        label_smoothing: how much of a label is spread evenly over all classes.
        rand_augment_ops: random operations on each image, after the usual augmentation
            (RandAugment); 0 for none.
        rand_augment_magnitude: how strong they are.
        mixup_alpha: alpha of the Beta distribution by which MixUp mixes the images and labels of a
            batch in pairs; 0 for never. With `cutmix_alpha`, each batch takes one of the two.
        cutmix_alpha: the same for CutMix, which pastes a box of one image into another.
        ema_decay: decay of the moving average of the weights, which is then the network to use. It
            begins lower, as (1 + steps) / (10 + steps). 0 for no average.
        max_skipped_steps: a step whose loss or gradient is not finite is skipped; more of them
            than this end the training.
        precision: `32-true` or `bf16-mixed`.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        devices: how many GPUs, or processes on the CPU, share each batch. BatchNorm sees its own
            part.
        seed: the seed of all random draws.
        loggers: what draws curves while it runs: `tensorboard`, `mlflow`, `wandb`. None for
            `tensorboard`, if it is installed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    space: str = Field(default="digits", min_length=1)
    space_options: dict[str, Any] = Field(default={})
    held_out_fraction: float = Field(default=0.0, ge=0, lt=1)
    data: DataConfig = Field(default=DataConfig(), validate_default=True)
    from_search: str | None = Field(default=None, min_length=1)
    epochs: int = Field(default=60, ge=1)
    optimizer: OptimizerConfig = Field(default=OptimizerConfig(learning_rate=0.1))
    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    rand_augment_ops: int = Field(default=0, ge=0, le=14)
    rand_augment_magnitude: int = Field(default=9, ge=0, le=30)
    mixup_alpha: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    cutmix_alpha: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    ema_decay: float = Field(default=0.0, ge=0, lt=1)
    max_skipped_steps: int = Field(default=5, ge=0)
    precision: Precision = Field(default="32-true")
    device: DeviceName = "auto"
    devices: int = Field(default=1, ge=1, le=1024)
    seed: int = Field(default=0, ge=0, lt=2**31)
    loggers: tuple[LoggerName, ...] | None = Field(default=None)

    @model_validator(mode="before")
    @classmethod
    def _take_old_name(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "max_gradient_norm" not in values:
            return values
        warnings.warn(
            "the setting max_gradient_norm is called optimizer.max_gradient_norm now; the old name "
            "goes with the next version",
            RenamedSetting,
            stacklevel=2,
        )
        optimizer = values.get("optimizer", {"learning_rate": 0.1})
        if isinstance(optimizer, OptimizerConfig):
            optimizer = optimizer.model_dump(exclude_unset=True)
        if isinstance(optimizer, Mapping):  # or its own check refuses it
            optimizer = {"max_gradient_norm": values["max_gradient_norm"], **optimizer}
        rest = {key: value for key, value in values.items() if key != "max_gradient_norm"}
        return {**rest, "optimizer": optimizer}

    @field_validator("data")
    @classmethod
    def _hold_out(cls, data: DataConfig, info: ValidationInfo) -> DataConfig:
        held_out = info.data.get("held_out_fraction", 0.0)
        return data.model_copy(update={"validation_fraction": held_out})

    @model_validator(mode="after")
    def _check_devices(self) -> Self:
        if self.data.batch_size % self.devices:
            raise ValueError(
                f"devices must divide data.batch_size, but got {self.devices} and "
                f"{self.data.batch_size}; change one"
            )
        if self.devices > 1 and ":" in self.device:
            raise ValueError(
                f"several devices are cpu, cuda or auto, but got {self.device}; "
                f"leave out the number"
            )
        return self

    @property
    def policy(self) -> RandAugment | None:
        """The policy of RandAugment, where it is asked for."""
        if not self.rand_augment_ops:
            return None
        return RandAugment(self.rand_augment_ops, self.rand_augment_magnitude)

    def learning_rate_at(self, step: int, num_steps: int) -> float:
        """The learning rate of a step: linear warm-up, then cosine decay to 0."""
        warmup_steps = int(self.warmup_fraction * num_steps)
        if step < warmup_steps:
            return self.optimizer.learning_rate * (step + 1) / warmup_steps
        fraction = (step - warmup_steps) / (num_steps - warmup_steps)
        return self.optimizer.learning_rate * 0.5 * (1.0 + math.cos(math.pi * fraction))
