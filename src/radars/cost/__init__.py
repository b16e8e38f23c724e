"""What an architecture costs where it will run, and bounds on it."""

from radars.cost.constraint import Constraint
from radars.cost.cost_kind import CostKind, PriceRequest, format_cost
from radars.cost.cost_table import COUNTED, Cost, CostTable
from radars.cost.count import count_macs, count_parameters, network_macs
from radars.cost.estimated import estimated_sum, extremes
from radars.cost.feasible import Feasible
from radars.cost.latency import LatencySpec, measured_metric, measured_rows
from radars.cost.latency_table import LatencyRow, latency_metric, read_latencies
from radars.cost.learn_terms import LearnedTerms, learn_terms
from radars.cost.metric import Additive, Metric, Term
from radars.cost.objective import CostName, Objectives, SoftTarget
from radars.cost.pareto import pareto_front
from radars.cost.price_cache import PriceCache
from radars.cost.priced_places import price_places
from radars.cost.program import solve

__all__ = [
    "COUNTED",
    "Additive",
    "Constraint",
    "Cost",
    "CostKind",
    "CostName",
    "CostTable",
    "Feasible",
    "LatencyRow",
    "LatencySpec",
    "LearnedTerms",
    "Metric",
    "Objectives",
    "PriceCache",
    "PriceRequest",
    "SoftTarget",
    "Term",
    "count_macs",
    "count_parameters",
    "estimated_sum",
    "extremes",
    "format_cost",
    "latency_metric",
    "learn_terms",
    "measured_metric",
    "measured_rows",
    "network_macs",
    "pareto_front",
    "price_places",
    "read_latencies",
    "solve",
]
