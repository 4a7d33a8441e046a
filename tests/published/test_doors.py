"""Runs on stores and on our own checkpoints import nothing of the published code's files."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from GPT_GNN.datasets.oag.preprocess import toy_store

ROOT = Path(__file__).resolve().parents[2]
DOORS = {
    "GPT_GNN.published.graphs.door",
    "GPT_GNN.published.models.door",
    "GPT_GNN.published.word_vectors",
}
RUN = """
import runpy, sys
del sys.argv[0]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
print("published:", *(name for name in sys.modules if name.startswith("GPT_GNN.published")))
"""
TINY = "--cuda -1 --n_hid 8 --n_heads 2 --n_layers 1 --sample_depth 1 --sample_width 8 --n_pool 0"
TINY = f"{TINY} --n_epoch 1 --n_batch 1 --batch_size 16 --data_dir".split()


def imported(script, *flags):
    """The modules of ``GPT_GNN.published`` that a script has imported by its end."""
    run = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / script), *map(str, flags)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    last = run.stdout.splitlines()[-1].split()
    assert last[0] == "published:"
    return set(last[1:])


@pytest.mark.slow
def test_scripts_on_stores_and_our_checkpoints_import_none(tmp_path):
    store, model = toy_store(200, folder=tmp_path).path, tmp_path / "gpt.pt"
    flags = (*TINY, store, "--pretrain_model_dir", model)
    assert imported("example_OAG/pretrain_OAG.py", *flags) == set()
    flags = (*flags, "--use_pretrain", "--model_dir", tmp_path / "pf")
    assert imported("example_OAG/finetune_OAG_PF.py", *flags) == set()


def test_a_published_graph_comes_through_its_door(tmp_path):
    """So the test above would see an import."""
    shutil.copy(ROOT / "tests/published/graphs/files/graph_main.pk", tmp_path / "graph_CS.pk")
    script = tmp_path / "open.py"
    script.write_text(
        "import sys\nfrom GPT_GNN.datasets.builtin import open_graph\nopen_graph(sys.argv[1], None)"
    )
    found = imported(script, tmp_path / "graph_CS.pk")
    assert "GPT_GNN.published.graphs.door" in found
    assert not any("models" in name or "word_vectors" in name for name in found)


def published_imports(path):
    """(module of ``GPT_GNN.published``, whether a function imports it) of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("GPT_GNN.published"):
            yield node.module, node not in tree.body
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("GPT_GNN.published"):
                    yield alias.name, node not in tree.body


def test_others_enter_by_the_doors_alone_and_only_when_needed():
    """Commands are imported when they are asked for, so they may import at the top of a file."""
    outside = [
        (path.relative_to(ROOT), module, inside_function)
        for path in sorted((ROOT / "GPT_GNN").rglob("*.py"))
        if not {"published", "commands"} & set(path.relative_to(ROOT).parts)
        for module, inside_function in published_imports(path)
    ]
    assert {module for _, module, _ in outside} == DOORS
    assert all(inside_function for _, _, inside_function in outside), outside
