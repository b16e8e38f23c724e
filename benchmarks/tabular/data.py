"""The data of each space: what a search may see, and the test examples that it never does.

Everything is either real and ships with scikit-learn, real and published (CIFAR-10), or made by a
seeded generator. Shapes: N examples, C channels or columns, L length, H height, W width.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet
import torch
from PIL import Image
from torch import Tensor

from radars import tensor_data
from radars.data import Data


@dataclass(frozen=True)
class Examples:
    """Examples (N, C, ...), float32, and their classes (N,), int64.

    Attributes:
        seen_N: those that a search divides into a training and a validation part, and that the
            networks of the table are trained on.
        seen_label_N: their classes.
        test_N: those that the accuracies of the table are measured on.
        test_label_N: their classes.
    """

    seen_N: Tensor  # noqa: N815
    seen_label_N: Tensor  # noqa: N815
    test_N: Tensor  # noqa: N815
    test_label_N: Tensor  # noqa: N815

    def for_search(self, name: str, seed: int = 0) -> Data:
        """The data of a search: the seen examples, of which `tensor_data` holds out a fifth."""
        return tensor_data(self.seen_N, self.seen_label_N, name=name, seed=seed)


def faint_digits(data: Path) -> Examples:
    """Handwritten digits of 8x8 pixels in noise of 0.2 of their range; 800 are seen, 997 test."""
    return _digits(noise=0.2)


def noisy_digits(data: Path) -> Examples:
    """The same in noise of 0.3 of their range."""
    return _digits(noise=0.3)


def small_cifar10(data: Path) -> Examples:
    """CIFAR-10 shrunk to 8x8: 3,000 of its training images are seen, 2,000 of its test images.

    Args:
        data: with `cifar10/train.parquet` and `cifar10/test.parquet`.
    """
    return Examples(
        *_cifar10(data / "cifar10" / "train.parquet", 3000),
        *_cifar10(data / "cifar10" / "test.parquet", 2000),
    )


def motifs(data: Path) -> Examples:
    """Which of six motifs is hidden at a random place of a signal? 1,000 are seen, 2,000 test.

    A motif is a pair of pulses; classes differ in the shape of the first and in the gap between
    the two, so that a network must see both near and far. Every signal also has two lone pulses.
    """
    num_examples, length = 3000, 128
    generator = torch.Generator().manual_seed(0)
    label_N = torch.arange(num_examples) % 6
    time_L = torch.arange(length)

    def pulses(start_N: Tensor, sign_N: Tensor) -> Tensor:
        """Odd pulses (N, L), of which the sign says what comes first."""
        from_NL = (time_L - start_N[:, None]) / 2
        height_NL: Tensor = sign_N[:, None] * from_NL * (0.5 - 0.5 * from_NL.square()).exp()
        return height_NL

    def uniform(low: int, high: int) -> Tensor:
        return torch.randint(low, high, (num_examples,), generator=generator)

    def signs() -> Tensor:
        return uniform(0, 2) * 2 - 1

    gap_N = torch.tensor([10, 16, 22])[label_N % 3]
    start_N, sign_N = uniform(8, 90), 1 - 2 * (label_N // 3)
    signal_NL = pulses(start_N, sign_N) + pulses(start_N + gap_N, torch.ones(num_examples))
    for _ in range(2):
        signal_NL += pulses(uniform(4, 124), signs())
    signal_NL += 0.25 * torch.randn(num_examples, length, generator=generator)
    return _divided(signal_NL[:, None], label_N, num_seen=1000)


def rules(data: Path) -> Examples:
    """A table of 16 columns, of which few matter; 1,500 rows are seen, 4,000 test.

    The class is the largest of four scores: products, waves and steps of some columns, and noise.
    """
    num_rows, num_scores = 5500, 4
    generator = torch.Generator().manual_seed(0)
    row_NC = torch.randn(num_rows, 16, generator=generator)
    terms = []
    for _ in range(num_scores):
        first, second, third, fourth = torch.randperm(10, generator=generator)[:4].tolist()
        product_N = row_NC[:, first] * row_NC[:, second]
        wave_N = 1.5 * (2 * row_NC[:, third]).sin()
        step_N = 1.5 * (row_NC[:, fourth] > 0.5)
        terms.append(product_N + wave_N + step_N)
    score_NK = torch.stack(terms, 1)
    score_NK += 0.3 * torch.randn(score_NK.shape, generator=generator)
    return _divided(row_NC, (score_NK - score_NK.mean(0)).argmax(1), num_seen=1500)


def few_rows(data: Path) -> Examples:
    """A table of 10 columns and three classes; 500 rows, 3 in 10 mislabelled, are seen, 4,000 test.

    The class is the largest of three linear scores, of which one is bent.
    """
    num_rows, num_seen = 4500, 500
    generator = torch.Generator().manual_seed(0)
    row_NC = torch.randn(num_rows, 10, generator=generator)
    score_NK = row_NC @ torch.randn(10, 3, generator=generator)
    score_NK[:, 0] += 4 * row_NC[:, 0] * row_NC[:, 1]
    label_N = score_NK.argmax(1)
    seen_label_N = label_N[:num_seen].clone()
    wrong_N = torch.rand(num_seen, generator=generator) < 0.3
    seen_label_N[wrong_N] = (seen_label_N[wrong_N] + 1) % 3
    return Examples(row_NC[:num_seen], seen_label_N, row_NC[num_seen:], label_N[num_seen:])


def _digits(noise: float) -> Examples:
    """Images (N, 1, 8, 8), from 0 to 1 but for the noise, in a random order."""
    from sklearn.datasets import load_digits  # takes a second, which other data need not wait for

    stored = load_digits()
    image_N = torch.tensor(stored.images, dtype=torch.float32)[:, None] / 16
    generator = torch.Generator().manual_seed(0)
    image_N += noise * torch.randn(image_N.shape, generator=generator)
    order_N = torch.randperm(len(image_N), generator=generator)
    return _divided(image_N[order_N], torch.tensor(stored.target)[order_N], num_seen=800)


def _cifar10(file: Path, number: int) -> tuple[Tensor, Tensor]:
    """So many images (N, 3, 8, 8) from 0 to 1 and their classes, drawn at random."""
    rows = pyarrow.parquet.read_table(file)
    order_N = np.random.default_rng(0).permutation(len(rows))[:number]
    chosen = rows.take(order_N).to_pydict()
    images = [
        np.asarray(Image.open(io.BytesIO(image["bytes"])).resize((8, 8), Image.Resampling.BOX))
        for image in chosen["img"]
    ]
    image_N = torch.tensor(np.stack(images)).permute(0, 3, 1, 2) / 255
    return image_N, torch.tensor(chosen["label"])


def _divided(example_N: Tensor, label_N: Tensor, num_seen: int) -> Examples:
    return Examples(
        example_N[:num_seen], label_N[:num_seen], example_N[num_seen:], label_N[num_seen:]
    )
