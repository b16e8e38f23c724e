"""All stages, in the order in which they run."""

from gpu_check import (
    accuracy,
    caps,
    floor,
    memory,
    paper,
    pipeline,
    repeats,
    speed,
    sync,
    tight,
    versions,
)
from gpu_check.stage import Stage

STAGES = (
    Stage("versions", 30, versions.run),
    Stage("floor", 30, floor.run),
    Stage("memory", 180, memory.run),
    Stage("sync", 60, sync.run),
    Stage("tight", 60, tight.run),
    Stage("caps", 50, caps.run),
    Stage("repeats", 50, repeats.run),
    Stage("speed", 50, speed.run),
    Stage("busy", 30, speed.busy),
    Stage("pipeline", 45, pipeline.run),
    Stage("accuracy", 45, accuracy.run),
    Stage("paper", 130, paper.run),
)
