import pytest

from radars.errors import RunError
from radars.run import SkippedSteps


def test_more_than_the_limit_end_the_run_with_the_remedy() -> None:
    counts: list[int] = []
    skipped = SkippedSteps(2, on_skip=counts.append)
    skipped.add()
    skipped.add()
    with pytest.raises(RunError, match=r"number 3; lower optimizer\.learning_rate") as caught:
        skipped.add()
    assert "\n" not in str(caught.value)
    assert counts == [1, 2, 3]
