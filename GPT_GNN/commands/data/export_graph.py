"""Export a graph store as a pickle that the published GPT-GNN code opens.

Example:
    python -m GPT_GNN export graph data/oag_CS graph_CS.pk
"""

from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.published.graphs.export import export
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Export one store."""
    parser = Parser(__doc__)
    parser.add_argument("store", help="folder of the store")
    parser.add_argument("output", help="file to write, e.g. graph_CS.pk")
    parser.add_argument(
        "--view",
        default="original",
        help="view of the features, see docs/DATA_FORMAT.md (default: %(default)s)",
    )
    args = parser.parse_args()
    export(HeteroGraph.open(args.store), args.output, args.view)
    print(f"wrote {args.output}")
