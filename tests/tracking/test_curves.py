from collections.abc import Mapping

import pytest

from radars.errors import RunError, Stopped
from radars.tracking.curves import AllCurves, Curves, Picture


class Noted(Curves):
    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.status = "open"

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        pass

    def show(self, step: int, name: str, picture_HW3: Picture) -> None:
        pass

    def close(self, status: str = "finished") -> None:
        self.status = status
        if self.fails:
            raise OSError("the disk is full for the curves, too")


def test_what_ended_a_run_is_told_and_not_what_its_curves_lack() -> None:
    curves = Noted(fails=True)
    with pytest.raises(RunError, match="cannot write checkpoint"), curves:
        raise RunError("cannot write checkpoint")
    assert curves.status == "failed"
    with pytest.raises(Stopped), curves:
        raise Stopped("everything is saved")
    assert curves.status == "stopped"


def test_one_that_cannot_be_closed_keeps_no_other_open() -> None:
    parts = [Noted(), Noted(fails=True), Noted()]
    with pytest.raises(OSError, match="the disk is full"), AllCurves(parts):
        pass
    assert [part.status for part in parts] == ["finished"] * 3
