from hypothesis import given
from hypothesis import strategies as st

from radars.cost import pareto_front

small = st.integers(0, 4).map(float)


def test_what_nothing_is_better_than() -> None:
    points = [(0.9, -5.0), (0.8, -3.0), (0.8, -4.0), (0.7, -3.0), (0.8, -3.0), (0.1, -1.0)]
    assert pareto_front(points) == [True, True, False, False, True, True]
    assert pareto_front([]) == []


@given(st.lists(st.tuples(small, small, small), min_size=1, max_size=12))
def test_every_point_is_on_the_front_or_behind_one_that_is(
    points: list[tuple[float, float, float]],
) -> None:
    on_front = pareto_front(points)

    def dominates(left: tuple[float, ...], right: tuple[float, ...]) -> bool:
        return left != right and all(x >= y for x, y in zip(left, right, strict=True))

    front = [point for point, is_on in zip(points, on_front, strict=True) if is_on]
    assert front
    for point, is_on in zip(points, on_front, strict=True):
        assert is_on != any(dominates(other, point) for other in front)
