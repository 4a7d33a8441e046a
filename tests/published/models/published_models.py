"""Models as the published code writes them, from literal layers, and stores that they fit."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import torch

from GPT_GNN.builder.builder import build_graph
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.rng import derive
from tests.made import encoder_settings
from tests.oracle import legacy
from tests.oracle.encoder import LiteralGNN, literal_edges
from tests.oracle.text_decoder import LiteralTextDecoder

WIDTH, D, HEADS, LAYERS = 7, 8, 2, 2
NODES = {"paper": 40, "author": 20, "venue": 4}
CITE = ("paper", "cite", "paper")
WRITES = ("author", "writes", "paper")
PRINTS = ("venue", "prints", "paper")
READS = ("author", "reads", "paper")
FOLLOWS = ("author", "follows", "venue")
RELATIONS = [PRINTS, CITE, WRITES, READS, FOLLOWS]
# Triples of one name, which shared a number in the published code.
SHARED = [PRINTS, CITE, WRITES, ("author", "cite", "venue")]
WORDS = ["bos", "eos", "graph", "model", "of"]


def store(path, relations=RELATIONS, timed=True, width=WIDTH, nodes=NODES) -> HeteroGraph:
    """A store with the same features for all types, words, and an inverse after each relation."""
    rng = derive(0, "published store")
    with build_graph(path, ("pretrain", "finetune", "original")) as builder:
        for node_type, n in nodes.items():
            builder.add_node_type(node_type, n)
            builder.create_feature(node_type, "emb", width)[:] = rng.standard_normal((n, width))
            builder.add_column(node_type, "time", rng.integers(2000, 2019, n))
        for source, relation, target in relations:
            builder.add_relation((source, relation, target))
            ends = (rng.integers(0, nodes[t], 90) for t in (source, target))
            time = rng.integers(2000, 2019, 90) if timed else None
            builder.add_edges((source, relation, target), *ends, time)
        titles = ["graph model of", "of"] * (nodes["paper"] // 2)  # even numbers of papers
        builder.add_words(WORDS)
        builder.add_table("word_vectors", rng.standard_normal((5, 6)).astype(np.float32))
        builder.add_ragged("paper", "title", titles)
        ids = [np.array([WORDS.index(w) for w in t.split()], dtype=np.int32) for t in titles]
        builder.add_ragged("paper", "title_tokens", ids)
    return HeteroGraph.open(path)


def golden_store(oag, path) -> HeteroGraph:
    """The golden graph as our converter writes it: types and relations in the published order."""
    graph = convert(oag / "graph_CS.pk", path, word_vectors=False)
    counts = json.loads((oag / "expected_counts.json").read_text())
    assert list(graph.node_types) == counts["types"]
    assert [(t, s, r) for s, r, t in graph.edge_types] == [*map(tuple, counts["meta_graph"])]
    return graph


def dataset(rel_stop_list=()):
    """A target with nothing but names, as ``new_gpt_gnn`` takes it."""
    return SimpleNamespace(
        target="paper",
        rel_stop_list=rel_stop_list,
        split=OAG.FACTS.split,
        text_part="text",
        text_column="title",
    )


def config(conv_name, **changes) -> EncoderConfig:
    settings = {"n_hid": D, "n_heads": HEADS, "n_layers": LAYERS, **changes}
    return encoder_settings(conv_name, **settings)


def literal(graph, conv_name, seed=0, timed=True, n_layers=LAYERS, **norms) -> LiteralGNN:
    """A published encoder with random weights, in evaluation mode."""
    torch.manual_seed(seed)
    dims = [graph.feature_dim(t) for t in graph.node_types]
    relations = len(graph.edge_types) + 1
    conv = legacy.LITERAL_CONVS[conv_name]
    encoder = LiteralGNN(dims, D, relations, HEADS, n_layers, timed=timed, conv=conv, **norms)
    for name, parameter in encoder.named_parameters():
        if "emb.emb" not in name:
            torch.nn.init.normal_(parameter, std=0.4)
    return encoder.eval()


def literal_embedding(encoder, graph, batch):
    """What a published encoder gives for a batch of ours, its relations numbered by name."""
    number = {relation: i for i, (_, relation, _) in enumerate(graph.edge_types)}
    ids = [number[relation] for _, relation, _ in graph.edge_types] + [len(number)]
    node_type, edges, relation, row = literal_edges(batch.graph)
    return encoder(batch.x, node_type, edges, torch.tensor(ids)[relation], row)


def state(encoder, num_scorers=0, text=False, target_dim=WIDTH):
    """The state dict of a published pre-training model around an encoder."""
    out = {f"gnn.{name}": x for name, x in encoder.state_dict().items()}
    out = {"init_emb": torch.randn(target_dim), **out}
    for i in range(num_scorers):
        scorer = torch.nn.Linear(D, D)
        out |= {f"params.{i}.linear.{name}": x for name, x in scorer.state_dict().items()}
    decoder = LiteralTextDecoder(D, torch.randn(5, 6)) if text else torch.nn.Linear(D, target_dim)
    prefix = "attr_decoder." if text else "attr_decoder.linear."
    return out | {prefix + name: x.clone() for name, x in decoder.state_dict().items()}


# Layouts of older versions of PyG, from today's parameters of one layer -------------------------


def _gat(linear, source, target):
    """``linear`` names the projection, once or twice."""

    def turn(layer):
        out = {f"{name}.weight": layer["lin.weight"] for name in linear}
        return out | {
            source: layer["att_src"],
            target: layer["att_dst"],
            "bias": layer["bias"],
        }

    return turn


def _gat_1_3(layer):
    halves = [layer["att_dst"], layer["att_src"]]
    return {
        "weight": layer["lin.weight"].T.contiguous(),
        "att": torch.cat(halves, dim=-1),
        "bias": layer["bias"],
    }


def _bases(names):
    """Matrices as mixtures of as many bases, the mixing turned out of them."""

    def turn(layer):
        weight = layer["weight"].double()
        generator = torch.Generator().manual_seed(0)
        n = len(weight)
        mixing = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))[0]
        basis = torch.einsum("rb,rio->bio", mixing, weight)
        return {
            names[0]: basis.float(),
            names[1]: mixing.float(),
            "root": layer["root"],
            "bias": layer["bias"],
        }

    return turn


def _reddit(layer):
    return {f"RTE_{name}" if name.startswith("emb.") else name: x for name, x in layer.items()}


OLD_LAYOUTS = {
    "hgt of Reddit": ("hgt", _reddit),
    "gcn to 1.7": ("gcn", lambda x: {"weight": x["lin.weight"].T, "bias": x["bias"]}),
    "gat 1.3": ("gat", _gat_1_3),
    "gat 1.5": ("gat", _gat(["lin"], source="att_j", target="att_i")),
    "gat 1.6": ("gat", _gat(["lin_l", "lin_r"], source="att_l", target="att_r")),
    "gat 2.0": ("gat", _gat(["lin_src", "lin_dst"], source="att_src", target="att_dst")),
    "rgcn 1.3": ("rgcn", _bases(["basis", "att"])),
    "rgcn 1.6, bases": ("rgcn", _bases(["weight", "comp"])),
}


def in_layout(turn, published):
    """A published state dict with every layer's parameters in another layout."""
    start = "gnn.gcs."
    out = {name: x for name, x in published.items() if not name.startswith(start)}
    for i in range(len(legacy.numbered(published, start))):
        prefix = f"{start}{i}.base_conv."
        turned = turn(legacy.under(published, prefix))
        out |= {prefix + name: x for name, x in turned.items()}
    return out
