from typing import Any

import pytest
import torch
from tests.learns import assert_learns
from tests.tiny import zoo_space

from radars.cost import count_parameters
from radars.errors import ConfigError, SpaceError
from radars.memory import TrainingSpec, measure, predict
from radars.nn.steps import weights_step
from radars.nn.supernet import Supernet
from radars.space import Candidates, Keep, SearchSpace, Subspace
from radars.space.choose import as_pairs
from radars.zoo.darts_cells import (
    Genotype,
    architecture_of_genotype,
    darts,
    darts_rules,
    genotype_of,
)

# https://github.com/quark0/darts/blob/master/cnn/genotypes.py
V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), "
    "('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), "
    "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)


def tiny_darts() -> SearchSpace:
    """Made when a test asks for it, and then once."""
    return zoo_space("darts", width=8, num_cells=3)


def test_the_published_network_has_the_published_number_of_parameters() -> None:
    architecture = architecture_of_genotype(Genotype.parse(V2))

    def choose(name: str, candidates: Candidates) -> Any:
        return dict(as_pairs(candidates))[architecture[name]]()

    with torch.device("meta"):
        network = darts(choose, width=36, num_cells=20)
    # "param size = 3.349342MB" is what the authors' test.py prints
    assert count_parameters(network) == 3_349_342
    assert network(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)


def test_a_genotype_goes_both_ways() -> None:
    genotype = Genotype.parse(V2)
    assert str(genotype) == V2
    assert Genotype.parse(V2.replace("[2, 3, 4, 5]", "range(2, 6)")) == genotype
    architecture = tiny_darts().architecture(architecture_of_genotype(genotype))
    assert genotype.normal[4:6] == (("sep_conv_3x3", 1), ("skip_connect", 0))
    in_order = genotype_of(architecture)
    assert in_order.normal[4:6] == (("skip_connect", 0), ("sep_conv_3x3", 1))
    assert {*in_order.reduce} == {*genotype.reduce}
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        architecture = tiny_darts().random_architecture(generator)
        again = Genotype.parse(str(genotype_of(architecture)))
        assert architecture_of_genotype(again) == architecture


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("('dil_conv_3x3', 2)", "('none', 2)", "node 5 of normal takes 'none' of 2"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 0)", "takes 'dil_conv_3x3' of 0"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', 5)", "of 5"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', -1)", "of -1"),
        ("('dil_conv_3x3', 2)", "('dil_conv_3x3', '2')", "normal holds"),
        ("('dil_conv_3x3', 2)", "__import__('os').abort()", "malformed"),
        (", ('dil_conv_3x3', 2)", "", "normal has 7"),
        ("normal_concat=[2, 3, 4, 5]", "normal_concat=[2, 3, 4]", "normal has 8 and returns"),
        ("normal_concat=[2, 3, 4, 5]", "normal_concat=range(2, 10**9)", "malformed"),
        ("normal_concat=[2, 3, 4, 5]", "normal_concat=4", "normal_concat is not a list"),
        ("reduce_concat", "concat", "it names"),
        ("Genotype(", "genotype(", "something else"),
        ("reduce_concat=", "reduce_concat", "positional argument"),
    ],
)
def test_genotypes_that_are_refused(before: str, after: str, message: str) -> None:
    assert before in V2
    with pytest.raises(SpaceError, match=message):
        architecture_of_genotype(Genotype.parse(V2.replace(before, after)))


def test_architectures_without_a_genotype_are_refused() -> None:
    architecture = dict(architecture_of_genotype(Genotype.parse(V2)))
    for change in ({"normal02": "none"}, {"normal02": "conv"}, {"normal23": "skip_connect"}):
        with pytest.raises(SpaceError, match="two edges into a node"):
            genotype_of(architecture | change)
        with pytest.raises(SpaceError):
            tiny_darts().build(architecture | change)


def test_what_is_not_kept_is_not_built() -> None:
    network = tiny_darts().build(architecture_of_genotype(Genotype.parse(V2)))
    cells = [module for name, module in network.named_children() if name.startswith("cell")]
    assert [len(list(cell.children())) for cell in cells] == [8, 8, 8]


def test_a_network_learns() -> None:
    assert_learns(tiny_darts(), architecture_of_genotype(Genotype.parse(V2)))


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_cells"):
        zoo_space("darts", num_cells=2)


def test_prediction_is_measurement() -> None:
    few = Subspace(dict.fromkeys(tiny_darts().full, ("none", "skip_connect", "dil_conv_3x3")))
    spec = TrainingSpec((3, 8, 8), 8)
    supernet = Supernet(tiny_darts(), few)
    batch = torch.randn(8, 3, 8, 8).contiguous(memory_format=torch.channels_last), torch.arange(8)
    weights_step(supernet, *batch)
    _, peak_bytes = measure(lambda: weights_step(supernet, *batch), supernet, batch)
    assert predict(tiny_darts(), few, spec).peak_bytes == pytest.approx(peak_bytes, rel=0.02)


def test_rules() -> None:
    assert darts_rules()[1] == Keep(("normal03", "normal13", "normal23"), 2)
