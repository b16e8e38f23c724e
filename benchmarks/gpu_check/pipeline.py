"""Stage `pipeline`: how many images a second the input pipeline gives by itself."""

import os
import time
from typing import Any

from gpu_check.stage import Figures, Setting
from radars.data import DataConfig, load_data, move

_VARIANTS: dict[str, dict[str, Any]] = {
    "32 pixels, in memory, as they are": {"augment": False},
    "32 pixels, in memory": {},
    "32 pixels, streamed, no workers": {"in_memory_bytes": 1, "num_workers": 0},
    "32 pixels, streamed, workers": {"in_memory_bytes": 1},
    "224 pixels, in memory": {"image_size": 224, "batch_size": 16},
    "224 pixels, streamed, no workers": {
        "image_size": 224,
        "batch_size": 16,
        "in_memory_bytes": 1,
        "num_workers": 0,
    },
    "224 pixels, streamed, workers": {"image_size": 224, "batch_size": 16, "in_memory_bytes": 1},
}


def run(setting: Setting, figures: Figures) -> None:
    """Each for a few seconds, with the copy to the device."""
    speeds: dict[str, float] = {}
    for name, options in _VARIANTS.items():
        if setting.is_late:
            break
        images = "imagenet" if "image_size" in options else "cifar10"
        known = {"source": str(setting.images(images)), "validation_fraction": 0.0}
        known |= {"batch_size": setting.of(8, 128), "num_workers": os.cpu_count() or 1} | options
        speeds[name] = images_a_second(setting, DataConfig(**known))
        figures.note(images_a_second=speeds)
        figures.say(f"{name}: {speeds[name]:,.0f} images a second")


def images_a_second(setting: Setting, config: DataConfig) -> float:
    """How many come to the device; the first batch, which starts workers, is not counted."""
    split = load_data(config, 0).train.on(setting.device)
    stream = split.batches(config.batch_size, augment=config.augment, seed=0)
    move(stream.next(), setting.device)
    setting.synchronise()
    start, number = time.perf_counter(), 0
    seconds = 0.0
    while seconds < setting.of(1, 3):
        move(stream.next(), setting.device)
        number += config.batch_size
        setting.synchronise()
        seconds = time.perf_counter() - start
    return number / seconds
