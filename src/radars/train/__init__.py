"""One architecture, trained from scratch, kept on disk, and evaluated on the test split."""

from radars.train.config import TrainConfig
from radars.train.evaluate import EvaluationResult, evaluate_run
from radars.train.export import ExportFormat, ExportResult, export_run
from radars.train.job import train_architecture
from radars.train.result import TrainResult
from radars.train.trained import TrainedNetwork, load_trained

__all__ = [
    "EvaluationResult",
    "ExportFormat",
    "ExportResult",
    "TrainConfig",
    "TrainResult",
    "TrainedNetwork",
    "evaluate_run",
    "export_run",
    "load_trained",
    "train_architecture",
]
