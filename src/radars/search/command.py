"""What the command line asks of a search: its configuration, and starting or resuming it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radars.errors import ConfigError
from radars.run import Progress, read_config, read_result
from radars.search.config import SearchConfig
from radars.search.job import run_search
from radars.search.recipes import recipe
from radars.search.result import SearchResult
from radars.settings import merge_settings, read_settings, validate_settings


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
    return validate_settings(SearchConfig, merge_settings(recipe(settings), settings))


def start_search(
    given: Mapping[str, Any],
    *,
    config_file: Path | None,
    overrides: Sequence[str],
    out: Path,
    resume: bool,
    progress: Progress,
) -> SearchResult:
    """Starts a search in `out`, or goes on with the one there.

    With `resume`, a finished search is only read again, and one that never began is started.

    Raises:
        ConfigError: the settings are not valid, or not those of the run to resume.
    """
    is_resumed = resume and read_config(out) is not None
    if not is_resumed:
        config = search_config(given, config_file, overrides)
        return run_search(config, out=out, progress=progress)
    config = validate_settings(SearchConfig, read_config(out) or {})
    if given or config_file or overrides:
        _check_same(config, search_config(given, config_file, overrides), out)
    result = read_result(out)
    if result is not None and result.get("status") == "completed":
        return SearchResult.from_dict(result)
    return run_search(config, out=out, resume=True, progress=progress)


def _check_same(stored: SearchConfig, asked: SearchConfig, out: Path) -> None:
    if stored == asked:
        return
    before, after = stored.model_dump(mode="json"), asked.model_dump(mode="json")
    key = next(key for key in before if before[key] != after[key])
    raise ConfigError(
        f"a resumed run keeps its settings, but {key} of {out} is {before[key]!r} and now "
        f"{after[key]!r} is asked for; leave out the options, or choose another --out"
    )
