"""One architecture, trained from scratch, kept on disk, and evaluated on the test split."""

from radars.training.evaluation import EvaluationResult, evaluate_network
from radars.training.exporting import ExportFormat, ExportResult, export_network
from radars.training.train_config import TrainConfig
from radars.training.train_result import TrainResult
from radars.training.trained import TrainedNetwork, load_trained
from radars.training.training_job import train_architecture

__all__ = [
    "EvaluationResult",
    "ExportFormat",
    "ExportResult",
    "TrainConfig",
    "TrainResult",
    "TrainedNetwork",
    "evaluate_network",
    "export_network",
    "load_trained",
    "train_architecture",
]
