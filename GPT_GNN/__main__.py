"""``python -m GPT_GNN VERB``: every command of the package."""

import runpy
import sys

COMMANDS = {
    "pretrain": "GPT_GNN.commands.train.pretrain",
    "finetune": "GPT_GNN.commands.train.finetune",
    "embed": "GPT_GNN.commands.train.embed",
    "demo": "GPT_GNN.commands.train.demo",
    "show": "GPT_GNN.graph.store",
    "build tables": "GPT_GNN.datasets.tables.build",
    "build pyg": "GPT_GNN.datasets.pyg.catalog",
    "build scale": "GPT_GNN.datasets.toy.scale",
    "convert graph": "GPT_GNN.published.graphs.convert",
    "convert model": "GPT_GNN.published.models.convert",
    "export graph": "GPT_GNN.published.graphs.export",
}

if __name__ == "__main__":
    words = 2 if " ".join(sys.argv[1:3]) in COMMANDS else 1
    verb = " ".join(sys.argv[1 : words + 1])
    if verb not in COMMANDS:
        sys.exit(f"error: unknown command {verb!r}; available: {', '.join(COMMANDS)}")
    sys.argv[: words + 1] = [f"python -m GPT_GNN {verb}"]
    runpy.run_module(COMMANDS[verb], run_name="__main__", alter_sys=False)
