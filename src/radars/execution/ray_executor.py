"""`RayExecutor`: tasks on the nodes of a Ray cluster. The only file that imports Ray.

Ray places a task where the node has left what the task asks for, and adds up what the tasks there
asked for. On the CPU a task asks for its budget as Ray's `memory`; on GPUs for the fraction of a
GPU that its budget is, so that budgets on one GPU never add up to more than it has.
"""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from radars.errors import ConfigError, RadarsError, RunError, first_line
from radars.execution.executor import (
    POLL_SECONDS,
    Executor,
    Lost,
    Needs,
    Result,
    Task,
    check_retries,
    run_task,
)
from radars.units import format_bytes

try:
    import ray
    from ray.exceptions import (
        LocalRayletDiedError,
        NodeDiedError,
        ObjectLostError,
        OutOfMemoryError,
        RayError,
        RayTaskError,
        WorkerCrashedError,
    )
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ImportError as error:
    raise ConfigError(
        'the executor ray needs Ray, which is not installed; pip install "radars-nas[ray]"'
    ) from error

_LOST = (WorkerCrashedError, NodeDiedError, OutOfMemoryError, ObjectLostError)
_SECONDS_TO_LEAVE = 20.0


class RayExecutor(Executor):
    """Used in a `with` block; a cluster that was started here ends with it.

    Args:
        address: the address of a cluster that runs already; None for `RAY_ADDRESS`, or else one on
            this machine that is started here.
        retries: how often a task is tried again whose worker was lost.

    Raises:
        ConfigError: no cluster answers.
    """

    def __init__(self, address: str | None = None, retries: int = 2) -> None:
        self._retries = retries
        self._is_joined = ray.is_initialized()  # somebody else's session
        if self._is_joined:
            return
        # a cluster that radars starts for itself reports nothing to anybody
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        address = address or os.environ.get("RAY_ADDRESS") or "local"
        if address == "local":
            quiet["include_dashboard"] = False
        try:
            ray.init(address, **quiet)
        except (ConnectionError, ValueError, RuntimeError, RayError) as error:
            raise ConfigError(
                f"a Ray cluster must answer at {address!r}, but got: "
                f"{first_line(error)}; start one with `ray start --head`, and give its token, "
                f"where it has one, by RAY_AUTH_MODE and RAY_AUTH_TOKEN"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._is_joined:
            ray.shutdown()

    def check(self, needs: Sequence[Needs]) -> None:
        """See `Executor`."""
        self._checked_options(needs)

    def map(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        needs: Sequence[Needs],
        *,
        while_waiting: Callable[[], None] = lambda: None,
        on_lost: Callable[[Lost], None] = lambda lost: None,
    ) -> Iterator[Result]:
        """See `Executor`."""
        if not tasks:
            return
        options = self._checked_options(needs)
        shared = ray.put(function)
        folder = Path.cwd()

        def submit(index: int) -> "ray.ObjectRef[Result]":
            # tried again here and not by Ray, which would not tell of it
            run: Any = _run.options(max_retries=0, **options[index])
            reference: ray.ObjectRef[Result] = run.remote(
                shared, tasks[index], needs[index].num_threads, folder
            )
            return reference

        running = [submit(index) for index in range(len(tasks))]
        lost = [0] * len(tasks)
        done: dict[int, Result] = {}
        try:
            for index in range(len(tasks)):
                while index not in done:
                    ready, _ = ray.wait([running[index]], timeout=POLL_SECONDS)
                    if not ready:
                        while_waiting()
                        continue
                    try:
                        done[index] = ray.get(running[index])
                    except _LOST as error:
                        lost[index] += 1
                        at_fault = Lost(index, lost[index], first_line(error))
                        on_lost(at_fault)
                        check_retries(at_fault, self._retries)
                        running[index] = submit(index)
                yield done.pop(index)
        except RayTaskError as error:
            if isinstance(error.cause, RadarsError):
                raise error.cause from None
            raise
        except (LocalRayletDiedError, RayError, ConnectionError) as error:
            raise RunError(
                f"the Ray cluster must stay up, but it failed: {first_line(error)}; start it "
                f"again, then continue with --resume"
            ) from error
        finally:
            _leave(running)

    def _checked_options(self, needs: Sequence[Needs]) -> list[dict[str, float]]:
        nodes = [node for node in _nodes() if node["Alive"]]
        gpu_bytes = 0
        if any(known.device.type != "cpu" for known in needs):
            gpu_bytes = _smallest_gpu_bytes(nodes)
        options = [ray_options(known, gpu_bytes) for known in needs]
        for known, option in zip(needs, options, strict=True):
            check_placement(known, option, [node["Resources"] for node in nodes])
        return options


def ray_options(needs: Needs, gpu_bytes: int) -> dict[str, float]:
    """What a task asks Ray for.

    Args:
        needs: the needs of the task.
        gpu_bytes: the memory of the smallest GPU of the cluster.

    Raises:
        ConfigError: no GPU has room for it.
    """
    if needs.device.type == "cpu":
        return {"num_cpus": needs.num_threads, "memory": needs.memory_bytes}
    # Ray counts in ten-thousandths; rounded up, or two halves and a bit would be placed on one GPU
    fraction = math.ceil(1e4 * needs.memory_bytes / gpu_bytes) / 1e4 if gpu_bytes else math.inf
    if fraction > 1:
        raise ConfigError(
            f"a task's budget must fit a GPU of the cluster, but it is "
            f"{format_bytes(needs.memory_bytes)} and the smallest GPU has "
            f"{format_bytes(gpu_bytes)}; lower the budget, or start Ray where there are GPUs"
        )
    return {"num_cpus": needs.num_threads, "num_gpus": fraction}


def check_placement(
    needs: Needs, options: Mapping[str, float], nodes: Iterable[Mapping[str, float]]
) -> None:
    """Refuses a task that Ray would keep waiting for ever.

    Args:
        needs: the needs of the task.
        options: what it asks Ray for.
        nodes: the resources of each node, as Ray names them.

    Raises:
        ConfigError: no node has it all.
        RunError: there is no node.
    """
    names = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
    nodes = list(nodes)
    if not nodes:
        raise RunError(
            "tasks run on the nodes of a Ray cluster, but none of them is alive; start Ray again, "
            "then resume"
        )
    for node in nodes:
        if all(node.get(names[key], 0.0) >= value for key, value in options.items()):
            return
    has = "; ".join(
        f"{node.get('CPU', 0):g} CPUs, {format_bytes(int(node.get('memory', 0)))}, "
        f"{node.get('GPU', 0):g} GPUs"
        for node in nodes
    )
    raise ConfigError(
        f"a task needs a node with {needs.num_threads} CPUs and "
        f"{format_bytes(needs.memory_bytes)}, but the nodes have {has}; lower num_threads or the "
        f"budget, or start Ray with more"
    )


@ray.remote
def _run(function: Callable[[Task], Result], task: Task, num_threads: int, folder: Path) -> Result:
    return run_task(function, task, num_threads, folder)


@ray.remote(max_retries=2)
def _gpu_bytes() -> int:
    return min(
        int(torch.cuda.get_device_properties(index).total_memory)
        for index in range(torch.cuda.device_count())
    )


def _nodes() -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return nodes


def _smallest_gpu_bytes(nodes: Sequence[Mapping[str, Any]]) -> int:
    """The memory of the smallest GPU of a cluster; 0 where there is none."""
    asked = [
        _gpu_bytes.options(
            num_cpus=0,
            num_gpus=0.0001,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote()
        for node in nodes
        if node["Resources"].get("GPU")
    ]
    return min(ray.get(asked), default=0)


def _leave(running: "list[ray.ObjectRef[Any]]") -> None:
    """Stops what still runs; a search among it has the time to save."""
    with suppress(RayError, ConnectionError):
        _, left = ray.wait(running, num_returns=len(running), timeout=0)
        for reference in left:
            ray.cancel(reference)
        if left:
            ray.wait(left, num_returns=len(left), timeout=_SECONDS_TO_LEAVE)
