"""`gradient-norm`: how strongly fresh weights would be changed by a first step.

Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS", section 3 (grad_norm), here of the
mean square of the outputs, which needs no labels.
"""

import torch

from radars.engine.rankers.ranker import Look, Ranker


class GradientNorm(Ranker):
    """The logarithm of the norm of the gradient of all weights."""

    def score(self, look: Look) -> float:
        """See `Ranker`."""
        assert look.network is not None
        assert look.example_B is not None
        parameters = [p for p in look.network.network.parameters() if p.requires_grad]
        with torch.enable_grad():
            loss = look.network(look.example_B).square().mean()
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        norms = [gradient.norm() for gradient in gradients if gradient is not None]
        return float(torch.stack(norms).norm().clamp(min=1e-12).log())
