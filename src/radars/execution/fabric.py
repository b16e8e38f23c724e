"""Lightning Fabric on a device, or on several; it is quiet.

To import it takes longer than all of radars, so that a search in one process does not.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException

from radars.errors import RunError
from radars.nn.steps import Precision

Result = TypeVar("Result")


def fabric_on(device: torch.device, precision: Precision, num_devices: int = 1) -> Fabric:
    """Fabric for one device, or for several of a kind, each with a process of its own; it is quiet.

    The processes of several begin with `launch`.
    """
    with _quiet():
        if num_devices > 1:
            # a network may hold weights that a step does not need: those before a `none`
            strategy = _QuietStrategy(start_method="spawn", static_graph=True)
            return Fabric(
                accelerator=device.type,
                strategy=strategy,
                devices=num_devices,
                precision=precision,
            )
        return Fabric(
            accelerator=device.type,
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=precision,
        )


def data_parallel_fabric(num_processes: int, device: torch.device) -> Fabric:
    """Fabric for several processes of this machine, a GPU each where `device` is one; launched.

    It starts the others by running this command again, where nobody else did.
    """
    with _quiet():
        fabric = Fabric(accelerator=device.type, devices=num_processes, strategy="ddp")
        fabric.launch()
    return fabric


def launch(
    device: torch.device,
    precision: Precision,
    num_devices: int,
    function: Callable[..., Result],
    *arguments: Any,
) -> Result:
    """Calls a function in a process a device; returns what it returns in the first.

    Args:
        device: the kind of device that the processes are on.
        precision: the precision of their steps.
        num_devices: two or more.
        function: takes Fabric and the arguments; found by its name in each process.
        arguments: plain values.

    Raises:
        RunError: a process failed; what it says is on standard error.
    """
    fabric = fabric_on(device, precision, num_devices)
    try:
        result: Result = fabric.launch(function, *arguments)
    except (ProcessRaisedException, ProcessExitedException) as error:
        reason = str(error).strip().splitlines()[-1]
        raise RunError(
            f"a process of {num_devices} failed: {reason}; continue with --resume"
        ) from error
    return result


class _QuietStrategy(DDPStrategy):
    """DDP whose processes do not say that they begin."""

    def setup_environment(self) -> None:
        with _quiet():
            super().setup_environment()


@contextmanager
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
