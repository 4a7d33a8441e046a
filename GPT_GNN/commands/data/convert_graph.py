"""Convert a graph of the published GPT-GNN code to a graph store.

Examples:
    python -m GPT_GNN convert graph graph_CS.pk data/oag_CS
    python -m GPT_GNN convert graph graph_reddit.pk data/reddit

Nothing in the file is run.
"""

from GPT_GNN.command_line import parse_flags
from GPT_GNN.graph.summary import summary
from GPT_GNN.published.graphs.convert import ConvertConfig, convert


def main() -> None:
    """Convert one graph and print what is in it."""
    flags = parse_flags({"conversion": ConvertConfig}, __doc__).conversion
    keep = flags.keep_other_files
    print(summary(convert(flags.file, flags.store, flags.word_vectors, True, keep)))
