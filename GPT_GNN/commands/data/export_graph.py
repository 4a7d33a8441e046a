"""Export a graph store as a pickle that the published GPT-GNN code opens.

Example:
    python -m GPT_GNN export graph data/oag_CS graph_CS.pk
"""

from GPT_GNN.command_line import parse_flags
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.published.graphs.export import ExportConfig, export


def main() -> None:
    """Export one store."""
    flags = parse_flags({"export": ExportConfig}, __doc__).export
    export(HeteroGraph.open(flags.store), flags.file, flags.view)
    print(f"wrote {flags.file}")
