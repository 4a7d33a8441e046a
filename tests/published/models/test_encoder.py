"""Models of the published code through the doors of ours."""

from __future__ import annotations

import os
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch

from GPT_GNN.batch.batch import make_batch
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.train.checkpoint import CheckpointError
from GPT_GNN.train.encoder import initial_encoder, pretrained_encoder
from GPT_GNN.train.place import FinetuneRunConfig
from tests.made import encoder_settings
from tests.model.test_golden import published_batch
from tests.oracle import legacy
from tests.published.models import published_models as published

TOLERANCE = {"rtol": 0, "atol": 1e-5}
CONV_NAMES = list(legacy.LITERAL_CONVS)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return published.store(tmp_path_factory.mktemp("published") / "store")


def batch_of(graph):
    rng = derive(0, "published batch")
    ids = rng.choice(graph.num_nodes("paper"), 12, replace=False)
    time = graph.node_time("paper")
    seeds = {"paper": (ids, None if time is None else time[ids])}
    return make_batch(
        graph,
        HGSampler(graph, sample_depth=3, sample_width=8).sample(
            Query(seeds, 2019, "pretrain"), rng
        ),
    ).index()


def save(state, path, zipped=True):
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


@torch.no_grad()
def check_embedding(graph, encoder, path, conv_name, **settings):
    """The encoder of a file gives what the published one gives."""
    ours = pretrained_encoder(graph, published.config(conv_name, **settings), path).eval()
    batch = batch_of(graph)
    want = published.literal_embedding(encoder, graph, batch)
    torch.testing.assert_close(ours(batch), want, **TOLERANCE)


# Files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("conv_name", CONV_NAMES)
def test_a_state_dict_of_pretraining(graph, tmp_path, conv_name, zipped):
    encoder = published.literal(graph, conv_name)
    path = save(published.state(encoder, 3), tmp_path / "old.pt", zipped)
    assert path.read_bytes()[:2] == (b"PK" if zipped else b"\x80\x02")
    check_embedding(graph, encoder, path, conv_name)


@pytest.mark.parametrize("prefix", ["", "0."])
def test_an_encoder_alone_and_a_fine_tuned_model(graph, tmp_path, capsys, prefix):
    encoder = published.literal(graph, "hgt")
    state = {prefix + name: x for name, x in encoder.state_dict().items()}
    if prefix:
        state |= {f"1.linear.{name}": x for name, x in torch.nn.Linear(8, 3).state_dict().items()}
    check_embedding(graph, encoder, save(state, tmp_path / "old.pt"), "hgt")
    said = "its head (linear.weight, linear.bias) is left out"
    assert (said in "".join(capsys.readouterr())) == bool(prefix)


@pytest.mark.parametrize("name", published.OLD_LAYOUTS)
def test_layouts_of_all_versions_of_the_library(graph, tmp_path, name):
    conv_name, turn = published.OLD_LAYOUTS[name]
    encoder = published.literal(graph, conv_name)
    state = published.state(encoder, 2)
    old = published.in_layout(turn, state)
    assert old.keys() != state.keys()
    check_embedding(graph, encoder, save(old, tmp_path / "old.pt", zipped=False), conv_name)


def test_rgcn_of_1_3_added_up_and_says_so(graph, tmp_path, capsys):
    encoder = published.literal(graph, "rgcn")
    turn = published.OLD_LAYOUTS["rgcn 1.3"][1]
    path = save(published.in_layout(turn, published.state(encoder)), tmp_path / "old.pt")
    check_embedding(graph, encoder, path, "rgcn")
    assert "RGCN of PyG before 1.6 added up the messages" in "".join(capsys.readouterr())


@pytest.mark.parametrize("norms", [(True, False), (False, True), (True, True)])
def test_norms_are_read_off(graph, tmp_path, norms):
    prev_norm, last_norm = norms
    encoder = published.literal(graph, "hgt", prev_norm=prev_norm, last_norm=last_norm)
    path = save(published.state(encoder), tmp_path / "old.pt")
    check_embedding(graph, encoder, path, "hgt", prev_norm=prev_norm, last_norm=last_norm)


def test_half_precision_and_double_come_as_float32(graph, tmp_path):
    encoder = published.literal(graph, "gat").double()
    path = save(published.state(encoder), tmp_path / "old.pt")
    loaded = pretrained_encoder(graph, published.config("gat"), path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}


def test_fine_tuning_takes_the_file_by_its_flag(graph, tmp_path):
    encoder = published.literal(graph, "gcn")
    path = save(published.state(encoder), tmp_path / "old.pt")
    run = FinetuneRunConfig(use_pretrain=True, pretrain_model_dir=str(path))
    loaded = initial_encoder(graph, published.config("gcn", dropout=0.7), run)
    assert loaded.dropout.p == 0.7
    weight = encoder.gcs[0].base_conv.lin.weight
    assert torch.equal(loaded.convs[0].conv.lin.weight, weight)


# Relations and times -----------------------------------------------------------------------------


@pytest.mark.parametrize("conv_name", ["hgt", "gat"])
def test_relations_are_numbered_by_name(tmp_path, conv_name):
    """Two triples named alike share the number of the last, and ``self`` comes after the names."""
    graph = published.store(tmp_path / "store", published.SHARED)
    names = [relation for _, relation, _ in graph.edge_types]
    assert len(set(names)) < len(names)
    encoder = published.literal(graph, conv_name)
    check_embedding(graph, encoder, save(published.state(encoder), tmp_path / "old.pt"), conv_name)


def test_rgcn_with_a_mean_over_two_relations_is_refused(tmp_path):
    graph = published.store(tmp_path / "store", published.SHARED)
    path = save(published.state(published.literal(graph, "rgcn")), tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="whose relations into 'paper' shared a mean"):
        pretrained_encoder(graph, published.config("rgcn"), path)


def test_a_graph_without_times_keeps_the_constant_of_a_temporal_encoding(tmp_path):
    graph = published.store(tmp_path / "store", timed=False)
    encoder = published.literal(graph, "hgt", timed=True)
    path = save(published.state(encoder), tmp_path / "old.pt")
    check_embedding(graph, encoder, path, "hgt")
    silent = published.literal(graph, "hgt", timed=False)
    check_embedding(graph, silent, save(published.state(silent), path), "hgt")


def test_a_graph_with_times_needs_a_temporal_encoding(graph, tmp_path):
    path = save(published.state(published.literal(graph, "hgt", timed=False)), tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="timed is False in the file and True in the graph"):
        pretrained_encoder(graph, published.config("hgt"), path)


# What does not fit -------------------------------------------------------------------------------


@pytest.mark.parametrize("conv_name", CONV_NAMES)
def test_every_key_is_accounted_for(graph, tmp_path, conv_name):
    state = published.state(published.literal(graph, conv_name), 1)
    state["gnn.extra.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError, match="unexpected: gnn.extra.weight"):
        pretrained_encoder(graph, published.config(conv_name), save(state, tmp_path / "old.pt"))
    del state["gnn.extra.weight"]
    last = f"gnn.gcs.{published.LAYERS - 1}.base_conv."
    gone = [name for name in state if name.startswith(last)][1]
    del state[gone], state["gnn.adapt_ws.1.bias"]
    state[f"{last}more"] = torch.zeros(2)
    state["gnn.adapt_ws.2.weight"] = torch.zeros(3, 4)
    state["gnn.adapt_ws.2.bias"] = torch.zeros(8, dtype=torch.long)
    with pytest.raises(CheckpointError) as caught:
        pretrained_encoder(graph, published.config(conv_name), save(state, tmp_path / "old.pt"))
    message = str(caught.value)
    for part in (
        rf"missing: .*adapt_ws\.1\.bias, .*{re.escape(gone.removeprefix('gnn.'))};",
        rf"unexpected: {re.escape(last.removeprefix('gnn.'))}more;",
        r"of another shape: adapt_ws\.2\.weight is \(3, 4\) and not \(8, 7\), ",
        r"adapt_ws\.2\.bias is of torch\.int64",
    ):
        assert re.search(part, message), message


@pytest.mark.parametrize("part", ["params.0.linear.bias", "init_emb", "attr_decoder.linear.bias"])
def test_so_is_what_comes_with_the_encoder(graph, tmp_path, part):
    state = published.state(published.literal(graph, "gcn"), 1)
    state[part] = torch.zeros(2, 2)
    with pytest.raises(CheckpointError, match=rf"of another shape: {part} is \(2, 2\) and not"):
        pretrained_encoder(graph, published.config("gcn"), save(state, tmp_path / "old.pt"))
    state["params.zero"] = state.pop(part)
    with pytest.raises(CheckpointError, match="unexpected: params.zero"):
        pretrained_encoder(graph, published.config("gcn"), save(state, tmp_path / "old.pt"))


def test_two_names_of_one_parameter_must_agree(graph, tmp_path):
    turn = published.OLD_LAYOUTS["gat 1.6"][1]
    state = published.in_layout(turn, published.state(published.literal(graph, "gat")))
    state["gnn.gcs.1.base_conv.lin_r.weight"] = torch.zeros(8, 8)
    with pytest.raises(CheckpointError, match=r"gcs\.1\.base_conv\.lin_r.weight and .* differ"):
        pretrained_encoder(graph, published.config("gat"), save(state, tmp_path / "old.pt"))


def test_block_diagonal_matrices_are_refused(graph, tmp_path):
    state = published.state(published.literal(graph, "rgcn"))
    for i in range(published.LAYERS):
        weight = state[f"gnn.gcs.{i}.base_conv.weight"]
        state[f"gnn.gcs.{i}.base_conv.weight"] = weight.reshape(len(weight), 4, 4, 4)
    with pytest.raises(CheckpointError, match="found block-diagonal ones"):
        pretrained_encoder(graph, published.config("rgcn"), save(state, tmp_path / "old.pt"))


def test_an_unknown_layer(graph, tmp_path):
    state = published.state(published.literal(graph, "gcn"))
    for i in range(published.LAYERS):
        state[f"gnn.gcs.{i}.base_conv.nn.weight"] = state.pop(f"gnn.gcs.{i}.base_conv.lin.weight")
    with pytest.raises(CheckpointError, match="expected layers of hgt, gcn, gat or rgcn, found"):
        pretrained_encoder(graph, published.config("gcn"), save(state, tmp_path / "old.pt"))


@pytest.mark.parametrize(
    ("conv_name", "change", "message"),
    [
        ("hgt", {"conv_name": "gat"}, "conv_name is 'hgt' in the file and 'gat' here"),
        ("gat", {"n_hid": 16}, "n_hid is 8 in the file and 16 here"),
        (
            "hgt",
            {"n_heads": 4, "n_layers": 3},
            "n_layers is 2 in the file and 3 here; n_heads is 2 in the file and 4 here",
        ),
        ("gat", {"n_heads": 4}, "n_heads is 2 in the file and 4 here"),
        ("hgt", {"prev_norm": True}, "prev_norm is False in the file and True here"),
        ("hgt", {"last_norm": True}, "last_norm is False in the file and True here"),
    ],
)
def test_other_settings_are_named_with_both_values(graph, tmp_path, conv_name, change, message):
    path = save(published.state(published.literal(graph, conv_name)), tmp_path / "old.pt")
    wanted = encoder_settings(**asdict(published.config(conv_name)) | {"n_heads": 2} | change)
    with pytest.raises(CheckpointError, match=f"old.pt is of another architecture: {message}"):
        pretrained_encoder(graph, wanted, path)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"width": 5}, "in_dim of 'paper' is 7 in the file and 5 in the graph"),
        ({"relations": published.RELATIONS[:3]}, "num_relations is 11 .* and 7 in the graph"),
        ({"nodes": {**published.NODES, "field": 2}}, "num_types is 3 .* and 4 in the graph"),
    ],
)
def test_another_graph(graph, tmp_path, other, message):
    path = save(published.state(published.literal(graph, "hgt")), tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match=f"old.pt was made for another graph: .*{message}"):
        pretrained_encoder(published.store(tmp_path / "x", **other), published.config("hgt"), path)


def test_tensors_without_an_encoder(graph, tmp_path):
    path = save({"linear.weight": torch.zeros(2, 2)}, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match="no encoder: expected gcs.*; found linear.weight"):
        pretrained_encoder(graph, published.config("hgt"), path)


def test_a_tensor_that_claims_more_than_the_file_holds(graph, tmp_path):
    state = published.state(published.literal(graph, "gcn"))
    state["gnn.adapt_ws.0.weight"] = torch.zeros(1, 1).expand(10**6, 10**6)
    path = save(state, tmp_path / "old.pt")
    assert path.stat().st_size < 10**6
    with pytest.raises(CheckpointError, match="has 1000000000000 values, the file holds less"):
        pretrained_encoder(graph, published.config("gcn"), path)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3, 0.9, 0.999])
def test_cut_short(graph, tmp_path, share, zipped):
    path = save(published.state(published.literal(graph, "gcn")), tmp_path / "old.pt", zipped)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match="old.pt"):
        pretrained_encoder(graph, published.config("gcn"), path)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_bytes_of_an_old_file_never_raise_anything_else(graph, tmp_path, seed):
    path = save(published.state(published.literal(graph, "gcn")), tmp_path / "old.pt", False)
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for position in rng.integers(14, 3000, 3):
        data[position] = rng.integers(256)
    path.write_bytes(data)
    try:
        pretrained_encoder(graph, published.config("gcn"), path)
    except CheckpointError as error:
        assert "old.pt" in str(error)


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_code_is_refused_and_not_run(graph, tmp_path, zipped):
    path, proof = tmp_path / "old.pt", tmp_path / "it_ran"
    state = published.state(published.literal(graph, "gcn"))
    save(state | {"gnn.x": Payload(f"touch {proof}")}, path, zipped)
    with pytest.raises(CheckpointError, match="old.pt"):
        pretrained_encoder(graph, published.config("gcn"), path)
    assert not proof.exists()
    torch.load(path, weights_only=False)
    assert proof.exists()  # the payload itself works


# Files that the published code wrote -------------------------------------------------------------


@pytest.fixture(scope="module")
def oag(shared_data):
    return shared_data / "legacy" / "oag"


@pytest.fixture(scope="module")
def golden_graph(oag, tmp_path_factory):
    return published.golden_store(oag, tmp_path_factory.mktemp("golden") / "store")


def golden_config(name):
    norm = name == "hgt_norm"
    conv_name = name.removesuffix("_norm")
    return encoder_settings(conv_name, 4, n_hid=64, n_layers=3, prev_norm=norm, last_norm=norm)


@torch.no_grad()
def check_golden(oag, graph, name, path):
    batch = legacy.golden(oag / f"golden_{name}.npz")
    encoder = pretrained_encoder(graph, golden_config(name), path).eval()
    h = encoder(published_batch(graph.schema, batch))
    torch.testing.assert_close(h, batch["embedding"], **TOLERANCE)


@pytest.mark.parametrize("name", legacy.GOLDEN)
@pytest.mark.parametrize("zipped", [True, False])
def test_golden_files(oag, golden_graph, tmp_path, name, zipped):
    path = oag / f"pretrained_{name}.pt"
    check_golden(
        oag, golden_graph, name, path if zipped else save(legacy.load(path), tmp_path / "x", False)
    )


@pytest.mark.parametrize("layout", published.OLD_LAYOUTS)
def test_golden_files_in_old_layouts(oag, golden_graph, tmp_path, layout):
    name, turn = published.OLD_LAYOUTS[layout]
    state = published.in_layout(turn, legacy.load(oag / f"pretrained_{name}.pt"))
    check_golden(oag, golden_graph, name, save(state, tmp_path / "old.pt", zipped=False))
