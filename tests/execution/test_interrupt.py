import signal
import threading

import pytest

from radars.execution.interrupt import Interrupt

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_asks_and_the_second_stops(number: signal.Signals) -> None:
    before = [signal.getsignal(s) for s in SIGNALS]
    with Interrupt() as interrupt:
        assert not interrupt.stop_requested
        signal.raise_signal(number)
        assert interrupt.stop_requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert interrupt.stop_requested
    assert [signal.getsignal(s) for s in SIGNALS] == before


def test_handlers_are_restored_after_an_error() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ZeroDivisionError), Interrupt():
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGINT) is before


def test_it_does_nothing_in_another_thread() -> None:
    before = signal.getsignal(signal.SIGINT)
    during: list[object] = []

    def work() -> None:
        with Interrupt() as interrupt:
            during.extend([signal.getsignal(signal.SIGINT), interrupt.stop_requested])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == [before, False]
