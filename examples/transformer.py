"""A transformer of Hugging Face: how wide the feed-forward part of each layer is.

Needs `pip install transformers`. The network is made from a configuration, with random weights; no
file is downloaded. `DistilBertForSequenceClassification.from_pretrained(NAME)` goes in its place.
The data are the handwritten digits of scikit-learn, read as texts: 64 tokens, a word a shade.
"""

from collections.abc import Callable
from copy import copy

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from transformers import DistilBertConfig, DistilBertForSequenceClassification
from transformers.models.distilbert.modeling_distilbert import FFN

import radars

NUM_SHADES = 17
CONFIG = DistilBertConfig(
    vocab_size=NUM_SHADES,
    max_position_embeddings=64,
    dim=48,
    n_heads=4,
    hidden_dim=4 * 48,
    n_layers=3,
    num_labels=10,
    attn_implementation="eager",
)


class Digits(nn.Module):
    """What a search takes: tokens in, one tensor out."""

    def __init__(self) -> None:
        super().__init__()
        self.model = DistilBertForSequenceClassification(CONFIG)

    def forward(self, token_BT: Tensor) -> Tensor:
        """Tokens (B, 64) to a score of each digit, (B, 10)."""
        score_B10: Tensor = self.model(input_ids=token_BT).logits
        return score_B10


def narrower(divisor: int) -> Callable[[nn.Module], nn.Module]:
    """Makes a feed-forward part whose inner width is a fraction of the usual."""

    def build(_: nn.Module) -> nn.Module:
        config = copy(CONFIG)
        config.hidden_dim = CONFIG.hidden_dim // divisor
        part: nn.Module = FFN(config)
        return part

    return build


def main() -> None:
    candidates = {"full": lambda ffn: ffn, "half": narrower(2), "eighth": narrower(8)}
    space = radars.SearchSpace(
        radars.searchable(Digits, {"model.distilbert.transformer.layer.*.ffn": candidates}),
        input_dtype=torch.int64,
    )
    digits = load_digits()
    token_NT = torch.tensor(digits.data).long()
    data = radars.tensor_data(token_NT, torch.tensor(digits.target).long(), name="digits as texts")
    adamw = {"name": "adamw", "learning_rate": 2e-3, "weight_decay": 0.01}
    found = radars.search(
        space,
        data,
        budget="128MiB",
        constraints=["parameters<=60e3"],  # of 43 to 91 thousand
        batch_size=32,
        num_rounds=1,
        optimizer=adamw,
        explore={"steps": 32, "ranker_draws": 4},
        differentiate={"steps": 4},
        select={"finalists": 2, "halving_steps": [12], "optimizer": adamw},
        children={"optimizer": adamw},
        baseline={"names": ["largest", "random=1"], "steps": 12},
    )
    print(found.summary())


if __name__ == "__main__":
    main()
