"""What the processes of a run share, and that several train as one does."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_lib.ranks import ALONE, Ranks


@given(n=st.integers(0, 200), size=st.integers(1, 9))
def test_every_image_belongs_to_exactly_one_rank_and_shares_differ_by_one_at_most(n, size):
    shares = [Ranks(rank, size).share(n) for rank in range(size)]
    assert [index for share in shares for index in share] == list(range(n))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_alone_gives_back_what_it_was_given():
    rows = torch.rand(3, 2)
    assert ALONE.gather(rows) is rows and ALONE.mean(rows) is rows
    assert ALONE.any(True) and not ALONE.any(False)
    ALONE.wait()
    ALONE.copy_from_first([rows])
    assert ALONE.first and ALONE.alone


def _talk(rank, size, place, found):
    import torch.distributed as dist

    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=size)
    ranks = Ranks(rank, size)
    mine = torch.full((len(ranks.share(5)), 2), float(rank))
    buffer = torch.tensor([float(rank)])
    ranks.copy_from_first([buffer])
    found[rank] = {
        "gathered": ranks.gather(mine)[:, 0].tolist(),
        "mean": ranks.mean(torch.tensor([float(rank)])).item(),
        "any": (ranks.any(rank == 1), ranks.any(False)),
        "buffer": buffer.item(),
    }
    ranks.wait()
    dist.destroy_process_group()


@pytest.mark.filterwarnings("default")  # torch and gloo have something to say about localhost
def test_processes_gather_unequal_shares_in_order_and_agree(tmp_path):
    manager = torch.multiprocessing.get_context("spawn").Manager()
    found = manager.dict()
    torch.multiprocessing.spawn(_talk, (2, tmp_path / "meet", found), nprocs=2)
    for rank in (0, 1):
        assert found[rank] == {"gathered": [0, 0, 1, 1, 1], "mean": 0.5, "any": (True, False), "buffer": 0.0}
