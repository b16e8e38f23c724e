"""The verbs of the Python API: the same as the commands, with the same defaults."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from radars.arguments import Passed, SpaceLike
from radars.comparison.comparison_config import CompareConfig
from radars.comparison.run_comparison import Comparison, run_comparison
from radars.data import DataConfig, DataLike
from radars.engine.baselines.baseline_config import grouped
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult
from radars.engine.start_search import completed_search
from radars.example import as_input_shape
from radars.nn.task import CLASSIFICATION, Task
from radars.objects import with_objects
from radars.optional import without_none
from radars.planning.plan_report import PlanReport, plan_of
from radars.reporting.write_report import write_report
from radars.runs.directory import no_run_to_resume, say_that_it_is_new
from radars.runs.event_schema import EventSink
from radars.runs.read_run import read_config
from radars.settings import merge_settings, validate_settings
from radars.space import SearchSpace
from radars.tracking.progress import NoProgress, Progress, shown_progress
from radars.training.evaluation import EvaluationResult
from radars.training.exporting import ExportResult, check_export
from radars.training.start_training import (
    completed_training,
    read_architecture,
    settings_of_search,
)
from radars.training.train_config import TrainConfig
from radars.training.trained import TrainedNetwork, load_trained
from radars.training.training_job import train_architecture


def plan(
    space: SpaceLike | None = None,
    *,
    input_shape: Any = None,
    batch_size: int | None = None,
    budget: int | str | None = None,
    config: SearchConfig | None = None,
    **settings: Any,
) -> PlanReport:
    """What fits a memory budget; needs no data and no GPU. `print` shows it.

    Args:
        space: the search space; `digits` where none is given.
        input_shape: the shape of one example, without the batch, or a tuple or a dict of shapes
            where a network takes several inputs; by default the space's own.
        batch_size: examples in a batch.
        budget: bytes, or text such as `12GiB`.
        config: a configuration; the other arguments override it.
        settings: other settings of a search, such as `memory_savings={"recompute": False}`.

    Raises:
        ConfigError: an argument is not valid.
        SpaceError: the space is not well formed, or cannot take the input.
    """
    passed = Passed.of(space, None)
    asked = passed.settings(batch_size, None) | settings | without_none(budget=budget)
    shape = None if input_shape is None else as_input_shape(input_shape)
    return plan_of(_config(config, asked), passed.space, input_shape=shape)


def search(
    space: SpaceLike | None = None,
    data: DataLike | None = None,
    *,
    budget: int | str | None = None,
    method: str | None = None,
    max_minutes: float | None = None,
    constraints: Iterable[str] | None = None,
    baseline: Iterable[str] | Mapping[str, Any] | None = None,
    seed: int | None = None,
    batch_size: int | None = None,
    data_options: Mapping[str, Any] | None = None,
    proxy: SearchSpace | None = None,
    task: Task = CLASSIFICATION,
    config: SearchConfig | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | Progress | None = None,
    on_event: EventSink | None = None,
    **settings: Any,
) -> SearchResult:
    """Searches for the best architecture within a memory budget.

    Args:
        space: the search space; `digits` where none is given.
        data: any map-style `torch.utils.data.Dataset` of (example, target), a pair of tensors or
            arrays, a Hugging Face data set, `radars.tensor_data(...)`, a folder, or a name.
        budget: bytes that no training step exceeds, or text such as `2GiB`.
        method: a registered search method, such as `radars` or `random`.
        max_minutes: how long it may take, of which each phase has a share; None for its steps.
        constraints: hard bounds, such as `macs<=40M`.
        baseline: networks that are trained beside what is found, such as `["largest", "random"]`.
        seed: the seed of all random draws.
        batch_size: examples in a batch.
        data_options: how data are read and divided, such as `{"validation_fraction": 0.2}`.
        proxy: trained instead of `space` while searching; makes the same choices.
        task: the loss and the score.
        config: a configuration; the other arguments override it.
        out: the run directory; None keeps nothing on disk.
        resume: continue the run in `out`; pass the same objects again. A completed run is only
            read again.
        progress: whether to show progress, by default only in a notebook; or what shows it.
        on_event: called with every event, the same that `events.jsonl` has; raise
            `radars.StopSearch` in it to stop the search at the next step.
        settings: any other setting of `SearchConfig`, such as `explore={"steps": 300}`.

    Raises:
        ConfigError, SpaceError, DataError: an argument is not valid; nothing has been written.
        BudgetError: no architecture fits the budget.
        Stopped: somebody stopped it; the state is saved where `out` is given.
        RunError: it cannot go on.
    """
    passed = Passed.of(space, data)
    asked = passed.settings(batch_size, data_options) | settings
    asked |= without_none(budget=budget, method=method, max_minutes=max_minutes, seed=seed)
    asked |= {} if constraints is None else {"constraints": list(constraints)}
    asked |= {} if baseline is None else {"baseline": grouped(baseline)}
    folder, shown = None if out is None else Path(out), shown_progress(progress)
    return _search(passed, proxy, task, config, asked, folder, resume, shown, on_event)


def _search(
    passed: Passed,
    proxy: SearchSpace | None,
    task: Task,
    config: SearchConfig | None,
    asked: Mapping[str, Any],
    out: Path | None,
    resume: bool,
    progress: Progress | None,
    on_event: EventSink | None,
) -> SearchResult:
    """Starts a search, or continues the one in `out`; one that is completed is only read."""
    stored = read_config(out) if resume and out is not None else None
    if stored is not None and config is None:
        config = validate_settings(SearchConfig, stored)
    elif resume and out is not None:
        if config is None and not asked and passed.space is None and passed.data is None:
            raise no_run_to_resume(out)
        say_that_it_is_new(out)
    complete = _config(config, asked)
    given = Given(passed.space, proxy, passed.data_for(complete.data, complete.seed), task)
    if stored is not None and out is not None:
        known = completed_search(out, given.recorded(complete), given)
        if known is not None:
            return known
    return run_search(
        complete,
        given,
        out=out,
        resume=stored is not None,
        progress=progress,
        on_event=on_event,
    )


def train(
    architecture: SearchResult | Mapping[str, Any] | str | Path,
    data: DataLike | None = None,
    *,
    space: SpaceLike | None = None,
    batch_size: int | None = None,
    data_options: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    from_search: str | Path | None = None,
    task: Task = CLASSIFICATION,
    seed: int | None = None,
    config: TrainConfig | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool | Progress | None = None,
    **settings: Any,
) -> TrainedNetwork:
    """Trains an architecture from scratch on the whole training split.

    Args:
        architecture: what a search found, or an architecture, or the path of an
            `architecture.json`, beside which the search's own settings are read.
        data: as for `search`, as are the next three; by default what the search was about.
        space: what it is one of; by default that of what was found.
        batch_size: examples in a batch.
        data_options: how data are read and divided.
        epochs: visits of the training split.
        from_search: start from the shared weights of the search in this directory.
        task: the loss and the score.
        seed: the seed of all random draws.
        config: a configuration; the other arguments override it.
        out: the run directory; None keeps nothing on disk.
        resume: continue the training in `out`; a completed one is only read again.
        progress: whether to show progress, by default only in a notebook; or what shows it.
        settings: any other setting of `TrainConfig`.

    Raises:
        ConfigError, SpaceError, DataError: an argument is not valid; nothing has been written.
        Stopped: it was interrupted; the state is saved.
        RunError: it cannot go on.
    """
    chosen, searched, inherited = _what_to_train(architecture)
    passed = Passed.of(searched if space is None else space, data)
    asked = passed.settings(batch_size, data_options) | settings
    asked |= without_none(epochs=epochs, seed=seed, from_search=from_search and str(from_search))
    base = inherited if config is None else config.model_dump()
    complete = validate_settings(TrainConfig, merge_settings(base, asked))
    directory = None if out is None else Path(out)
    is_begun = resume and directory is not None and read_config(directory) is not None
    if resume and directory is not None and not is_begun:
        say_that_it_is_new(directory)
    return _train(
        chosen,
        complete,
        passed,
        task,
        directory,
        is_begun=is_begun,
        progress=shown_progress(progress),
    )


def _train(
    architecture: Mapping[str, Any],
    config: TrainConfig,
    passed: Passed,
    task: Task,
    out: Path | None,
    *,
    is_begun: bool,
    progress: Progress | None,
) -> TrainedNetwork:
    """Trains what is left; one that is completed is read again."""
    data = passed.data_for(config.data, config.seed)
    config = with_objects(config, space=passed.space, data=data)
    if is_begun and out is not None:
        known = completed_training(out, config, architecture, space=passed.space, task=task)
        if known is not None:
            return replace(known, data=data)
    result = train_architecture(
        architecture,
        config,
        space=passed.space,
        data=data,
        task=task,
        out=out,
        resume=is_begun,
        progress=progress,
    )
    return TrainedNetwork.of(result, config, task=task, directory=out, data=data)


def _what_to_train(
    architecture: SearchResult | Mapping[str, Any] | str | Path,
) -> tuple[Mapping[str, Any], SearchSpace | None, dict[str, Any]]:
    """The architecture, its space where it is at hand, and the settings of its search."""
    if isinstance(architecture, SearchResult):
        directory = architecture.directory
        inherited = {} if directory is None else settings_of_search(directory)
        return architecture.architecture, architecture.searched, inherited
    if isinstance(architecture, str | Path):
        file = Path(architecture)
        return read_architecture(file), None, settings_of_search(file.parent)
    return architecture, None, {}


def load(
    directory: str | Path,
    *,
    space: SearchSpace | None = None,
    task: Task = CLASSIFICATION,
    device: str = "cpu",
) -> TrainedNetwork:
    """Loads the network of a completed training from its run directory.

    Args:
        directory: the directory of the training.
        space: the search space, where it was passed as an object.
        task: the loss and the score that it was trained with.
        device: where the network is to be.

    Raises:
        ConfigError: it is not the directory of a completed training.
    """
    return load_trained(directory, space=space, task=task, device=device)


def evaluate(
    trained: TrainedNetwork | str | Path,
    data: DataLike | DataConfig | None = None,
    *,
    space: SearchSpace | None = None,
    task: Task = CLASSIFICATION,
    device: str | None = None,
    progress: bool | Progress | None = None,
) -> EvaluationResult:
    """Evaluates a trained network on the test split; writes `evaluation.json` in its directory.

    Args:
        trained: the network, or the run directory of its training.
        data: a data set whose examples are all for the test, or a name or a folder whose test split
            is; by default the test split of the data that it was trained on.
        space: the search space, where it was passed as an object.
        task: the loss and the score that it was trained with.
        device: `auto`, `cpu`, `cuda` or `cuda:N`; None for that of the training.
        progress: whether to show progress, by default only in a notebook; or what shows it.

    Raises:
        ConfigError: it is not the directory of a completed training, or the data do not fit.
        DataError: the data cannot be used.
        RunError: the device has no memory left.
    """
    network = trained
    if not isinstance(network, TrainedNetwork):
        network = load_trained(network, space=space, task=task)
    return network.evaluate(data, device=device, progress=shown_progress(progress))


def export(
    trained: TrainedNetwork | str | Path,
    out: str | Path,
    *,
    format: str | None = None,
    space: SearchSpace | None = None,
) -> ExportResult:
    """Writes a trained network to a file that works without radars.

    Args:
        trained: the network, or the run directory of its training.
        out: the file; ends in `.onnx`, `.pt2` or `.safetensors`.
        format: `onnx`, `torch-export` or `safetensors`; by default what the file's name says.
        space: the search space, where it was passed as an object.

    Raises:
        ConfigError: it is not the directory of a completed training, or the file cannot be there.
        SpaceError: the network cannot be exported to this format.
        RunError: what would be written differs from the network; or it cannot be written.
    """
    check_export(Path(out), format)
    network = trained if isinstance(trained, TrainedNetwork) else load_trained(trained, space=space)
    return network.export(out, format=format)


def compare(
    space: SpaceLike | None = None,
    data: DataLike | None = None,
    *,
    methods: Iterable[str] = ("radars", "reinforce", "random"),
    seeds: Iterable[int] = (0, 1, 2),
    batch_size: int | None = None,
    data_options: Mapping[str, Any] | None = None,
    budget: int | str | None = None,
    max_minutes: float | None = None,
    constraints: Iterable[str] | None = None,
    table: str | None = None,
    train: Mapping[str, Any] | None = None,
    task: Task = CLASSIFICATION,
    out: str | Path,
    progress: bool | Progress | None = None,
    **settings: Any,
) -> Comparison:
    """Compares search methods under one budget; continues where it stopped. `print` shows it.

    Args:
        space: as for `search`.
        data: likewise.
        methods: registered search methods.
        seeds: each method searches once with each.
        batch_size: likewise.
        data_options: likewise.
        budget: bytes that no training step exceeds.
        max_minutes: how long each search may take; None for its steps.
        constraints: hard bounds, such as `macs<=40M`.
        table: `NAME=PATH` of a published table that judges what was found.
        train: settings of the training from scratch of what was found; None for no training.
        task: the loss and the score.
        out: the directory of the comparison.
        progress: whether to show progress, by default only in a notebook; or what shows it.
        settings: any other setting of every search.

    Raises:
        ConfigError: an argument is not valid.
        Stopped: it was interrupted; what is done is kept.
    """
    passed = Passed.of(space, data)
    every = passed.settings(batch_size, data_options) | settings
    every |= without_none(budget=budget, max_minutes=max_minutes)
    every |= without_none(constraints=None if constraints is None else list(constraints))
    asked = {
        "search": every,
        "grids": [{"methods": list(methods), "seeds": list(seeds)}],
        "train": None if train is None else dict(train),
    }
    config = validate_settings(CompareConfig, asked | without_none(table=table))
    first = config.search_config(next(config.cells()))
    given = Given(passed.space, None, passed.data_for(first.data, first.seed), task)
    return run_comparison(config, Path(out), shown_progress(progress) or NoProgress(), given=given)


def report(*directories: str | Path, out: str | Path | None = None) -> Path:
    """Shows what happened in a run, or in several, as one HTML file; returns its path.

    Args:
        directories: the directories of searches, trainings and comparisons.
        out: the file; by default `report.html` in the first directory.

    Raises:
        ConfigError: a directory is neither of a run nor of a comparison.
    """
    file, *_ = write_report(list(map(Path, directories)), None if out is None else Path(out))
    return file


def _config(config: SearchConfig | None, asked: Mapping[str, Any]) -> SearchConfig:
    base = {} if config is None else config.model_dump(mode="json")
    return validate_settings(SearchConfig, merge_settings(base, asked))
