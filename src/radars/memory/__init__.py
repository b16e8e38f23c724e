"""How many bytes a training step holds: predicted, measured, and planned to fit a budget."""

from radars.cost import PriceCache
from radars.memory.corrections import Corrections
from radars.memory.inference import inference_bytes, inference_memory
from radars.memory.masked_choices import path_relaxation
from radars.memory.measure import measure
from radars.memory.out_of_memory import is_out_of_memory, no_room, out_of_memory_said
from radars.memory.path_planner import PathPlanner
from radars.memory.plan import Plan
from radars.memory.planner import Planner
from radars.memory.predict import StepMemory, TrainingSpec, predict
from radars.memory.tracker import Breakdown, MemoryTracker, Part
from radars.nn.memory_saving.savings import PLAIN, MemorySavings, saving_settings

__all__ = [
    "PLAIN",
    "Breakdown",
    "Corrections",
    "MemorySavings",
    "MemoryTracker",
    "Part",
    "PathPlanner",
    "Plan",
    "Planner",
    "PriceCache",
    "StepMemory",
    "TrainingSpec",
    "inference_bytes",
    "inference_memory",
    "is_out_of_memory",
    "measure",
    "no_room",
    "out_of_memory_said",
    "path_relaxation",
    "predict",
    "saving_settings",
]
