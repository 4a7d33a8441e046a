"""The package computes what the published code computed with the same weights."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import Batch, batch_edges
from GPT_GNN.model.gnn import GNN
from GPT_GNN.model.heads import Matcher, TextDecoder
from GPT_GNN.schema import Schema
from tests.made import encoder_settings
from tests.oracle import legacy

TOLERANCE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture(scope="session")
def oag(shared_data):
    return shared_data / "legacy" / "oag"


def published_schema(oag, batch):
    """Node types and relations with the published numbers, from the golden batch's edges."""
    ids = json.loads((oag / "relation_ids.json").read_text())
    node_types = tuple(sorted(ids["node_dict"], key=lambda t: ids["node_dict"][t][1]))
    names = sorted((name for name in ids["edge_dict"] if name != "self"), key=ids["edge_dict"].get)
    ends = batch["node_type"][batch["edge_index"]]
    triples = []
    for number, name in enumerate(names):
        source, target = ends[:, batch["edge_type"] == number][:, 0].tolist()
        triples.append((node_types[source], name, node_types[target]))
    inverse = [n.removeprefix("rev_") if n.startswith("rev_") else f"rev_{n}" for n in names]
    partners = tuple(names.index(other) if other in names else -1 for other in inverse)
    assert -1 not in partners
    return Schema(node_types, tuple(triples), partners, (True,) * len(triples))


def published_batch(schema, batch):
    """The golden batch in our form: edges sorted by relation and target, features by type."""
    counts = np.bincount(batch["node_type"], minlength=len(schema.node_types))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    relation = batch["edge_type"].numpy()
    src, dst = batch["edge_index"].numpy()
    order = np.lexsort((dst, relation))
    graph = batch_edges(
        offsets,
        src[order],
        dst[order],
        np.searchsorted(relation[order], np.arange(len(schema.edge_types) + 2)),
        node_time(batch),
    ).index()
    return Batch(torch.split(batch["node_feature"], counts.tolist()), graph)


def node_time(batch):
    """Times that give every edge its difference: found by walking the edges, from 1950 on."""
    src, dst = batch["edge_index"].numpy()
    difference = batch["edge_time"].numpy() - 120
    time = np.full(len(batch["node_type"]), -1, dtype=np.int32)
    for start in range(len(time)):
        if time[start] < 0:
            time[start] = 1950
        grown = True
        while grown:
            known, unknown = time >= 0, time < 0
            forward = known[src] & unknown[dst]
            time[dst[forward]] = time[src[forward]] + difference[forward]
            known, unknown = time >= 0, time < 0
            backward = known[dst] & unknown[src]
            time[src[backward]] = time[dst[backward]] - difference[backward]
            grown = bool(forward.any() or backward.any())
    assert (time[dst] - time[src] == difference).all()
    return time


@pytest.mark.parametrize("name", legacy.GOLDEN)
@torch.no_grad()
def test_encoder_and_attribute_loss(oag, name):
    state = legacy.published_state(oag / f"pretrained_{name}.pt")
    batch = legacy.golden(oag / f"golden_{name}.npz")
    schema = published_schema(oag, batch)
    conv_name = name.removesuffix("_norm")
    norms = {"prev_norm": True, "last_norm": True} if name == "hgt_norm" else {}
    widths = {t: a["weight"].shape[1] for t, a in zip(schema.node_types, state.adapt, strict=True)}
    settings = encoder_settings(conv_name, 4, n_hid=64, n_layers=3, **norms)
    encoder = GNN(schema, widths, **asdict(settings))
    encoder.load_state_dict(legacy.ours_encoder(state, conv_name))
    h = encoder.eval()(published_batch(schema, batch))
    torch.testing.assert_close(h, batch["embedding"], **TOLERANCE)

    decoder = Matcher(64, 433).eval()
    decoder.load_state_dict(state.attr_decoder)
    loss = -decoder(h[batch["attr_rows"]], batch["attr_target"]).mean()
    torch.testing.assert_close(loss, batch["feat_loss"], **TOLERANCE)


@torch.no_grad()
def test_edge_scorer(oag):
    pairs = legacy.golden(oag / "golden_edge_scorer.npz")
    scorer = Matcher(64, 64).eval()
    scorer.load_state_dict(legacy.load(oag / "edge_scorer.pt"))
    torch.testing.assert_close(
        scorer(pairs["target"], pairs["source"]), pairs["score"], **TOLERANCE
    )


@torch.no_grad()
def test_text_decoder(oag):
    state = legacy.ours_text_decoder(legacy.load(oag / "text_decoder.pt"))
    batch = legacy.golden(oag / "golden_text_decoder.npz")
    decoder = TextDecoder(batch["node_embedding"].shape[1], state["word_vectors"]).eval()
    decoder.load_state_dict(state)
    nodes = batch["node_embedding"]
    torch.testing.assert_close(decoder(batch["tokens"], nodes), batch["logits"], **TOLERANCE)
    loss = decoder.loss(batch["tokens"], batch["targets"], batch["mask"], nodes)
    torch.testing.assert_close(loss, batch["loss"], **TOLERANCE)
