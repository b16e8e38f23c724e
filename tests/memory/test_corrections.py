import json

from radars.memory import PLAIN, Corrections, MemorySavings
from radars.memory.prices import Price
from radars.space import Subspace

LIVE = Subspace({"a": ("x", "y"), "b": ("z",)})


def test_nothing_is_corrected_that_was_never_in_question() -> None:
    assert Corrections().corrected(1000, LIVE, PLAIN) == 1000
    other = Corrections({"c/x": Price(saved=500)})
    assert other.corrected(1000, LIVE, PLAIN) == 1000


def test_what_candidates_keep_adds_up_and_what_they_make_passes() -> None:
    known = Corrections({"a/x": Price(saved=300, working=50), "b/z": Price(saved=100, working=80)})
    assert known.corrected(1000, LIVE, PLAIN) == 1000 + 400 + 80
    # one is run again at a time
    assert known.corrected(1000, LIVE, MemorySavings(recompute=1.0)) == 1000 + 350
    assert known.corrected(1000, LIVE, MemorySavings(micro_batches=2)) == 1000 + 200 + 40
    # of some candidates alone, nobody says which
    assert known.corrected(1000, LIVE, MemorySavings(recompute=0.5)) == 1000 + 400 + 80


def test_it_is_put_back_from_plain_values() -> None:
    known = Corrections({"a/x": Price(saved=300, working=50)}, 1.25)
    again = Corrections.from_dict(json.loads(json.dumps(known.to_dict())))
    assert again == known
    assert again.corrected(1000, LIVE, PLAIN) == 1350 * 1.25 + 0.5


def test_others_learn_alone_and_what_they_learned_is_taken_in() -> None:
    known = Corrections()
    other = known.copy()
    other.extra["a/x"] = Price(saved=1)
    other.ratio = 2.0
    assert known == Corrections()
    known.include(other)
    assert known == other
