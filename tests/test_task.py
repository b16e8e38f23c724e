"""A task of one's own, from the search to the test split."""

from functools import partial
from pathlib import Path

import pytest
import torch
from tests.tiny import quick_config
from torch import Tensor, nn

import radars
from radars import Choose, SearchSpace, Task, tensor_data
from radars.data import DataConfig
from radars.engine.given import Given
from radars.engine.run import run_search
from radars.errors import ConfigError
from radars.memory import TrainingSpec, measure, predict
from radars.memory.predict import run_step
from radars.nn.supernet import Supernet
from radars.training import TrainConfig, train_architecture


def loss(output_BK: Tensor, label_B: Tensor) -> Tensor:
    return (output_BK - label_B).square().mean()


def score(output_BK: Tensor, label_B: Tensor) -> Tensor:
    return (-(output_BK - label_B).abs().mean(-1)).exp()


TASK = Task(loss, score, label_shape=(2,), label_dtype=torch.float32)


def network(choose: Choose) -> nn.Module:
    layer = choose(
        "a",
        {"none": nn.Identity, "wide": lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU())},
    )
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), layer, nn.Linear(8, 2))


EXAMPLES = torch.randn(320, 3, generator=torch.Generator().manual_seed(0))
SPACE = SearchSpace(network, name="regression")
DATA = tensor_data(EXAMPLES, EXAMPLES[:, :2].square(), num_outputs=2)


def test_a_search_minimises_its_loss_and_maximises_its_score() -> None:
    config = quick_config(
        num_rounds=1,
        explore={"steps": 8, "tuning_steps": 1, "reward_batches": 1, "rankers": []},
        select={
            "finalists": 2,
            "halving_steps": [60],
            "optimizer": {"learning_rate": 0.05},
        },
    )
    result = run_search(config, Given(space=SPACE, data=DATA, task=TASK))
    assert result.validation_accuracy is not None
    [batch] = DATA.validation.evaluation_batches(1000)
    guess = batch.label_B.mean(0).expand(len(batch.label_B), 2)
    assert result.validation_accuracy > float(score(guess, batch.label_B).mean())
    assert result.measured_peak_bytes == pytest.approx(result.predicted_peak_bytes, rel=0.02)


def test_what_was_found_is_trained_and_evaluated(tmp_path: Path) -> None:
    config = TrainConfig(
        data=DataConfig(batch_size=32), epochs=20, optimizer={"learning_rate": 0.05}, device="cpu"
    )
    trained = train_architecture(
        {"a": "wide"}, config, space=SPACE, data=DATA, task=TASK, out=tmp_path
    )
    result = radars.evaluate(tmp_path, data=DATA, task=TASK, space=SPACE, device="cpu")
    [batch] = DATA.test.open().evaluation_batches(1000)
    with torch.no_grad():
        output_BK = trained.network(batch.example_B)
    assert result.test_loss == pytest.approx(float(loss(output_BK, batch.label_B)), rel=1e-5)
    assert result.test_accuracy == pytest.approx(float(score(output_BK, batch.label_B).mean()))
    assert result.test_loss < 0.5 * float(batch.label_B.var())
    with pytest.raises(ConfigError, match=r"labels of shape \(\)"):
        radars.evaluate(tmp_path, data=DATA, space=SPACE, device="cpu")


def test_the_memory_of_a_step_counts_the_loss() -> None:
    def of_all_pairs(output_BK: Tensor, label_B: Tensor) -> Tensor:
        return ((output_BK[:, None] - output_BK) - (label_B[:, None] - label_B)).square().mean()

    peaks = []
    for task in (TASK, Task(of_all_pairs, score, (2,), torch.float32)):
        spec = TrainingSpec((3,), 256, task=task)
        supernet = Supernet(SPACE)
        batch = EXAMPLES[:256].clone(), torch.zeros(256, 2)
        for kind in spec.training_kinds:
            predicted = predict(SPACE, SPACE.full, spec, kinds=[kind]).peak_bytes
            step = partial(run_step, kind, supernet, batch, loss=task.loss)
            step()
            _, peak_bytes = measure(step, supernet, batch)
            assert predicted == pytest.approx(peak_bytes, rel=0.02)
            peaks.append(predicted)
    assert min(peaks[2:]) > 10 * max(peaks[:2])


def test_labels_that_are_not_the_task_s_are_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="set label_shape and label_dtype"):
        run_search(quick_config(), Given(space=SPACE, data=DATA), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
