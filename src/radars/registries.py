"""What can be added to: methods, rankers, costs, spaces and sources of data, by name.

A line each, whether it comes with radars or from another package; the command line, its completion
and the documentation read them here. Nothing is imported until it is asked for.
"""

from typing import Any

from radars.registry import Registry

_METHODS = "radars.engine.methods"
METHODS: Registry[Any] = Registry(
    "method",
    "radars.methods",
    {
        "radars": f"{_METHODS}.radars:Radars",
        "reinforce": f"{_METHODS}.reinforce:Reinforce",
        "enas": f"{_METHODS}.enas:Enas",
        "spos": f"{_METHODS}.spos:Spos",
        "random": f"{_METHODS}.random_search:RandomSearch",
        "evolution": f"{_METHODS}.evolution:Evolution",
        "local_search": f"{_METHODS}.local_search:LocalSearch",
        "asha": f"{_METHODS}.asha:Asha",
        "zero_cost": f"{_METHODS}.zero_cost_search:ZeroCost",
        "largest": f"{_METHODS}.largest:Largest",
        "darts": f"{_METHODS}.darts:Darts",
        "fbnet": f"{_METHODS}.fbnet:FBNet",
        "pcdarts": f"{_METHODS}.pcdarts:PCDarts",
        "gdas": f"{_METHODS}.gdas:GDAS",
        "proxyless": f"{_METHODS}.proxyless:Proxyless",
    },
)
"""Subclasses of `radars.engine.methods.method.Method`."""

RANKERS: Registry[Any] = Registry(
    "ranker",
    "radars.rankers",
    {
        "regions": "radars.engine.rankers.zero_cost.regions:Regions",
        "expressivity": "radars.engine.rankers.zero_cost.expressivity:Expressivity",
        "size": "radars.engine.rankers.size:Size",
    },
)
"""Subclasses of `radars.engine.rankers.ranker.Ranker`."""

COSTS: Registry[Any] = Registry(
    "cost",
    "radars.costs",
    {
        "macs": "radars.cost.counted:MACS",
        "parameters": "radars.cost.counted:PARAMETERS",
        "memory": "radars.memory.inference:INFERENCE_MEMORY",
        "latency_ms": "radars.cost.latency:LATENCY",
    },
)
"""Instances of `radars.cost.cost_kind.CostKind`."""

SPACES: Registry[Any] = Registry(
    "space",
    "radars.spaces",
    {
        "digits": "radars.zoo.digits:ENTRY",
        "nasbench-macro": "radars.zoo.nasbench_macro:ENTRY",
        "nasbench201": "radars.zoo.nasbench201:ENTRY",
        "nats-size": "radars.zoo.nats_size:ENTRY",
        "darts": "radars.zoo.darts_cells:ENTRY",
        "cifar-large": "radars.zoo.cifar_large:ENTRY",
        "resnet": "radars.zoo.resnet:ENTRY",
        "vit": "radars.zoo.vit:ENTRY",
        "mobile": "radars.zoo.mobile:MOBILE",
        "mobile-large": "radars.zoo.mobile:MOBILE_LARGE",
        "mobile-elastic": "radars.zoo.mobile:MOBILE_ELASTIC",
        "ofa-mobile": "radars.zoo.ofa_mobile:ENTRY",
        "resnet-elastic": "radars.zoo.resnet_elastic:ENTRY",
        "vit-elastic": "radars.zoo.vit_elastic:ENTRY",
    },
)
"""Instances of `radars.zoo.zoo_entry.ZooEntry`."""

DATA_SOURCES: Registry[Any] = Registry(
    "source of data", "radars.data_sources", {"digits": "radars.data.embedded:open_digits"}
)
"""Functions without arguments that return splits by name, `train` and `test`: data sets of
(example, target), or tables of encoded images as those of `radars.data.embedded`."""
