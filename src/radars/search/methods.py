"""Every search method by its name."""

from radars.nn.shelf import Shelf
from radars.search.darts import Darts
from radars.search.enas import Enas
from radars.search.evolution import Evolution
from radars.search.fbnet import FBNet
from radars.search.gdas import GDAS
from radars.search.method import Method
from radars.search.pcdarts import PCDarts
from radars.search.proxyless import Proxyless
from radars.search.radars import Radars
from radars.search.random_search import RandomSearch
from radars.search.reinforce import Reinforce
from radars.search.setup import SearchSetup
from radars.search.spos import Spos
from radars.search.workbench import Workbench

METHODS: dict[str, type[Method]] = {
    "radars": Radars,
    "reinforce": Reinforce,
    "enas": Enas,
    "darts": Darts,
    "fbnet": FBNet,
    "pcdarts": PCDarts,
    "gdas": GDAS,
    "proxyless": Proxyless,
    "spos": Spos,
    "random": RandomSearch,
    "evolution": Evolution,
}


def new_method(setup: SearchSetup, bench: Workbench, shelf: Shelf | None = None) -> Method:
    """The method that the configuration names, at its start."""
    return METHODS[setup.config.method](setup, bench, shelf)
