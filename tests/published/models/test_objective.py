"""Whole published models: which relation a scorer is for, decoders, the converter."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.model.heads import TextDecoder
from GPT_GNN.published.models.objective import candidates
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.train.checkpoint import CheckpointError, load_checkpoint
from GPT_GNN.train.encoder import pretrained_encoder, pretrained_gpt_gnn
from tests.call import call
from tests.made import indexed
from tests.oracle import legacy
from tests.published.models import published_models as published
from tests.published.models.published_models import dataset


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return published.store(tmp_path_factory.mktemp("published") / "store")


@pytest.fixture
def old(graph, tmp_path):
    """Writes a published model with some scorers; gives its state dict and its file."""

    def write(num_scorers, conv_name="hgt", **settings):
        state = published.state(published.literal(graph, conv_name), num_scorers, **settings)
        path = tmp_path / "old.pt"
        torch.save(state, path)
        return state, path

    return write


def first_batch_order(graph, target, rel_stop_list):
    """The published dictionaries, filled in the published order: self loops, then the graph."""
    edge_list = {target: {target: ["self"]}}
    for source, relation, into in graph.edge_types:
        edge_list.setdefault(into, {}).setdefault(source, []).append(relation)
    return [
        (source, relation, target)
        for source, relations in edge_list[target].items()
        for relation in relations
        if relation not in (*rel_stop_list, "self")
    ]


@pytest.mark.parametrize("rel_stop_list", [(), ("cite", "rev_reads"), ("prints",)])
def test_the_order_of_scorers(graph, rel_stop_list):
    want = first_batch_order(graph, "paper", rel_stop_list)
    got = candidates(graph.schema, "paper", rel_stop_list)
    assert got == want
    in_schema = [e for e in graph.edge_types if e[2] == "paper" and e[1] not in rel_stop_list]
    assert sorted(got) == sorted(in_schema)
    assert rel_stop_list or got != in_schema  # the order is not the schema's


def scorer(objective, graph, source, relation):
    position = [graph.edge_types[i][:2] for i in objective.relations].index((source, relation))
    return objective.scorers[position].linear


def test_a_whole_model(graph, old):
    order = first_batch_order(graph, "paper", ())
    state, path = old(len(order))
    objective = pretrained_gpt_gnn(graph, dataset(), path)
    for i, (source, relation, _) in enumerate(order):
        ours = scorer(objective, graph, source, relation)
        assert torch.equal(ours.weight, state[f"params.{i}.linear.weight"])
        assert torch.equal(ours.bias, state[f"params.{i}.linear.bias"])
    assert torch.equal(objective.init_emb, state["init_emb"])
    assert objective.attr_columns == slice(0, published.WIDTH)
    decoder = legacy.matcher(legacy.under(state, "attr_decoder."))
    h, x = torch.randn(4, published.D), torch.randn(4, published.WIDTH)
    torch.testing.assert_close(-objective.decoder(h, x).mean(), decoder.attribute_loss(h, x))
    encoder = pretrained_encoder(graph, published.config("hgt"), path)
    for name, value in encoder.state_dict().items():
        assert torch.equal(objective.encoder.state_dict()[name], value)


def test_it_trains_on(graph, old):
    _, path = old(len(first_batch_order(graph, "paper", ())), "rgcn")
    objective = pretrained_gpt_gnn(graph, dataset(), path).train()
    objective.start_epoch(1, 1)
    rng = derive(0, "published step")
    seeds = {"paper": (rng.choice(40, 20, replace=False), None)}
    subgraph = HGSampler(graph, sample_depth=3, sample_width=16).sample(
        Query(seeds, 2019, "pretrain"), rng
    )
    losses = objective(indexed(objective.transform(graph, subgraph, rng)))
    losses["loss"].backward()
    assert losses["edge_loss"] > 0 and losses["loss"].isfinite()
    assert objective.encoder.convs[0].conv.weight.grad.abs().sum() > 0


def test_scorers_that_cannot_be_told_are_an_error_with_the_candidates(graph, old):
    order = first_batch_order(graph, "paper", ())
    state, path = old(2)
    with pytest.raises(CheckpointError) as caught:
        pretrained_gpt_gnn(graph, dataset(), path)
    message = str(caught.value)
    assert f"has 2 edge scorers, in the order of its first batch, and {len(order)}" in message
    listed = ",".join(f"{source}:{relation}" for source, relation, _ in order)
    assert message.endswith(f"--scorers {listed}")
    pretrained_encoder(graph, published.config("hgt"), path)  # no obstacle for the encoder


def test_more_scorers_than_relations(graph, old):
    _, path = old(len(first_batch_order(graph, "paper", ())) + 1)
    with pytest.raises(CheckpointError, match="edge scorers"):
        pretrained_gpt_gnn(graph, dataset(), path)


@pytest.mark.parametrize("part", ["init_emb", "attr_decoder.linear.weight"])
def test_a_whole_model_needs_all_parts(graph, tmp_path, part):
    state = published.state(published.literal(graph, "gcn"), 5)
    del state[part]
    torch.save(state, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match=f"missing: {part}"):
        pretrained_gpt_gnn(graph, dataset(), tmp_path / "old.pt")


# Text --------------------------------------------------------------------------------------------


def text_state(graph, words):
    state = published.state(published.literal(graph, "gcn"), 5, text=True)
    for name in ("encoder.weight", "decoder.weight"):
        state[f"attr_decoder.{name}"] = words
    return state


@torch.no_grad()
def test_a_text_decoder(graph, tmp_path):
    words = torch.from_numpy(graph.table("word_vectors").copy())
    state = text_state(graph, words)
    torch.save(state, tmp_path / "old.pt")
    objective = pretrained_gpt_gnn(graph, dataset(), tmp_path / "old.pt")
    assert isinstance(objective.decoder, TextDecoder) and objective.titles is not None
    literal = legacy.text_decoder(legacy.under(state, "attr_decoder."))
    tokens, node = torch.randint(0, 5, (3, 4)), torch.randn(4, published.D)
    torch.testing.assert_close(objective.decoder(tokens, node), literal.batch(tokens, node))


def test_a_text_decoder_over_other_words_is_refused(graph, tmp_path):
    torch.save(text_state(graph, torch.randn(5, 6)), tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match=r"other word vectors.* with --w2v_dir"):
        pretrained_gpt_gnn(graph, dataset(), tmp_path / "old.pt")
    state = text_state(graph, torch.randn(5, 6))
    state["attr_decoder.decoder.weight"] = torch.zeros(5, 6)
    torch.save(state, tmp_path / "old.pt")
    with pytest.raises(CheckpointError, match=r"attr_decoder\.decoder\.weight and .* differ"):
        pretrained_gpt_gnn(graph, dataset(), tmp_path / "old.pt")


# The converter -----------------------------------------------------------------------------------


def convert(graph, path, *flags):
    new = path.with_name("new.pt")
    flags = ("--data_dir", str(graph.path), "--output", str(new), *flags)
    return call("convert model", path, *flags), new


def same_state(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("conv_name", legacy.LITERAL_CONVS)
def test_the_converter_writes_what_the_doors_read(graph, old, capsys, conv_name):
    _, path = old(len(first_batch_order(graph, "paper", OAG.FACTS.rel_stop_list)), conv_name)
    status, new = convert(graph, path)
    said = capsys.readouterr().out
    assert status == 0 and f"encoder: --conv_name {conv_name} --n_hid 8" in said
    assert "not in the file: the queue, the optimiser" in said
    assert same_state(
        pretrained_gpt_gnn(graph, OAG.facts(graph), new),
        pretrained_gpt_gnn(graph, OAG.facts(graph), path),
    )
    config = published.config(conv_name)
    assert same_state(
        pretrained_encoder(graph, config, new), pretrained_encoder(graph, config, path)
    )


def test_named_scorers(graph, old, capsys):
    state, path = old(2)
    names = "author:reads,venue:prints"
    status, new = convert(graph, path, "--scorers", names)
    assert status == 0
    said = capsys.readouterr().out
    assert "edge scorers: 2 of the file; without one there: " in said and "paper:cite" in said
    objective = pretrained_gpt_gnn(graph, OAG.facts(graph), new)
    for i, (source, relation) in enumerate(pair.split(":") for pair in names.split(",")):
        ours = scorer(objective, graph, source, relation)
        assert torch.equal(ours.weight, state[f"params.{i}.linear.weight"])


@pytest.mark.parametrize(
    "names", ["author:reads", "author:reads,author:reads", "author:reads,paper:reads"]
)
def test_names_that_cannot_be(graph, old, capsys, names):
    _, path = old(2)
    status, new = convert(graph, path, "--scorers", names)
    assert status == 1 and not new.exists()
    assert f"got {names}\n" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["reads", "a:b:c", ":reads", "author:"])
def test_names_that_are_none(graph, old, capsys, name):
    _, path = old(2)
    status, new = convert(graph, path, "--scorers", f"author:reads,{name}")
    assert status == 1 and not new.exists()
    told = f"error: --scorers: expected source:relation, got {name!r}\n"
    assert capsys.readouterr().err == told


def test_an_encoder_alone(graph, old, capsys):
    _, path = old(2)
    status, new = convert(graph, path, "--encoder_only")
    assert status == 0 and "left out: init_emb, params.0.linear.weight" in capsys.readouterr().out
    config = published.config("hgt")
    assert same_state(
        pretrained_encoder(graph, config, new), pretrained_encoder(graph, config, path)
    )
    with pytest.raises(CheckpointError, match="holds an encoder alone"):
        pretrained_gpt_gnn(graph, OAG.facts(graph), new)


def test_what_is_not_converted(graph, old, capsys):
    _, path = old(len(first_batch_order(graph, "paper", ())))
    before = path.read_bytes()
    assert call("convert model", path, "--data_dir", graph.path, "--output", path) == 1
    assert "expected another file than the one to convert" in capsys.readouterr().err
    assert path.read_bytes() == before
    _, new = convert(graph, path)
    assert call("convert model", new, "--data_dir", graph.path, "--output", f"{new}2") == 1
    assert "is a checkpoint of ours already" in capsys.readouterr().err
    assert load_checkpoint(new, "pretrain")["published"] == "old.pt"


def test_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "GPT_GNN", "convert", "model", "--help"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0 and "--scorers" in run.stdout


# Files that the published code wrote -------------------------------------------------------------


@pytest.fixture(scope="module")
def oag(shared_data):
    return shared_data / "legacy" / "oag"


@pytest.fixture(scope="module")
def golden_graph(oag, tmp_path_factory):
    return published.golden_store(oag, tmp_path_factory.mktemp("golden") / "store")


@pytest.mark.parametrize("name", legacy.GOLDEN)
@torch.no_grad()
def test_golden_files(oag, golden_graph, name):
    path = oag / f"pretrained_{name}.pt"
    state = legacy.load(path)
    batch = legacy.golden(oag / f"golden_{name}.npz")
    objective = pretrained_gpt_gnn(golden_graph, OAG.facts(golden_graph), path)
    order = first_batch_order(golden_graph, "paper", OAG.FACTS.rel_stop_list)
    assert len(order) == len(objective.relations) == 11
    for i, (source, relation, _) in enumerate(order):
        ours = scorer(objective, golden_graph, source, relation)
        assert torch.equal(ours.weight, state[f"params.{i}.linear.weight"])
    loss = -objective.decoder(batch["embedding"][batch["attr_rows"]], batch["attr_target"]).mean()
    torch.testing.assert_close(loss, batch["feat_loss"], rtol=0, atol=1e-5)
    assert torch.equal(objective.init_emb, state["init_emb"])
