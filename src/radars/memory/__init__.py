"""How many bytes a training step holds: predicted, measured, and planned to fit a budget."""

from radars.memory.levers import Levers, lever_settings
from radars.memory.measure import measure
from radars.memory.plan import Plan, Planner
from radars.memory.predict import StepMemory, TrainingSpec, predict
from radars.memory.tracker import Breakdown, MemoryTracker, Part

__all__ = [
    "Breakdown",
    "Levers",
    "MemoryTracker",
    "Part",
    "Plan",
    "Planner",
    "StepMemory",
    "TrainingSpec",
    "lever_settings",
    "measure",
    "predict",
]
