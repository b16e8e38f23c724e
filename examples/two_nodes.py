"""A search on a Ray cluster of two nodes, which is started on this machine for it.

Needs `pip install "radars-nas[ray]"`. On two machines, start the nodes by `ray start`, as
docs/workers.md says, and pass the address of the first: nothing else changes.
"""

import os
from typing import Any

# before Ray is imported: a cluster of one's own tells nobody of itself
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from ray.cluster_utils import Cluster

import radars

NODE: dict[str, Any] = {"num_cpus": 1, "memory": 256 * 2**20, "object_store_memory": 80 * 2**20}


def main() -> None:
    # without types, as Ray has it
    cluster: Any = Cluster(True, head_node_args=NODE | {"include_dashboard": False})
    try:
        cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        found = radars.search(
            "digits",
            method="random",
            budget="16MiB",
            num_threads=1,  # of each worker
            executor={"name": "ray", "address": cluster.address},
            children={"number": 2, "steps": 8, "batch": 2},  # two at a time: one on each node
            baseline={"names": ["largest"], "steps": 8},
        )
        print(found.summary())
        print(f"searched on {len(cluster.list_all_nodes())} nodes, of a processor each")
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
