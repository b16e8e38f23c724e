"""What people read at the end of a search."""

from pathlib import Path
from shlex import quote

from radars.cost import format_cost
from radars.engine.search_result import Ranked, SearchResult
from radars.registries import COSTS
from radars.runs.file_names import PARETO_NAME
from radars.runs.read_run import read_front
from radars.space import name_of
from radars.units import format_bytes, format_count, format_seconds, format_whole

_LABELS = {"memory": "inference", "latency_ms": "latency"}
_MOST_POINTS = 10  # of a front
_MOST_RANKED = 5
_MOST_DIFFERENCES = 4  # that are named
_HEAD = ["accuracy", "MACs", "memory", "proposed by", "what differs"]
_NOT_BY_ACCURACY = " (by accuracy and what is expected of a longer training or asked for)"


def search_summary(result: SearchResult, out: Path | None) -> str:
    """The architecture found, its accuracy, memory against the budget, and what to do next.

    Args:
        result: the end of a search.
        out: its run directory; None where nothing was kept.
    """
    budget = result.budget_bytes
    width = max(len(choice) for choice in result.architecture)
    rows = [f"  {choice:{width}}  {name}" for choice, name in result.architecture.items()]
    accuracy = "none yet"
    if result.by_size:
        accuracy = "none: nothing was scored in the time; this is a large one that is allowed"
    elif _is_unscored(result):
        accuracy = f"none: nothing was scored in the time; {result.method} prefers this so far"
    if result.validation_accuracy is not None:
        accuracy = f"{result.validation_accuracy:.2%} on the validation part, briefly trained"
    rounds = "round" if result.rounds == 1 else "rounds"
    lines = [
        f"\n{result.method} on {result.space}: {result.status.replace('_', ' ')} after "
        f"{format_seconds(result.search_seconds)}, {result.rounds} {rounds}, "
        f"{format_whole(result.num_architectures)} architectures",
        "",
        "architecture",
        *rows,
        "",
        f"accuracy    {accuracy}",
        f"size        {format_count(result.parameters)} parameters, "
        f"{format_count(result.macs)} multiply-accumulates",
        *_cost_rows(result),
        f"memory      predicted {format_bytes(result.predicted_peak_bytes)}, measured "
        f"{format_bytes(result.measured_peak_bytes)}, budget {format_bytes(budget)} "
        f"({result.measured_peak_bytes / budget:.0%} used)",
        *_excess_rows(result),
        *_limited_rows(result),
        *_best_rows(result),
        *_baseline_rows(result),
        *_next_rows(result, out),
    ]
    return "\n".join(lines)


def _is_unscored(result: SearchResult) -> bool:
    """Whether the time was over before any network had an accuracy."""
    return result.status == "exceeded_time" and result.validation_accuracy is None


def _excess_rows(result: SearchResult) -> list[str]:
    """That a step held more than was predicted, or than the budget."""
    if not result.largest_excess_bytes:
        return []
    over = result.measured_peak_bytes - result.budget_bytes
    beyond = f", and {format_bytes(over)} more than the budget" if over > 0 else ""
    return [
        f"            a step held {format_bytes(result.largest_excess_bytes)} more than predicted"
        f"{beyond}; what followed was planned by what it held"
    ]


def _limited_rows(result: SearchResult) -> list[str]:
    """What the time limit shortened."""
    shortened = [
        f"{phase} {steps:,} of {planned:,} steps"
        for phase, (steps, planned) in result.limited.items()
        if steps < planned
    ]
    return [f"shortened   by the time limit: {', '.join(shortened)}"] if shortened else []


def _best_rows(result: SearchResult) -> list[str]:
    """The best architectures in a table: what each reached and needs, and who proposed it."""
    best = result.ranking[:_MOST_RANKED]
    if len(best) < 2:
        return []
    accuracies = [ranked.accuracy or 0.0 for ranked in best]
    order = "" if accuracies == sorted(accuracies, reverse=True) else _NOT_BY_ACCURACY
    rows = [_HEAD, *(_best_row(index, ranked, result) for index, ranked in enumerate(best))]
    if all(ranked.proposed_by is None for ranked in best):  # the method has no parts
        rows = [[*row[:-2], row[-1]] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return ["", f"the best {len(best)}{order}", *(f"  {row}" for row in aligned), ""]


def _best_row(index: int, ranked: Ranked, result: SearchResult) -> list[str]:
    """One of them, in the columns of the head."""
    differs = [
        f"{choice} {name_of(taken)}"
        for choice, taken in ranked.architecture.items()
        if choice not in result.architecture or result.architecture[choice] != taken
    ]
    if len(differs) > _MOST_DIFFERENCES:
        differs = [*differs[:_MOST_DIFFERENCES], f"and {len(differs) - _MOST_DIFFERENCES} more"]
    return [
        "" if ranked.accuracy is None else f"{ranked.accuracy:.2%}",
        "" if ranked.macs is None else format_count(ranked.macs),
        "" if ranked.memory_bytes is None else format_bytes(ranked.memory_bytes),
        ranked.proposed_by or "",
        ", ".join(differs) if index else "the one above",
    ]


def _baseline_rows(result: SearchResult) -> list[str]:
    """What was found beside networks that need no search."""
    rows = [] if result.baselines is None else result.baselines.lines()
    if result.baselines_left_out is not None:
        rows.append(f"not all baselines were trained: {result.baselines_left_out}")
    if not rows:
        return []
    return [*([] if _best_rows(result) else [""]), *rows, ""]


def _next_rows(result: SearchResult, out: Path | None) -> list[str]:
    """Where the results are, and what to do with them."""
    where = [] if out is None else [f"results     {out}", *_front_rows(out)]
    if _is_unscored(result):
        how = "longer, with a larger max_minutes"
        if out is not None and not result.has_objects:
            how = f"longer: radars search --out {quote(str(out))} --resume --max-minutes M"
        return [*where, "", f"next: search {how}"]
    next_row = "next: train it from scratch, then evaluate it on the test split"
    if out is None or result.has_objects:
        return [*where, "", next_row, "  trained = radars.train(result, train_set, epochs=...)"]
    commands = [
        f"radars train {quote(str(out / 'architecture.json'))} --out {quote(f'{out}-train')}",
        f"radars evaluate {quote(f'{out}-train')}",
    ]
    return [*where, "", next_row, *(f"  {command}" for command in commands)]


def _cost_rows(result: SearchResult) -> list[str]:
    """What was asked for and is not counted: by candidates, and of the whole network."""
    rows = []
    for name, cost in result.costs.items():
        by_sum, whole = cost["sum"], cost["whole"]
        assert by_sum is not None
        said = f"{format_cost(name, by_sum)} by its candidates"
        if whole is not None:
            how = COSTS.get(name).how
            said = f"{format_cost(name, whole)}, {how} on the whole network; {said}"
        rows.append(f"{_LABELS.get(name, name):12}{said}")
    return rows


def _front_rows(out: Path) -> list[str]:
    front = read_front(out)
    if front is None:
        return []
    costs = [name for name in front["objectives"] if name != "accuracy"]
    best = [point for point in front["points"] if point["on_front"]]
    rows = [
        "  "
        + f"{point['accuracy']:.2%}  "
        + "  ".join(f"{format_cost(name, point[name])} {name}" for name in costs)
        for point in best
    ]
    if len(rows) > _MOST_POINTS:
        rows = [*rows[: _MOST_POINTS - 1], f"  and {len(rows) - _MOST_POINTS + 1} more"]
    of = f"{len(best)} of {len(front['points'])} architectures that were scored"
    return ["", f"front       {of}: {out / PARETO_NAME}", *rows]
