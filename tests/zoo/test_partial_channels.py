import pytest
import torch
from tests.tiny import cell_space, tiny_network, tiny_space, zoo_space
from torch import Tensor, nn

from radars.errors import ConfigError
from radars.memory import Planner, TrainingSpec
from radars.nn.supernet import Supernet
from radars.space import Choose, SearchSpace
from radars.zoo import partial_channels

SPACES = pytest.mark.parametrize(
    "space",
    [
        pytest.param(tiny_space(), id="tiny"),
        pytest.param(zoo_space("nasbench-macro", width=8), id="nasbench-macro"),
        pytest.param(zoo_space("nasbench201", width=8, cells_per_stage=1), id="nasbench201"),
    ],
)


@SPACES
def test_the_choices_are_those_of_the_space(space: SearchSpace) -> None:
    assert partial_channels(space, 4).choices == space.choices


@SPACES
def test_a_supernet_trains_and_needs_less_memory(space: SearchSpace) -> None:
    narrow = partial_channels(space, 4)
    assert space.input_shape is not None
    supernet = Supernet(narrow)
    output = supernet(torch.randn(4, *space.input_shape))
    output.sum().backward()
    assert all(logit_C.grad is not None for logit_C in supernet.logits)
    spec = TrainingSpec(space.input_shape, 16)
    needed = [Planner(s, spec, 2**40).full_supernet_bytes for s in (space, narrow)]
    assert needed[1] < 0.6 * needed[0]


def test_edges_of_which_some_are_kept_share_their_weights() -> None:
    space = cell_space()
    narrow = partial_channels(space, 2)
    assert [rule.weighed_together for rule in (*space.rules, *narrow.rules)] == [False, True]
    logits = {edge: {"none": 0.0, "skip": 0.1, "conv3": 0.2} for edge in "abcd"}
    logits["b"] = {name: 2.0 + logit for name, logit in logits["b"].items()}  # what b has in common
    supernets = [Supernet(known) for known in (space, narrow)]
    weights = []
    for supernet in supernets:
        supernet.logits.set(logits)
        weights.append({edge: weight_C.detach() for edge, weight_C in supernet.relaxed().items()})
    apart, together = weights
    for edge in "bcd":
        torch.testing.assert_close(apart[edge], apart["a"])
    # the paper's: a softmax over edges times one over the candidates of each
    beta = torch.tensor([0.0, 2.0, 0.0, 0.0]).softmax(0).tolist()
    for edge, share in zip("abcd", beta, strict=True):
        torch.testing.assert_close(together[edge], share * apart[edge])


class Double(nn.Module):
    def forward(self, image: Tensor) -> Tensor:
        return 2 * image


class Halve(nn.Module):
    """Doubles the channels and halves the image."""

    def forward(self, image: Tensor) -> Tensor:
        return -image[:, :, ::2, ::2].repeat(1, 2, 1, 1)


def test_one_channel_in_four_is_seen_and_the_others_pass() -> None:
    def network(choose: Choose, width: int = 8) -> nn.Module:
        return choose("a", {"double": Double})

    image = torch.randn(2, 8, 6, 6)
    output = partial_channels(SearchSpace(network), 4).build({"a": "double"})(image)
    # of a shuffle in 4 groups, the first two channels are at 0 and 4
    assert torch.equal(output[:, [0, 4]], 2 * image[:, :2])
    rest = [index for index in range(8) if index not in (0, 4)]
    passed = {tuple(channel.flatten().tolist()) for channel in output[0, rest]}
    assert passed == {tuple(channel.flatten().tolist()) for channel in image[0, 2:]}


def test_what_passes_is_pooled_and_repeated_where_shapes_change() -> None:
    def network(choose: Choose, width: int = 8) -> nn.Module:
        return choose("a", {"halve": Halve})

    image = torch.randn(2, 8, 6, 6)
    output = partial_channels(SearchSpace(network), 2).build({"a": "halve"})(image)
    assert output.shape == (2, 16, 3, 3)
    assert torch.equal(output[:, ::2], Halve()(image[:, :4]))
    pooled = nn.functional.max_pool2d(image[:, 4:], 2)
    assert torch.equal(output[:, 1::2], pooled.repeat(1, 2, 1, 1))


def test_a_width_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'tiny' has 4 for 3.*dnas\.partial_channels"):
        partial_channels(tiny_space(), 3)


def test_a_space_without_a_width_is_refused() -> None:
    with pytest.raises(ConfigError, match="'lone' has none for 2"):
        partial_channels(SearchSpace(lambda choose: tiny_network(choose), name="lone"), 2)
