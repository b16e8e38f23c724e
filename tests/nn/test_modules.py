from tests.tiny import wide_space
from torch import nn

from radars.nn.modules import all_modules, parameters_of
from radars.nn.supernet import Supernet


def test_all_modules_are_had_in_the_order_that_pytorch_has_them() -> None:
    shared = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    module = nn.Sequential(
        shared, nn.Sequential(nn.ReLU(), shared), nn.ModuleDict({"a": shared[0]})
    )
    module.register_module("nothing", None)
    for each in (module, Supernet(wide_space())):
        assert all_modules(each) == list(each.modules())
        pairs = zip(parameters_of(all_modules(each)), each.parameters(), strict=True)
        assert all(ours is theirs for ours, theirs in pairs)
