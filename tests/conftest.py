import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data sets (CIFAR-10, a sample of ImageNet); skips where there is none."""
    default = Path(__file__).parents[2] / "shared" / "data"
    path = Path(os.environ.get("RADARS_DATA_DIR", default))
    if not path.is_dir():
        pytest.skip(f"no real data sets in {path}: set RADARS_DATA_DIR to their folder")
    return path
