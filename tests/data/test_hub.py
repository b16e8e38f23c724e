import socket
import ssl
from email.message import Message
from typing import Any
from urllib.error import HTTPError, URLError

import datasets
import huggingface_hub
import pytest

from radars.data import hub
from radars.data.hub import hub_answers, open_hub
from radars.errors import DataError


def answer(error: Exception) -> Any:
    def urlopen(*arguments: Any, **options: Any) -> None:
        raise error

    return urlopen


@pytest.mark.parametrize(
    ("error", "answers"),
    [
        (URLError(socket.gaierror(-3, "Temporary failure in name resolution")), False),
        (TimeoutError(), False),
        (ConnectionRefusedError(), False),
        (HTTPError("https://hub", 503, "busy", Message(), None), True),
        (URLError(ssl.SSLCertVerificationError()), True),
    ],
)
def test_whether_it_answers(
    monkeypatch: pytest.MonkeyPatch, error: Exception, answers: bool
) -> None:
    monkeypatch.setattr(hub, "urlopen", answer(error))
    assert hub_answers() is answers


def test_without_a_network_only_the_cache_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[tuple[bool, bool]] = []

    def load(name: str) -> None:
        flags.append((datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE))
        raise ConnectionError(name)

    monkeypatch.setattr(hub, "hub_answers", lambda: False)
    before = (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE)
    monkeypatch.setattr(datasets, "load_dataset", load)
    with pytest.raises(
        DataError, match=r"owner/name .*it does not answer.*or give a path"
    ) as caught:
        open_hub("owner/name")
    assert "\n" not in str(caught.value)
    assert flags == [(True, True)]
    assert before == (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE)


def test_an_unknown_name_is_refused_by_the_library_itself_without_a_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub, "urlopen", answer(URLError("no route")))
    with pytest.raises(DataError, match="it does not answer"):
        open_hub("no-such-owner/no-such-name")
