"""How well fresh weights tell examples apart, by the linear regions that these fall into.

Shapes: B batch.
"""

from torch import Tensor, nn

from radars.engine.rankers.ranker import Look, Ranker


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

        0 where it says nothing: without ReLUs, or where two examples are alike to all of them.
        """
        if not self._num_layers:
            return 0.0
        score = float(self.kernel_BB.double().cpu().slogdet().logabsdet)
        return score if score > float("-inf") else 0.0
