"""What the command line asks of a search: its configuration, and starting or resuming it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radars.engine.run import resumed_config, run_search
from radars.engine.search_config import SearchConfig
from radars.engine.search_result import SearchResult
from radars.errors import Stopped
from radars.runs.directory import read_config, read_result
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
    stored = read_config(out) if resume else None
    if stored is not None:
        from_file = read_settings(config_file) if config_file is not None else {}
        asked = merge_settings(stored, from_file, given, overrides=overrides)
        config = resumed_config(out, validate_settings(SearchConfig, asked))
        result = read_result(out)
        if result is not None and result.get("status") == "completed":
            return SearchResult.from_dict(result)
    else:
        config = search_config(given, config_file, overrides)
    try:
        return run_search(config, out=out, resume=stored is not None, progress=progress)
    except Stopped as error:
        raise Stopped(f"{error}; go on with: radars search --out {out} --resume") from error
