"""Stages `speed` and `busy`: a step against a bare loop, what settings bring, and the GPU's share.

Shapes: B batch.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from gpu_check.problems import context_of, last_path, last_two
from gpu_check.stage import Figures, Setting, milliseconds
from radars.data import move
from radars.engine.context import SearchContext
from radars.execution.allocator import freed_memory_kept
from radars.execution.device import reproducible
from radars.nn.steps import Precision, architecture_step, weights_step
from radars.space import Architecture
from radars.units import GIB
from radars.zoo import load_space

_BUDGET_BYTES = 64 * GIB
_PRECISIONS: tuple[Precision, ...] = ("32-true", "bf16-mixed")
_MOST_RATIO = 1.5  # of the time of a bare loop


def run(setting: Setting, figures: Figures) -> None:
    """Milliseconds a step: those of radars first, as a library may end the process in another."""
    ours: dict[str, dict[str, float]] = {}
    for precision in _PRECISIONS:
        known = radars_milliseconds(setting, precision)
        ours[precision] = known
        ratio = known["path"] / known["bare"]
        figures.note(radars_ms=ours, **{f"ratio_{precision}": ratio})
        figures.check(f"{precision}: at most {_MOST_RATIO} of a bare loop", ratio <= _MOST_RATIO)
        times = ", ".join(f"{name} {ms:.1f} ms" for name, ms in known.items())
        figures.say(f"{precision}: {ratio:.2f} of a bare loop ({times})")
    bare: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name, variant in variants(setting):
        if setting.is_late:
            break
        try:
            bare[name] = bare_milliseconds(setting, **variant)
        except RuntimeError as error:  # a library has no kernel for it: the others are measured
            failed[name] = str(error).splitlines()[0]
        figures.note(bare_ms=bare, failed_variants=failed)
    figures.say("bare: " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in bare.items()))
    if failed:
        figures.say("failed: " + ", ".join(failed))


def variants(setting: Setting) -> Iterator[tuple[str, dict[str, Any]]]:
    """Layout, precision and the choice of kernels, of a bare loop."""
    is_cuda = setting.device.type == "cuda"
    numbers = ("fp32", "tf32", "bf16") if is_cuda else ("fp32", "bf16")
    for tries, number, is_last in itertools.product((False, True), numbers, (False, True)):
        if is_cuda or not tries:
            words = [number, "channels_last" * is_last, "benchmark" * tries]
            yield (
                " ".join(filter(None, words)),
                {
                    "number": number,
                    "is_last": is_last,
                    "tries": tries,
                },
            )


def bare_milliseconds(setting: Setting, number: str, is_last: bool, tries: bool) -> float:
    """The time of a step of NAS-Bench-Macro's largest network in a loop written by hand."""
    context = problem(setting, "32-true")
    step = by_hand(setting, context, number, is_last)
    with kernels(number, tries):
        return milliseconds(setting, step, setting.of(2, 20))


def radars_milliseconds(setting: Setting, precision: Precision) -> dict[str, float]:
    """The times of a bare step as a search sets the device, and of the steps of a search."""
    context = problem(setting, precision)
    space, number = context.problem.proxy, setting.of(2, 20)
    supernet = context.networks.new_supernet()
    paths = [last_path(space), other_path(context)]
    batch = context.train_stream.next()
    turn = itertools.cycle(paths)
    one = "bf16" if precision == "bf16-mixed" else "fp32"
    times = {}
    with freed_memory_kept(), reproducible(setting.device):
        step = by_hand(setting, context, one, is_last=True)
        times["bare"] = milliseconds(setting, step, number)

        def same() -> object:
            return context.trainer.train_path(supernet, paths[0], batch)

        def turns() -> object:
            return context.trainer.train_path(supernet, next(turn), batch)

        times["path"] = milliseconds(setting, same, number)
        times["paths in turn"] = milliseconds(setting, turns, number)
        supernet.activate(last_two(space))
        moved = move(batch, setting.device)
        for name, of_kind in (("weights", weights_step), ("architecture", architecture_step)):

            def supernet_step(kind: Callable[..., Tensor] = of_kind) -> object:
                return kind(supernet, *moved, precision=precision)

            times[f"two candidates, {name}"] = milliseconds(setting, supernet_step, number)
    return times


def problem(setting: Setting, precision: Precision) -> SearchContext:
    """NAS-Bench-Macro in a budget that is no limit."""
    space = load_space("nasbench-macro", width=setting.of(4, 32))
    return context_of(setting, space, setting.of(8, 128), _BUDGET_BYTES, precision=precision)


def other_path(context: SearchContext) -> Architecture:
    """A path whose candidates are others than those of the largest."""
    full = context.problem.proxy.full
    return context.problem.proxy.made({choice: names[-2] for choice, names in full.items()})


def by_hand(
    setting: Setting, context: SearchContext, number: str, is_last: bool
) -> Callable[[], None]:
    """A step of a loop as one writes it: its batch is moved, all the rest is plain."""
    network = context.problem.proxy.build(last_path(context.problem.proxy))
    layout = torch.channels_last if is_last else torch.contiguous_format
    network = network.to(setting.device, memory_format=layout)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(
        network.parameters(), 0.05, 0.9, weight_decay=5e-4, nesterov=True, fused=True
    )
    batch = context.train_stream.next()

    def step() -> None:
        example_B, label_B = move(batch, setting.device)
        example_B = example_B.contiguous(memory_format=layout)
        narrow = torch.autocast(setting.device.type, torch.bfloat16)
        with narrow if number == "bf16" else nullcontext():
            loss = nn.functional.cross_entropy(network(example_B), label_B)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


@contextmanager
def kernels(number: str, tries: bool) -> Iterator[None]:
    """Within, TF32 and the trying of cuDNN's kernels are on or off."""
    matmul = torch.backends.cuda.matmul
    convolution = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = matmul.fp32_precision, convolution.fp32_precision, torch.backends.cudnn.benchmark
    try:
        precision = "tf32" if number == "tf32" else "ieee"
        matmul.fp32_precision = convolution.fp32_precision = precision
        torch.backends.cudnn.benchmark = tries
        yield
    finally:
        matmul.fp32_precision, convolution.fp32_precision, torch.backends.cudnn.benchmark = before


def busy(setting: Setting, figures: Figures) -> None:
    """The share of its time that the GPU computes, in explore steps and in a bare loop."""
    setting.require_cuda("a CPU is always busy")
    for precision in _PRECISIONS:
        context = problem(setting, precision)
        supernet = context.networks.new_supernet()
        turn = itertools.cycle([last_path(context.problem.proxy), other_path(context)])
        one = "bf16" if precision == "bf16-mixed" else "fp32"

        def explore(known: SearchContext = context) -> object:
            return known.trainer.train_path(supernet, next(turn), known.train_stream.next())  # noqa: B023

        steps: dict[str, Callable[[], object]] = {
            "bare": by_hand(setting, context, one, is_last=True),
            "explore": explore,
        }
        shares = {name: busy_share(setting, step) for name, step in steps.items()}
        figures.note(**{f"busy_{precision}": shares})
        said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        figures.say(f"{precision}: busy {said}")


def busy_share(setting: Setting, step: Callable[[], object]) -> float:
    """The time of all kernels over the time of the steps; they run one after another."""
    number = setting.of(2, 20)
    whole_ms = number * milliseconds(setting, step, number)
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities, acc_events=True) as profile:
        for _ in range(number):
            step()
        setting.synchronise()
    kernel_us = sum(event.self_device_time_total for event in profile.key_averages())
    return float(kernel_us) / 1e3 / whole_ms
