"""What data a search or a training run reads, and how."""

from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, model_validator

from radars.errors import ConfigError
from radars.units import GIB, parse_bytes


class DataConfig(BaseModel):
    """Which data set, how much of it, and how it is turned into batches.

    Attributes:
        source: `digits`, a parquet file, a folder of parquet files or of images, or the name of a
            data set on the Hugging Face hub. A path wins over a hub name.
        image_column: the column of images; needed only where a source has several.
        label_column: the column of labels; needed only where a source has several.
        num_train: how many examples of the training split are used in all, those of the
            validation part included: class-balanced, drawn by the seed. None uses every one.
        validation_fraction: the fraction of the used examples that becomes the validation part.
            0 trains on all of them.
        batch_size: examples per batch.
        image_size: the side in pixels of the square that every image is resized (short side) and
            centre-cropped to. None keeps images as they are; they must then share one size.
        mean: what is subtracted from each channel, whose values lie between 0 and 1; a number for
            each channel, such as 0.485, 0.456, 0.406 of ImageNet for a pretrained network. None
            takes the mean of the training part.
        std: what each channel is divided by then, such as 0.229, 0.224, 0.225; None takes the
            standard deviation of the training part.
        augment: whether training batches are augmented.
        num_workers: processes that decode images when they do not fit in `in_memory_bytes`. The
            batches do not depend on it.
        in_memory_bytes: images are decoded once and kept in host memory where they take no more
            bytes than this, and decoded batch by batch where they take more. Parquet files that
            are larger than this are read through the Hugging Face cache (`HF_HOME`). A number,
            or text such as `2GiB`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(default="digits", min_length=1)
    image_column: str | None = None
    label_column: str | None = None
    num_train: int | None = Field(default=None, gt=0)
    validation_fraction: float = Field(default=0.5, ge=0, lt=1)
    batch_size: int = Field(default=64, gt=0, le=10**9)
    image_size: int | None = Field(default=None, ge=4, le=4096)
    mean: tuple[FiniteFloat, ...] | None = Field(default=None, min_length=1)
    std: tuple[Annotated[FiniteFloat, Field(gt=0)], ...] | None = Field(default=None, min_length=1)
    augment: bool = True
    num_workers: int = Field(default=2, ge=0)
    in_memory_bytes: Annotated[int, BeforeValidator(parse_bytes)] = 2 * GIB

    @model_validator(mode="after")
    def _check_normalisation(self) -> Self:
        if len(self.mean or ()) != len(self.std or ()):
            raise ConfigError(
                f"mean and std have as many numbers, one a channel, but got {self.mean} and "
                f"{self.std}; give both or none"
            )
        return self
