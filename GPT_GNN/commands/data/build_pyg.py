"""Build a graph store of a data set that PyG reads, or downloads where it is missing.

Examples:
    python -m GPT_GNN build pyg HGB-DBLP data/hgb_dblp --root data/hgb
    python -m GPT_GNN build pyg Cora data/cora --root data/planetoid
"""

from pathlib import Path

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.builtin import data_folder
from GPT_GNN.datasets.pyg.catalog import PyGConfig, build
from GPT_GNN.graph.summary import summary


def main() -> None:
    """Build a store and print what is in it."""
    flags = parse_flags({"store": PyGConfig}, __doc__).store
    root = flags.root or Path(data_folder()) / "pyg" / flags.name
    print(summary(build(flags.name, flags.store, root, flags.seed, flags.keep_other_files)))
