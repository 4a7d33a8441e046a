"""Show what is in a graph store: tables of its types, splits and labels, and warnings.

Examples:
    python -m GPT_GNN show data/oag_cs
    python -m GPT_GNN show data/oag_cs --verify     # read every byte against its checksum
"""

from dataclasses import dataclass

from GPT_GNN.builder.remarks import remarks
from GPT_GNN.command_line import parse_flags
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.summary import summary
from GPT_GNN.settings import Checked, setting


@dataclass(frozen=True)
class ShowConfig(Checked):
    """Which store, and how closely it is looked at."""

    store: str = setting("", "folder of the store", positional=True)
    verify: bool = setting(False, "compare every file's checksum")


def main() -> None:
    """Print what a store holds; with --verify read every byte."""
    flags = parse_flags({"store": ShowConfig}, __doc__).store
    graph = HeteroGraph.open(flags.store)
    print(summary(graph))
    for line in remarks(graph):
        print(line)
    if flags.verify:
        graph.verify()
        print("every checksum matches")
