"""Where dropout acts in training: the share that is zeroed, the scaling, the place.

Weights are chosen so that each place shows: a value that only dropout at this place can give.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import Batch, batch_edges
from GPT_GNN.conv.time_encoding import RelativeTimeEncoding
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import Matcher, TextDecoder
from GPT_GNN.schema import Schema
from tests.made import layer_of

SCHEMA = Schema(("a",), (), (), ())
N, D = 300, 40


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def constant(linear, value):
    """A layer whose output is the same number everywhere."""
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.constant_(linear.bias, value)


def assert_dropped(got, want, p):
    """Zero in a share p of the entries, scattered over rows and columns; else want / (1 - p)."""
    zero = got == 0
    torch.testing.assert_close(got[~zero], (want / (1 - p)).expand_as(got)[~zero])
    assert abs(zero.double().mean().item() - p) < 0.02
    for dim in (0, 1):
        assert 0 < zero.double().mean(dim).std() < 0.15


def lone_nodes(n=N, width=3):
    """Nodes with a loop each and nothing else."""
    loops = np.arange(n)
    graph = batch_edges((0, n), loops, loops, np.array([0, n]), None).index()
    return Batch((torch.randn(n, width),), graph)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_the_input_layer_after_tanh(p):
    model, batch = GNN(SCHEMA, {"a": 3}, n_hid=D, n_layers=0, dropout=p), lone_nodes()
    constant(model.adapt[0], 0.7)
    want = torch.tanh(torch.tensor(0.7))
    assert_dropped(model.train()(batch), want, p)
    torch.testing.assert_close(model.eval()(batch), want.expand(N, D))


@pytest.mark.parametrize("p", [0.2, 0.5])
@pytest.mark.parametrize("use_norm", [False, True])
def test_an_hgt_layer_at_its_end(use_norm, p):
    """After the mix with what a node was, and after the norm."""
    conv, batch = layer_of("hgt", D, 1, 1, 2, p, False, last_norm=use_norm), lone_nodes(width=D)
    x = batch.x[0]
    want = conv.eval()(x, batch.graph)
    assert (want != 0).all()
    assert_dropped(conv.train()(x, batch.graph), want, p)


def test_an_encoder_drops_after_every_hgt_layer():
    """The last one shows: its zeros are the result's."""
    batch = lone_nodes()
    for p in (0.2, 0.5):
        model = GNN(SCHEMA, {"a": 3}, n_hid=D, n_layers=2, n_heads=2, dropout=p)
        assert abs((model.train()(batch) == 0).double().mean().item() - p) < 0.02
        assert not (model.eval()(batch) == 0).any()


def test_the_time_table_before_its_linear_layer():
    """Each entry of a row that is asked for; a bias that came after stays whole."""
    time = RelativeTimeEncoding(D)
    torch.nn.init.ones_(time.table)
    time.linear.weight.data = torch.eye(D, 2 * D)
    torch.nn.init.constant_(time.linear.bias, 5)
    rows = torch.arange(240)
    assert_dropped(time.train()(rows) - 5, torch.tensor(1.0), 0.2)
    assert torch.equal(time.eval()(rows), torch.full((240, D), 6.0))


def test_edges_of_one_time_difference_share_what_is_dropped():
    """Drawn for table rows, not for edges: nodes 0-9 send to 10-19, half of them 3 years later."""
    years = np.array([2000] * 10 + [2003] * 5 + [2004] * 5, dtype=np.int32)
    src, dst = np.arange(10), np.arange(10, 20)
    graph = batch_edges((0, 20), src, dst, np.array([0, 10, 10]), years).index()
    conv = layer_of("hgt", D, 1, 2, 2)
    out = conv.train()(torch.ones(20, D), graph)[10:]
    torch.testing.assert_close(out[:5], out[:1].expand(5, D))
    torch.testing.assert_close(out[5:], out[5:6].expand(5, D))
    again = conv(torch.ones(20, D), graph)[10:]
    assert not torch.allclose(out[0], again[0]) and not torch.allclose(out[0], out[5])


def test_a_matcher_before_its_targets_are_scaled_to_length_1():
    head = Matcher(3, D)
    constant(head.linear, 0.3)
    target, source = torch.randn(N, 3), torch.randn(N, D)
    projected = head.train().project(target)
    zero = projected == 0
    assert abs(zero.double().mean().item() - 0.2) < 0.02
    want = 10 / (~zero).sum(1, keepdim=True).sqrt()
    torch.testing.assert_close(projected, torch.where(zero, torch.zeros(()), want))
    torch.testing.assert_close(head.eval().project(target), torch.full((N, D), 10 / D**0.5))
    torch.manual_seed(1)
    projected = head.train().project(target)
    torch.manual_seed(1)  # the source's side is whole
    cosine = torch.nn.functional.normalize(source)
    torch.testing.assert_close(head(target, source), (projected * cosine).sum(1))


def test_a_text_decoder_before_its_output_layer():
    decoder = TextDecoder(3, torch.randn(7, D))
    tokens, node = torch.randint(0, 7, (1, N)), torch.randn(N, 3)
    want = decoder.eval().hidden(tokens, node)[0]
    assert_dropped(decoder.train().hidden(tokens, node)[0], want, 0.2)
