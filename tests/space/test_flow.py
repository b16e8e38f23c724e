from tests.tiny import planted_space, shared_space, zoo_space
from torch import Tensor, nn

from radars.space import Choose, SearchSpace

IMAGE = (3, 32, 32)


def test_a_chain_feeds_forward() -> None:
    flow = zoo_space("nasbench-macro").flow(IMAGE)
    layers = [f"layer{i}" for i in range(8)]
    before = ["", *layers]
    assert flow.sources == {layer: (before[i],) for i, layer in enumerate(layers)}
    assert flow.output == ("layer7",)
    assert set(flow.num_places.values()) == {1}


def test_a_cell_that_is_repeated_is_told_once() -> None:
    flow = zoo_space("nasbench201").flow(IMAGE)
    assert flow.sources == {
        "edge01": ("",),
        "edge02": ("",),
        "edge12": ("edge01",),
        "edge03": ("",),
        "edge13": ("edge01",),
        "edge23": ("edge02", "edge12"),
    }
    assert set(flow.output) == {"edge03", "edge13", "edge23"}
    assert set(flow.num_places.values()) == {15}
    assert flow.shapes["edge01"] == (16, 32, 32)


class Residual(nn.Module):
    def __init__(self, choose: Choose) -> None:
        super().__init__()
        candidates = {"skip": nn.Identity, "relu": nn.ReLU}
        self.first, self.second = choose("first", candidates), choose("second", candidates)

    def forward(self, image: Tensor) -> Tensor:
        hidden = image + self.first(image)
        output: Tensor = self.second(hidden) * 2
        return output


def test_a_shortcut_is_a_source_of_its_own_even_past_an_identity() -> None:
    flow = SearchSpace(Residual).flow((1, 4, 4))
    assert flow.sources == {"first": ("",), "second": ("", "first")}
    assert flow.output == ("second",)


def test_branches_and_shared_choices() -> None:
    branches = planted_space().flow((3, 8, 8))
    assert all(sources == ("",) for sources in branches.sources.values())
    assert set(branches.output) == set(branches.sources)
    shared = shared_space()
    assert max(shared.flow((1, 8, 8)).num_places.values()) > 1
