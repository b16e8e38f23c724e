"""Stage `accuracy`: a network that is trained in bfloat16 is as accurate as in float32."""

import statistics

from gpu_check.problems import NEVER
from gpu_check.stage import Figures, Setting
from radars.engine.context import SearchContext
from radars.engine.problem import SearchProblem
from radars.engine.search_config import SearchConfig
from radars.execution.device import reproducible
from radars.nn.steps import Precision
from radars.schedules import cosine
from radars.units import GIB

_PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
_LEARNING_RATE = 0.1
_TOLERANCE = 0.03  # of accuracy: seeds of so short a training differ by about this


def run(setting: Setting, figures: Figures) -> None:
    """The same trainings in both, seed by seed."""
    found: dict[str, list[float]] = {precision: [] for precision in _PRECISIONS}
    for seed in range(setting.of(1, 3)):
        for precision in _PRECISIONS:
            if not setting.is_late:
                found[precision].append(trained(setting, precision, seed))
                figures.note(accuracies=found)
    means = {precision: statistics.mean(known) for precision, known in found.items() if known}
    figures.note(means=means)
    if len(means) == len(_PRECISIONS) and not setting.is_quick:
        lost = means["32-true"] - means["bf16-mixed"]
        figures.check("bf16 is as accurate", lost <= _TOLERANCE)
    figures.say(", ".join(f"{precision} {mean:.1%}" for precision, mean in means.items()))


def trained(setting: Setting, precision: Precision, seed: int) -> float:
    """The accuracy on held-out images of a network of NAS-Bench-Macro."""
    num_steps = setting.of(4, 400)
    config = SearchConfig(
        space="nasbench-macro",
        proxy_options={"width": setting.of(4, 16)},
        data={
            "source": str(setting.images("cifar10")),
            "num_train": setting.of(200, 10_000),
            "batch_size": setting.of(16, 128),
            "validation_fraction": 0.2,
        },
        budget=8 * GIB,
        device=str(setting.device),
        precision=precision,
        seed=seed,
        max_skipped_steps=NEVER,
    )
    context = SearchContext.of(SearchProblem.of(config))
    full = context.problem.proxy.full
    path = context.problem.proxy.made({choice: names[-2] for choice, names in full.items()})
    child = context.networks.new_child(path, "gpu_check")
    with reproducible(setting.device):
        for step in range(num_steps):
            child.set_learning_rate(_LEARNING_RATE * cosine(step / num_steps))
            context.trainer.train_path(child, path, context.train_stream.next())
        return context.evaluator.accuracy(child, path, config.data.batch_size, is_alone=True)
