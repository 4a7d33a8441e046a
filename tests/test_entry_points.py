"""``pretrain`` and ``finetune`` of ``python -m GPT_GNN`` on graphs that no script knows."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from GPT_GNN.batch.mask import mask_links
from GPT_GNN.builder.append import append_arrays
from GPT_GNN.builder.arrays import EdgeArrays, NodeArrays, write_graph
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.resolve import resolve_facts
from GPT_GNN.graph.split import RandomSplit, TimeSplit
from GPT_GNN.objectives import OBJECTIVES
from GPT_GNN.rng import derive
from GPT_GNN.sampler.hgsampling import HGSampler
from GPT_GNN.sampler.query import Query
from GPT_GNN.tasks.links import TEST, VALID, divide_links
from GPT_GNN.train.checkpoint import load_checkpoint
from tests import stores
from tests.call import call as command

ROOT = Path(__file__).resolve().parents[1]
TINY = "--n_hid 8 --n_heads 2 --n_layers 1 --sample_depth 2 --sample_width 8 --n_pool 0 --cuda -1"
SHORT = "--batch_size 16 --n_epoch 2 --n_batch 2"
CASTING, MADE = ("actor", "in", "film"), ("studio", "made", "film")
FOLD = "--target_type film --split column:fold,train"

pytestmark = pytest.mark.slow


@pytest.fixture
def call(monkeypatch, capfd, tmp_path):
    """Run a command in this process and a fresh folder: (status, output)."""

    def go(name, *flags):
        threads = torch.get_num_threads()
        try:
            status = command(name, *(word for flag in flags for word in str(flag).split()))
        except SystemExit as exit_:
            status = exit_.code
        finally:
            torch.set_num_threads(threads)
        captured = capfd.readouterr()
        return status, captured.out + captured.err

    monkeypatch.chdir(tmp_path)
    return go


@pytest.fixture
def run(call):
    """The same with small settings, of a run that must succeed: its output."""

    def go(module, *flags):
        status, out = call(module, *flags, TINY, SHORT)
        assert status == 0, out
        return out

    return go


@pytest.fixture
def refused(call):
    """A user's mistake: status 1 (2 for a flag) and one line, no traceback; returns the line."""

    def go(module, *flags):
        status, out = call(module, *flags, TINY, SHORT)
        assert status in (1, 2), out
        (line,) = [line for line in out.splitlines() if line.startswith("error: ")]
        assert "Traceback" not in out
        return line

    return go


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The folders of the graphs of ``tests/stores.py``, by name."""
    folder = tmp_path_factory.mktemp("stores")
    for name in ("films", "pages", "ratings"):
        getattr(stores, name)(folder / name)
    return {name: f"--data_dir {folder / name}" for name in ("films", "pages", "ratings")} | {
        "folder": folder
    }


def lines_of(folder):
    return [json.loads(line) for line in (Path(folder) / "metrics.jsonl").read_text().splitlines()]


def check_task(folder, names):
    """The test line of a fine-tuning run."""
    lines = lines_of(folder)
    assert [x["split"] for x in lines].count("train") == 4
    assert all(np.isfinite(x["loss"]) and x["loss"] > 0 for x in lines if x["split"] == "train")
    test = lines[-1]
    assert test["split"] == "test" and test["items"] > 0
    for name in (*names, *(f"most_frequent_{name}" for name in names)):
        assert 0 <= test[name] <= 1
    best = max((x for x in lines if x["split"] == "valid"), key=lambda x: x[names[0]])
    assert test["best_step"] == best["step"]
    return test


F1, RANKED = ("micro_f1", "macro_f1"), ("ndcg", "mrr", "hits@10")
TASKS = [
    ("--label genre", "LabelClassification", F1),
    ("--label genres", "LabelClassification", F1),
    (f"--task class_node --relation {':'.join(MADE)}", "NodeClassification", RANKED[:2]),
    (f"--task link --relation {':'.join(CASTING)} --num_candidates 9", "LinkRanking", RANKED),
]


def test_typed_nodes_without_times_or_features(store, run):
    out = run("pretrain", store["films"], FOLD, "--rel_stop_list made --attr_part plot")
    assert "rel_stop_list made [flag]; split by column (column fold, pretrain_on train)" in out
    config = json.loads(Path("runs/gpt_graph.pt.run/config.json").read_text())
    assert config["facts"]["rel_stop_list"] == ["made"]
    assert config["facts"]["split"] == {"by": "column", "column": "fold", "pretrain_on": "train"}
    scorers = torch.load("runs/gpt_graph.pt", weights_only=True)["model"]
    assert "scorers.0.linear.weight" in scorers and "scorers.1.linear.weight" not in scorers
    assert scorers["decoder.linear.weight"].shape == (5, 8)  # five of eight features
    for number, (flags, name, metrics) in enumerate(TASKS):
        target = FOLD if name == "LabelClassification" else ""
        run("finetune", store["films"], target, flags, f"--use_pretrain --task_name {number}")
        check_task(f"runs/{number}", metrics)
        config = json.loads(Path(f"runs/{number}/config.json").read_text())
        assert config["labels"]["task"] == name and config["facts"]["target"] == "film"


@pytest.mark.parametrize(
    "task, others",
    [
        ("--label genre", ["--data_percentage 0.5", "--train_view finetune", "--label genres"]),
        (f"--task class_node --relation {':'.join(MADE)}", ["--hide_train_labels"]),
        (f"--task link --relation {':'.join(CASTING)}", ["--num_candidates 9"]),
    ],
)
def test_a_run_of_other_labels_is_another_run(store, run, call, refused, task, others):
    flags = ("finetune", store["films"], FOLD if "--label" in task else "", task)
    run(*flags)
    _, help_text = call(*flags, "--help")
    record = json.loads(Path("runs/graph/config.json").read_text())
    recorded = {name for group in record.values() if isinstance(group, dict) for name in group}
    places = {"data_dir", "cuda", "n_pool", "resume", "overwrite", "pretrain_model_dir"}
    places |= {"model_dir", "task_name", "gradient_checkpointing", "help"}
    found = set(re.findall(r"^  --(?!no-)(\w+)", help_text, re.M))
    # The graph's facts are recorded as they were found.
    assert found - places - {"target_type", "split"} <= recorded
    assert {"data_percentage", "task", "n_hid", "max_lr"} <= found
    for other in others:
        name = other.split()[0][2:]
        assert f"{name} is " in refused(*flags, other)


def test_the_architecture_is_the_models_without_a_flag_for_it(store, run, call):
    run("pretrain", store["pages"], "--split random")
    flags = f"{store['pages']} --use_pretrain --label y --cuda -1 --n_pool 0 {SHORT}"
    status, out = call("finetune", flags)
    assert status == 0, out
    config = json.loads(Path("runs/graph/config.json").read_text())
    assert [config["encoder"][name] for name in ("n_hid", "n_heads", "n_layers")] == [8, 2, 1]
    status, out = call("finetune", flags, "--n_hid 8 --resume")
    assert status == 0, out
    status, out = call("finetune", flags, "--n_hid 16 --n_layers 3 --n_heads 2 --task_name no")
    assert status == 1 and not Path("runs/no").exists()
    assert (
        "error: runs/gpt_graph.pt is of another architecture: n_hid is 8 in the file and 16 here; "
        "n_layers is 1 in the file and 3 here. Leave these out to take the file's\n"
    ) in out


def test_one_type_one_relation_loops_and_lone_nodes(store, run):
    out = run("pretrain", store["pages"])
    assert "target page [default]; split by random" in out
    run("finetune", store["pages"], "--use_pretrain --label y --task_name y")
    check_task("runs/y", F1)
    run("finetune", store["pages"], "--label y --split column:part --task_name part")
    assert check_task("runs/part", F1)["items"] == 20
    run("finetune", store["pages"], "--use_pretrain --task link --task_name link")
    check_task("runs/link", RANKED)


def test_a_graph_with_times(store, run):
    out = run("pretrain", store["ratings"], "--target_type song")
    assert "split by time (pretrain_until " in out and "[default]" in out
    rates = f"{store['ratings']} --task link --relation rates"
    out = run("finetune", rates, "--split time:5,7,8 --task_name bounds --use_pretrain")
    assert "facts: target song [relation]; split by time" in out
    assert "(pretrain_until 5, train_until 7, valid_until 8) [flag]" in out
    check_task("runs/bounds", RANKED)
    (by_time,) = [x for x in lines_of("runs/bounds") if x["split"] == "test by time"]
    assert set(by_time["items"]) == {"9", "10"} and set(by_time["ndcg"]) == {"9", "10"}
    run("finetune", store["ratings"], "--target_type song --label style --task_name style")
    by_time = [x for x in lines_of("runs/style") if x["split"] == "test by time"]
    test = check_task("runs/style", F1)
    (values,) = by_time
    weighted = [values["micro_f1"][year] * n for year, n in values["items"].items()]
    assert sum(weighted) / test["items"] == pytest.approx(test["micro_f1"])
    # Users have no times: they are divided by chance, in a graph that has some.
    run("finetune", store["ratings"], "--target_type user --label age --task_name age")
    check_task("runs/age", F1)
    run("pretrain", store["ratings"], "--target_type user --pretrain_model_dir user.pt")


@pytest.mark.parametrize("module", ["pretrain", "finetune"])
def test_resuming(store, run, refused, module):
    flags = f"{store['films']} --target_type film"
    flags += " --label genre" if module == "finetune" else ""
    folder = Path("runs/graph" if module == "finetune" else "runs/gpt_graph.pt.run")
    run(module, flags)
    before = lines_of(folder)
    run(module, flags, "--resume")
    assert lines_of(folder) == before
    # The same facts by other words are the same run; other facts are another one.
    run(module, flags, "--resume --split random:0.7,0.1,0.1,0.1")
    line = refused(module, flags, "--resume --split random:0.6,0.2,0.1,0.1")
    assert "other settings: split is {" in line and "[0.6, 0.2, 0.1, 0.1]" in line
    other, fact = {
        "pretrain": ("--rel_stop_list made", "rel_stop_list is [] there and ['made'] here"),
        "finetune": ("--label genres", "label is 'genre' there and 'genres' here"),
    }[module]
    assert fact in refused(module, flags, other, "--resume")


MISTAKES = [
    ("pretrain", "films", "", "expected --target_type; available: ['film', 'actor', 'studio']"),
    ("pretrain", "films", "--target_type movie", "unknown node type 'movie'; available: ['film'"),
    ("pretrain", "films", "--target_type actor", "'actor' has none; types with features: ['film']"),
    ("pretrain", "films", f"{FOLD} --rel_stop_list acts", "unknown relation 'acts'; available: ["),
    ("pretrain", "films", f"{FOLD} --attr_type text", "it was built without text"),
    ("finetune", "films", "--target_type film", "expected --label, available: ['fold', 'genre'"),
    ("finetune", "films", "--target_type film --label y", "got 'y', available: ['fold', 'genre'"),
    ("finetune", "films", "--task link", "this task expects --relation; available: ['actor:in"),
    (
        "finetune",
        "films",
        "--task link --relation in,made",
        "expected relations between the same t",
    ),
    (
        "finetune",
        "films",
        "--task class_node --relation in,made",
        "between the same types, got ['actor:in:film', 'studio:made:film']",
    ),
    (
        "finetune",
        "films",
        "--task link --relation in --label y",
        "--label: --task link does not read",
    ),
    ("finetune", "films", f"{FOLD} --relation in", "--relation: --task label does not read it; it"),
    ("finetune", "films", f"{FOLD} --label genre --num_candidates 9", "--task label does not read"),
    (
        "finetune",
        "films",
        f"{FOLD} --label genre --hide_train_labels",
        "--hide_train_labels hides edges",
    ),
    (
        "finetune",
        "films",
        "--task class_node --relation made --num_candidates 9",
        "--num_candidates: --task class_node does not read it",
    ),
    (
        "finetune",
        "films",
        "--task link --relation in --target_type actor",
        "expected 'film', the target of --relation actor:in:film",
    ),
    ("finetune", "ratings", "--task link --relation rates --split time:1,2,99", "the test split"),
]


@pytest.mark.parametrize("module", ["pretrain", "finetune"])
def test_a_table_as_the_graph(tmp_path, refused, module):
    (tmp_path / "films.csv").write_text("id,year\nf1,2001\n")
    line = refused(module, "--data_dir films.csv")
    assert "films.csv is a file: expected the folder of a graph store" in line
    assert "python -m GPT_GNN build tables DESCRIPTION.yaml STORE" in line


@pytest.mark.parametrize(("module", "name", "flags", "message"), MISTAKES)
def test_mistakes(store, refused, module, name, flags, message):
    assert message in refused(module, store[name], flags)
    assert not Path("runs").exists()  # nothing was written


def inverses(path, declared):
    """Casting from both sides, as one link, said so or found in the edges."""
    graph = stores.films(path / "films")
    csr = graph.csr(CASTING)
    src, dst = csr.indices, csr.targets()
    names = ("has", "in") if declared else ("", "")
    return write_graph(
        path / "store",
        {
            "film": NodeArrays(stores.FILMS, {"x": np.ones((stores.FILMS, 1))}),
            "actor": NodeArrays(25),
        },
        {
            CASTING: EdgeArrays(src, dst, inverse=names[0]),
            ("film", "has", "actor"): EdgeArrays(dst, src, inverse=names[1]),
        },
    )


@pytest.mark.parametrize("declared", [False, True])
def test_of_a_masked_link_neither_direction_is_seen(tmp_path, declared):
    graph = inverses(tmp_path, declared)
    facts = resolve_facts(graph, "film").facts
    seeds = {"film": (facts.split.nodes(graph, "film", "pretrain"), None)}
    sampler = HGSampler(graph, sample_depth=3, sample_width=50)
    subgraph = sampler.sample(Query(seeds, facts.split.time_max("pretrain"), "pretrain"), derive(0))
    masked = mask_links(subgraph, facts.target, facts.rel_stop_list, 0.5, derive(1))

    def links(which, edge_type):
        part = subgraph.edges(edge_type)
        kept = which[part]
        return set(
            zip(subgraph.src[part][kept].tolist(), subgraph.dst[part][kept].tolist(), strict=True)
        )

    generated = links(masked.generated, CASTING)
    seen = links(masked.observed, CASTING)
    turned = {(actor, film) for film, actor in links(masked.observed, ("film", "has", "actor"))}
    assert generated and seen and turned
    assert not generated & (seen | turned)


@pytest.mark.parametrize(("task", "flag"), [("link", "hide_links"), ("class_node", "hide_classes")])
def test_pretraining_does_not_see_what_a_task_will_ask(tmp_path, run, task, flag):
    """Other held-out links, the same model; without the flag it is another one."""
    films = stores.films(tmp_path / "films")
    edge_type = CASTING if task == "link" else MADE
    name = ":".join(edge_type)
    if task == "link":
        links = divide_links(films, edge_type, RandomSplit())
        held_out = links.of_split(VALID, TEST)
        asked = links.source[held_out], links.target[held_out]
    else:
        csr, fold = films.csr(edge_type), films.column("film", "fold")
        late = fold[csr.targets()] > 1
        asked = csr.indices[late].astype(np.int64), csr.targets()[late].astype(np.int64)
    without = tmp_path / "without"
    drop_links(films, without, edge_type, *asked)
    models = {}
    for store in (tmp_path / "films", without):
        for hide in ("", f"--{flag} {name}"):
            file = tmp_path / f"{store.name}{bool(hide)}.pt"
            split = "" if task == "link" else "--split column:fold,train"
            flags = f"--data_dir {store} --target_type film {split} {hide}"
            run("pretrain", flags, "--queue_size 8", f"--pretrain_model_dir {file}")
            models[store.name, bool(hide)] = load_checkpoint(file, "pretrain")["model"]
    plain, hidden = models["films", False], models["films", True]
    bare = models["without", False]
    assert all(torch.equal(hidden[key], bare[key]) for key in hidden)
    assert any(not torch.equal(hidden[key], plain[key]) for key in hidden)


FRESH = "pre-training has seen the links"


@pytest.mark.parametrize(
    ("task", "hide"),
    [
        (f"--task link --relation {':'.join(CASTING)} --num_candidates 9", "--hide_links in"),
        (f"--task class_node --relation {':'.join(MADE)}", "--hide_classes studio:made:film"),
    ],
)
def test_a_warning_where_pretraining_has_seen_what_is_asked(store, run, task, hide):
    films = f"{store['films']} --target_type film"
    run("pretrain", films, "--pretrain_model_dir plain.pt")
    run("pretrain", films, hide, "--pretrain_model_dir hidden.pt")
    relation = task.split()[3]

    def warned(flags):
        out = run("finetune", films, task, flags, "--task_name task --overwrite")
        (line,) = [x for x in out.splitlines() if FRESH in x] or [""]
        config = json.loads(Path("runs/task/config.json").read_text())
        assert config["facts"]["seen_in_pretraining"] == ([relation] if line else [])
        return line

    flag = f"{hide.split()[0]} {relation}"
    line = warned("--use_pretrain --pretrain_model_dir plain.pt")
    assert line.startswith("warning: ") and f"{flag} and no other --split" in line
    assert not warned("--use_pretrain --pretrain_model_dir hidden.pt") and not warned("")
    other = "--split random:0.5,0.1,0.2,0.2"
    line = warned(f"--use_pretrain --pretrain_model_dir hidden.pt {other}")
    assert line.endswith(f"{flag} and {other}")


def test_no_warning_where_nodes_were_appended_since(tmp_path, run):
    task = GraphFacts("film", split=RandomSplit((0.4, 0.2, 0.2, 0.2), seed=5))
    films = stores.films(tmp_path / "films", task)
    hide = "--hide_links in --hide_classes made"
    run("pretrain", f"--data_dir {films.path} {hide}")
    features = {part: np.zeros((1, width)) for part, width in (("plot", 5), ("cast", 3))}
    more = {"film": NodeArrays(1, features, {"genres": np.zeros((1, 3), dtype=np.uint8)})}
    new = append_arrays(films, tmp_path / "new", more, {CASTING: EdgeArrays(np.r_[0], np.r_[60])})
    for task_flags in ("link --relation has", "class_node --relation made"):
        flags = f"--data_dir {new.path} --use_pretrain --overwrite --task {task_flags}"
        assert FRESH not in run("finetune", flags)


def test_no_warning_where_the_years_divide(store, run):
    run("pretrain", store["ratings"], "--target_type song --split time:5,7,8")
    task = f"{store['ratings']} --use_pretrain --overwrite --task link --relation"
    for relation in ("rates", "rev_rates"):
        assert FRESH not in run("finetune", task, relation, "--split time:5,7,8")
    out = run("finetune", task, "rates --split time:2,4,8 --task_name early")
    assert f"{FRESH} user:rates:song" in out and "and --split time:2,4,8" in out


def test_nodes_without_times_pretrain_on_the_stores_years(tmp_path, run):
    """Without the ratings of later years, the same model."""
    task = GraphFacts("song", split=TimeSplit(5, 7, 8))
    models = []
    for until in (10, 5):
        stores.ratings(tmp_path / f"{until}", task, until)
        file = tmp_path / f"{until}.pt"
        flags = f"--data_dir {tmp_path / str(until)} --pretrain_model_dir {file}"
        out = run("pretrain", flags, "--target_type user")
        assert "seed 0, pretrain_until 5) [store]" in out
        models.append(load_checkpoint(file, "pretrain")["model"])
    assert all(torch.equal(models[0][key], models[1][key]) for key in models[0])


def drop_links(graph, path, edge_type, source, target):
    """The same store without some links of a relation."""
    nodes = {
        "film": NodeArrays(
            stores.FILMS,
            {
                part: graph.gather_features("film", np.arange(stores.FILMS), "pretrain")[:, columns]
                for part, columns in graph.feature_parts("film").items()
            },
            {"fold": np.array(graph.column("film", "fold"))},
        ),
        "actor": NodeArrays(25),
        "studio": NodeArrays(4),
    }
    edges = {}
    for kept in (CASTING, ("film", "has", "actor"), MADE):
        csr = graph.csr(kept)
        ends = csr.indices.astype(np.int64), csr.targets().astype(np.int64)
        gone = np.zeros(len(ends[0]), dtype=bool)
        if kept == edge_type:
            gone = np.isin(ends[1] << 32 | ends[0], target << 32 | source)
        if kept == graph.schema.inverse_of(edge_type):
            gone = np.isin(ends[0] << 32 | ends[1], target << 32 | source)
        inverse = graph.schema.inverse_of(kept)[1]
        edges[kept] = EdgeArrays(ends[0][~gone], ends[1][~gone], inverse=inverse)
    write_graph(path, nodes, edges)


def test_without_any_flags(tmp_path):
    """The defaults of data and model: the built-in graph, and the model that pretrain wrote."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    for flags in ("pretrain", "finetune --use_pretrain"):
        command = [sys.executable, "-m", *f"GPT_GNN {flags} {TINY} {SHORT} --n_epoch 1".split()]
        done = subprocess.run(
            command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
    assert lines_of(tmp_path / "runs" / "graph")[-1]["items"] == 300


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if name != "gpt_gnn"])
def test_another_objective_from_flag_to_result(store, run, objective):
    films = f"{store['films']} --target_type film"
    out = run("pretrain", films, f"--objective {objective} --pretrain_model_dir model.pt")
    assert "best model: model.pt" in out
    task = f"--task link --relation {':'.join(CASTING)} --num_candidates 9"
    use = "--use_pretrain --pretrain_model_dir model.pt"
    out = run("finetune", films, task, use, "--task_name task")
    assert (FRESH in out) == (objective != "none")  # which has seen nothing
    run("finetune", films, task, "--task_name scratch")
    assert (lines_of("runs/task") == lines_of("runs/scratch")) == (objective == "none")


def test_links_alone_of_targets_without_features(store, run, refused):
    actors = f"{store['films']} --target_type actor --split random"
    run("pretrain", actors, "--attr_ratio 0 --queue_size 8")
    assert "attr_ratio 0 generates links alone" in refused("pretrain", actors)
