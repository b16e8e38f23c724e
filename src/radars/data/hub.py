"""Data sets of the Hugging Face hub, or of its cache where the hub does not answer."""

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import datasets
import huggingface_hub

from radars.data.hub_table import HubTable
from radars.errors import DataError, first_line

_ANSWER_SECONDS = 5.0


def open_hub(name: str) -> dict[str, HubTable]:
    """Downloads a data set, or finds it in the cache: a table a split.

    Raises:
        DataError: it cannot be loaded.
    """
    is_reached = hub_answers()
    with quiet(), _offline(not is_reached):  # or the client would try again for half a minute
        try:
            tables = datasets.load_dataset(name)
            return {str(split): HubTable(table) for split, table in tables.items()}
        except Exception as error:  # the hub's client raises errors of many kinds
            reason = first_line(error) if is_reached else "it does not answer"
            raise DataError(
                f"a source is digits, a path, or the name of a data set on the Hugging Face hub, "
                f"but {name} is no path and cannot be loaded from the hub ({reason}); check the "
                f"name and the network, or give a path"
            ) from error


def hub_answers() -> bool:
    """Whether the hub can be reached at all, in a few seconds."""
    request = Request(huggingface_hub.constants.ENDPOINT, method="HEAD")
    try:
        with urlopen(request, timeout=_ANSWER_SECONDS):
            return True
    except HTTPError:
        return True
    except URLError as error:
        return isinstance(error.reason, ssl.SSLError)  # the client may know more certificates
    except (OSError, ValueError):
        return False


@contextmanager
def _offline(is_offline: bool) -> Iterator[None]:
    """Within, and if so, the Hugging Face libraries use their caches only."""
    modules: tuple[Any, ...] = (datasets.config, huggingface_hub.constants)
    before = [module.HF_HUB_OFFLINE for module in modules]
    try:
        for module in modules:
            module.HF_HUB_OFFLINE = module.HF_HUB_OFFLINE or is_offline
        yield
    finally:
        for module, was_offline in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = was_offline


@contextmanager
def quiet() -> Iterator[None]:
    """Within, the Hugging Face libraries print neither progress nor retries."""
    bars = datasets.is_progress_bar_enabled()
    levels = datasets.logging.get_verbosity(), huggingface_hub.logging.get_verbosity()
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    huggingface_hub.logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        if bars:
            datasets.enable_progress_bars()
        datasets.logging.set_verbosity(levels[0])
        huggingface_hub.logging.set_verbosity(levels[1])
