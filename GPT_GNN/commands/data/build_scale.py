"""Build a random graph of any size in OAG's schema, to measure speed and memory on.

Example:
    python -m GPT_GNN build scale --out data/scale --nodes 10000000 --seed 0
"""

from GPT_GNN.datasets.toy.scale import build_scale
from GPT_GNN.graph.summary import summary
from GPT_GNN.system.files import KEEP_OTHER_FILES
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Build a store and print what is in it."""
    parser = Parser(__doc__)
    parser.add_argument("--out", dest="path", required=True, help="folder of the store to write")
    parser.add_argument(
        "--nodes",
        type=int,
        default=100_000,
        help="nodes of all types together (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="the same seed gives the same store (default: 0)"
    )
    parser.add_argument(
        "--width", type=int, default=128, help="feature columns per type (default: %(default)s)"
    )
    parser.add_argument("--keep_other_files", action="store_true", help=KEEP_OTHER_FILES)
    print(summary(build_scale(**vars(parser.parse_args()))))
