"""`TrainResult`: what a training ended with; the contents of its `result.json`."""

from dataclasses import dataclass, fields
from typing import Any

from torch import nn

from radars.space import Architecture
from radars.training.inputs_record import read_inputs, written_inputs


@dataclass(frozen=True)
class TrainResult:
    """The end of a training.

    Attributes:
        network: trained, in evaluation mode, on the device; a plain module.
        space: the space's name.
        seed: the seed of all random draws.
        architecture: the architecture of the network.
        epochs: that were trained.
        train_loss: mean over the last epoch, with label smoothing.
        train_accuracy: over the last epoch, on examples as they were trained on; a fraction.
        validation_accuracy: the validation accuracy of the best epoch on what was held out, if
            anything was.
        best_epoch: the epoch that the network is of, from 1.
        parameters: the number of parameters of the network.
        macs: multiply-accumulates of the network, for one example.
        train_seconds: wall-clock, over all sittings.
        class_names: what the network tells apart, in the order of its outputs.
        input_shape: the shape of an example: channels, height, width of an image; of several inputs
            a tuple or a dict of shapes.
        normalisation: the normalisation of every example that the network takes; likewise.
    """

    network: nn.Module
    space: str
    seed: int
    architecture: Architecture
    epochs: int
    train_loss: float
    train_accuracy: float
    validation_accuracy: float | None
    best_epoch: int | None
    parameters: int
    macs: int
    train_seconds: float
    class_names: tuple[str, ...]
    input_shape: Any
    normalisation: Any

    @classmethod
    def from_dict(cls, saved: dict[str, Any], network: nn.Module) -> "TrainResult":
        """The result that `to_dict` wrote, with its network."""
        input_shape, normalisation = read_inputs(saved)
        known = {field.name: saved[field.name] for field in fields(cls) if field.name in saved}
        return cls(
            **known
            | {
                "network": network,
                "architecture": Architecture(saved["architecture"]),
                "class_names": tuple(saved["class_names"]),
                "input_shape": input_shape,
                "normalisation": normalisation,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """The object that `result.json` holds."""
        return {
            "schema": 1,
            "status": "completed",
            "kind": "train",
            "space": self.space,
            "seed": self.seed,
            "architecture": dict(self.architecture),
            "epochs": self.epochs,
            "train_loss": self.train_loss,
            "train_accuracy": self.train_accuracy,
            "validation_accuracy": self.validation_accuracy,
            "best_epoch": self.best_epoch,
            "test_accuracy": None,
            "parameters": self.parameters,
            "macs": self.macs,
            "train_seconds": self.train_seconds,
            "num_classes": len(self.class_names),
            "class_names": list(self.class_names),
            **written_inputs(self.input_shape, self.normalisation),
        }
