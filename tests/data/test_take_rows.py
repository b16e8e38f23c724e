import pytest
import torch

from radars.data.take_rows import rows_of

PLAIN = torch.randint(0, 256, (9, 3, 5, 4)).byte()
GREY = PLAIN[:, :1].clone()
LAST = torch.channels_last


@pytest.mark.parametrize(
    "example_N",
    [
        PLAIN,
        PLAIN.contiguous(memory_format=LAST),
        GREY,
        GREY.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        PLAIN.float().transpose(1, 3),
        PLAIN[:, :2],
        torch.randn(9, 4),
        torch.randn(4, 9).T,
        torch.arange(9),
    ],
)
def test_they_are_those_of_an_index_and_lie_likewise_in_memory(example_N: torch.Tensor) -> None:
    for indices in ([3, 0, 3, 8], [2], []):
        index_B = torch.tensor(indices, dtype=torch.int64)
        expected, rows = example_N[index_B], rows_of(example_N, index_B)
        assert torch.equal(rows, expected)
        assert rows.stride() == expected.stride() or not indices
