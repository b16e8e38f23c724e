"""`Children`: architectures that are trained from scratch, one after the other, and remembered."""

import math
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from torch import Tensor

from radars.data import BatchStream
from radars.nn.supernet import Supernet
from radars.search.schedule import one_cycle
from radars.search.setup import SearchSetup
from radars.search.state import named, of_part
from radars.search.workbench import Workbench
from radars.seeds import stable_seed
from radars.space import Architecture

_MIN_BEFORE_STOPPING = 4


class Children:
    """Trains architectures from scratch, all on the same batches and for the same steps.

    What builds the same network as an earlier one is not trained again. What is hopeless is stopped
    early: part of the way it is worse than the median of those before it at that point (Golovin et
    al. 2017, "Google Vizier", section 3.2), soft targets included, and its accuracy there counts.

    Args:
        setup: fresh weights, training batches, and how long each is trained (`config.children`).
        bench: data and memory.
    """

    def __init__(self, setup: SearchSetup, bench: Workbench) -> None:
        self._setup = setup
        self._bench = bench
        self._config = setup.config.children
        self._check_step = round(self._config.check_fraction * self._config.steps)
        self._known: dict[str, float] = {}  # fingerprint to accuracy
        self._at_check: list[float] = []  # the rewards of all that came to it
        self._architecture: Architecture | None = None
        self._child: Supernet | None = None
        self._stream: BatchStream | None = None
        self._step = 0

    def accuracy(self, architecture: Architecture, tick: Callable[[float], None]) -> float:
        """Trains an architecture, or goes on with its training; returns its validation accuracy.

        Args:
            architecture: within budget and constraints.
            tick: called after each training step with the latest accuracy (NaN: none yet).
        """
        key = self._bench.fingerprint(architecture)
        if key in self._known:
            return self._known[key]
        if self._child is None or self._stream is None:
            self._begin(architecture)
        assert self._child is not None
        assert self._stream is not None
        accuracy = math.nan
        while self._step < self._config.steps:
            if self._step == self._check_step > 0:
                accuracy = self._evaluate(architecture)
                reward = self._bench.reward(architecture, accuracy)
                is_hopeless = self._is_hopeless(reward)
                self._at_check.append(reward)
                if is_hopeless:
                    break
            self._train(architecture)
            if self._step < self._config.steps:
                tick(accuracy)
        else:
            accuracy = self._evaluate(architecture)
        self._known[key] = accuracy
        self._architecture = self._child = self._stream = None
        tick(accuracy)
        return accuracy

    def tensors(self) -> dict[str, Tensor]:
        """The tensors of a checkpoint."""
        if self._child is None or self._stream is None:
            return {}
        return named("child", self._child.state()) | named("stream", self._stream.state())

    def values(self) -> dict[str, Any]:
        """The plain values of a checkpoint."""
        return {
            "known": dict(self._known),
            "at_check": list(self._at_check),
            "architecture": self._architecture and dict(self._architecture),
            "step": self._step,
        }

    def load(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Puts back what `tensors` and `values` returned, bit for bit."""
        self._known = dict(values["known"])
        self._at_check = list(values["at_check"])
        self._architecture = self._child = self._stream = None
        if values["architecture"]:
            self._begin(Architecture(values["architecture"]))
            assert self._child is not None
            assert self._stream is not None
            self._child.load_state(of_part("child", tensors))
            self._stream.load_state(of_part("stream", tensors))
        self._step = values["step"]

    def _begin(self, architecture: Architecture) -> None:
        self._architecture = architecture
        self._child = self._setup.new_child(architecture, optimizer=self._config.optimizer)
        self._stream = self._setup.new_child_stream()
        self._step = 0

    def _train(self, architecture: Architecture) -> None:
        assert self._child is not None
        assert self._stream is not None
        torch.manual_seed(stable_seed(self._setup.config.seed, "child", self._step))
        rate = self._config.optimizer.learning_rate * one_cycle(self._step / self._config.steps)
        self._child.set_learning_rate(rate)
        self._bench.train_path(self._child, architecture, self._stream.next())
        self._step += 1

    def _evaluate(self, architecture: Architecture) -> float:
        assert self._child is not None
        batch_size = self._setup.config.data.batch_size
        return self._bench.accuracy(self._child, architecture, batch_size, is_alone=True)

    def _is_hopeless(self, reward: float) -> bool:
        enough = len(self._at_check) >= _MIN_BEFORE_STOPPING
        return enough and reward < median(self._at_check)
