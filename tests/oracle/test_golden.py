"""The literal versions reproduce what the published code computed with its own weights."""

from __future__ import annotations

import pytest
import torch

from tests.oracle import legacy

TOLERANCE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture(scope="session")
def oag(shared_data):
    return shared_data / "legacy" / "oag"


@pytest.mark.parametrize("name", legacy.GOLDEN)
@torch.no_grad()
def test_encoder_and_attribute_loss(oag, name):
    state = legacy.published_state(oag / f"pretrained_{name}.pt")
    batch = legacy.golden(oag / f"golden_{name}.npz")
    features = batch["node_feature"].split(batch["node_type"].bincount().tolist())
    edges = (batch[key] for key in ("node_type", "edge_index", "edge_type", "edge_time"))
    h = legacy.literal_encoder(state, name.removesuffix("_norm"))(features, *edges)
    torch.testing.assert_close(h, batch["embedding"], **TOLERANCE)

    decoder = legacy.matcher(state.attr_decoder)
    loss = decoder.attribute_loss(h[batch["attr_rows"]], batch["attr_target"])
    torch.testing.assert_close(loss, batch["feat_loss"], **TOLERANCE)


@torch.no_grad()
def test_the_copies_start_from_init_emb(oag):
    state = legacy.published_state(oag / "pretrained_hgt.pt")
    batch = legacy.golden(oag / "golden_hgt.npz")
    copies = batch["node_feature"][batch["attr_rows"]]
    torch.testing.assert_close(copies, state.init_emb.expand_as(copies))
    sources, is_copy = (
        batch["edge_index"][0],
        torch.zeros(len(batch["node_type"]), dtype=torch.bool),
    )
    is_copy[batch["attr_rows"]] = True
    self_loop = batch["edge_type"] == batch["edge_type"].max()
    assert not is_copy[sources[~self_loop]].any()  # they send nothing


@torch.no_grad()
def test_edge_scorer(oag):
    pairs = legacy.golden(oag / "golden_edge_scorer.npz")
    scores = legacy.matcher(legacy.load(oag / "edge_scorer.pt"))(pairs["target"], pairs["source"])
    torch.testing.assert_close(scores, pairs["score"], **TOLERANCE)


@torch.no_grad()
def test_text_decoder(oag):
    batch = legacy.golden(oag / "golden_text_decoder.npz")
    decoder = legacy.text_decoder(legacy.load(oag / "text_decoder.pt"))
    nodes = batch["node_embedding"]
    torch.testing.assert_close(decoder.batch(batch["tokens"], nodes), batch["logits"], **TOLERANCE)
    loss = decoder.loss(batch["tokens"], batch["targets"], batch["mask"], nodes)
    torch.testing.assert_close(loss, batch["loss"], **TOLERANCE)
