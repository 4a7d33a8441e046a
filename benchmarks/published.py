"""The published size: what every benchmark of training runs on."""

from __future__ import annotations

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.oag.preprocess import toy_store
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.objectives import Objective, ObjectiveConfig
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.train import encoder as made

TOY_PAPERS = 20_000  # of the built-in graph when it stands in for a real one
SAMPLER = SamplerConfig(sample_depth=6, sample_width=128, batch_size=256)
ENCODER = EncoderConfig(conv_name="hgt", n_hid=400, n_heads=8, n_layers=3, dropout=0.2)


def open_graph(data_dir: str) -> HeteroGraph:
    """A store; ``toy`` is the built-in graph with 20,000 papers, built at first use."""
    return toy_store(TOY_PAPERS) if data_dir == "toy" else OAG.open(data_dir)


def new_objective(graph: HeteroGraph, attr_type: str) -> Objective:
    """GPT-GNN around a fresh encoder, with 255 negatives and a queue of 256."""
    settings = ObjectiveConfig(attr_type=attr_type, neg_samp_num=255, queue_size=256)
    encoder = made.new_encoder(graph, ENCODER, seed=0)
    return made.new_objective(encoder, graph, OAG.facts(graph), settings, seed=0)
