"""`best_first`: the architectures of a subspace by their sums of scores, where nothing is bound."""

import heapq
from collections.abc import Iterator, Mapping

from radars.space import Architecture, Subspace


def best_first(
    scores: Mapping[str, Mapping[str, float]], subspace: Subspace
) -> Iterator[Architecture]:
    """Yields every architecture of a subspace, those with the largest sums first.

    Candidates are sorted in each choice, and an architecture is a rank in each. The first has rank
    0 everywhere; of one that was yielded those are next which are one rank worse in one choice, not
    before the last that was made worse, so that each is met once.

    Args:
        scores: choice to candidate to score; what is missing scores 0.
        subspace: what to choose from.
    """
    choices = list(subspace)
    known = {
        choice: {name: scores.get(choice, {}).get(name, 0.0) for name in names}
        for choice, names in subspace.items()
    }
    ordered = {
        choice: sorted(values, key=values.__getitem__, reverse=True)
        for choice, values in known.items()
    }
    lost = {  # in each choice, by taking the candidate of a rank and not the best
        choice: [known[choice][names[0]] - known[choice][name] for name in names]
        for choice, names in ordered.items()
    }
    heap: list[tuple[float, tuple[int, ...], int]] = [(0.0, (0,) * len(choices), 0)]
    while heap:
        total, ranks, last = heapq.heappop(heap)
        yield Architecture(
            {choice: ordered[choice][rank] for choice, rank in zip(choices, ranks, strict=True)}
        )
        for index in range(last, len(choices)):
            rank, of_choice = ranks[index] + 1, lost[choices[index]]
            if rank < len(of_choice):
                worse = total - of_choice[rank - 1] + of_choice[rank]
                heapq.heappush(heap, (worse, (*ranks[:index], rank, *ranks[index + 1 :]), index))
