"""GCN, GAT and RGCN against their literal twins, and what holds for each of them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch_geometric.nn.conv import gcn_conv

from GPT_GNN.model.gnn import EncoderConfig
from tests.conv.test_hgt import HEADS, D, case
from tests.made import layer_of
from tests.oracle.plain_convs import LITERAL_CONVS

NAMES = list(LITERAL_CONVS)


def twins(name, num_types):
    """Our layer and the literal one with the same weights."""
    literal = LITERAL_CONVS[name](D, num_types, 4, HEADS, 0.0, False, True)
    ours = layer_of(name, D, num_types, 4, HEADS)
    ours.conv.load_state_dict(literal.state_dict())
    return literal, ours


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("sizes", "num_edges"), [((7, 0, 5), 60), ((1, 1, 1), 1), ((4, 3, 2), 0), ((12, 2, 9), 120)]
)
def test_equals_the_literal_layer(sizes, num_edges, name, dtype):
    """Parallel edges, loops of other relations, lone nodes, empty types and empty relations."""
    torch.manual_seed(0)
    graph, node_type, edges, relation, rows = case(1, sizes, num_edges, True)
    literal, ours = twins(name, len(sizes))
    literal.to(dtype), ours.to(dtype)
    x = torch.randn(sum(sizes), D, dtype=dtype)
    weight = torch.randn(sum(sizes), D, dtype=dtype)
    results = []
    for layer, arguments in ((literal, (node_type, edges, relation, rows)), (ours, (graph,))):
        own_x = x.clone().requires_grad_()
        out = layer(own_x, *arguments)
        (out * weight).sum().backward()
        grads = {n.removeprefix("conv."): p.grad for n, p in layer.named_parameters()}
        results.append({"out": out, "x": own_x.grad, **grads})
    want, got = results
    assert got.keys() == want.keys()
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    for key in want:
        torch.testing.assert_close(got[key], want[key], rtol=tolerance, atol=tolerance, msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_does_not_add_up(monkeypatch, name):
    """A GPU adds bfloat16 in bfloat16, where 256 + 1 is 256."""
    torch.manual_seed(0)
    graph, *_ = case(1, (7, 0, 5), 60, True)
    _, ours = twins(name, 3)
    added = []
    ours.conv.register_aggregate_forward_hook(lambda module, x, out: added.append(out.dtype))
    degrees = gcn_conv.scatter
    monkeypatch.setattr(
        gcn_conv, "scatter", lambda x, *a, **k: added.append(x.dtype) or degrees(x, *a, **k)
    )
    x = torch.randn(12, D)
    want = ours(x, graph)
    added.clear()
    with torch.autocast("cpu", torch.bfloat16):
        got = ours(x.bfloat16(), graph)
    assert added and set(added) == {torch.float32}
    torch.testing.assert_close(got, want, rtol=0.05, atol=0.05)


@pytest.mark.parametrize(
    ("name", "setting"), [("gcn", "n_heads"), ("rgcn", "prev_norm"), ("gat", "last_norm")]
)
def test_what_a_layer_does_not_have_is_refused(name, setting):
    with pytest.raises(ValueError, match=rf"conv_name '{name}' has no settings \['{setting}'\]"):
        EncoderConfig(name, **{setting: 1})


def test_gat_s_heads_divide_its_width():
    with pytest.raises(ValueError, match="n_hid must be a multiple of n_heads, got 8 and 3"):
        layer_of("gat", 8, 1, 4, 3)


def test_the_library_is_imported_by_who_picks_its_layers():
    code = (
        "import sys; from GPT_GNN.train.encoder import new_encoder\n"
        "from tests.made import layer_of\n"
        "layer_of('hgt', 8, 1, 1, 2); assert 'torch_geometric' not in sys.modules\n"
        "layer_of('gcn', 8, 1, 1, 2); assert 'torch_geometric' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rgcn_s_mean_is_of_one_relation_with_any_library():
    """PyG's path through pyg_lib says that it does not weight by relation."""
    import torch_geometric

    layer_of("rgcn", D, 1, 4, HEADS)
    assert torch_geometric.backend.use_segment_matmul is False
