"""What an architecture costs where it will run, and bounds on it."""

from radars.cost.constraint import METRICS, Constraint, format_cost
from radars.cost.count import count_macs, count_parameters
from radars.cost.feasible import Feasible
from radars.cost.metric import Additive, Metric
from radars.cost.price_cache import PriceCache
from radars.cost.price_places import price_places
from radars.cost.table import COUNTED, Cost, CostTable

__all__ = [
    "COUNTED",
    "METRICS",
    "Additive",
    "Constraint",
    "Cost",
    "CostTable",
    "Feasible",
    "Metric",
    "PriceCache",
    "count_macs",
    "count_parameters",
    "format_cost",
    "price_places",
]
