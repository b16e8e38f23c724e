"""`LSTMNetwork`: the network of `LSTMController`, which decides one choice after another.

Shapes: S samples, T choices in the space's order, C candidates of a choice (where T is there too,
those of the largest choice), N candidates of all choices, H hidden units.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_INITIAL_RANGE = 0.1  # weights begin uniform within +- this, as in both papers

Memory = tuple[Tensor, Tensor]
"""Hidden and cell state of the LSTM, each (1, S, H)."""


class LSTMNetwork(nn.Module):
    """The LSTM, an embedding for each candidate of each choice, and a linear head for each choice.

    Embeddings and heads of all choices are tables with a row a candidate, those of the first
    choice first; the last row of the embeddings is what comes before the first choice.

    Args:
        sizes: the number of candidates of each choice.
        hidden_size: units of the LSTM, and of the embeddings.
        generator: the generator of the weights.
        temperature: what logits are divided by.
        tanh_constant: then they are this constant times their tanh; None to leave them as they are.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        hidden_size: int,
        generator: torch.Generator,
        *,
        temperature: float,
        tanh_constant: float | None,
    ) -> None:
        super().__init__()
        self._num_rows = sum(sizes)
        self._sizes = tuple(sizes)
        self._temperature = temperature
        self._tanh_constant = tanh_constant
        self._first_row_T = torch.tensor(sizes).cumsum(0) - torch.tensor(sizes)
        self.embedding_NH = nn.Parameter(torch.empty(self._num_rows + 1, hidden_size))
        self.head_NH = nn.Parameter(torch.empty(self._num_rows, hidden_size))
        self.bias_N1 = nn.Parameter(torch.empty(self._num_rows, 1))
        # without memory at first, or its initial weights would be drawn from the global generator
        lstm = nn.LSTM(hidden_size, hidden_size, batch_first=True, device="meta")
        self.lstm = lstm.to_empty(device="cpu")
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-_INITIAL_RANGE, _INITIAL_RANGE, generator=generator)

    def start_row(self, num_samples: int) -> Tensor:
        """What comes before the first choice, (S,)."""
        return torch.full((num_samples,), self._num_rows)

    def rows(self, position: int, taken_S: Tensor) -> Tensor:
        """The rows (S,) of the candidates that were taken for the choice at a position."""
        return self._first_row_T[position] + taken_S

    def step(self, position: int, row_S: Tensor, state: Memory | None) -> tuple[Tensor, Memory]:
        """Decides one choice.

        Args:
            position: the position of the choice.
            row_S: the row of what was taken for the choice before.
            state: the state of the LSTM after the choice before; None at the first.

        Returns:
            Logits (S, C), and the state.
        """
        hidden_S1H, state = self.lstm(F.embedding(row_S[:, None], self.embedding_NH), state)
        row_C = self._first_row_T[position] + torch.arange(self._sizes[position])
        return self._logits(hidden_S1H, row_C[None])[:, 0], state

    def forward(self, taken_ST: Tensor) -> Tensor:
        """The logits of all choices of known architectures.

        Args:
            taken_ST: the index of each choice's candidate.

        Returns:
            Logits (S, T, C); what is beyond the candidates of a smaller choice has no meaning.
        """
        start_S1 = self.start_row(len(taken_ST))[:, None]
        before_ST = torch.cat([start_S1, (self._first_row_T + taken_ST)[:, :-1]], 1)
        hidden_STH, _ = self.lstm(F.embedding(before_ST, self.embedding_NH))
        row_TC = self._first_row_T[:, None] + torch.arange(max(self._sizes))
        return self._logits(hidden_STH, row_TC.clamp(max=self._num_rows - 1))

    def entropies(self, num_draws: int) -> Iterator[float]:
        """Yields the entropy of each choice, the mean over draws of what was taken before it.

        The draws are the same in each call.
        """
        generator = torch.Generator().manual_seed(0)
        row_S = self.start_row(num_draws)
        state: Memory | None = None
        for position in range(len(self._sizes)):
            logit_SC, state = self.step(position, row_S, state)
            log_prob_SC = logit_SC.log_softmax(-1)
            yield -float((log_prob_SC.exp() * log_prob_SC).sum(-1).mean())
            taken_S1 = torch.multinomial(log_prob_SC.exp(), 1, generator=generator)
            row_S = self.rows(position, taken_S1[:, 0])

    def _logits(self, hidden_STH: Tensor, row_TC: Tensor) -> Tensor:
        # gradients of F.embedding add up in a fixed order; those of an index need not
        head_TCH, bias_TC1 = F.embedding(row_TC, self.head_NH), F.embedding(row_TC, self.bias_N1)
        logit_STC = torch.einsum("sth,tch->stc", hidden_STH, head_TCH) + bias_TC1[..., 0]
        logit_STC = logit_STC / self._temperature
        most = self._tanh_constant
        return logit_STC if most is None else most * torch.tanh(logit_STC)
