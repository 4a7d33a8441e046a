"""The package's face: names that are looked up when they are used, and nothing before."""

import subprocess
import sys
from pathlib import Path

import pytest

import GPT_GNN
from GPT_GNN.datasets.pyg.from_pyg import from_pyg
from GPT_GNN.datasets.pyg.to_pyg import to_pyg
from GPT_GNN.graph.store import HeteroGraph

# Opening a store needs nothing that writes one.
GRAPH = [
    f"GPT_GNN.graph.{file.stem}" for file in Path(GPT_GNN.__path__[0], "graph").glob("[a-z]*.py")
]


def python(code):
    run = [sys.executable, "-c", code]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout


def test_names():
    found = (GPT_GNN.HeteroGraph, GPT_GNN.from_pyg, GPT_GNN.to_pyg)
    assert found == (HeteroGraph, from_pyg, to_pyg)
    assert {"HeteroGraph", "from_pyg", "to_pyg", "__version__"} <= set(dir(GPT_GNN))
    with pytest.raises(AttributeError, match="module 'GPT_GNN' has no attribute 'from_pig'"):
        _ = GPT_GNN.from_pig


@pytest.mark.parametrize(
    ("line", "not_loaded"),
    [
        ("import GPT_GNN", {"numpy", "torch", "torch_geometric"}),
        ("from GPT_GNN import HeteroGraph", {"torch", "torch_geometric"}),
        ("from GPT_GNN import builder, graph", {"numpy", "torch", "torch_geometric"}),
        (f"import {', '.join(GRAPH)}", {"torch", "GPT_GNN.builder", "GPT_GNN.datasets"}),
    ],
)
def test_what_an_import_loads(line, not_loaded):
    loaded = set(python(f"{line}; import sys; print(*sys.modules)").split())
    assert not loaded & not_loaded and "GPT_GNN" in loaded


def test_type_hints_are_for_users_too():
    folder = GPT_GNN.__path__[0]
    assert python(f"import os; print(os.path.exists({folder + '/py.typed'!r}))").strip() == "True"
