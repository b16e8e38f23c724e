import pytest
import torch

from radars.errors import RunError
from radars.runs.skipped import SkippedSteps


def test_more_than_the_limit_end_the_run_with_the_remedy() -> None:
    counts: list[int] = []
    skipped = SkippedSteps(2, on_skip=counts.append)
    for is_sound in (False, True, False):
        skipped.note(torch.tensor(is_sound))
    assert skipped.count == 2
    with pytest.raises(RunError, match=r"number 3; lower optimizer\.learning_rate") as caught:
        skipped.note(torch.tensor(False))
    assert "\n" not in str(caught.value)
    assert counts == [1, 2, 3]


def test_what_workers_skipped_counts_too() -> None:
    skipped = SkippedSteps(2)
    skipped.add(2)
    with pytest.raises(RunError, match="number 3"):
        skipped.add(1)
