import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from radars.nn.operations import mbconv
from radars.space import building, content_of


def test_nothing_is_initialised_and_everything_has_its_shape() -> None:
    before = torch.get_rng_state()
    real = mbconv(4, 8, 3, 2, squeeze_excite=True)
    torch.set_rng_state(before)
    with building(torch.device("meta")):
        on_meta = mbconv(4, 8, 3, 2, squeeze_excite=True)
    with FakeTensorMode(), building(torch.device("cuda", 0)):
        fake = mbconv(4, 8, 3, 2, squeeze_excite=True)
    assert content_of(real) == content_of(on_meta) == content_of(fake)
    assert {tensor.device.type for tensor in on_meta.state_dict().values()} == {"meta"}
    assert {tensor.device.type for tensor in fake.state_dict().values()} == {"cuda"}
    assert torch.equal(torch.get_rng_state(), before)


def test_content_tells_candidates_apart() -> None:
    modules = [
        mbconv(4, 4, 3, 2),
        mbconv(4, 4, 5, 2),
        mbconv(4, 4, 3, 3),
        mbconv(4, 4, 3, 2, squeeze_excite=True),
        nn.Identity(),
        nn.Dropout(0.1),
        nn.Dropout(0.2),
    ]
    assert len({content_of(module) for module in modules}) == len(modules)


class Scaled(nn.Module):
    def __init__(self, scale: object) -> None:
        super().__init__()
        self._scale = scale


def test_settings_that_no_representation_shows_count() -> None:
    assert str(Scaled([1])) == str(Scaled([2]))
    assert content_of(Scaled([1])) == content_of(Scaled([1]))
    assert content_of(Scaled([1])) != content_of(Scaled([2]))
    assert content_of(Scaled(lambda: 1)) is None  # what it does is unknown
    assert content_of(nn.Sequential(nn.ReLU(), Scaled(object()))) is None
    before = content_of(module := nn.Linear(2, 2))
    assert content_of(module.eval()) == before
