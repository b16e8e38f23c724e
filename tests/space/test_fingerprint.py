import sys

import pytest
import torch
from torch import nn

from radars.space import SearchSpace, fingerprint, origins_of


def _network(choose):  # type: ignore[no-untyped-def]
    layer = {"skip": nn.Identity, "conv": lambda: nn.Conv2d(2, 2, 3, padding=1), "relu": nn.ReLU}
    return nn.Sequential(*[choose(f"layer{index}", layer) for index in range(3)])


def _fingerprint(*names: str) -> str:
    space = SearchSpace(_network)
    with torch.device("meta"):
        network = space.build({f"layer{index}": name for index, name in enumerate(names)})
        return fingerprint(network, (2, 4, 4))


def test_where_identities_stand_does_not_matter() -> None:
    assert _fingerprint("conv", "skip", "relu") == _fingerprint("skip", "conv", "relu")
    assert _fingerprint("conv", "skip", "skip") == _fingerprint("skip", "skip", "conv")


def test_the_order_and_number_of_operations_matters() -> None:
    different = {
        _fingerprint("conv", "relu", "skip"),
        _fingerprint("relu", "conv", "skip"),
        _fingerprint("conv", "conv", "skip"),
        _fingerprint("conv", "skip", "skip"),
        _fingerprint("skip", "skip", "skip"),
    }
    assert len(different) == 5


def test_shared_weights_are_told_from_weights_of_ones_own() -> None:
    with torch.device("meta"):
        layer = nn.Linear(3, 3)
        shared, own = nn.Sequential(layer, layer), nn.Sequential(layer, nn.Linear(3, 3))
        assert fingerprint(shared, (3,)) != fingerprint(own, (3,))


def test_settings_of_an_operation_matter() -> None:
    with torch.device("meta"):
        narrow = nn.Conv2d(2, 2, 3, padding=1)
        dilated = nn.Conv2d(2, 2, 3, padding=2, dilation=2)
        assert fingerprint(narrow, (2, 4, 4)) != fingerprint(dilated, (2, 4, 4))


def test_what_differs_in_training_only_is_told_apart() -> None:
    rates = [nn.Dropout(0.1), nn.Dropout(0.5), nn.Identity()]
    with torch.device("meta"):
        found = {
            fingerprint(nn.Sequential(nn.Linear(3, 3), layer, nn.BatchNorm1d(3)), (3,))
            for layer in rates
        }
    assert len(found) == 3


def test_what_is_not_worked_out_is_told_apart_as_if_it_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    activations = [
        *(nn.ReLU(), nn.GELU(), nn.Sigmoid(), nn.SiLU(), nn.SiLU(inplace=True)),
        *(nn.Hardswish(), nn.Hardswish(inplace=True)),
        *(nn.Hardsigmoid(), nn.Hardsigmoid(inplace=True)),
    ]
    normalisations = [
        *(nn.BatchNorm2d(2), nn.BatchNorm2d(2, affine=False, track_running_stats=False)),
        nn.InstanceNorm2d(2),
    ]

    def digests() -> list[str]:
        with torch.device("meta"):
            layers = [nn.Conv2d(2, 2, 3), *activations, *normalisations]
            return [
                fingerprint(nn.Sequential(*layers, nn.BatchNorm2d(2)).to("meta"), (2, 4, 4)),
                *(fingerprint(layer.to("meta"), (2, 4, 4)) for layer in layers),
            ]

    quick = digests()
    module = sys.modules[fingerprint.__module__]
    monkeypatch.setattr(module, "_run", lambda func, args, kwargs: func(*args, **kwargs))
    assert digests() == quick
    assert len(set(quick)) == len(quick)


class Scale(nn.Module):
    """Computes the same whatever its settings are, but begins with other values."""

    def __init__(self, start: object, is_parameter: bool = False) -> None:
        super().__init__()
        self.start = start
        scale = torch.ones(())
        self.scale = nn.Parameter(scale) if is_parameter else scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale


@pytest.mark.parametrize("is_parameter", [True, False])
def test_values_that_begin_by_a_setting_are_told_apart(is_parameter: bool) -> None:
    def said(*starts: object) -> str:
        layers = [nn.Sequential(Scale(start, is_parameter)) for start in starts]
        network = nn.Sequential(*layers, nn.Linear(3, 3))
        return fingerprint(network, (3,), origins=origins_of(network))

    with torch.device("meta"):
        assert len({said(0), said(1), said(0, 1), said(1, 0)}) == 4
        assert said(0, 1) == said(0, 1)


def test_settings_that_cannot_be_told_have_no_origin() -> None:
    assert origins_of(nn.Sequential(Scale(object()))) is None
