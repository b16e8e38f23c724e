"""The weights of the mixtures of a supernet, from the logits of its candidates.

Shapes: C candidates of one choice, E those of several choices.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from radars.nn.architecture_logits import ArchitectureLogits
from radars.nn.relaxation import Relaxation
from radars.space import Subspace


def mixture_weights(
    logits: Mapping[str, Tensor],
    relaxation: Relaxation,
    together: Sequence[Sequence[str]] = (),
) -> dict[str, Tensor]:
    """Choice to the weights (C,) that a relaxation makes of its logits.

    Args:
        logits: choice to those of its live candidates (C,).
        relaxation: how weights come from them.
        together: choices whose weights add up to 1 over all of them (`Keep.weighed_together`).
    """
    alone = dict(logits)
    weights: dict[str, Tensor] = {}
    for choices in together:
        parts = {choice: alone.pop(choice) for choice in choices if choice in alone}
        if parts:
            weight_E = relaxation(torch.cat(list(parts.values())))
            sizes = [len(logit_C) for logit_C in parts.values()]
            weights |= zip(parts, torch.split(weight_E, sizes), strict=True)
    return weights | {choice: relaxation(logit_C) for choice, logit_C in alone.items()}


def probabilities_of(
    logits: ArchitectureLogits, relaxation: Relaxation, subspace: Subspace
) -> dict[str, Tensor]:
    """Choice to the probabilities (C,) of the candidates of a subspace, with a gradient to logits.

    They are what the relaxation stands for.
    """
    probabilities: dict[str, Tensor] = {}
    for choice in logits.by_choice:
        if choice not in subspace:
            continue
        logit_C = logits.among(choice, subspace[choice])
        if len(logit_C) == 1:  # a logit that decides nothing is left alone
            probabilities[choice] = torch.ones(1, device=logit_C.device)
        else:
            probabilities[choice] = relaxation.probabilities(logit_C)
    return probabilities
