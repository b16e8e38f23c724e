"""How evenly fresh weights use a network's channels.

Shapes: N positions of all examples, C channels.
"""

from torch import Tensor, nn

from radars.engine.rankers.ranker import Look, Ranker
from radars.nn.mixture import Mixture


class Expressivity(Ranker):
    """The sum over choices of the entropy of what the taken candidate returns.

    The entropy of the spectrum of the channels' covariance: 0 where they are all the same but for
    a factor, log C where none can be told from the others. The expressivity of AZ-NAS (Lee and Ham,
    CVPR 2024) takes Shannon's entropy, of blocks; this is Renyi's of order 2, which needs no
    eigenvalues.

    Channels are dimension 1 of maps, and the last one of tokens (B, T, C).
    """

    modules = (Mixture,)

    def __init__(self) -> None:
        self._entropy: Tensor | float = 0.0

    def watch(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        """Adds the entropy of what a choice returns."""
        rows_NC = output if output.dim() == 3 else output.movedim(1, -1)
        rows_NC = rows_NC.reshape(-1, rows_NC.shape[-1]).float()
        self._entropy = self._entropy + _spectral_entropy(rows_NC)

    def score(self, look: Look) -> float:
        """Larger, the more evenly channels are used."""
        return float(self._entropy)


def _spectral_entropy(row_NC: Tensor) -> Tensor:
    """Renyi's entropy of order 2 of the eigenvalues of the covariance: log of trace^2 / ||.||^2."""
    mean_C = row_NC.mean(0)
    covariance_CC = row_NC.T @ row_NC / len(row_NC) - mean_C[:, None] * mean_C
    trace, square = covariance_CC.trace(), covariance_CC.square().sum()
    return (trace.square() / square).where(square > 0, 1.0).log()
