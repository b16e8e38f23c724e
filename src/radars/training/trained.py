"""`TrainedNetwork`: what a training ends with; `load_trained` reads it from its directory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from radars.data import Data, DataConfig, DataLike, Split, as_split
from radars.errors import ConfigError, SpaceError, first_line
from radars.example import InputShape
from radars.nn.task import CLASSIFICATION, Task
from radars.reading import MOST_JSON_BYTES, read_file
from radars.runs.file_names import ARCHITECTURE_NAME, CONFIG_NAME
from radars.runs.identity_file import check_config_file, known_identity
from radars.runs.read_run import read_result
from radars.settings import parse_yaml
from radars.space import Architecture, SearchSpace
from radars.tracking.progress import Progress
from radars.training.evaluation import EVALUATION_NAME, EvaluationResult, evaluate_network
from radars.training.exporting import ExportResult, export_network
from radars.training.inputs_record import read_inputs
from radars.training.train_config import CHANGEABLE, TrainConfig
from radars.training.train_result import TrainResult
from radars.training.training_setup import as_trained, space_of
from radars.training.usable_network import UsableNetwork
from radars.training.weights_file import WEIGHTS_NAME, load_weights


@dataclass(frozen=True)
class TrainedNetwork(UsableNetwork):
    """A trained network: to use, to evaluate, to export.

    Attributes:
        result: what the training ended with.
        task: the loss and the score that it was trained with.
        directory: the directory of the training; None where nothing was kept.
        data: what it was trained on, where that was passed as an object.
    """

    result: TrainResult
    task: Task = CLASSIFICATION
    directory: Path | None = None
    data: Data | None = None

    @classmethod
    def of(
        cls,
        result: TrainResult,
        config: TrainConfig,
        *,
        task: Task = CLASSIFICATION,
        directory: Path | None = None,
        data: Data | None = None,
    ) -> "TrainedNetwork":
        """What a training ended with, to use."""
        return cls(
            result.network,
            config,
            result.architecture,
            result.class_names,
            result.input_shape,
            result.normalisation,
            result,
            task,
            directory,
            data,
        )

    def evaluate(
        self,
        data: DataLike | DataConfig | None = None,
        *,
        device: str | None = None,
        progress: Progress | None = None,
    ) -> EvaluationResult:
        """Evaluates it on a test split; writes `evaluation.json` where it has a directory.

        Args:
            data: a data set whose examples are all for the test, or a name, a folder or `Data`
                whose test split is; by default the test split of the data that it was trained on.
                Examples are normalised as in training, whatever they are.
            device: `auto`, `cpu`, `cuda` or `cuda:N`; None for that of the training.
            progress: shows people how far it is.

        Raises:
            ConfigError: the data do not fit the network.
            DataError: the data cannot be used.
            RunError: the device has no memory left.
        """
        where = self.directory and self.directory / EVALUATION_NAME
        test: DataConfig | Data | Split | None
        if isinstance(data, str | Path):
            changes = {"source": str(data), "num_train": None}  # of the other data's own
            test = self.config.data.model_copy(update=changes)
        elif data is None or isinstance(data, Data | DataConfig):
            test = self.data if data is None else data
        else:
            test = as_split(data, self.class_names)
        return evaluate_network(
            self, test, task=self.task, device=device, progress=progress, file=where
        )

    def export(self, out: str | Path, *, format: str | None = None) -> ExportResult:
        """Writes it to a file that works without radars; see `export_network`."""
        return export_network(self, Path(out), format=format)


def load_trained(
    path: str | Path,
    *,
    space: SearchSpace | None = None,
    task: Task = CLASSIFICATION,
    device: torch.device | str = "cpu",
) -> TrainedNetwork:
    """Loads the network of a run directory that `train_architecture` completed.

    Args:
        path: the run directory.
        space: used instead of the one that the run's configuration names.
        task: the loss and the score that it was trained with.
        device: where the network is to be.

    Raises:
        ConfigError: it is not the directory of a completed training, or its files do not belong
            together.
    """
    path = Path(path)
    result = read_result(path)
    if result is None or result.get("kind") != "train" or result.get("status") != "completed":
        raise ConfigError(
            f"{path} must hold a completed training, but holds none; make one with `radars train`"
        )
    identity = known_identity(path)
    if identity is not None:
        check_config_file(path, identity, CHANGEABLE, {})
    try:
        config = _read_config(path / CONFIG_NAME)
        architecture = Architecture.from_json(_read_text(path / ARCHITECTURE_NAME))
        class_names, input_shape = _read_interface(result)
    except (
        OSError, LookupError, TypeError, ValueError, RecursionError, yaml.YAMLError,
        OmegaConfBaseException,
    ) as error:  # fmt: skip
        problem = f"{type(error).__name__}: {_one_line(error)}"
        raise ConfigError(
            f"the training in {path} cannot be read: {problem}; train it again into another --out"
        ) from error
    space = space or space_of(config, len(class_names), input_shape)
    if space.name != result.get("space"):
        raise ConfigError(
            f"the training in {path} is of the space {result.get('space')!r}, but got "
            f"{space.name!r}; give the space that it was trained with"
        )
    try:
        with torch.random.fork_rng(devices=[]):  # the initial weights are not wanted
            network = space.build(architecture)
    except SpaceError as error:
        raise ConfigError(
            f"the architecture.json in {path} does not fit its space: {first_line(error)}; "
            "restore the file, or give the space that it was trained with"
        ) from error
    load_weights(network, path / WEIGHTS_NAME)
    network = as_trained(network, torch.device(device)).eval()
    read = {**result, "class_names": class_names, "architecture": dict(architecture)}
    known = TrainResult.from_dict(read, network)
    return TrainedNetwork.of(known, config, task=task, directory=path)


def _read_config(file: Path) -> TrainConfig:
    return TrainConfig.model_validate(parse_yaml(_read_text(file)))


def _read_text(file: Path) -> str:
    return read_file(file, MOST_JSON_BYTES).decode()


def _read_interface(result: dict[str, Any]) -> tuple[tuple[str, ...], InputShape]:
    input_shape, _ = read_inputs(result)
    # trainings of before 2026-11-25 do not name their classes
    class_names = result.get("class_names") or range(int(result["num_classes"]))
    return tuple(map(str, class_names)), input_shape


def _one_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return first_line(error)
