"""Plots of the pruning story: what stays live from stage to stage, what is preferred over time.

What was found has a dot: in a stage that it is live in, and at its row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from radars.reporting.plot import HeatMap, Plot, TextTable, thinned, time_unit
from radars.reporting.record import RunRecord
from radars.reporting.run_plots import spans
from radars.runs.event_schema import PlannedEvent, PreferencesEvent, SelectionEvent
from radars.units import format_seconds

_MOST_COLUMNS = 80
_MOST_ROWS = 50  # of one heat map over time
_FOUND = "●"


def stages(run: RunRecord) -> list[tuple[str, dict[str, tuple[str, ...]]]]:
    """The stages of a search, and the candidates that were live in each."""
    full = dict(run.candidates)
    plans, selections = run.all(PlannedEvent), run.all(SelectionEvent)
    if not plans:
        return []
    full = full or {choice: _seen(choice, run) for choice in plans[0].subspace}
    found = [("all", full)]
    seen: dict[int, int] = {}
    for plan in plans:
        seen[plan.round] = seen.get(plan.round, 0) + 1
        again = f" ({seen[plan.round]})" if seen[plan.round] > 1 else ""
        found.append((f"round {plan.round + 1}{again}", dict(plan.subspace)))
    for selection in selections:
        if selection.accuracies:
            taken = {c: {known.get(c) for known in selection.finalists} for c in full}
            live = {
                choice: tuple(name for name in names if name in taken[choice])
                for choice, names in full.items()
            }
            found.append((f"halving round {selection.halving_round + 1}", live))
    if run.architecture:
        found.append(("found", {choice: (name,) for choice, name in run.architecture.items()}))
    return found


def stages_plot(run: RunRecord) -> Plot | None:
    """How many candidates of each choice were live in each stage."""
    known = stages(run)
    if not known:
        return None
    full = known[0][1]
    choices = list(full)
    found = run.architecture
    live = [[tuple(of.get(choice, ())) for _, of in known] for choice in choices]
    notes = [
        [
            f"{choice}, {label}: {len(names)} of {len(full[choice])}: {', '.join(names)}"
            + _without(found.get(choice), names)
            for (label, _), names in zip(known, row, strict=True)
        ]
        for choice, row in zip(choices, live, strict=True)
    ]
    return Plot(
        key="pruning",
        title="Candidates that are live",
        caption="For each choice, how many candidates are left: all, those that a round's plan "
        "keeps within the budget, those among the finalists of each "
        "halving round of the selection, and "
        "the one that was found. The stronger the colour, the more." + _found_said(run),
        x_label="",
        y_label="",
        table=TextTable(
            ["choice", *(label for label, _ in known)],
            [
                [
                    choice,
                    *(", ".join(names) if len(names) <= 4 else str(len(names)) for names in row),
                ]
                for choice, row in zip(choices, live, strict=True)
            ],
        ),
        heat_map=HeatMap(
            x=range(len(known)),
            row_labels=choices,
            values=[
                [len(names) / max(len(full[choice]), 1) for names in row]
                for choice, row in zip(choices, live, strict=True)
            ],
            notes=notes,
            texts=[
                [
                    f"{len(names)} {_FOUND}" if found.get(choice) in names else str(len(names))
                    for names in row
                ]
                for choice, row in zip(choices, live, strict=True)
            ],
        ),
        x_ticks=[(index, label) for index, (label, _) in enumerate(known)],
    )


def _found_said(run: RunRecord) -> str:
    """What the dots mean, and whether the last plan had dropped what was found."""
    if not run.architecture:
        return ""
    said = f" A dot ({_FOUND}) is where what was found is among them."
    kept = run.all(PlannedEvent)[-1].subspace
    dropped = [
        f"{choice} {name}"
        for choice, name in run.architecture.items()
        if name not in kept.get(choice, ())
    ]
    if dropped:
        said += f" The last plan had dropped {', '.join(dropped)}."
    return said


def _without(found: str | None, names: Sequence[str]) -> str:
    return "" if found is None or found in names else f"; without {found}, which was found"


def preferences_plots(run: RunRecord) -> list[Plot]:
    """The probability of each candidate over time: of the policy, or of the mixture."""
    events = [event for event in run.all(PreferencesEvent) if event.values]
    if len(events) < 2 or not run.candidates:
        return []
    chosen = [events[index] for index in thinned(len(events), _MOST_COLUMNS)]
    candidates = {
        choice: names
        for choice, names in run.candidates.items()
        if all(len(event.values.get(choice, ())) == len(names) for event in chosen)
    }
    pages = list(_pages(candidates))
    return [_preferences_plot(run, chosen, page, i, len(pages)) for i, page in enumerate(pages)]


def _preferences_plot(
    run: RunRecord,
    events: Sequence[PreferencesEvent],
    candidates: Mapping[str, Sequence[str]],
    index: int,
    number: int,
) -> Plot:
    unit_seconds, unit = time_unit(run.total_seconds)
    at = [run.seconds(event) for event in events]
    labels: list[str] = []
    values: list[list[float | None]] = []
    notes: list[list[str]] = []
    breaks: list[int] = []
    rows: list[list[str]] = []
    for choice, names in candidates.items():
        if labels:
            breaks.append(len(labels))
        for position, name in enumerate(names):
            row = [event.values[choice][position] for event in events]
            is_found = run.architecture.get(choice) == name
            labels.append(f"{_FOUND} {choice} {name}" if is_found else f"{choice} {name}")
            values.append(row)
            notes.append(
                [
                    f"{choice} {name}, {event.phase}, {format_seconds(seconds)}: "
                    + ("not live" if value is None else f"{value:.1%}")
                    for event, seconds, value in zip(events, at, row, strict=True)
                ]
            )
            shown = [row[i] for i in (0, len(row) // 2, len(row) - 1)]
            rows.append([choice, name, *("not live" if v is None else f"{v:.1%}" for v in shown)])
    part = "" if number == 1 else f", part {index + 1} of {number}: {', '.join(candidates)}"
    return Plot(
        key="preferences" if number == 1 else f"preferences-{index + 1}",
        title=f"What is preferred{part}",
        caption="The probability of each candidate: by the policy while exploring, by the softmax "
        "of the architecture logits while differentiating. The stronger the colour, the likelier; "
        "empty where it is not live. Dotted lines are between phases (diff.: differentiate)."
        + (f" A dot ({_FOUND}) is what was found." if run.architecture else ""),
        x_label=f"time ({unit})",
        y_label="",
        table=TextTable(["choice", "candidate", "at first", "half-way", "at last"], rows),
        heat_map=HeatMap([s / unit_seconds for s in at], labels, values, notes, breaks=breaks),
        spans=[
            replace(span, is_shaded=False)  # a shade would be taken for a value
            for span in spans(run)
            if span.start < at[-1] / unit_seconds
        ],
    )


def _pages(candidates: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Sequence[str]]]:
    """Parts that are not too tall for one figure."""
    page: dict[str, Sequence[str]] = {}
    for choice, names in candidates.items():
        if page and sum(map(len, page.values())) + len(names) > _MOST_ROWS:
            yield page
            page = {}
        page[choice] = names
    if page:
        yield page


def _seen(choice: str, run: RunRecord) -> tuple[str, ...]:
    """The candidates of a choice that some plan kept, for runs whose log does not name them all."""
    return tuple(
        dict.fromkeys(n for plan in run.all(PlannedEvent) for n in plan.subspace.get(choice, ()))
    )
