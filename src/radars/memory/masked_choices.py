"""`path_relaxation`: which choices are relaxed by masks, found by replay, and checked."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from radars.cost import Term, learn_terms
from radars.example import Example, InputShape, blank, call, mapped
from radars.nn.modules import set_training
from radars.nn.overlap import Overlap
from radars.nn.path_names import kept_as, labelled_network
from radars.nn.path_relaxation import MaskedNetwork, MaskMaker, PathRelaxation, parameter_shapes
from radars.nn.statistics import batch_norms
from radars.seeds import seed_torch
from radars.space import Architecture, Candidate, SearchSpace, Subspace

_PER_PARAMETER = 3  # the weight, its gradient and its momentum
_CHECKS = 3  # networks that are held against masks, of each path
_TOLERANCE = 1e-6  # of the largest output, in double precision

_known: WeakKeyDictionary[SearchSpace, dict[tuple[InputShape, int], PathRelaxation]]
_known = WeakKeyDictionary()


def path_relaxation(space: SearchSpace, input_shape: InputShape, batch_size: int) -> PathRelaxation:
    """How the choices of a space that is not modular are relaxed; found once in a process.

    Args:
        space: the search space.
        input_shape: the shape of one example, without the batch.
        batch_size: the batch size at which candidates are ordered by what they hold.

    Raises:
        SpaceError: a network cannot take its input.
    """
    known = _known.setdefault(space, {})
    key = input_shape, batch_size
    if key not in known:
        by_size = _by_size(space, input_shape, batch_size)
        earlier = next((r for (shape, _), r in known.items() if shape == input_shape), None)
        held = partial(_held, learn_terms(space, input_shape).terms, batch_size)
        relaxation = PathRelaxation(by_size, held)
        masked = _masked(space, relaxation, input_shape) if earlier is None else earlier.masked
        known[key] = PathRelaxation(by_size, held, masked)
    return known[key]


def held_numbers(
    space: SearchSpace,
    input_shape: InputShape,
    batch_size: int,
    architecture: Mapping[str, Candidate],
) -> float:
    """About how many numbers a training step on a path holds."""
    return _held(learn_terms(space, input_shape).terms, batch_size, architecture)


def _held(
    terms: Mapping[str, Sequence[Term]], batch_size: int, architecture: Mapping[str, Candidate]
) -> float:
    parameters = sum(term.of(architecture) for term in terms["parameters"])
    elements = sum(term.of(architecture) for term in terms["elements"])
    return _PER_PARAMETER * parameters + batch_size * elements


def _by_size(
    space: SearchSpace, input_shape: InputShape, batch_size: int
) -> dict[str, tuple[Candidate, ...]]:
    """Choice to its candidates, the largest first, where all else is largest."""
    largest = learn_terms(space, input_shape).largest
    by_size = {}
    for choice, names in space.full.items():
        here = _making(space, largest, [choice])

        def size(name: Candidate, here: Architecture = here, choice: str = choice) -> float:
            changed = space.made({**_last(space), **largest, **here, choice: name})
            return held_numbers(space, input_shape, batch_size, changed)

        by_size[choice] = tuple(sorted(names, key=size, reverse=True))
    return by_size


def _last(space: SearchSpace) -> dict[str, Candidate]:
    return {choice.name: choice.candidates[-1] for choice in space.choices}


def _making(space: SearchSpace, largest: Architecture, choices: Iterable[str]) -> Architecture:
    """The architecture nearest to the largest in which choices are made, as far as they can be."""
    taken = {**_last(space), **largest}
    fixed: dict[str, Candidate] = {}
    for choice in choices:
        needs: dict[str, Candidate] = {}
        name = choice
        while (parent := space.conditions.parent(name)) is not None:
            name, under = parent
            now = fixed.get(name, taken[name])
            needs[name] = now if now in under else under[-1]
        if all(fixed.get(name, value) == value for name, value in needs.items()):
            fixed |= needs
    return space.made({**taken, **fixed})


def _masked(
    space: SearchSpace, relaxation: PathRelaxation, input_shape: InputShape
) -> frozenset[str]:
    """The choices whose masks give the networks that are replayed."""
    wanted = [c.name for c in space.choices if c.is_value and len(c.candidates) > 1]
    contexts: list[tuple[Architecture, list[str]]] = []
    waiting = list(wanted)
    while waiting:
        path = _making(space, learn_terms(space, input_shape).largest, waiting)
        path = relaxation.path(space, space.full, path)
        here = [choice for choice in waiting if choice in path]
        contexts.append((path, here))
        waiting = [choice for choice in waiting if choice not in here] if here else []
    masked: set[str] = set()
    for path, _ in contexts:
        here = [choice for choice in wanted if choice in path]
        masked |= set(_sized(space, relaxation, path, here))
    masked = _without_conflicts(space, relaxation, contexts, masked)
    for _ in range(2):
        wrong = _wrong(space, relaxation, contexts, masked, input_shape)
        if not wrong:
            return frozenset(masked)
        masked -= wrong
    return frozenset()


def _sized(
    space: SearchSpace, relaxation: PathRelaxation, path: Architecture, choices: Iterable[str]
) -> list[str]:
    """The choices all of whose candidates have the same parameters, none larger than the first."""
    whole = parameter_shapes(space, path)
    sized = []
    for choice in choices:
        others = [
            parameter_shapes(space, {**path, choice: name})
            for name in relaxation.by_size[choice][1:]
            if space.made({**path, choice: name}).keys() == path.keys()
        ]
        is_sized = len(others) == len(relaxation.by_size[choice]) - 1 and all(
            shapes.keys() == whole.keys()
            and all(_fits(shapes[name], whole[name]) for name in whole)
            and shapes != whole
            for shapes in others
        )
        if is_sized:
            sized.append(choice)
    return sized


def _fits(part: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return len(part) == len(whole) and all(a <= b for a, b in zip(part, whole, strict=True))


def _without_conflicts(
    space: SearchSpace,
    relaxation: PathRelaxation,
    contexts: Iterable[tuple[Architecture, list[str]]],
    masked: set[str],
) -> set[str]:
    """Leaves out choices until each dimension of each parameter follows one at most."""
    reached: dict[str, set[tuple[int, str, int]]] = {choice: set() for choice in masked}
    for index, (path, _) in enumerate(contexts):
        whole = parameter_shapes(space, path)
        for choice in masked & path.keys():
            shapes = parameter_shapes(space, {**path, choice: relaxation.by_size[choice][-1]})
            reached[choice] |= {
                (index, name, dim)
                for name, shape in whole.items()
                for dim, size in enumerate(shape)
                if shapes[name][dim] != size and dim != 1
            }
    kept = set(masked)
    while True:
        conflicts = [c for c in kept if any(reached[c] & reached[o] for o in kept if o != c)]
        if not conflicts:
            return kept
        kept.remove(max(sorted(conflicts), key=lambda choice: len(reached[choice])))


def _wrong(
    space: SearchSpace,
    relaxation: PathRelaxation,
    contexts: Iterable[tuple[Architecture, list[str]]],
    masked: set[str],
    input_shape: InputShape,
) -> set[str]:
    """Those whose masks do not give what networks of their sizes return."""
    generator = torch.Generator().manual_seed(0)
    wrong: set[str] = set()
    for path, _ in contexts:
        here = sorted(masked & path.keys())
        chosen = PathRelaxation(relaxation.by_size, relaxation.held, frozenset(masked))
        check = _Check(space, chosen, path)
        example_B = mapped(partial(_drawn, generator), blank(2, input_shape, space.input_dtype))
        for _ in range(_CHECKS if here else 0):
            taken = {
                choice: space.full[choice][
                    int(torch.randint(len(space.full[choice]), (), generator=generator))
                ]
                for choice in here
            }
            if not check.agrees(taken, example_B):
                alone = [c for c in here if not check.agrees({c: taken[c]}, example_B)]
                wrong |= set(alone or here)
    return wrong


def _drawn(generator: torch.Generator, input_B: Tensor) -> Tensor:
    """Random numbers where it is of floats, in double precision."""
    if not input_B.is_floating_point():
        return input_B
    return torch.randn(input_B.shape, generator=generator, dtype=torch.float64)


class _Check:
    """Holds masks against networks of smaller sizes, with the same weights."""

    def __init__(self, space: SearchSpace, relaxation: PathRelaxation, path: Architecture) -> None:
        self._space = space
        self._path = path
        self._live = Subspace(
            {c: space.full[c] if c in relaxation.masked else (path[c],) for c in path}
        )
        with torch.random.fork_rng(devices=[]):
            seed_torch(0, "masks")
            network, labels = labelled_network(space, path)
            network.double()
            for tensor in network.parameters():
                nn.init.uniform_(tensor, 0.1, 1.0)
        masks = MaskMaker(space, relaxation).masks(path, self._live, torch.device("cpu"))
        self._masked = MaskedNetwork(network, masks)
        self._known = Overlap()
        self._known.push(
            (kept_as(n, labels, False), t.clone()) for n, t in network.state_dict().items()
        )

    @torch.no_grad()
    def agrees(self, taken: Mapping[str, Candidate], example_B: Example) -> bool:
        """Whether the masked network returns what that of these candidates does."""
        with torch.random.fork_rng(devices=[]):
            network, labels = labelled_network(self._space, {**self._path, **taken})
        network.double()
        self._known.pull((kept_as(n, labels, False), t) for n, t in network.state_dict().items())
        self._masked.weights = {
            choice: torch.tensor([float(n == taken[choice]) for n in self._live[choice]]).double()
            for choice in taken
        }
        wanted, got = (_output(module, example_B) for module in (network, self._masked))
        scale = max(float(wanted.abs().max()), 1e-12)
        return wanted.shape == got.shape and float((wanted - got).abs().max()) < _TOLERANCE * scale


def _output(module: nn.Module, example_B: Example) -> Tensor:
    """What it returns with the batch's own statistics, and without dropout."""
    for layer in batch_norms(set_training(module, False)):
        layer.train()
    output = call(module, mapped(torch.clone, example_B))
    assert isinstance(output, Tensor)
    return output
