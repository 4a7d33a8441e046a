"""What a run starts from."""

import pytest
import torch

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.datasets.oag.preprocess import toy_store
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import GNN, EncoderConfig
from GPT_GNN.objectives.gpt_gnn import GPTGNN, GPTConfig
from GPT_GNN.train.encoder import new_encoder, new_objective
from tests.made import method_of

SMALL = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return toy_store(150, 0, tmp_path_factory.mktemp("toy"))


def test_a_queue_longer_than_the_data_is_cut_with_a_warning(graph, capsys):
    objective = new_objective(
        new_encoder(graph, SMALL, 0),
        graph,
        OAG.facts(graph),
        method_of("gpt_gnn", GPTConfig(queue_size=10**9)),
        0,
    )
    most = max(graph.num_nodes(s) for s, _, into in graph.edge_types if into == "paper")
    assert objective.queue.queue_size == most
    assert f"is cut to the {most} sources there are" in "".join(capsys.readouterr())


def test_init_emb_is_the_mean_of_the_pretraining_nodes(graph):
    objective = new_objective(
        new_encoder(graph, SMALL, 0), graph, OAG.facts(graph), method_of("gpt_gnn", GPTConfig()), 0
    )
    nodes = OAG.FACTS.split.nodes(graph, "paper", "pretrain")
    mean = graph.gather_features("paper", nodes, "pretrain").mean(0)
    assert objective.init_emb.detach().numpy() == pytest.approx(mean, abs=1e-5)


def test_a_target_type_without_features_is_refused(graph):
    dims = {**graph.feature_dims, "paper": 0}
    encoder = GNN(graph.schema, dims, n_hid=8, n_heads=2, n_layers=1)
    with pytest.raises(ValueError, match="its target type, but 'paper' has none"):
        GPTGNN(encoder, GraphFacts("paper"), torch.zeros(0), slice(0, 0))
