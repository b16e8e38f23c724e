"""What an architecture costs where it will run, and bounds on it."""

from radars.cost.constraint import Constraint
from radars.cost.count import count_macs, count_parameters
from radars.cost.feasible import Feasible
from radars.cost.table import Cost, CostTable

__all__ = ["Constraint", "Cost", "CostTable", "Feasible", "count_macs", "count_parameters"]
