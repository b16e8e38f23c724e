"""How well fresh weights tell examples apart, by the linear regions that these fall into.

Shapes: B batch.
"""

import torch
from torch import Tensor, nn

from radars.nn.steps import Precision, evaluation_step
from radars.nn.supernet import Supernet

_RELUS = (nn.ReLU, nn.ReLU6)


@torch.no_grad()
def regions_step(
    supernet: Supernet, example_B: Tensor, *, precision: Precision = "32-true"
) -> Tensor:
    """Which fraction of a layer's ReLUs is on or off alike for each pair of examples: (B, B).

    The mean over layers. The kernel is that of "Neural Architecture Search without Training"
    (Mellor et al. 2021, equation 2), but for one thing: there all ReLUs count alike, and early
    layers with their large maps decide; here all layers do. Those behind a pooling of whole maps,
    as of squeeze-and-excitation, are left out: what they switch is a gate for all of an example,
    and at first much the same for every example. All zeros for a network without ReLU modules.
    """
    kernel_BB = torch.zeros(len(example_B), len(example_B), device=example_B.device)
    num_layers = 0

    def count(module: nn.Module, inputs: object, output: Tensor) -> None:
        nonlocal num_layers
        if output.dim() > 2 and output[0, 0].numel() == 1:  # of a pooled map
            return
        code = (output > 0).flatten(1).float()
        on_alike = code @ code.T
        num_on = on_alike.diagonal()
        # off alike are all, but for those that are on in the one, or in the other
        alike = 2 * on_alike - num_on[:, None] - num_on + code.shape[1]
        kernel_BB.add_(alike / code.shape[1])
        num_layers += 1

    hooks = [
        module.register_forward_hook(count)
        for module in supernet.modules()
        if isinstance(module, _RELUS)
    ]
    try:
        evaluation_step(supernet, example_B, precision=precision)
    finally:
        for hook in hooks:
            hook.remove()
    return kernel_BB / max(num_layers, 1)


def regions_score(kernel_BB: Tensor) -> float:
    """The logarithm of the kernel's determinant: larger, the better examples are told apart.

    0 where it says nothing: without ReLUs, or where two examples are alike to all of them.
    """
    score = float(kernel_BB.double().cpu().slogdet().logabsdet)
    return score if score > float("-inf") else 0.0
