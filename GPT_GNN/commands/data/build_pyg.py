"""Build a graph store of a data set that PyG reads, or downloads where it is missing.

Examples:
    python -m GPT_GNN build pyg HGB-DBLP data/hgb_dblp --root data/hgb
    python -m GPT_GNN build pyg Cora data/cora --root data/planetoid
"""

from pathlib import Path

from GPT_GNN.datasets.builtin import data_folder
from GPT_GNN.datasets.pyg.catalog import DATASETS, build
from GPT_GNN.graph.summary import summary
from GPT_GNN.system.files import KEEP_OTHER_FILES
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Build a store and print what is in it."""
    parser = Parser(__doc__)
    parser.add_argument("name", choices=sorted(DATASETS), help="data set")
    parser.add_argument("output", help="folder of the store to write")
    parser.add_argument("--root", default="", help="PyG's folder; empty: data/pyg/<name>")
    parser.add_argument("--seed", type=int, default=0, help="seed of drawn splits (default: 0)")
    parser.add_argument("--keep_other_files", action="store_true", help=KEEP_OTHER_FILES)
    args = parser.parse_args()
    root = args.root or Path(data_folder()) / "pyg" / args.name
    graph = build(args.name, args.output, root, args.seed, args.keep_other_files)
    print(summary(graph))
