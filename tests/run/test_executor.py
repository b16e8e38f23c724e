import pytest

from radars.run.executor import Executor, LocalExecutor


def test_results_in_the_order_of_submission() -> None:
    seen: list[int] = []

    def double(item: int) -> int:
        seen.append(item)
        return 2 * item

    executor: Executor = LocalExecutor()
    assert executor.map(double, [3, 1, 2]) == [6, 2, 4]
    assert seen == [3, 1, 2]
    assert executor.map(double, []) == []


def test_the_first_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        LocalExecutor().map(lambda item: 1 // item, [1, 0])
