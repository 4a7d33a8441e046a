"""Convert a graph of the published GPT-GNN code to a graph store.

Examples:
    python -m GPT_GNN convert graph graph_CS.pk data/oag_CS
    python -m GPT_GNN convert graph graph_reddit.pk data/reddit

Nothing in the file is run.
"""

import argparse

from GPT_GNN.graph.summary import summary
from GPT_GNN.published.graphs.convert import convert
from GPT_GNN.system.files import KEEP_OTHER_FILES
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Convert one graph and print what is in it."""
    parser = Parser(__doc__)
    parser.add_argument("source", help="graph_CS.pk, graph_reddit.pk ...")
    parser.add_argument("output", help="folder of the store to write")
    parser.add_argument(
        "--word_vectors",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="train word vectors on the titles; if not, pre-training on text needs --w2v_dir",
    )
    parser.add_argument("--keep_other_files", action="store_true", help=KEEP_OTHER_FILES)
    print(summary(convert(**vars(parser.parse_args()), progress=True)))
