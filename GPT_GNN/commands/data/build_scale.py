"""Build a random graph of any size in OAG's schema, to measure speed and memory on.

Example:
    python -m GPT_GNN build scale --out data/scale --nodes 10000000 --seed 0
"""

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.toy.scale import ScaleConfig, build_scale
from GPT_GNN.graph.summary import summary


def main() -> None:
    """Build a store and print what is in it."""
    flags = parse_flags({"store": ScaleConfig}, __doc__).store
    sizes = (flags.nodes, flags.seed, flags.width)
    print(summary(build_scale(flags.out, *sizes, flags.keep_other_files)))
