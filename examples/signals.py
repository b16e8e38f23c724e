"""A one-dimensional network: tells sine, square, triangle and sawtooth waves in noise apart.

The signals are synthetic. Real ones are passed alike: a tensor (examples, channels, length).
"""

import torch
from torch import Tensor, nn

import radars

NAMES = ("sine", "square", "triangle", "sawtooth")


def synthetic_signals(num_examples: int, length: int = 64) -> tuple[Tensor, Tensor]:
    """Noisy waves (N, 1, length) of random period and phase, and what they are (N,)."""
    generator = torch.Generator().manual_seed(0)
    label_N = torch.arange(num_examples) % len(NAMES)
    period_N1 = 8 + 16 * torch.rand(num_examples, 1, generator=generator)
    start_N1 = torch.rand(num_examples, 1, generator=generator)
    phase_NL = (start_N1 + torch.arange(length) / period_N1) % 1.0
    waves = torch.stack(
        [
            (2 * torch.pi * phase_NL).sin(),
            (phase_NL < 0.5).float() * 2 - 1,
            (phase_NL - 0.5).abs() * 4 - 1,
            2 * phase_NL - 1,
        ]
    )
    signal_NL = waves[label_N, torch.arange(num_examples)]
    noise_NL = 0.4 * torch.randn(num_examples, length, generator=generator)
    return (signal_NL + noise_NL)[:, None], label_N


def conv(channels: int, kernel_size: int, dilation: int = 1) -> nn.Module:
    padding = dilation * (kernel_size // 2)
    return nn.Sequential(
        nn.Conv1d(channels, channels, kernel_size, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm1d(channels),
        nn.ReLU(),
    )


def net(choose: radars.Choose, width: int = 16) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv1d(1, width, 3, stride=2, padding=1)]
    for index in range(4):
        candidates = {
            "skip": nn.Identity,
            "conv3": lambda: conv(width, 3),
            "conv7": lambda: conv(width, 7),
            "dilated": lambda: conv(width, 3, dilation=4),
        }
        layers.append(choose(f"layer{index}", candidates))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 4))


def main() -> None:
    data = radars.tensor_data(*synthetic_signals(1600), name="waves", class_names=NAMES)
    result = radars.search(
        radars.SearchSpace(net),
        data,
        budget="4MiB",
        num_rounds=1,
        explore={"steps": 120},
        differentiate={"steps": 10},
        select={"finalists": 2, "halving_steps": [60]},
    )
    print(dict(result.architecture), f"validation accuracy {result.validation_accuracy:.1%}")


if __name__ == "__main__":
    main()
