"""`ArchitectureLogits`: what a supernet learns of its candidates, a number each.

Shapes: C candidates of one choice (all of them, live or not), or those of a subspace.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from radars.nn.modules import frozen
from radars.nn.optimizer import OptimizerConfig, load_named_state, named_state
from radars.nn.transfer import constant
from radars.space import Choice, Subspace

_DARTS = OptimizerConfig(name="adamw", learning_rate=3e-3, betas=(0.5, 0.999), weight_decay=0.0)


class ArchitectureLogits(nn.ParameterList):
    """A parameter (C,) for each choice, in the order of the space; zero at first.

    Attributes:
        optimizer: the optimizer of all these parameters.

    Args:
        choices: the choices of the space.
        optimizer: how they are trained; by default AdamW as DARTS has it.
        device: where they are.
    """

    def __init__(
        self,
        choices: Sequence[Choice],
        optimizer: OptimizerConfig | None,
        device: torch.device | str,
    ) -> None:
        super().__init__(torch.zeros(len(choice.candidates), device=device) for choice in choices)
        self._candidates = {choice.name: choice.candidates for choice in choices}
        self._optimizer_config = optimizer or _DARTS
        self.optimizer = self._optimizer_config.build(self)

    @property
    def by_choice(self) -> dict[str, nn.Parameter]:
        """Choice to its parameter (C,)."""
        return dict(zip(self._candidates, self, strict=True))

    def of(self, choice: str) -> dict[str, float]:
        """Candidate name to logit."""
        values = self.by_choice[choice].tolist()
        return dict(zip(self._candidates[choice], values, strict=True))

    def among(self, choice: str, candidates: Sequence[str]) -> Tensor:
        """The logits of some candidates (C,), in their order, with a gradient to all."""
        names, logit_C = self._candidates[choice], self.by_choice[choice]
        if candidates == names:
            return logit_C
        return logit_C[constant([names.index(name) for name in candidates], logit_C.device)]

    def undecided(self, subspace: Subspace) -> dict[str, Tensor]:
        """Choice to the logits (C,) of a subspace's candidates, where there is more than one."""
        return {
            choice: self.among(choice, subspace[choice])
            for choice in self._candidates
            if len(subspace.get(choice, ())) > 1
        }

    def frozen(self) -> AbstractContextManager[None]:
        """Within, they take no gradient."""
        return frozen(self.parameters())

    def preferences(self, subspace: Subspace) -> dict[str, dict[str, float]]:
        """Choice to candidate of the subspace to its part of the softmax of their logits."""
        preferences = {}
        for choice, names in subspace.items():
            known = self.of(choice)
            part_C = torch.tensor([known[name] for name in names]).softmax(-1)
            preferences[choice] = dict(zip(names, part_C.tolist(), strict=True))
        return preferences

    def set(self, logits: Mapping[str, Mapping[str, float]]) -> None:
        """Sets them: choice to candidate to value."""
        with torch.no_grad():
            for choice, logit_C in self.by_choice.items():
                values = [logits[choice][name] for name in self._candidates[choice]]
                logit_C.copy_(torch.tensor(values))

    def reset(self) -> None:
        """Makes all candidates alike again, and forgets how the logits were moving."""
        with torch.no_grad():
            for logit_C in self:
                logit_C.zero_()
        self.optimizer.state.clear()
        self._optimizer_config.make_state(self.optimizer)

    def state_dict(self) -> dict[str, Tensor]:  # type: ignore[override]
        """The logits and their optimizer's state: `logits|choice`, `logits_optimizer|choice|name`.

        It replaces that of `nn.Module`, which has numbers for choices and no optimizer.
        """
        names = {logit_C: choice for choice, logit_C in self.by_choice.items()}
        optimizer_state = named_state(self.optimizer, names)
        return {
            f"logits|{choice}": logit_C.detach() for choice, logit_C in self.by_choice.items()
        } | {f"logits_optimizer|{name}": value for name, value in optimizer_state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:  # type: ignore[override]
        """Puts back what `state_dict` returned, bit for bit; takes no notice of other keys."""
        with torch.no_grad():
            for choice, logit_C in self.by_choice.items():
                logit_C.copy_(state[f"logits|{choice}"])
        prefix = "logits_optimizer|"
        of_optimizer = {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
        load_named_state(self.optimizer, self.by_choice, of_optimizer)
