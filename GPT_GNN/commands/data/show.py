"""Show what is in a graph store: tables of its types, splits and labels, and warnings.

Examples:
    python -m GPT_GNN show data/oag_cs
    python -m GPT_GNN show data/oag_cs --verify     # read every byte against its checksum
"""

from GPT_GNN.builder.remarks import remarks
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.summary import summary
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Print what a store holds; with --verify read every byte."""
    parser = Parser(__doc__)
    parser.add_argument("path", help="folder of the store")
    parser.add_argument("--verify", action="store_true", help="compare every file's checksum")
    args = parser.parse_args()
    graph = HeteroGraph.open(args.path)
    print(summary(graph))
    for line in remarks(graph):
        print(line)
    if args.verify:
        graph.verify()
        print("every checksum matches")
