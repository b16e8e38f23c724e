"""Against a real cluster of two nodes, which is started once for all of this file."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

# Ray reads these when it is imported: a secret of this file's own cluster
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}

import torch
from tests.tasks import alone, die, die_once, follow, meet, searched
from tests.tiny import outcome

from radars.errors import ConfigError, RunError
from radars.execution.executor import Lost, Needs
from radars.execution.ray_executor import RayExecutor, check_placement, ray_options
from radars.runs.events import read_events
from radars.runs.read_run import read_result

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MIB = 2**20
NODE_BYTES = 600 * MIB
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


class Node:
    """A node of a cluster: `ray start`, and what it starts."""

    def __init__(self, *options: str, env: dict[str, str]) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
        command += ["--num-cpus=2", f"--memory={NODE_BYTES}", f"--object-store-memory={80 * MIB}"]
        # in a session of its own, as `ray stop` would stop everybody's
        self._process = subprocess.Popen(
            command,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Cluster:
    """A head and a second node on this machine.

    Attributes:
        address: of the head.
        flag: a file at whose sight a worker that trains a `Deadly` kills itself, once.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self.flag = folder / "flag"
        self._env = os.environ | {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "RADARS_TEST_FLAG": str(self.flag),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # 15 by default: beside other tests they would starve
        }
        self.start_head()
        self._second = Node(f"--address={self.address}", env=self._env)
        self._connection: RayExecutor | None = None

    def start_head(self) -> None:
        head = ("--head", f"--port={self._port}", "--include-dashboard=false")
        self._head = Node(*head, env=self._env)
        deadline = time.monotonic() + 120
        while True:  # the second node does not wait for it
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def connect(self, retries: int = 2) -> RayExecutor:
        """Connects this process, once; both nodes are there."""
        import ray  # and not where the tests are collected

        if self._connection is None:
            self._connection = RayExecutor(self.address)
            deadline = time.monotonic() + 120
            while len(ray.nodes()) < 2:  # type: ignore[no-untyped-call]
                assert time.monotonic() < deadline
                time.sleep(0.1)
        return RayExecutor(self.address, retries)

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.__exit__(None, None, None)
        self._connection = None

    def kill(self) -> None:
        self._head.kill()
        self._second.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        yield started
    finally:
        started.disconnect()
        started.kill()


def needs(memory_bytes: int = MIB, num_threads: int = 1) -> Needs:
    return Needs(memory_bytes, num_threads, CPU)


def test_results_come_in_order_and_all_run_at_once_that_fit(
    cluster: Cluster, tmp_path: Path
) -> None:
    ray_executor = cluster.connect()
    first, second = tmp_path / "first", tmp_path / "second"
    tasks = [(first, second), (second, None)]
    assert list(ray_executor.map(follow, tasks, [needs()] * 2)) == ["first", "second"]
    names = tuple(tmp_path / name for name in "abcd")  # two nodes, two on each
    together = ray_executor.map(
        meet, [(name, names) for name in names], [needs(NODE_BYTES // 2)] * 4
    )
    assert list(together) == list("abcd")


def test_budgets_that_do_not_fit_together_never_meet_on_a_node(
    cluster: Cluster, tmp_path: Path
) -> None:
    budget = needs(2 * NODE_BYTES // 3)  # a node has room for one and a half
    nodes = list(cluster.connect().map(alone, [tmp_path] * 6, [budget] * 6))
    assert len(nodes) == 6


def test_what_no_node_can_hold_is_refused(cluster: Cluster) -> None:
    with pytest.raises(ConfigError, match=r"601\.0 MiB, but the nodes have 2 CPUs, 600\.0 MiB"):
        cluster.connect().check([needs(601 * MIB)])
    with pytest.raises(ConfigError, match="a node with 3 CPUs"):
        cluster.connect().check([needs(num_threads=3)])


def test_where_no_node_is_alive_that_is_said() -> None:
    with pytest.raises(RunError, match="none of them is alive; start Ray again"):
        check_placement(needs(MIB), {"num_cpus": 1}, [])


def test_a_worker_that_is_killed_is_replaced_and_reported(cluster: Cluster, tmp_path: Path) -> None:
    lost: list[Lost] = []
    (tmp_path / "b").touch()
    tasks = [tmp_path / name for name in "abc"]
    all_needs = [needs(), needs(num_threads=2), needs()]
    results = cluster.connect().map(die_once, tasks, all_needs, on_lost=lost.append)
    assert list(results) == [("a", 1), ("b", 2), ("c", 1)]
    assert [(known.task, known.tries) for known in lost] == [(1, 1)]
    with pytest.raises(RunError, match="was lost 2 times"):
        list(cluster.connect(retries=1).map(die, [0], [needs()], on_lost=lost.append))
    assert len(lost) == 3


@pytest.mark.parametrize("method", ["reinforce", "radars"])
def test_a_search_is_the_local_one_also_where_a_worker_is_killed_as_it_trains(
    cluster: Cluster, method: str, tmp_path: Path
) -> None:
    cluster.connect()
    cluster.flag.touch()
    searched(method, tmp_path / "ray", {"name": "ray", "address": cluster.address})
    searched(method, tmp_path / "local", {})
    assert outcome(tmp_path / "ray") == outcome(tmp_path / "local")
    assert not cluster.flag.exists()
    events = read_events(tmp_path / "ray" / "events.jsonl")
    assert [event["tries"] for event in events if event["event"] == "worker_lost"] == [1]


DRIVER = """
import sys
from pathlib import Path
from tests.tasks import searched
searched("random", Path(sys.argv[2]), {"name": "ray", "address": sys.argv[1]})
"""


def test_a_search_goes_on_when_the_head_was_restarted(cluster: Cluster, tmp_path: Path) -> None:
    cluster.disconnect()
    out = tmp_path / "ray"
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, cluster.address, str(out)],
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # a minute by default
        },
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 240
    while not any(e["event"] == "child" for e in read_events(out / "events.jsonl")):
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    cluster.kill()
    try:
        assert driver.wait(timeout=120) != 0
    finally:
        driver.kill()
        driver.communicate()
    assert read_result(out) is None or read_result(out)["status"] == "failed"  # type: ignore[index]
    cluster.start_head()
    searched("random", out, {"name": "ray", "address": cluster.address}, resume=True)
    searched("random", tmp_path / "local", {})
    assert outcome(out) == outcome(tmp_path / "local")


def test_what_a_task_asks_for_on_gpus_is_the_fraction_that_its_budget_is() -> None:
    half = Needs(6 * 1024 * MIB, 2, GPU)
    assert ray_options(half, 12 * 1024 * MIB) == {"num_cpus": 2, "num_gpus": 0.5}
    # a bit more than half of a GPU: rounded up, so that two are more than one
    more = Needs(half.memory_bytes + 1, 2, GPU)
    assert ray_options(more, 12 * 1024 * MIB)["num_gpus"] == 0.5001
    for gpu_bytes in (0, 1024 * MIB):
        with pytest.raises(ConfigError, match="must fit a GPU"):
            ray_options(half, gpu_bytes)
    check_placement(half, {"num_cpus": 2, "num_gpus": 0.5}, [{"CPU": 2.0, "GPU": 1.0}])
    with pytest.raises(ConfigError, match="0 GPUs"):
        check_placement(half, {"num_cpus": 2, "num_gpus": 0.5}, [{"CPU": 2.0}])
