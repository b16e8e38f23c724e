"""The moving average of a network's weights while they are trained."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from radars._torch_internals import copy_each


class MovingAverage:
    """A copy of a network whose weights, and statistics, follow those of the network slowly.

    At first the decay is (1 + n) / (10 + n) after n updates, so that in a short training the
    initial weights are forgotten.

    Attributes:
        network: the copy.

    Args:
        network: what it follows.
        decay: how much of the average is kept in an update, in the end.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._averaged = AveragedModel(network, multi_avg_fn=self._average, use_buffers=True)
        self.network: nn.Module = self._averaged.module.requires_grad_(False)

    def update(self, network: nn.Module) -> None:
        """Follows the network by one step."""
        self._averaged.update_parameters(network)

    def state_dict(self) -> dict[str, Tensor]:
        """The average, and how many updates it has seen."""
        return dict(self._averaged.state_dict())

    def load_state_dict(self, state: Mapping[str, Tensor], /) -> None:
        """Puts back what `state_dict` returned."""
        self._averaged.load_state_dict(dict(state))

    def _average(
        self,
        averages: tuple[Tensor, ...] | list[Tensor],
        currents: tuple[Tensor, ...] | list[Tensor],
        num_updates: Tensor | int,
    ) -> None:
        if not torch.is_floating_point(averages[0]):  # counts of batches
            copy_each(averages, currents)
            return
        num_updates = int(self._averaged.n_averaged)  # on the host, unlike what is passed
        decay = min(self._decay, (1 + num_updates) / (10 + num_updates))
        update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        update(averages, currents, num_updates)
