"""Every search method by its name."""

from radars.engine.methods.darts import Darts
from radars.engine.methods.enas import Enas
from radars.engine.methods.evolution import Evolution
from radars.engine.methods.fbnet import FBNet
from radars.engine.methods.gdas import GDAS
from radars.engine.methods.method import Method
from radars.engine.methods.pcdarts import PCDarts
from radars.engine.methods.proxyless import Proxyless
from radars.engine.methods.radars import Radars
from radars.engine.methods.random_search import RandomSearch
from radars.engine.methods.reinforce import Reinforce
from radars.engine.methods.spos import Spos
from radars.engine.search_setup import SearchSetup
from radars.engine.workbench import Workbench
from radars.nn.memory_saving.disk_offload import DiskOffload

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


def new_method(setup: SearchSetup, bench: Workbench, disk: DiskOffload | None = None) -> Method:
    """The method that the configuration names, at its start."""
    return METHODS[setup.config.method](setup, bench, disk)
