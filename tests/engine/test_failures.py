"""Whatever a network does, it ends in one line that names it, and with no run left behind."""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tiny import quick_config, tiny_data, tiny_space
from torch import Tensor, nn

from radars.cli.endings import printable
from radars.engine.given import Given
from radars.engine.methods.radars import Radars
from radars.engine.run import run_search
from radars.errors import RadarsError, RunError
from radars.nn.operations import classifier, conv_bn_relu
from radars.runs.read_run import read_result
from radars.space import Choose, Factory, SearchSpace


class _FailingBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, example_B: Tensor) -> Tensor:
        return example_B.clone()

    @staticmethod
    def backward(ctx: Any, gradient_B: Tensor) -> Tensor:
        raise ValueError("not\nback")


class Candidate(nn.Module):
    def __init__(self, does: Callable[["Candidate", Tensor], Tensor]) -> None:
        super().__init__()
        self._does = does

    def forward(self, example_B: Tensor) -> Tensor:
        return self._does(self, example_B)


def in_training(module: nn.Module, example_B: Tensor) -> Tensor:
    if module.training:
        raise KeyError("in training")
    return example_B


def leaving(module: nn.Module, example_B: Tensor) -> Tensor:
    if module.training:
        sys.exit(0)
    return example_B


class Sparse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(3, 1, sparse=True)

    def forward(self, example_B: Tensor) -> Tensor:
        index = torch.zeros(1, dtype=torch.long, device=example_B.device)
        output: Tensor = example_B + self.embedding(index).sum()
        return output


class NoError(BaseException):
    """Which `except Exception` lets pass."""


def raising(kind: type[BaseException]) -> Callable[[], nn.Module]:
    def does(module: nn.Module, example_B: Tensor) -> Tensor:
        raise kind

    return lambda: Candidate(does)


class Counting(nn.Conv2d):
    """Its state is no tensor."""

    def get_extra_state(self) -> Any:
        return {"count": 1}

    def set_extra_state(self, state: Any) -> None:
        assert state == {"count": 1}


class Renamed(Candidate):
    """Its name would clear a screen and write a line of its own."""


Renamed.__name__ = Renamed.__qualname__ = "\x1b[2JNo\nname"


FAILING: dict[str, Callable[[], nn.Module]] = {
    "escape codes": lambda: Renamed(lambda _, x: x / (1 // 0)),
    "backward": lambda: Candidate(lambda _, x: _FailingBackward.apply(x)),
    "in training": lambda: Candidate(in_training),
    "leaving in training": lambda: Candidate(leaving),
    "complex": lambda: Candidate(lambda _, x: torch.complex(x, x)),
    "integer": lambda: Candidate(lambda _, x: x.long()),
    "sparse gradients": Sparse,
    "a value": lambda: Candidate(lambda _, x: x * float(x.mean())),
    "lazy": lambda: nn.LazyConv2d(4, 1),
    "no error": raising(NoError),
    "another state": lambda: Counting(4, 4, 1),
    "scripted": lambda: torch.jit.script(nn.Conv2d(4, 4, 1)),
}


@pytest.mark.parametrize("name", FAILING)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_candidate_that_fails_is_named_before_anything_is_left(name: str, tmp_path: Path) -> None:
    def network(choose: Choose) -> nn.Module:
        candidates: dict[str, Factory] = {"none": nn.Identity, "bad": FAILING[name]}
        return nn.Sequential(conv_bn_relu(1, 4), choose("a", candidates), classifier(4, 4))

    config = quick_config("random", children={"number": 2, "steps": 2})
    try:
        space = SearchSpace(network)
        run_search(config, Given(space=space, data=tiny_data()), out=tmp_path / "run")
    except RadarsError as error:
        [line] = str(error).splitlines()
        assert printable(line).isprintable()
        assert "'bad'" in line
        assert "choice 'a'" in line
        assert not (tmp_path / "run").exists()
    else:
        assert name in ("lazy", "scripted")  # these may work


def test_a_network_that_differs_each_time_ends_in_a_line(tmp_path: Path) -> None:
    draw = random.Random(1)

    def network(choose: Choose) -> nn.Module:
        width = draw.randint(2, 9)
        candidates: dict[str, Factory] = {
            "none": nn.Identity,
            "conv": lambda: nn.Conv2d(width, width, 1),
        }
        return nn.Sequential(conv_bn_relu(1, width), choose("a", candidates), classifier(width, 4))

    config = quick_config("random", children={"number": 2, "steps": 2})
    with pytest.raises(RadarsError) as caught:
        run_search(
            config, Given(space=SearchSpace(network), data=tiny_data()), out=tmp_path / "run"
        )
    assert "\n" not in str(caught.value)


def test_what_fails_in_a_step_is_one_line_and_its_result_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("in a step")

    monkeypatch.setattr(Radars, "explore", fail)
    space = SearchSpace(
        lambda choose: nn.Sequential(choose("a", {"none": nn.Identity, "relu": nn.ReLU}),
                                     classifier(1, 4))
    )  # fmt: skip
    with pytest.raises(RunError, match="failed with ZeroDivisionError: in a step") as caught:
        run_search(quick_config(), Given(space=space, data=tiny_data()), out=tmp_path / "run")
    file = Path(str(caught.value).split("its traceback is in ")[1].rstrip(")"))
    assert "raise ZeroDivisionError" in file.read_text()
    file.unlink()
    result = read_result(tmp_path / "run")
    assert result is not None
    assert result["status"] == "failed"


def test_what_a_callback_raises_comes_as_it_is(tmp_path: Path) -> None:
    def listen(event: object) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run_search(
            quick_config("random", children={"number": 1, "steps": 1}),
            Given(space=tiny_space(), data=tiny_data()),
            on_event=listen,
        )
