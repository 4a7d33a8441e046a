"""HAN and HetGNN against their literal twins, and what holds for each of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.nn import HANConv as PyGHANConv

from GPT_GNN.batch.batch import batch_edges
from GPT_GNN.conv.hetgnn import neighbours
from tests.conv.test_hgt import HEADS, D, case
from tests.made import layer_of
from tests.oracle.typed_convs import LiteralHANConv, LiteralHetGNNConv

LITERAL = {"han": LiteralHANConv, "hetgnn": LiteralHetGNNConv}
NAMES = list(LITERAL)


def evaluated(name, num_types, num_relations=4, max_neighbours=10):
    """In evaluation."""
    more = {"max_neighbours": max_neighbours} if name == "hetgnn" else {}
    return layer_of(name, D, num_types, num_relations, HEADS, **more).eval()


def ours_state(state):
    """The twin's values, or gradients, by our names: of a content's Bi-LSTM what one step uses."""
    out = {name: x for name, x in state.items() if not name.startswith("content.")}
    for name, forward in state.items():
        kind, _, part = name.rpartition(".")
        if name.startswith("content.") and part in ("weight_ih_l0", "bias_ih_l0"):
            gates = zip(forward.chunk(4), state[f"{name}_reverse"].chunk(4), strict=True)
            i, _, g, o = (torch.cat(both) for both in gates)
            out[f"{kind}.{part.removesuffix('_ih_l0')}"] = torch.cat([i, g, o])
    return out


def twins(name, num_types, dtype=torch.float32, max_neighbours=10):
    """Our layer and the literal one with the same weights."""
    literal = LITERAL[name](D, num_types, 4, HEADS, 0.0, False, True)
    with torch.no_grad():
        for parameter_name, parameter in literal.named_parameters():
            torch.nn.init.normal_(parameter, std=0.5)
            if parameter_name.startswith("content.") and "bias_hh" in parameter_name:
                parameter.zero_()  # ours has one bias for both
    literal.max_neighbours = max_neighbours
    ours = evaluated(name, num_types, max_neighbours=max_neighbours)
    ours.load_state_dict(ours_state(literal.state_dict()))
    return literal.to(dtype), ours.to(dtype)


def results(model, x, weight, *arguments):
    """Result, gradient of x, gradient of each parameter."""
    x = x.clone().requires_grad_()
    out = model(x, *arguments)
    (out * weight).sum().backward()
    grads = {n: torch.zeros_like(p) for n, p in model.named_parameters()}
    grads |= {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    return out, x.grad, grads


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("sizes", "num_edges"), [((7, 0, 5), 60), ((1, 1, 1), 1), ((4, 3, 2), 0), ((12, 2, 9), 200)]
)
def test_equals_the_literal_layer(sizes, num_edges, name, dtype):
    """Parallel edges, loops of other relations, lone nodes, empty types and empty relations."""
    torch.manual_seed(0)
    graph, node_type, edges, relation, rows = case(1, sizes, num_edges, True)
    literal, ours = twins(name, len(sizes), dtype, max_neighbours=4)
    x, weight = (torch.randn(sum(sizes), D, dtype=dtype) for _ in range(2))
    want, want_x, want_grads = results(literal, x, weight, node_type, edges, relation, rows)
    got, got_x, got_grads = results(ours, x, weight, graph)
    want_grads = ours_state(want_grads)
    assert got_grads.keys() == want_grads.keys()
    pairs = {"out": (got, want), "x": (got_x, want_x)}
    pairs |= {n: (got_grads[n], want_grads[n]) for n in want_grads}
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    for key, (ours_value, literal_value) in pairs.items():
        torch.testing.assert_close(
            ours_value, literal_value, rtol=tolerance, atol=tolerance, msg=key
        )


def test_the_largest_case_has_more_neighbours_than_are_read():
    graph, *_ = case(1, (12, 2, 9), 200, True)
    sizes = neighbours(torch.zeros(23), graph, 1000, False).length
    assert (sizes > 4).any() and (sizes <= 4).any() and (sizes % 4 != 0).any()


ENDS = [(0, 1), (1, 0), (1, 1), (2, 0), (1, 2)]  # source and target type of each relation


def typed_graph(seed=0, sizes=(9, 12, 4), counts=(30, 30, 20, 0, 3)):
    """Relations between given types, one of them without edges, and a loop for every node."""
    rng = np.random.default_rng(seed)
    first = np.concatenate([[0], np.cumsum(sizes)])
    src, dst = [], []
    for (s, t), count in zip(ENDS, counts, strict=True):
        src.append(rng.integers(first[s], first[s + 1], count))
        dst.append(np.sort(rng.integers(first[t], first[t + 1], count)))
    loops = [np.arange(first[-1])]
    offsets = np.cumsum([0, *counts, first[-1]])
    return batch_edges(
        first, np.concatenate(src + loops), np.concatenate(dst + loops), offsets, None
    ).index()


def test_han_equals_pyg_s_layer():
    """Values and gradients, with a relation name of ``self`` for every type."""
    torch.manual_seed(0)
    graph = typed_graph()
    ours = evaluated("han", 3, len(ENDS) + 1).double()
    types, first = ["t0", "t1", "t2"], graph.node_offsets
    relation, edges, names = graph.relation_of_edge, {}, {}
    for r, (s, t) in enumerate([*ENDS, (0, 0), (1, 1), (2, 2)]):
        own = relation == min(r, len(ENDS))
        own &= (graph.dst >= first[t]) & (graph.dst < first[t + 1])
        if own.any():
            key = (types[s], f"r{r}", types[t])
            edges[key] = torch.stack([graph.src[own] - first[s], graph.dst[own] - first[t]])
            names["__".join(key)] = min(r, len(ENDS))
    assert len(edges) == 4 + 3
    theirs = PyGHANConv(D, D, (types, list(edges)), heads=HEADS).double()
    with torch.no_grad():
        for t, project in zip(types, ours.project, strict=True):
            theirs.proj[t].weight.copy_(project.weight), theirs.proj[t].bias.copy_(project.bias)
        for key, r in names.items():
            theirs.lin_src[key][0] = ours.att_src[r]
            theirs.lin_dst[key][0] = ours.att_dst[r]
        theirs.k_lin.load_state_dict(ours.semantic.state_dict())
        theirs.q[0] = ours.semantic_query
    x = torch.randn(graph.num_nodes, D, dtype=torch.float64)
    weight, grads = torch.randn_like(x), []
    own_x, their_x = (x.clone().requires_grad_() for _ in range(2))
    got = ours(own_x, graph)
    want = theirs(dict(zip(types, graph.by_type(their_x), strict=True)), edges)
    want = torch.cat([want[t] for t in types])
    torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)
    for out, model, given in ((got, ours.semantic, own_x), (want, theirs.k_lin, their_x)):
        grads.append(torch.autograd.grad((out * weight).sum(), [given, model.weight]))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_renumbering_the_nodes_renumbers_the_result(name):
    torch.manual_seed(0)
    graph = typed_graph(counts=(200, 30, 20, 0, 3))
    rng = np.random.default_rng(1)
    place = np.concatenate(
        [
            a + rng.permutation(b - a)
            for a, b in zip(graph.node_offsets, graph.node_offsets[1:], strict=False)
        ]
    )  # [N], where each node goes
    src, dst = place[graph.src.numpy()], place[graph.dst.numpy()]
    relation = graph.relation_of_edge.numpy()
    order = np.lexsort((rng.random(len(src)), dst, relation))
    starts = np.searchsorted(relation, np.arange(len(ENDS) + 2))
    moved = batch_edges(graph.node_offsets, src[order], dst[order], starts, None).index()
    model = evaluated(name, 3, len(ENDS) + 1).double()
    x = torch.randn(graph.num_nodes, D, dtype=torch.float64)
    moved_x = torch.empty_like(x)
    moved_x[place] = x
    torch.testing.assert_close(model(moved_x, moved)[place], model(x, graph))


def with_a_lone_node(graph, x):
    """One more node, the last of the last type, with a loop only."""
    n = graph.num_nodes
    starts = graph.row_ptr[list(graph.relation_rows)].numpy().copy()
    starts[-1] += 1
    src, dst = (np.append(end.numpy(), n) for end in (graph.src, graph.dst))
    offsets = (*graph.node_offsets[:-1], n + 1)
    return batch_edges(offsets, src, dst, starts, None).index(), torch.cat([x, torch.randn(1, D)])


def test_how_far_a_result_depends_on_the_rest_of_the_batch():
    """HAN's weights are means over the nodes of a type in the batch; HetGNN has no such thing."""
    torch.manual_seed(0)
    sizes, n = (9, 12, 4), 25
    graph, x = typed_graph(sizes=sizes), torch.randn(n, D)
    more, more_x = with_a_lone_node(typed_graph(0, sizes), x)
    for name in NAMES:
        model = evaluated(name, 3, len(ENDS) + 1)
        change = (model(more_x, more)[:n] - model(x, graph)).abs().amax(1)
        assert change[:21].max() < 1e-6
        assert (change[21:] > 1e-4).any() if name == "han" else change[21:].max() < 1e-6


def test_nodes_without_in_edges():
    """HAN has nothing to give them; HetGNN their content."""
    torch.manual_seed(0)
    some = batch_edges(
        (0, 3, 5), np.array([0, 3]), np.array([1, 1]), np.array([0, 1, 2, 2]), None
    ).index()
    none = batch_edges((0, 3, 5), np.arange(0), np.arange(0), np.array([0, 0, 0, 0]), None).index()
    x, lone = torch.randn(5, D), [0, 2, 3, 4]
    for name in NAMES:
        model = evaluated(name, 2, 3)
        got, without = model(x, some), model(x, none)
        torch.testing.assert_close(got[lone], without[lone])
        assert not torch.allclose(got[1], without[1])
        assert (without == 0).all() == (name == "han")


@pytest.mark.parametrize("name", NAMES)
def test_a_graph_without_edges_has_finite_gradients(name):
    graph = batch_edges((0, 3, 5), np.arange(0), np.arange(0), np.array([0, 0, 0, 0]), None).index()
    model = evaluated(name, 2, 3).train()
    _, grad, grads = results(model, torch.randn(5, D), torch.ones(5, D), graph)
    assert all(value.isfinite().all() for value in (grad, *grads.values()))


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_that_a_batch_can_use_gets_a_gradient(name):
    torch.manual_seed(0)
    model = evaluated(name, 3, len(ENDS) + 1).train()
    x = torch.randn(25, D)
    *_, grads = results(model, x, torch.randn(25, D), typed_graph())
    if name == "han":  # relation 3 has no edges, and one loop is all that a node has to attend to
        for end in ("att_src", "att_dst"):
            got = grads.pop(end).flatten(1).abs().amax(1) > 1e-6
            assert got.tolist() == [True, True, True, False, True, False], end
    unused = {"same_type.2"} if name == "hetgnn" else set()  # the source of no edge
    for parameter, grad in grads.items():
        assert (grad != 0).any() != any(parameter.startswith(u) for u in unused), parameter


def of_one_target(n):
    """A target with n sources of another type, in an order that is not that of their keys."""
    src, dst = np.concatenate([np.arange(n), np.arange(n + 1)]), np.full(2 * n + 1, n)
    dst[n:] = np.arange(n + 1)
    graph = batch_edges((0, n, n + 1), src, dst, np.array([0, n, 2 * n + 1]), None).index()
    return graph, torch.from_numpy(np.random.default_rng(n).permutation(n + 1)).float()


@pytest.mark.parametrize("n", [1, 4, 5, 7, 40])
def test_hetgnn_draws_each_neighbour_equally_often_in_the_order_of_their_keys(n):
    torch.manual_seed(0)
    graph, key = of_one_target(n)
    most, runs, seen = 4, 4000, torch.zeros(n)
    for _ in range(runs):
        found = neighbours(key, graph, most, training=True)
        assert found.target.tolist() == [n] and found.groups == [1, 0]
        chosen = found.sources[0, : int(found.length)]
        assert len(chosen) == len(set(chosen.tolist())) == min(n, most)
        assert (key[chosen].diff() > 0).all()
        seen[chosen] += 1
    share = min(1.0, most / n)
    assert (seen / runs - share).abs().max() < 4.5 * (share * (1 - share) / runs) ** 0.5 + 1e-6


def test_hetgnn_draws_in_training_only_and_by_torch_s_generator():
    graph, _ = of_one_target(40)
    model, x = evaluated("hetgnn", 2, 2, max_neighbours=3), torch.randn(41, D)
    state = torch.get_rng_state()
    first = model(x, graph)
    assert torch.equal(model(x, graph), first)
    assert torch.equal(torch.get_rng_state(), state)
    model.train()
    torch.manual_seed(0)
    runs = [model(x, graph) for _ in range(5)]
    assert any(not torch.allclose(run[-1], runs[0][-1]) for run in runs)
    assert all(torch.equal(run[:-1], runs[0][:-1]) for run in runs)
    torch.manual_seed(0)
    assert torch.equal(model(x, graph), runs[0])


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_does_not_add_up(monkeypatch, name):
    """A GPU adds bfloat16 in bfloat16, where 256 + 1 is 256."""
    torch.manual_seed(0)
    graph, model, x = typed_graph(), evaluated(name, 3, len(ENDS) + 1), torch.randn(25, D)
    want = model(x, graph)
    added, inside, index_add = [], [], torch.Tensor.index_add
    monkeypatch.setattr(
        torch.Tensor,
        "index_add",
        lambda x, dim, index, y: added.append((x.dtype, y.dtype)) or index_add(x, dim, index, y),
    )
    first = model.project[0] if name == "han" else model.content[0]
    first.register_forward_hook(lambda module, x, out: inside.append(out.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        got = model(x.bfloat16(), graph)
    assert inside == [torch.bfloat16]
    assert added and set(added) == {(torch.float32, torch.float32)}
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, want, rtol=0.05, atol=0.05)


def test_widths_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="n_hid must be a multiple of n_heads, got 8 and 3"):
        layer_of("han", 8, 1, 4, 3)
    with pytest.raises(ValueError, match="n_hid must be even, half for each direction, got 9"):
        layer_of("hetgnn", 9, 1, 4, 3)
