"""What the command line asks of a search: its configuration, and starting or resuming it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from radars.engine.given import Given
from radars.engine.identity import (
    check_same,
    data_digest,
    inputs_of_identity,
    space_digest,
    task_digest,
)
from radars.engine.problem import spaces_of
from radars.engine.run import check_stored, resumed_config, run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult, read_search
from radars.errors import Stopped
from radars.runs.directory import no_run_to_resume, say_that_it_is_new
from radars.runs.identity_file import known_identity
from radars.runs.read_run import read_config
from radars.settings import merge_settings, read_settings, validate_settings
from radars.tracking.progress import Progress


def search_config(
    given: Mapping[str, Any], config_file: Path | None = None, overrides: Sequence[str] = ()
) -> SearchConfig:
    """The configuration of a search: the space's recipe, a file, options, then overrides.

    Args:
        given: settings from options.
        config_file: a YAML file of settings.
        overrides: `key.path=value`.

    Raises:
        ConfigError: a setting is not valid.
    """
    from_file = read_settings(config_file) if config_file is not None else {}
    settings = merge_settings(from_file, given, overrides=overrides)
    return validate_settings(SearchConfig, settings)


class Search(NamedTuple):
    """A search that was run.

    Attributes:
        result: what it found.
        out: its run directory.
    """

    result: SearchResult
    out: Path


def start_search(
    given: Mapping[str, Any],
    *,
    config_file: Path | None,
    overrides: Sequence[str],
    out: Path | None,
    new_out: Callable[[str], Path],
    resume: bool,
    progress: Progress,
) -> Search:
    """Starts a search in `out`, or goes on with the one there.

    With `resume`, a finished search is only read again. Where there is none, one is started, but
    only from settings that are given here.

    Args:
        given: settings from options.
        config_file: a YAML file of settings.
        overrides: `key.path=value`.
        out: the run directory; None for a new one.
        new_out: makes the path of a new one from the name of the space that is searched.
        resume: go on with what is there.
        progress: shows people how far it is.

    Raises:
        ConfigError: the settings are not valid, or not those of the run to resume.
    """
    stored = read_config(out) if resume and out is not None else None
    if out is not None and stored is not None:
        check_stored(out)
        from_file = read_settings(config_file) if config_file is not None else {}
        asked = merge_settings(stored, from_file, given, overrides=overrides)
        config = validate_settings(SearchConfig, asked)
        known = completed_search(out, config)
        if known is not None:
            return Search(known, out)
    else:
        if out is not None and resume:
            if not given and config_file is None and not overrides:
                raise no_run_to_resume(out)
            say_that_it_is_new(out)
        config = search_config(given, config_file, overrides)
        out = out or new_out(config.space)
    try:
        result = run_search(config, out=out, resume=stored is not None, progress=progress)
    except Stopped as error:
        how = f"radars search --out {quote(str(out))} --resume"
        raise Stopped(f"{error}; go on with: {how}") from error
    return Search(result, out)


def completed_search(
    out: Path, asked: SearchConfig, given: Given | None = None
) -> SearchResult | None:
    """What the search in a run directory found; None where it is not completed.

    Data that the configuration names are not read for it.

    Args:
        out: the run directory.
        asked: what it would go on with.
        given: objects that it would go on with.

    Raises:
        ConfigError: another search is asked for than the one there.
        SpaceError: its space is not well formed any more.
    """
    given = given or Given()
    found = read_search(out)
    if found is None or found.status != "completed":
        return None
    resumed_config(out, asked)
    known = known_identity(out) or {}
    if "input_shape" not in known:  # of the version before
        return replace(found, searched=given.space)
    if given.data is not None:
        check_same(out, known, {"data": data_digest(given.data)})
    input_shape, dtype = inputs_of_identity(known)
    dtype = dtype if given.data is None else given.data.input_dtype
    space, proxy = spaces_of(asked, given, known["num_classes"], input_shape, dtype)
    digests = {
        "space": space_digest(space, input_shape),
        "proxy": space_digest(proxy, input_shape),
        "task": task_digest(given.task),
    }
    check_same(out, known, digests)
    return replace(found, searched=space)
