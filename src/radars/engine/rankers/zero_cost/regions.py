"""How well fresh weights tell examples apart, by the linear regions that these fall into.

Shapes: B batch.
"""

import torch
from torch import Tensor, nn

from radars.engine.rankers.ranker import Look, Ranker
from radars.example import batch_size_of

_TRIFLE = 1e-9


class Regions(Ranker):
    """The logarithm of the determinant of a kernel of examples.

    An entry of the kernel is which fraction of a layer's ReLUs is on or off alike for two examples,
    the mean over layers. It is that of "Neural Architecture Search without Training" (Mellor et al.
    2021, equation 2), but for one thing: there all ReLUs count alike, and early layers with their
    large maps decide; here all layers do. Those behind a pooling of whole maps, as of
    squeeze-and-excitation, are left out: what they switch is a gate for all of an example, and at
    first much the same for every example.
    """

    modules = (nn.ReLU, nn.ReLU6)

    def __init__(self) -> None:
        self._kernels: Tensor | float = 0.0
        self._num_layers = 0

    def watch(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        """Adds a layer's kernel (B, B)."""
        if output.dim() > 2 and output[0, 0].numel() == 1:  # of a pooled map
            return
        code = (output > 0).flatten(1).float()
        on_alike = code @ code.T
        num_on = on_alike.diagonal()
        # off alike are all, but for those that are on in the one, or in the other
        alike = 2 * on_alike - num_on[:, None] - num_on + code.shape[1]
        self._kernels = self._kernels + alike / code.shape[1]
        self._num_layers += 1

    @property
    def kernel_BB(self) -> Tensor:  # noqa: N802 - named by its shape
        """The mean over layers, of which there is one at least."""
        assert isinstance(self._kernels, Tensor)
        return self._kernels / self._num_layers

    def score(self, look: Look) -> float:
        """Larger, the better examples are told apart.

        Examples that all ReLUs see alike make the kernel singular, and its determinant 0: then a
        trifle is added to the diagonal, so that such a network is finite and far behind all others.
        One without ReLUs tells no two examples apart.
        """
        if self._num_layers:
            kernel_BB = self.kernel_BB.double().cpu()
        elif look.example_B is not None:
            size = batch_size_of(look.example_B)
            kernel_BB = torch.ones(size, size, dtype=torch.float64)
        else:
            return 0.0
        score = float(kernel_BB.slogdet().logabsdet)
        if score > float("-inf"):
            return score
        return float((kernel_BB + _TRIFLE * torch.eye(len(kernel_BB))).slogdet().logabsdet)
