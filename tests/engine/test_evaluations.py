from tests.tiny import tiny_space

from radars.cost import CostTable
from radars.engine.evaluations import Evaluations
from radars.space import Architecture

TABLE = CostTable.of(tiny_space())
NONE, CONV3, MB2 = (Architecture(dict.fromkeys("abc", name)) for name in ("none", "conv3", "mb2"))


def scored() -> Evaluations:
    evaluations = Evaluations()
    evaluations.add(NONE, 0.5, 64, is_alone=False)
    evaluations.add(CONV3, 0.9, 64, is_alone=True)
    evaluations.add(MB2, 0.4, 64, is_alone=False)
    return evaluations


def test_the_front_is_of_what_nothing_is_better_than_cheapest_first() -> None:
    front = scored().front(("accuracy", "macs"), TABLE)
    assert front["objectives"] == ["accuracy", "macs"]
    assert front["estimated"] == []
    points = front["points"]
    macs = [TABLE.cost(architecture).macs for architecture in (NONE, CONV3, MB2)]
    assert [point["macs"] for point in points] == sorted(macs)
    on_front = [point["architecture"] for point in points if point["on_front"]]
    assert on_front == [dict(NONE), dict(CONV3)]
    assert points[0] == {
        "architecture": dict(NONE),
        "accuracy": 0.5,
        "macs": TABLE.cost(NONE).macs,
        "num_examples": 64,
        "is_alone": False,
        "on_front": True,
    }


def test_of_one_architecture_weights_of_its_own_count_then_examples_then_the_latest() -> None:
    evaluations = scored()
    evaluations.add(CONV3, 0.1, 640, is_alone=False)
    evaluations.add(NONE, 0.6, 640, is_alone=False)
    evaluations.add(NONE, 0.7, 64, is_alone=False)
    evaluations.add(MB2, 0.45, 64, is_alone=False)
    accuracies = {
        point["architecture"]["a"]: point["accuracy"]
        for point in evaluations.front(("accuracy", "macs"), TABLE)["points"]
    }
    assert accuracies == {"none": 0.6, "mb2": 0.45, "conv3": 0.9}


def test_a_checkpoint_gives_back_the_same_front() -> None:
    again = Evaluations()
    again.load_state_dict(scored().state_dict())
    names = ("accuracy", "parameters", "macs")
    assert again.front(names, TABLE) == scored().front(names, TABLE)
