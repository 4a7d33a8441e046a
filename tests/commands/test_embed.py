"""``python -m GPT_GNN embed``: from a store and a model's file to emb.npy."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch

from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.command_line import parse_flags
from GPT_GNN.commands.train.embed import GROUPS
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.model.gnn import EncoderConfig
from GPT_GNN.rng import derive
from GPT_GNN.sampler import SamplerConfig
from GPT_GNN.train.checkpoint import save_checkpoint
from GPT_GNN.train.embed import embed
from GPT_GNN.train.encoder import new_encoder
from GPT_GNN.train.matching import graph_record
from tests.call import call

ENCODER = EncoderConfig(n_hid=8, n_heads=2, n_layers=1)
CITE, WRITES = ("paper", "cite", "paper"), ("author", "writes", "paper")


def nodes(papers, authors, seed):
    rng = derive(seed, "nodes")
    x = [rng.normal(size=(n, 3)).astype(np.float32) for n in (papers, authors)]
    time = rng.integers(2000, 2010, papers)
    return {
        "paper": NodeArrays(papers, {"x": x[0]}, time=time),
        "author": NodeArrays(authors, {"x": x[1]}),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = derive(0, "edges")
    edges = {
        CITE: EdgeArrays(*rng.integers(0, 40, (2, 200)), None, "rev_cite"),
        WRITES: EdgeArrays(rng.integers(0, 9, 80), rng.integers(0, 40, 80), None, "rev_writes"),
    }
    path = tmp_path_factory.mktemp("embed") / "store"
    return write_graph(path, nodes(40, 9, 0), edges, task=GraphFacts("paper"))


@pytest.fixture(scope="module")
def model(store):
    """A pre-trained model, of small samples."""
    path, encoder = store.path.parent / "gpt.pt", new_encoder(store, ENCODER, 0).eval()
    sampler = {"sample_depth": 2, "sample_width": 4, "batch_size": 3}
    save_checkpoint(
        path,
        "pretrain",
        config={"encoder": asdict(ENCODER), "sampler": sampler},
        **graph_record(store),
        model={f"encoder.{name}": x for name, x in encoder.state_dict().items()},
    )
    return path, encoder


@pytest.fixture(name="call")
def calling(monkeypatch, capfd, store, model, tmp_path):
    """Run the command in this process and folder: (exit status, output)."""
    monkeypatch.chdir(tmp_path)

    def go(*flags, data_dir=store.path):
        threads = torch.get_num_threads()
        try:
            status = call(
                "embed", f"--data_dir={data_dir}", f"--model={model[0]}", "--cuda=-1", *flags
            )
        except SystemExit as exit_:
            status = exit_.code
        finally:
            torch.set_num_threads(threads)
        captured = capfd.readouterr()
        return status, captured.out + captured.err

    return go


def test_all_nodes_of_the_trained_type_by_the_models_samples(call, store, model, tmp_path):
    status, out = call()
    assert status == 0, out
    samples = "samples of hgsampling (sample_depth 2, sample_width 4)"
    assert f"emb.npy: 40 rows of 8 for nodes of type 'paper', by {samples}" in out
    assert [p.name for p in tmp_path.iterdir()] == ["emb.npy"]
    sizes = {"sample_depth": 2, "sample_width": 4}
    want = embed(model[1], store, "paper", np.arange(40), **sizes)
    got = np.load("emb.npy")
    assert got.dtype == np.float32 and np.array_equal(got, want)


def test_flags_override_what_the_model_says(call, store, model):
    flags = "--sample_depth 1 --sample_width 50 --batch_size 7 --n_pool 0 --seed 3 --view original"
    bounds = "--node_type author --time_max 2005 --out deep/er/rows.npy --rows 2:6"
    status, out = call(*flags.split(), *bounds.split())
    assert status == 0, out
    settings = {"sample_depth": 1, "sample_width": 50, "batch_size": 7, "seed": 3}
    got = np.load("deep/er/rows.npy")
    for time_max, same in ((2005, True), (None, False)):
        want = embed(model[1], store, "author", np.arange(2, 6), time_max=time_max, **settings)
        assert np.array_equal(got, want) == same


@pytest.mark.parametrize(
    ("time_max", "left_out"),
    [(1900, "everything with a time is left out"), (20050, "nothing is left out"), (2005, "")],
)
def test_a_bound_outside_of_the_times_is_told(call, time_max, left_out):
    status, out = call("--node_type", "author", "--rows", "2:4", f"--time_max={time_max}")
    assert status == 0, out
    assert (f"warning: --time_max {time_max}: the graph's times are" in out) == bool(left_out)
    assert left_out in out


def test_without_settings_in_the_file_the_usual_samples(call, store, model, tmp_path):
    record = torch.load(model[0], weights_only=True)
    del record["config"]["sampler"]
    torch.save(record, tmp_path / "bare.pt")
    assert call(f"--model={tmp_path}/bare.pt")[0] == 0
    usual = {"sample_depth": SamplerConfig().sample_depth, "sample_width": 128}
    want = embed(model[1], store, "paper", np.arange(40), **usual)
    assert np.array_equal(np.load("emb.npy"), want)


@pytest.mark.parametrize("kind", ["npy", "text"])
def test_ids_in_a_file(call, store, model, tmp_path, kind):
    ids = np.array([7, 3, 3, 39])
    if kind == "npy":
        np.save("ids.npy", ids)
    else:
        (tmp_path / "ids.txt").write_text("7\n3\n3\n\n39\n")
    status, out = call("--ids", "ids.npy" if kind == "npy" else "ids.txt")
    assert status == 0, out
    got, want = (
        np.load("emb.npy"),
        embed(model[1], store, "paper", ids, sample_depth=2, sample_width=4),
    )
    assert np.array_equal(got, want) and np.array_equal(got[1], got[2])


def test_new_nodes_by_their_range(call, store, tmp_path):
    edges = {CITE: EdgeArrays(np.array([40, 41]), np.array([1, 2]))}
    grown = append_arrays(store, tmp_path / "grown", nodes(3, 0, 1), edges)
    status, out = call("--rows", "40:", data_dir=grown.path)
    assert status == 0, out
    rows = np.load("emb.npy")
    assert rows.shape == (3, 8) and len(np.unique(rows, axis=0)) == 3


def with_edges_of(store, path, arrays):
    """A store of the same schema and edges with other nodes."""
    edges = {
        e: EdgeArrays(store.csr(e).indices, store.csr(e).targets(), None, f"rev_{e[1]}")
        for e in (CITE, WRITES)
    }
    return write_graph(path, arrays, edges, task=GraphFacts("paper"))


def test_ids_of_the_stores_own(call, store, model, tmp_path):
    """The rows of the nodes that are called so, whatever their numbers are."""
    arrays, own = nodes(40, 9, 0), derive(0, "own").permutation(40)
    arrays["paper"].columns["id"] = own
    named = with_edges_of(store, tmp_path / "named", arrays)
    (tmp_path / "ids.txt").write_text("5\n3\n")
    status, out = call("--ids", "ids.txt", data_dir=named.path)
    assert status == 0 and "row numbers" not in out, out
    want = [int(np.flatnonzero(own == i)[0]) for i in (5, 3)]
    sizes = {"sample_depth": 2, "sample_width": 4}
    assert np.array_equal(
        np.load("emb.npy"), embed(model[1], named, "paper", np.array(want), **sizes)
    )


def test_a_store_of_other_features(call, store, tmp_path):
    arrays = nodes(40, 9, 0)
    arrays["paper"].features["y"] = arrays["paper"].features.pop("x")
    other = with_edges_of(store, tmp_path / "other", arrays)
    status, out = call(data_dir=other.path)
    assert status == 1 and not (tmp_path / "emb.npy").exists()
    assert "paper 'x': in the model only; paper 'y': in the store only. --other_features" in out
    status, out = call("--other_features", data_dir=other.path)
    assert status == 0 and "--other_features goes on\n" in out


OLDER = b"\x93NUMPY older"


@pytest.mark.parametrize(
    "flags, message",
    [
        ("--rows 3:50", "--rows 3:50: expected a range of 0:40"),
        ("--rows 3", "--rows 3: expected row numbers FIRST:END"),
        ("--rows 3: --ids bad.txt", "expected --ids or --rows, got both: bad.txt and 3:"),
        ("--ids 3:9", "--ids '3:9': expected a file of ids, found no such file; row numbers are"),
        ("--ids bad.txt", "--ids bad.txt: expected ids of 'paper' in "),
        ("--ids bad.txt", "store, 1 of 2 are of no node or of several: line 2 'x'"),
        ("--ids huge.txt", "line 1 '99999999999999999999'"),
        ("--ids bad.npy", "--ids bad.npy: expected ids of 'paper' in "),
        ("--ids bad.npy", "1 of 2 are of no node or of several: row 1 '0.5'"),
        ("--ids empty.npy", "empty.npy: expected a .npy of integers or texts: "),
        ("--node_type venue", "unknown node type 'venue'; available: ['paper', 'author']"),
        ("--view late", "has no view 'late'; available: ['pretrain', 'finetune', 'original']"),
        ("--model none.pt", "--model 'none.pt': expected a file of a model, found no such file"),
        ("--model .", "--model '.': expected a file of a model, found a folder"),
        ("--model=", "--model '': expected a file of a model, found an empty path"),
        ("--time_max 1999", "are later than time_max: expected times up to 1999"),
        ("--out .", "--out '.': expected a file, found a folder"),
        ("--out=", "--out '': expected a file, found an empty path"),
        ("--out e.csv", "--out 'e.csv': expected a name that ends in .npy"),
        ("--out e", "--out 'e': expected a name that ends in .npy"),
        ("--out bad.npy --ids bad.npy", "--out 'bad.npy': expected another file than --ids"),
        ("--out notes.npy", "--out 'notes.npy': expected a .npy to replace, or nothing there"),
        ("--data_dir nowhere", "nowhere is not a graph store"),
        ("--data_dir=", "--data_dir: expected the folder of a graph store, or toy, got nothing"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_an_older_file_whole(call, tmp_path, flags, message):
    (tmp_path / "emb.npy").write_bytes(OLDER)
    (tmp_path / "notes.npy").write_text("mine")
    (tmp_path / "bad.txt").write_text("1\nx\n")
    (tmp_path / "huge.txt").write_text("9" * 20)
    (tmp_path / "empty.npy").touch()
    np.save("bad.npy", np.array([0.5, 1]))
    before = sorted(p.name for p in tmp_path.iterdir())
    status, out = call(*flags.split())
    assert status == 1
    (line,) = [line for line in out.splitlines() if line.startswith("error: ")]
    assert message in line and "Traceback" not in out
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (tmp_path / "emb.npy").read_bytes() == OLDER


def test_no_file_of_a_store_is_written_over(call, store):
    for name in ("edges.npy", "features/new.npy"):
        status, out = call("--out", str(store.path / name))
        assert status == 1 and "expected a file outside of a graph store" in out
    store.verify()


def test_a_store_that_names_no_type(call, tmp_path):
    plain = write_graph(tmp_path / "plain", nodes(4, 2, 0), {})
    status, out = call(data_dir=plain.path)
    assert status == 1
    assert "expected --node_type, one of ['paper', 'author']" in out


def test_flags_and_their_defaults():
    args = parse_flags(GROUPS, "doc", [])
    groups = (asdict(getattr(args, group)) for group in GROUPS)
    found = {name: value for group in groups for name, value in group.items()}
    assert found == {
        **{"data_dir": "toy", "model": "runs/gpt_graph.pt", "node_type": ""},
        **{
            "ids": "",
            "rows": "",
            "other_features": False,
            "out": "emb.npy",
            "view": "finetune",
            "time_max": 2**31 - 1,
        },
        **{"sampler": "hgsampling", "sample_depth": 6, "sample_width": 128},
        **{"batch_size": 256, "n_pool": 2},
        **{"seed": 0, "cuda": -2},
    }
