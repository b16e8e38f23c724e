"""Plots of one run: accuracy, memory, the policy's entropy, what was trained, the Pareto front."""

from collections.abc import Iterable, Sequence

from radars.reporting.plot import (
    Plot,
    Series,
    Span,
    Style,
    TextTable,
    byte_unit,
    series_table,
    time_unit,
)
from radars.reporting.record import Pareto, ParetoPoint, RunRecord
from radars.runs.event_schema import (
    ChildEvent,
    EpochEndedEvent,
    PhaseEndedEvent,
    PhaseStartedEvent,
    PlannedEvent,
    ProgressEvent,
)
from radars.units import format_bytes, format_count, format_seconds

_PHASES = {
    "explore": "explore: latest reward",
    "select": "select: latest finalist, trained alone",
    "finalists": "finalists, with shared weights",
    "evolve": "evolution, with shared weights",
    "children": "children, trained from scratch",
    "baselines": "baselines, trained alike",
}
_UNITS = {"macs": "multiply-accumulates", "memory": "memory (bytes)", "latency_ms": "latency (ms)"}


def accuracy_plot(run: RunRecord) -> Plot | None:
    """Reward and accuracy over time."""
    unit_seconds, unit = _time(run)
    children = [child for child in run.all(ChildEvent) if child.accuracy is not None]
    series: list[Series] = []
    if children:
        at = [run.seconds(child) / unit_seconds for child in children]
        reached = [100 * (child.accuracy or 0.0) for child in children]
        notes = [
            f"{value:.2f}%: {', '.join(c.architecture.values())}"
            for value, c in zip(reached, children, strict=True)
        ]
        best = [max(reached[: index + 1]) for index in range(len(reached))]
        series.append(Series("trained from scratch", at, reached, "points", notes))
        series.append(Series("best so far", at, best, "steps", [f"{b:.2f}%" for b in best]))
    else:
        by_phase: dict[str, list[ProgressEvent]] = {}
        for point in run.all(ProgressEvent):
            if point.accuracy is not None:
                by_phase.setdefault(point.phase, []).append(point)
        for phase, points in by_phase.items():
            values = [100 * (point.accuracy or 0.0) for point in points]
            at = [run.seconds(point) / unit_seconds for point in points]
            notes = [
                f"{phase}, {format_seconds(x * unit_seconds)}: {y:.2f}%"
                for x, y in zip(at, values, strict=True)
            ]
            curve = Series(_PHASES.get(phase, phase), at, values, "line", notes)
            series.append(_with_gaps(run, curve))
    if not series:
        return None
    return Plot(
        key="accuracy",
        title="Reward and accuracy",
        caption="Validation accuracy as the search saw it, phase by phase. Accuracies of different "
        "phases are of differently trained weights, and compare only within a phase."
        + shading_said(run, ": there is none while differentiating"),
        x_label=f"time ({unit})",
        y_label="accuracy (%)",
        table=series_table(series, f"time ({unit})", "{:.2f}%"),
        series=series,
        spans=spans(run),
    )


def memory_plot(run: RunRecord) -> Plot | None:
    """Memory predicted, measured and allowed, over time."""
    points = [p for p in run.all(ProgressEvent) if p.measured_peak_bytes is not None]
    if not points:
        return None
    unit_seconds, unit = _time(run)
    budget = float(run.result.get("budget_bytes") or run.config.get("budget") or 0)
    size, size_unit = byte_unit(max([budget, *((p.measured_peak_bytes or 0) for p in points)]))
    at = [run.seconds(point) / unit_seconds for point in points]

    def curve(
        name: str, values: Sequence[float | None], style: Style, x: Sequence[float]
    ) -> Series:
        notes = [
            f"{name}: {'unknown' if v is None else format_bytes(int(v))} after "
            f"{format_seconds(where * unit_seconds)}"
            for where, v in zip(x, values, strict=True)
        ]
        scaled = [None if v is None else v / size for v in values]
        return Series(name, x, scaled, style, notes)

    budgets = [p.budget_bytes or budget or None for p in points]
    series = [
        curve("measured peak so far", [p.measured_peak_bytes for p in points], "steps", at),
        curve("predicted peak so far", [p.predicted_peak_bytes for p in points], "steps", at),
        curve("budget", budgets, "limit", at),
    ]
    plans = [plan for plan in run.all(PlannedEvent) if plan.predicted_peak_bytes is not None]
    if plans:
        x = [run.seconds(plan) / unit_seconds for plan in plans]
        series.append(
            curve("predicted for a plan", [p.predicted_peak_bytes for p in plans], "points", x)
        )
    return Plot(
        key="memory",
        title="Memory against the budget",
        caption="The most that any training step held so far, as predicted before it ran and as "
        "measured when it ran. Where prediction and measurement are equal, the curves cover each "
        "other." + shading_said(run),
        x_label=f"time ({unit})",
        y_label=f"memory ({size_unit})",
        table=series_table(series, f"time ({unit})", "{:.2f} " + size_unit),
        series=series,
        spans=spans(run),
        from_zero=True,
    )


def entropy_plot(run: RunRecord) -> Plot | None:
    """How undecided the policy is, over time."""
    points = [
        (point, entropy)
        for point in run.all(ProgressEvent)
        if (entropy := point.scalars.get("entropy")) is not None
    ]
    if len(points) < 2:
        return None
    unit_seconds, unit = _time(run)
    at = [run.seconds(point) / unit_seconds for point, _ in points]
    values = [100 * entropy for _, entropy in points]
    notes = [f"entropy {value:.1f}% of the largest possible" for value in values]
    series = [Series("entropy of the policy", at, values, "line", notes)]
    return Plot(
        key="entropy",
        title="Entropy of the policy",
        caption="How undecided the policy is: 100% where all candidates are equally likely, 0% "
        "where every choice is made." + shading_said(run),
        x_label=f"time ({unit})",
        y_label="entropy (%)",
        table=series_table(series, f"time ({unit})", "{:.1f}%"),
        series=series,
        spans=spans(run),
        from_zero=True,
    )


def training_plots(run: RunRecord) -> list[Plot]:
    """Accuracy and loss over epochs."""
    epochs = run.all(EpochEndedEvent)
    if not epochs:
        return []
    accuracies = (
        ("held out", [epoch.validation_accuracy for epoch in epochs]),
        ("training", [epoch.train_accuracy for epoch in epochs]),
    )
    losses = (("training", [epoch.train_loss for epoch in epochs]),)
    trained = "Training: means over an epoch, on examples as they were trained on."
    held_out = " Held out: the network after the epoch, on examples that are not trained on."
    best = run.result.get("best_epoch")
    kept = "" if best is None else f" The best epoch, {best}, is kept."
    is_held_out = any(epoch.validation_accuracy is not None for epoch in epochs)
    caption = trained + (held_out + kept if is_held_out else "")
    return [
        _epochs_plot(
            "train-accuracy", "Accuracy", caption, "accuracy (%)", epochs, accuracies, 100
        ),
        _epochs_plot("train-loss", "Training loss", trained, "loss", epochs, losses),
    ]


def _epochs_plot(
    key: str,
    title: str,
    caption: str,
    y_label: str,
    epochs: Sequence[EpochEndedEvent],
    curves: Iterable[tuple[str, Sequence[float | None]]],
    scale: float = 1.0,
) -> Plot:
    series = []
    for name, values in curves:
        known = [
            (epoch.epoch, scale * value)
            for epoch, value in zip(epochs, values, strict=True)
            if value is not None
        ]
        if known:
            x, y = zip(*known, strict=True)
            notes = [f"{name}, epoch {epoch}: {value:.4g}" for epoch, value in known]
            series.append(Series(name, x, y, "line", notes))
    return Plot(
        key=key,
        title=title,
        caption=caption,
        x_label="epoch",
        y_label=y_label,
        table=series_table(series, "epoch", "{:.4g}"),
        series=series,
    )


def pareto_plots(pareto: Pareto) -> list[Plot]:
    """The Pareto front, and all that was scored: accuracy against each cost of it."""
    return [plot for name in pareto.costs if (plot := _pareto_plot(pareto, name))]


def _pareto_plot(pareto: Pareto, cost: str) -> Plot | None:
    known = [point for point in pareto.points if _cost(point, cost) is not None]
    if not known:
        return None
    known.sort(key=lambda point: _cost(point, cost) or 0.0)
    unit = _UNITS.get(cost, cost)

    def curve(name: str, points: Sequence[ParetoPoint]) -> Series:
        return Series(
            name,
            [_cost(point, cost) or 0.0 for point in points],
            [100 * point.accuracy for point in points],
            "points",
            [
                f"{point.accuracy:.2%}, {format_count(_cost(point, cost) or 0.0)} {unit}: "
                f"{', '.join(point.architecture.values())}"
                for point in points
            ],
        )

    front = [point for point in known if point.on_front]
    others = [point for point in known if not point.on_front]
    return Plot(
        key=f"pareto-{cost}".replace("_", "-"),
        title=f"Accuracy against {unit}",
        caption="Every architecture that was scored. None is at least as good as one of the front "
        "in every objective, and better in one: "
        + ", ".join(_UNITS.get(name, name) for name in pareto.objectives)
        + ".",
        x_label=unit,
        y_label="accuracy (%)",
        table=TextTable(
            [unit, "accuracy", "architecture"],
            [
                [
                    format_count(_cost(point, cost) or 0.0),
                    f"{point.accuracy:.2%}",
                    ", ".join(point.architecture.values()),
                ]
                for point in front
            ],
        ),
        series=[one for one in (curve("front", front), curve("others", others)) if one.x],
    )


def _cost(point: ParetoPoint, name: str) -> float | None:
    value = (point.model_extra or {}).get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]


def spans(run: RunRecord) -> list[Span]:
    """The phases of a run, on its time axis; one that did not end goes on to the latest event."""
    unit_seconds, _ = _time(run)
    phases = [
        event for event in run.events if isinstance(event, PhaseStartedEvent | PhaseEndedEvent)
    ]
    ends: list[tuple[PhaseStartedEvent | PhaseEndedEvent, float]] = [
        (event, run.seconds(event)) for event in run.all(PhaseEndedEvent)
    ]
    if phases and isinstance(phases[-1], PhaseStartedEvent):
        ends.append((phases[-1], run.seconds(run.events[-1])))
    found: list[Span] = []
    start = 0.0
    for event, seconds in ends:
        end = seconds / unit_seconds
        is_differentiate = event.phase == "differentiate"
        name = "diff." if is_differentiate else event.phase
        rounds = f"{event.round + 1} " if event.phase in ("explore", "differentiate") else ""
        if end > start:
            found.append(Span(start, end, f"{rounds}{name}", is_differentiate))
        start = end
    return found


def shading_said(run: RunRecord, why: str = "") -> str:
    """A sentence on what is shaded, for a caption; none where nothing is."""
    is_shaded = any(span.is_shaded for span in spans(run))
    return f" Shaded are the phases that differentiate (diff.){why}." if is_shaded else ""


def _time(run: RunRecord) -> tuple[float, str]:
    return time_unit(run.total_seconds)


def _with_gaps(run: RunRecord, series: Series) -> Series:
    """A curve that is not joined across another phase."""
    ends = [span.end for span in spans(run)]
    x: list[float] = []
    y: list[float | None] = []
    notes: list[str] = []
    for index, where in enumerate(series.x):
        crosses = index > 0 and sum(series.x[index - 1] <= end < where for end in ends) > 1
        if crosses:
            x.append(where)
            y.append(None)
            notes.append("")
        x.append(where)
        y.append(series.y[index])
        notes.append(series.notes[index])
    return Series(series.name, x, y, series.style, notes)
