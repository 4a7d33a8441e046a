"""The adaptive queue against lists."""

from __future__ import annotations

import pytest
import torch

from GPT_GNN.model.queue import AdaptiveQueue
from tests.oracle.queue import LiteralQueue


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("queue_size", [0, 1, 5, 64])
def test_equals_the_lists(seed, queue_size):
    torch.manual_seed(seed)
    ours, literal = AdaptiveQueue(2, queue_size, 3), LiteralQueue(2, queue_size)
    for epoch in range(1, 7):
        ours.grow(epoch, 6)
        literal.grow(epoch, 6)
        for _ in range(4):
            relation, n = int(torch.randint(2, ())), int(torch.randint(40, ()))
            rows, ids = torch.randn(n, 3), torch.randperm(1000)[:n]
            ours.push(relation, rows, ids)
            literal.push(relation, list(zip(ids.tolist(), rows, strict=True)))
            for r in range(2):
                got_rows, got_ids = ours.read(r)
                assert got_ids.tolist() == [i for i, _ in literal.read(r)]
                for row, (_, vector) in zip(got_rows, literal.read(r), strict=True):
                    assert torch.equal(row, vector)
    assert len(ours.read(0)[0]) <= queue_size


@pytest.mark.parametrize("queue_size", [0, 1, 5, 64])
def test_offers_are_taken_as_if_pushed_and_do_not_pile_up(queue_size):
    """A loop that never takes them must not grow, and one that does must lose nothing."""
    torch.manual_seed(0)
    ours, pushed = AdaptiveQueue(2, queue_size, 3), AdaptiveQueue(2, queue_size, 3)
    for queue in (ours, pushed):
        queue.grow(1, 1)
    for step in range(20):
        for _ in range(1 + 5 * (step % 4)):
            n = int(torch.randint(40, ()))
            offer = 1, torch.randn(n, 3), torch.randint(1000, (n,))
            ours.offer(*offer)
            pushed.push(*offer)
        ours.take_offers()
        assert torch.equal(ours.ids, pushed.ids) and torch.equal(ours.rows, pushed.rows)
    for _ in range(100):
        ours.offer(0, torch.randn(40, 3), torch.arange(40))
    assert sum(len(ids) for _, ids in ours._offers[0]) <= queue_size * 1.25
    for _ in range(100):
        ours.offer(0, torch.randn(0, 3), torch.arange(0))
    assert len(ours._offers[0]) <= queue_size + 1
    ours.grow(1, 1)
    ours.take_offers()
    assert len(ours.read(0)[0]) == 0  # what no step followed is forgotten


def test_is_part_of_the_state_and_survives_it():
    queue = AdaptiveQueue(1, 8, 3)
    queue.grow(2, 2)
    queue.push(0, torch.randn(5, 3, requires_grad=True), torch.arange(5))
    other = AdaptiveQueue(1, 8, 3)
    other.load_state_dict(queue.state_dict())
    assert torch.equal(other.read(0)[0], queue.read(0)[0])
    assert not queue.read(0)[0].requires_grad


def test_refuses_a_negative_size():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        AdaptiveQueue(1, -1, 3)
