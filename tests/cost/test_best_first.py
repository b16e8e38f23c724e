from hypothesis import given
from hypothesis import strategies as st

from radars.cost.best_first import best_first
from radars.space import Subspace


@given(st.data())
def test_every_architecture_comes_once_the_best_first(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    full = Subspace({f"c{i}": [f"n{j}" for j in range(size)] for i, size in enumerate(sizes)})
    score = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
    scores = {c: {n: data.draw(score) for n in names[1:]} for c, names in full.items()}
    found = list(best_first(scores, full))
    totals = [sum(scores[c].get(n, 0.0) for c, n in known.items()) for known in found]
    assert len(set(found)) == len(found) == full.num_architectures
    assert totals == sorted(totals, reverse=True)
