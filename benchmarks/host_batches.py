"""What a batch of images costs the host until it is on a GPU: processor time and bytes copied.

    python benchmarks/host_batches.py --label WHAT_THE_GPU_IS

Batches of 64 images in memory, of 32 and of 224 pixels, as they are and changed at random. Once the
host changes and normalises them and copies floats (`host`); once it copies a byte a pixel, and the
rest is done there (`gpu`), as in a search. A GPU whose kernels do nothing shows the host's part
alone. Appends a row for each to `results/host_batches.jsonl`.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from about import about, commit_of_here

from radars.data import Batch, BatchStream, Normalisation, RawImages, Split, move
from radars.data.in_memory import MemoryPixels

ROWS = Path(__file__).parent / "results" / "host_batches.jsonl"
BATCH_SIZE, NUM_IMAGES, REPEATS = 64, 512, 5
STEPS = {32: 200, 224: 10}
GPU = torch.device("cuda")


def main() -> None:
    """Measures each size, with changes and without."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--label", required=True, help="what the GPU is")
    label = parser.parse_args().label
    torch.set_num_threads(1)
    for pixels in STEPS:
        split = split_of(pixels)
        for augment in (False, True):
            row: dict[str, Any] = about() | {"commit": commit_of_here(), "gpu": label}
            row |= {"pixels": pixels, "augment": augment, "milliseconds": {}, "bytes": {}}
            for where, data in (("host", split), ("gpu", split.on(GPU))):
                stream = data.batches(BATCH_SIZE, augment=augment, seed=0)
                times = [milliseconds(stream, STEPS[pixels]) for _ in range(REPEATS)]
                row["milliseconds"][where] = [
                    round(time, 2) for time in (statistics.median(times), min(times), max(times))
                ]
                row["bytes"][where] = copied_bytes(stream.next())
            print(json.dumps(row), flush=True)
            with ROWS.open("a") as file:
                file.write(json.dumps(row) + "\n")


def split_of(pixels: int) -> Split:
    """Made-up images."""
    image_NCHW = torch.randint(0, 256, (NUM_IMAGES, 3, pixels, pixels), dtype=torch.uint8)
    image_NCHW = image_NCHW.contiguous(memory_format=torch.channels_last)
    normalisation = Normalisation(torch.full((3,), 0.5), torch.full((3,), 0.25))
    return Split(MemoryPixels(image_NCHW), torch.arange(NUM_IMAGES) % 10, normalisation)


def milliseconds(stream: BatchStream, steps: int) -> float:
    """The processor time of a batch."""
    move(stream.next(), GPU)
    start = time.process_time()
    for _ in range(steps):
        move(stream.next(), GPU)
    return 1000 * (time.process_time() - start) / steps


def copied_bytes(batch: Batch) -> int:
    """What goes to the GPU."""
    images = batch.example_B
    tensors = [batch.label_B]
    if isinstance(images, RawImages):
        tensors += [images.image_BCHW, *(images.changes or ())]
    else:
        tensors.append(images)
    return sum(tensor.nbytes for tensor in tensors)


if __name__ == "__main__":
    main()
