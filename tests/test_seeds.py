import torch
from hypothesis import given
from hypothesis import strategies as st

from radars.seeds import seed_torch, stable_seed

Part = int | str


@given(st.lists(st.integers() | st.text(st.characters(codec="utf-8"))))
def test_a_seed_is_one_that_torch_takes_and_always_the_same(parts: list[Part]) -> None:
    assert 0 <= stable_seed(*parts) < 2**56
    assert stable_seed(*parts) == stable_seed(*parts)


@given(st.integers(), st.text(st.characters(codec="utf-8", exclude_characters="|")))
def test_a_seed_depends_on_every_part_and_their_order(number: int, text: str) -> None:
    seeds = {
        stable_seed(number),
        stable_seed(number, "x", text),
        stable_seed(number + 1, "x", text),
        stable_seed(number, "x", text + "y"),
        stable_seed("x", number, text),
    }
    assert len(seeds) == 5


def test_a_seed_is_the_same_in_every_process_and_version() -> None:
    assert stable_seed(0, "train") == 16288269284995223  # as another process found it


def test_what_torch_draws_is_seeded_as_by_itself() -> None:
    seed_torch("train", 3)
    drawn = torch.rand(3)
    torch.manual_seed(stable_seed("train", 3))
    assert torch.equal(torch.rand(3), drawn)
