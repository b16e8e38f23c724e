import pytest
import torch

from radars.errors import BudgetError, RunError
from radars.memory import is_out_of_memory, out_of_memory_said


def test_the_cpu_allocator_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        MemoryError(),
    ],
    ids=str,
)
def test_so_are_cuda_and_python(error: BaseException) -> None:
    assert is_out_of_memory(error)
    message = "none for a cup of tea; lower the budget"
    with pytest.raises(RunError, match=message), out_of_memory_said("a cup of tea"):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("shapes"), BudgetError("the budget is too small")])
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)
    with pytest.raises(type(error), match=str(error)), out_of_memory_said("anything"):
        raise error
