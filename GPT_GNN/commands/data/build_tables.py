"""Build a graph store from tables and a description of them, or append to a store.

Examples:
    python -m GPT_GNN build tables description.yaml data/movies
    python -m GPT_GNN build tables new/description.yaml data/movies --append_to data/movies

Tables are CSV (.csv, .csv.gz, .tsv, .tsv.gz) or Parquet files beside the description, which
docs/DATA_FORMAT.md explains. From Python they may also be pandas DataFrames, pyarrow Tables or
dicts of arrays: see build_from_tables.
"""

from GPT_GNN.datasets.tables.append import append_tables
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.graph.summary import summary
from GPT_GNN.system.files import KEEP_OTHER_FILES
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Build a store, or append to one, and print what is in it."""
    parser = Parser(__doc__)
    parser.add_argument("description", help="YAML file; its tables lie beside it")
    parser.add_argument("output", help="folder of the store to write")
    parser.add_argument(
        "--append_to", metavar="STORE", help="store to extend: its nodes and edges come first"
    )
    parser.add_argument("--keep_other_files", action="store_true", help=KEEP_OTHER_FILES)
    args = parser.parse_args()
    keep = args.keep_other_files
    if args.append_to == "":  # a shell's variable that is not set must not replace the store
        raise ValueError("--append_to: expected a store, got an empty path")
    if args.append_to is not None:
        graph = append_tables(args.append_to, args.description, args.output, keep_other_files=keep)
    else:
        graph = build_from_tables(args.description, args.output, keep_other_files=keep)
    print(summary(graph))
