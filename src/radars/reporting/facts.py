"""What a report says in numbers and words: results, settings, finalists, comparisons."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from radars.reporting.plot import TextTable
from radars.reporting.record import RunRecord
from radars.runs.event_schema import SearchEndedEvent, SelectionEvent
from radars.space import name_of
from radars.units import format_bytes, format_count, format_seconds, format_whole

_NOTHING = "-"
_MOST_CLASSES = 12


def facts_table(runs: Sequence[RunRecord]) -> TextTable:
    """A row a fact, a column a run."""
    rows = [[name, *(show(run) for run in runs)] for name, show in _FACTS]
    return TextTable(
        ["", *(run.name for run in runs)], [r for r in rows if set(r[1:]) != {_NOTHING}]
    )


def settings_table(runs: Sequence[RunRecord]) -> TextTable:
    """A row a setting: of several runs only those that differ."""
    flat = [dict(_flat(run.config)) for run in runs]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    rows = [[key, *(settings.get(key, _NOTHING) for settings in flat)] for key in keys]
    if len(runs) > 1:
        rows = [row for row in rows if len(set(row[1:])) > 1]
    return TextTable(["setting", *(run.name for run in runs)], rows)


def environment_table(runs: Sequence[RunRecord]) -> TextTable:
    """When each run began, and on what it ran."""
    said = [_environment(run) for run in runs]
    keys = dict.fromkeys(key for of_run in said for key in of_run)
    rows = [[key, *(of_run.get(key, _NOTHING) for of_run in said)] for key in keys]
    return TextTable(["", *(run.name for run in runs)], rows)


def _environment(run: RunRecord) -> Mapping[str, str]:
    started = run.started
    if started is None or not started.time:
        return {} if started is None else started.environment
    return {"date": f"{datetime.fromtimestamp(started.time, UTC):%Y-%m-%d %H:%M} UTC"} | (
        started.environment
    )


def finalists_table(run: RunRecord) -> TextTable | None:
    """Who took part in the selection, and how each did in each halving round."""
    rounds = [selection for selection in run.all(SelectionEvent) if selection.accuracies]
    if not rounds:
        return None
    texts: dict[str, dict[int, str]] = {}
    best: dict[str, tuple[int, float]] = {}
    for selection in rounds:
        for finalist, accuracy in zip(selection.finalists, selection.accuracies, strict=False):
            name = " · ".join(finalist.values())
            if accuracy is not None:
                texts.setdefault(name, {})[selection.halving_round] = f"{accuracy:.2%}"
                best[name] = (selection.halving_round, accuracy)
    found = " · ".join(run.architecture.values())  # not always the most accurate
    ordered = sorted(texts, key=lambda name: (name == found, best[name]), reverse=True)
    numbers = sorted({selection.halving_round for selection in rounds})
    return TextTable(
        ["finalist", *(f"halving round {number + 1}" for number in numbers)],
        [[name, *(texts[name].get(number, "dropped") for number in numbers)] for name in ordered],
    )


def baselines_table(run: RunRecord) -> tuple[str, TextTable] | None:
    """What was found beside its baselines, under what that says; None where there are none."""
    table = run.baselines
    if table is None:
        return None
    rows = [
        [
            row.name,
            f"{row.accuracy:.2%}",
            row.standing or _NOTHING,
            format_count(row.macs),
            format_count(row.parameters),
            format_bytes(row.measured_peak_bytes),
            " · ".join(name_of(taken) for taken in row.architecture.values()),
        ]
        for row in table.rows
    ]
    columns = ["accuracy", "what was found is", "multiply-accumulates", "parameters", "memory"]
    said = table.verdict[0].upper() + table.verdict[1:]
    how = table.lines()[0].partition(":")[0].capitalize()
    title = f"{said}. {how} {table.noise_said}".strip() + "."
    return title, TextTable(["network", *columns, "architecture"], rows)


def confusion_table(run: RunRecord) -> TextTable | None:
    """What was taken for what on the test split; of many classes what is confused most."""
    names, counts = run.evaluation.get("class_names"), run.evaluation.get("confusion")
    if not names or not counts:
        return None
    if len(names) <= _MOST_CLASSES:
        rows = [
            [str(name), *(str(count or "·") for count in of)]
            for name, of in zip(names, counts, strict=False)
        ]
        return TextTable(["class, taken for", *map(str, names)], rows)
    wrong = [
        (count, str(names[label]), str(names[answer]))
        for label, of in enumerate(counts)
        for answer, count in enumerate(of)
        if label != answer and count
    ]
    most = sorted(wrong, key=lambda each: -each[0])[:_MOST_CLASSES]
    return TextTable(["class", "taken for", "examples"], [[n, a, str(c)] for c, n, a in most])


def macs_of_choices(run: RunRecord) -> dict[str, int]:
    """Choice to the multiply-accumulates of what was taken; empty where the run does not say."""
    ended = next((event for event in run.all(SearchEndedEvent) if event.costs), None)
    costs = {} if ended is None or not run.architecture else ended.costs or {}
    return {choice: cost.macs for choice, cost in costs.items()}


def memory_share(run: RunRecord) -> float | None:
    """The measured peak, as a fraction of the budget."""
    peak, budget = run.result.get("measured_peak_bytes"), run.result.get("budget_bytes")
    return float(peak) / float(budget) if peak and budget else None


def notice(run: RunRecord) -> str | None:
    """What to know before any number: that a run is not over, or did not end as it should."""
    status = run.result.get("status")
    if status == "completed":
        return _excess(run)
    if not run.result:
        return "This run has no result yet: it is running, or was stopped."
    if status == "exceeded_memory":
        needed, budget = (_said(run, key) for key in ("needed_bytes", "budget_bytes"))
        needs = "" if needed is None else f" It needs {needed}."
        return (
            f"Status: exceeded memory. A step of this method does not fit the budget"
            f"{'' if budget is None else f' of {budget}'}, so it did not start and found no "
            f"network.{needs} Raise the budget, lower the batch size, or take another method."
        )
    if status == "exceeded_time" and run.result.get("by_size"):
        return (
            "Status: exceeded time. Nothing was scored in the time there was: the network is a "
            "large one of those that are allowed. Search for longer."
        )
    if status == "exceeded_time" and run.result.get("validation_accuracy", 0) is None:
        return (
            "Status: exceeded time. Nothing was scored in the time there was: the network is what "
            "the search prefers so far. Search for longer."
        )
    if status == "exceeded_time":
        return "Status: exceeded time. The network is the best of what the time limit left."
    words = _status(run)
    lacks = "trained" if run.is_training else "found"
    reason = run.result.get("reason")
    because = "" if not reason else f" {str(reason)[0].upper()}{str(reason)[1:]}."
    return f"Status: {words}. It {lacks} no network.{because}"


def _excess(run: RunRecord) -> str | None:
    """That a step held more than was predicted for it."""
    if not run.result.get("largest_excess_bytes"):
        return None
    share = memory_share(run) or 0.0
    beyond = f"; the dearest held {share:.0%} of the budget" if share > 1 else ""
    return (
        f"A step held {_said(run, 'largest_excess_bytes')} more than was predicted for it{beyond}. "
        f"What followed was planned by what it held."
    )


def _said(run: RunRecord, key: str) -> str | None:
    value = run.result.get(key)
    return format_bytes(value) if isinstance(value, int) else None


def _status(run: RunRecord) -> str:
    return str(run.result.get("status", "not finished")).replace("_", " ")


def _text(*keys: str) -> Any:
    def show(run: RunRecord) -> str:
        for source in (run.result, run.config):
            for key in keys:
                if source.get(key) not in (None, ""):
                    return str(source[key])
        return _NOTHING

    return show


def _number(key: str, form: Any) -> Any:
    def show(run: RunRecord) -> str:
        value = run.evaluation.get(key, run.result.get(key))
        if isinstance(value, bool) or not isinstance(value, int | float):
            return _NOTHING
        return str(form(value))

    return show


def _of_network(key: str, form: Any) -> Any:
    """A number of the network that was found, or is trained; nothing where there is none."""
    show = _number(key, form)
    return lambda run: show(run) if run.architecture else _NOTHING


def _peak(num_bytes: int) -> str:
    return format_bytes(num_bytes) if num_bytes else _NOTHING  # 0: no step ran, or held more


def _percent(value: float) -> str:
    return f"{value:.2%}"


def _test_accuracy(run: RunRecord) -> str:
    """With its data, where they are others than those of the run."""
    accuracy = str(_number("test_accuracy", _percent)(run))
    source = run.evaluation.get("source")
    return accuracy if source in (None, _data(run)) else f"{accuracy} on {source}"


def _data(run: RunRecord) -> str:
    data = run.config.get("data")
    return str(data.get("source", _NOTHING)) if isinstance(data, Mapping) else _NOTHING


_FACTS = (
    ("status", _status),
    ("method", _text("method")),
    ("space", _text("space")),
    ("data", _data),
    ("seed", _text("seed")),
    ("architectures in the space", _number("num_architectures", format_whole)),
    ("validation accuracy", _of_network("validation_accuracy", _percent)),
    ("best epoch", _number("best_epoch", str)),
    ("training accuracy", _number("train_accuracy", _percent)),
    ("test accuracy", _test_accuracy),
    ("test examples", _number("num_examples", str)),
    ("test loss", _number("test_loss", "{:.4f}".format)),
    ("expected calibration error", _number("expected_calibration_error", _percent)),
    ("examples per second, evaluated", _number("examples_per_second", "{:.0f}".format)),
    ("peak of the evaluation", _number("peak_memory_bytes", format_bytes)),
    ("budget", _number("budget_bytes", format_bytes)),
    ("predicted peak", _number("predicted_peak_bytes", _peak)),
    ("measured peak", _number("measured_peak_bytes", _peak)),
    ("most beyond a prediction", _number("largest_excess_bytes", _peak)),
    ("memory needed", _number("needed_bytes", format_bytes)),
    ("peak of the process (RSS)", _number("peak_rss_bytes", format_bytes)),
    ("search time", _number("search_seconds", format_seconds)),
    ("training time", _number("train_seconds", format_seconds)),
    ("multiply-accumulates", _of_network("macs", format_count)),
    ("parameters", _of_network("parameters", format_count)),
    ("rounds", _number("rounds", str)),
    ("epochs", _number("epochs", str)),
)


def headline(run: RunRecord) -> list[tuple[str, str]]:
    """The few numbers that people look for first: what it is, and its value."""
    known = dict(_FACTS)
    names = (
        *("test accuracy", "validation accuracy", "best epoch", "training accuracy"),
        *("memory needed", "measured peak"),
        *("search time", "training time", "parameters", "multiply-accumulates"),
    )
    found = [(name, known[name](run)) for name in names]
    return [(name, value) for name, value in found if value != _NOTHING][:6]


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            yield f"{prefix}{key}", ", ".join(map(str, value)) or "none"
        else:
            yield f"{prefix}{key}", "none" if value is None else str(value)
