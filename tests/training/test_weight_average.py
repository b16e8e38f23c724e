import torch
from torch import nn

from radars.training.weight_average import MovingAverage


def test_it_follows_slowly_after_a_quick_start() -> None:
    linear, norm = nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)
    network = nn.Sequential(linear, norm)
    average = MovingAverage(network, decay=0.5)
    expected = 0.0
    for update, value in enumerate([4.0, 2.0, 1.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0, 8.0]):
        nn.init.constant_(linear.weight, value)
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.fill_(update)
        average.update(network)
        decay = 0.0 if update == 0 else min(0.5, (1 + update) / (10 + update))
        expected = decay * expected + (1 - decay) * value
        state = average.network.state_dict()
        assert torch.allclose(state["0.weight"], torch.tensor([[expected]]))
        assert int(state["1.num_batches_tracked"]) == update
    assert expected != 8.0


def test_it_goes_on_where_it_was() -> None:
    network = nn.Linear(2, 2)
    average, other = MovingAverage(network, 0.9), MovingAverage(nn.Linear(2, 2), 0.9)
    average.update(network)
    other.load_state_dict(average.state_dict())
    nn.init.ones_(network.weight)
    for each in (average, other):
        each.update(network)
    first, second = average.state_dict(), other.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not any(parameter.requires_grad for parameter in other.network.parameters())
