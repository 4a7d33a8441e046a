"""GPT-GNN: generative pre-training of graph neural networks (Hu et al., KDD 2020)."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Looked up when they are used: ``import GPT_GNN`` must not wait for torch.
_MODULE_OF = {
    "HeteroGraph": "GPT_GNN.graph.store",
    "from_pyg": "GPT_GNN.datasets.pyg.from_pyg",
    "to_pyg": "GPT_GNN.datasets.pyg.to_pyg",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_OF[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
