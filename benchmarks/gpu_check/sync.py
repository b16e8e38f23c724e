"""Stage `sync`: no step waits for the GPU."""

from collections.abc import Callable, Iterator
from functools import partial

import torch

from gpu_check.problems import context_of, last_path, last_two
from gpu_check.stage import Figures, Setting
from radars.engine.context import SearchContext
from radars.engine.phases.differentiate import PlannedSteps
from radars.memory import PLAIN, MemorySavings
from radars.nn.steps import StepKind, architecture_step, evaluation_step, weights_step
from radars.space import SearchSpace
from radars.units import GIB
from radars.zoo import load_space

_SPACES = ("digits", "nasbench-macro", "nasbench201", "vit")
_SAVINGS = (PLAIN, MemorySavings(selective=1.0), MemorySavings(recompute=1.0, split_channels=1.0))
_BATCH_SIZE = 16
_BUDGET_BYTES = 8 * GIB
Steps = Iterator[tuple[str, Callable[[], object]]]


def run(setting: Setting, figures: Figures) -> None:
    """Each step once to warm up, and once where PyTorch raises if it waits."""
    setting.require_cuda("nothing waits for a CPU")
    planted = torch.zeros((), device=setting.device)
    figures.check("a planted wait is seen", waiting(planted.item) is not None)
    waits: dict[str, str] = {}
    num_steps = 0
    for space in map(load_space, _SPACES[: setting.of(1, len(_SPACES))]):
        for precision in ("32-true", "bf16-mixed"):
            context = context_of(setting, space, _BATCH_SIZE, _BUDGET_BYTES, precision=precision)
            for name, step in steps(context, space):
                step()
                num_steps += 1
                reason = waiting(step)
                if reason is not None:
                    waits[f"{space.name} {precision} {name}"] = reason
            figures.note(num_steps=num_steps, waits=waits)
    figures.check("no step waits", not waits)
    figures.say(f"{num_steps} kinds of step, {len(waits)} of them wait")
    for name, reason in list(waits.items())[:3]:
        figures.say(f"{name}: {reason}")


def waiting(step: Callable[[], object]) -> str | None:
    """What PyTorch says of a step that waits; None where it does not."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return None


def steps(context: SearchContext, space: SearchSpace) -> Steps:
    """Bare steps with all savings, and those of a search with what is around them."""
    yield from bare_steps(context, space)
    supernet = context.networks.new_supernet()
    paths = [last_path(space), space.best()]
    batches = [context.train_stream.next() for _ in range(2)]

    def explore() -> None:
        for path, batch in zip(paths, batches, strict=True):  # each is brought to the device
            context.trainer.train_path(supernet, path, batch)

    yield "explore", explore
    yield "reward", partial(context.evaluator.total_scores, supernet, paths[:1], batches[0])
    planned = PlannedSteps(context, supernet, context.guard.planner.plan())
    planned.begin(None)

    def differentiate() -> None:
        batch = context.trainer.to_device(batches[0])
        planned.run(StepKind.WEIGHTS, weights_step, batch)
        planned.run(StepKind.ARCHITECTURE, architecture_step, batch)

    yield "differentiate", differentiate


def bare_steps(context: SearchContext, space: SearchSpace) -> Steps:
    """Each kind of step with each of the savings."""
    supernet = context.networks.new_supernet()
    supernet.activate(last_two(space))
    example_B, label_B = context.trainer.to_device(context.train_stream.next())
    precision = context.trainer.precision
    for savings in _SAVINGS:
        supernet.set_savings(savings)
        names = " ".join(savings.names)
        for kind, step in (("weights", weights_step), ("architecture", architecture_step)):
            run_step = partial(step, supernet, example_B, label_B, precision=precision)
            yield f"{kind} {names}", run_step
    yield "evaluation", partial(evaluation_step, supernet, example_B, precision=precision)
