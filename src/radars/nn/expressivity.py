"""How evenly a network uses its channels, before it is trained.

Shapes: B batch, N positions of all examples, C channels.
"""

import torch
from torch import Tensor, nn

from radars.nn.mixture import Mixture
from radars.nn.steps import Precision, evaluation_step
from radars.nn.supernet import Supernet


@torch.no_grad()
def expressivity_step(
    supernet: Supernet, example_B: Tensor, *, precision: Precision = "32-true"
) -> Tensor:
    """The sum over choices of the entropy of what the taken candidate returns: a scalar.

    The entropy of the spectrum of the channels' covariance: 0 where they are all the same but for
    a factor, log C where none can be told from the others. The expressivity of AZ-NAS (Lee and Ham,
    CVPR 2024) takes Shannon's entropy, of blocks; this is Renyi's of order 2, which needs no
    eigenvalues.

    Channels are dimension 1 of maps, and the last one of tokens (B, T, C).
    """
    entropies: list[Tensor] = []

    def measure(mixture: nn.Module, inputs: object, output: Tensor) -> None:
        rows_NC = output if output.dim() == 3 else output.movedim(1, -1)
        entropies.append(_spectral_entropy(rows_NC.reshape(-1, rows_NC.shape[-1]).float()))

    hooks = [
        module.register_forward_hook(measure)
        for module in supernet.modules()
        if isinstance(module, Mixture)
    ]
    try:
        evaluation_step(supernet, example_B, precision=precision)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(entropies, torch.zeros((), device=example_B.device))


def _spectral_entropy(row_NC: Tensor) -> Tensor:
    """Renyi's entropy of order 2 of the eigenvalues of the covariance: log of trace^2 / ||.||^2."""
    mean_C = row_NC.mean(0)
    covariance_CC = row_NC.T @ row_NC / len(row_NC) - mean_C[:, None] * mean_C
    trace, square = covariance_CC.trace(), covariance_CC.square().sum()
    return torch.where(square > 0, trace.square() / square, 1.0).log()
