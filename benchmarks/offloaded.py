"""Activations on the host, beside the memory savings of radars: what each frees, and what it takes.

A fixed subspace is trained: the last two candidates of every choice. PyTorch's `save_on_cpu` copies
what a step keeps for its backward pass to pinned memory, and back; radars computes candidates
again, all or the cheap calls in them. For each byte of the peak that is freed, one takes bytes over
the link to the host, the other multiplications. So the break-even is a property of a GPU: what it
multiplies in the time that its link takes for a byte. Where it can do more, computing again is the
cheaper saving.

    python benchmarks/offloaded.py [--spaces nasbench-macro,nasbench201,vit] [--batch-size 32]

Needs a GPU, whose kernels may do nothing: bytes and operations are counted. Appends a row for each
space and setting to `benchmarks/results/offloaded.jsonl`.
"""

import argparse
import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from about import about
from compiled import OPTIONS, SAVINGS, supernet_of
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from radars.memory import PLAIN
from radars.nn.supernet import Supernet
from radars.units import format_bytes
from radars.zoo import load_space

RESULTS = Path(__file__).parent / "results" / "offloaded.jsonl"


def main() -> None:
    """Measures every space and setting, and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spaces", default=",".join(OPTIONS))
    parser.add_argument("--batch-size", type=int, default=32)
    arguments = parser.parse_args()
    device = torch.device("cuda")
    for name in arguments.spaces.split(","):
        space = load_space(name, **OPTIONS[name])
        shape = (arguments.batch_size, *space.input_shape)
        rows = {
            setting: measured(supernet_of(space, savings, device), shape)
            for setting, savings in SAVINGS.items()
        }
        rows["offloaded"] = measured(supernet_of(space, PLAIN, device), shape, is_offloaded=True)
        for setting, row in rows.items():
            keep({"space": name, "setting": setting} | row | beside(row, rows["eager"]))
        again, offloaded = (
            beside(rows[s], rows["eager"]) for s in ("candidates again", "offloaded")
        )
        even = again["operations_a_byte"] / offloaded["copied_bytes_a_byte"]
        print(
            f"{name}: computing again is cheaper where {even:.0f} operations take less than a byte"
        )


def measured(
    network: Supernet, shape: tuple[int, ...], *, is_offloaded: bool = False
) -> dict[str, Any]:
    """The peak of a step, the bytes it copies to the host and back, and its operations."""
    example_B = torch.randn(shape, device=network.device)
    label_B = torch.randint(10, shape[:1], device=network.device)
    network.train()
    copied: list[int] = []

    def step() -> None:
        copied.clear()
        with offloading(copied) if is_offloaded else nullcontext():
            loss = nn.functional.cross_entropy(network(example_B), label_B)
        loss.backward()  # type: ignore[no-untyped-call]
        network.zero_grad()

    step()
    gc.collect()
    torch.cuda.reset_peak_memory_stats()
    step()
    peak_bytes = torch.cuda.max_memory_allocated()
    with FlopCounterMode(display=False) as counter:
        step()
    return {
        "batch_size": shape[0],
        "peak_bytes": peak_bytes,
        "copied_bytes": 2 * sum(copied),
        "operations": counter.get_total_flops(),
    }


@contextmanager
def offloading(copied: list[int]) -> Iterator[None]:
    """As `torch.autograd.graph.save_on_cpu`, which it notes the bytes of; weights stay."""

    def pack(tensor: Tensor) -> Tensor:
        if isinstance(tensor, nn.Parameter) or tensor.device.type == "cpu":
            return tensor
        copied.append(tensor.nbytes)
        return torch.empty_like(tensor, device="cpu", pin_memory=True).copy_(
            tensor, non_blocking=True
        )

    def unpack(kept: Tensor) -> Tensor:
        return kept.to("cuda", non_blocking=True)

    with saved_tensors_hooks(pack, unpack):
        yield


def beside(row: dict[str, Any], plain: dict[str, Any]) -> dict[str, float]:
    """What a setting takes for each byte that it frees of the peak."""
    freed_bytes = plain["peak_bytes"] - row["peak_bytes"]
    if freed_bytes <= 0:
        return {}
    operations = row["operations"] - plain["operations"]
    return {
        "operations_a_byte": round(operations / freed_bytes, 1),
        "copied_bytes_a_byte": round(row["copied_bytes"] / freed_bytes, 2),
    }


def keep(row: dict[str, Any]) -> None:
    """Prints a row, and appends it to the results."""
    copied, operations = row.get("copied_bytes_a_byte", 0), row.get("operations_a_byte", 0)
    print(
        f"{row['space']}, {row['setting']}: {format_bytes(row['peak_bytes'])}; for each byte less "
        f"{copied} bytes copied, {operations} operations",
        flush=True,
    )
    with RESULTS.open("a") as file:
        file.write(json.dumps(about() | row) + "\n")


if __name__ == "__main__":
    main()
