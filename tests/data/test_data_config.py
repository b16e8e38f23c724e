import pytest
from pydantic import ValidationError

from radars.data import DataConfig
from radars.units import GIB


def test_defaults_are_the_embedded_digits() -> None:
    assert DataConfig().source == "digits"


def test_bytes_are_read_from_text() -> None:
    assert DataConfig.model_validate({"in_memory_bytes": "3GiB"}).in_memory_bytes == 3 * GIB


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("batch", 3),
        ("batch_size", 0),
        ("num_train", 0),
        ("validation_fraction", 1.0),
        ("image_size", 0),
        ("num_workers", -1),
        ("in_memory_bytes", "much"),
        ("source", ""),
    ],
)
def test_bad_settings_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        DataConfig.model_validate({key: value})


@pytest.mark.parametrize("settings", [{"mean": [0.5]}, {"mean": [0.5], "std": [0.2, 0.2]}])
def test_a_mean_and_a_standard_deviation_are_given_together(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="give both or none"):
        DataConfig.model_validate(settings)
