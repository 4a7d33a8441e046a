"""Whole pickled modules of the published scripts: their weights, and nothing of them is run."""

from __future__ import annotations

import os
import sys
import types

import pytest
import torch
from torch import nn
from torch_geometric import nn as pyg

from GPT_GNN.published.models.whole_model import read_module
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.encoder import pretrained_encoder, pretrained_gpt_gnn
from GPT_GNN.train.models import open_model
from tests.oracle import legacy
from tests.published.models import published_models as published
from tests.published.models.published_models import dataset
from tests.published.models.test_encoder import check_embedding

CONV_NAMES = list(legacy.LITERAL_CONVS)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return published.store(tmp_path_factory.mktemp("published") / "store")


class Net(nn.Module):
    """Modules under the names that they are given."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)


@pytest.fixture
def stand_ins(monkeypatch):
    """Gives modules of tests classes of the published packages, for as long as they are saved."""
    package = types.ModuleType("pyHGT.model")
    classes: dict[str, type] = {}

    def rename(model):
        for module in model.modules():
            own = type(module)
            if own.__module__.startswith("tests."):
                name = own.__name__.replace("Literal", "Published")
                if name not in classes:
                    classes[name] = type(name, (own,), {"__module__": "pyHGT.model"})
                    setattr(package, name, classes[name])
                module.__class__ = classes[name]
        return model

    def save(model, path, zipped=True):
        with monkeypatch.context() as context:
            context.setitem(sys.modules, "pyHGT", types.ModuleType("pyHGT"))
            context.setitem(sys.modules, "pyHGT.model", package)
            torch.save(rename(model), path, _use_new_zipfile_serialization=zipped)
        assert "pyHGT" not in sys.modules
        return path

    return save


def as_library(encoder, conv_name):
    """A literal encoder, and a copy of it whose layers are the library's own."""
    copy = published.literal(encoder.graph, conv_name)
    copy.load_state_dict(encoder.state_dict())
    relations = len(encoder.graph.edge_types) + 1
    make = {
        "gcn": lambda: pyg.GCNConv(published.D, published.D),
        "gat": lambda: pyg.GATConv(published.D, published.D // 2, heads=published.HEADS),
        "rgcn": lambda: pyg.RGCNConv(published.D, published.D, relations),
    }.get(conv_name)
    for layer in copy.gcs if make else ():
        state = layer.base_conv.state_dict()
        layer.base_conv = make()
        layer.base_conv.load_state_dict(state)
    return copy


@pytest.fixture(params=CONV_NAMES)
def models(graph, request):
    """A literal encoder; the pre-training model and the fine-tuned model around a copy of it."""
    encoder = published.literal(graph, request.param)
    encoder.graph = graph
    gnn = as_library(encoder, request.param)
    pretraining = pretraining_model(gnn, [("author", "reads"), ("venue", "prints")])
    fine_tuned = nn.Sequential(gnn, Net(linear=nn.Linear(published.D, 3)))
    return request.param, encoder, pretraining, fine_tuned


def pretraining_model(gnn, names):
    scorers = [Net(linear=nn.Linear(published.D, published.D)) for _ in names]
    model = Net(
        gnn=gnn,
        params=nn.ModuleList(scorers),
        attr_decoder=Net(linear=nn.Linear(published.D, published.WIDTH)),
        init_emb=nn.Parameter(torch.randn(published.WIDTH)),
        ce=nn.CrossEntropyLoss(reduction="none"),
        types=["paper", "author"],
        neg_queue_size=3,
        link_dec_dict={},
        neg_queue={},
    )
    for (source, relation), scorer in zip(names, scorers, strict=True):
        model.link_dec_dict.setdefault(source, {})[relation] = scorer
        model.neg_queue.setdefault(source, {})[relation] = torch.randn(3, published.D)
    return model


@pytest.mark.parametrize("zipped", [True, False])
def test_the_encoder_of_both_kinds(graph, models, stand_ins, tmp_path, zipped):
    conv_name, encoder, pretraining, fine_tuned = models
    for model in (pretraining, fine_tuned):
        path = stand_ins(model, tmp_path / "old.pt", zipped)
        state, _ = read_module(path)
        want = model.state_dict()
        assert state.keys() == want.keys()
        assert all(torch.equal(state[name], want[name]) for name in want)
        check_embedding(graph, encoder, path, conv_name)
    with pytest.raises((ModuleNotFoundError, AttributeError)):
        torch.load(path, weights_only=False)  # torch itself needs the published classes


def test_a_pretraining_model_names_its_scorers(graph, models, stand_ins, tmp_path):
    _, _, model, _ = models
    # Another order than that of the names, which also dictionaries of dictionaries may have.
    model.params = nn.ModuleList(list(model.params)[::-1])
    path = stand_ins(model, tmp_path / "old.pt")
    assert open_model(path, "pretrain").weights.scorers == [
        ("venue", "prints"),
        ("author", "reads"),
    ]
    objective = pretrained_gpt_gnn(graph, dataset(), path)
    names = [graph.edge_types[i][:2] for i in objective.relations]
    for source, of_source in model.link_dec_dict.items():
        for relation, scorer in of_source.items():
            ours = objective.scorers[names.index((source, relation))].linear
            assert torch.equal(ours.weight, scorer.linear.weight)


def test_a_scorer_without_a_name(graph, stand_ins, tmp_path):
    model = pretraining_model(published.literal(graph, "gcn"), [("author", "reads")])
    model.link_dec_dict = {"author": {}}
    with pytest.raises(CheckpointError, match="expected a scorer that link_dec_dict names once"):
        read_module(stand_ins(model, tmp_path / "old.pt"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_cut_short(graph, stand_ins, tmp_path, share, zipped):
    path = stand_ins(nn.Sequential(published.literal(graph, "gcn")), tmp_path / "old.pt", zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="old.pt"):
        pretrained_encoder(graph, published.config("gcn"), path)


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


class Hidden:
    """What an allowed name would run, were it called."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return torch.utils.checkpoint.checkpoint, (os.system, self.command)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("payload", [Payload, Hidden])
def test_nothing_of_the_file_runs(graph, stand_ins, tmp_path, payload, zipped):
    proof = tmp_path / "it_ran"
    model = nn.Sequential(published.literal(graph, "gcn"))
    model.extra = payload(f"touch {proof}")
    path = stand_ins(model, tmp_path / "old.pt", zipped)
    with pytest.raises(CheckpointError, match="asks for (posix|nt).system"):
        pretrained_encoder(graph, published.config("gcn"), path)
    assert not proof.exists()


@pytest.mark.parametrize("thing", [torch.device("cpu"), nn.Identity, {"model": nn.Identity()}])
def test_things_that_are_no_model(tmp_path, thing):
    torch.save(thing, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="old.pt"):
        open_model(tmp_path / "old.pt", "pretrain")


def test_a_module_without_an_encoder(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="no encoder: expected gcs"):
        open_model(tmp_path / "old.pt", "pretrain")


def test_one_parameter_under_many_names(tmp_path):
    layer = nn.Linear(100, 100)
    torch.save(nn.ModuleList([layer] * 20), tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="more weights than the file can hold"):
        read_module(tmp_path / "old.pt")


def test_modules_within_modules_within_modules(tmp_path):
    model = nn.Linear(1, 1)
    for _ in range(20):
        model = nn.Sequential(model)
    torch.save(model, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="at most 10000 modules, 16 deep|far more in it"):
        read_module(tmp_path / "old.pt")


def test_modules_that_repeat_without_end(tmp_path):
    model = nn.Identity()
    for _ in range(12):
        model = nn.ModuleList([model] * 10)
    torch.save(model, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="at most 10000 modules, 16 deep|far more in it"):
        read_module(tmp_path / "old.pt")


def test_buffers_that_are_not_saved(tmp_path):
    model = nn.BatchNorm1d(2)
    model.register_buffer("scratch", torch.ones(3), persistent=False)
    torch.save(model, tmp_path / "old.pt")
    state, _ = read_module(tmp_path / "old.pt")
    assert state.keys() == model.state_dict().keys() and "running_mean" in state
