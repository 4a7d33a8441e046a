"""Build a graph store from tables and a description of them, or append to a store.

Examples:
    python -m GPT_GNN build tables description.yaml data/movies
    python -m GPT_GNN build tables new/description.yaml data/movies --append_to data/movies

Tables are CSV (.csv, .csv.gz, .tsv, .tsv.gz) or Parquet files beside the description, which
docs/DATA_FORMAT.md explains. From Python they may also be pandas DataFrames, pyarrow Tables or
dicts of arrays: see build_from_tables.
"""

from dataclasses import dataclass

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.tables.append import append_tables
from GPT_GNN.datasets.tables.build import build_from_tables
from GPT_GNN.graph.summary import summary
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES


@dataclass(frozen=True)
class TablesConfig(Checked):
    """What is built, and where to."""

    description: str = setting("", "YAML file; its tables lie beside it", positional=True)
    store: str = setting("", "folder of the store to write", positional=True)
    append_to: str = setting("", "store to extend: its nodes and edges come first")
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)


def main() -> None:
    """Build a store, or append to one, and print what is in it."""
    args = parse_flags({"store": TablesConfig}, __doc__)
    flags, keep = args.store, args.store.keep_other_files
    if flags.append_to:
        graph = append_tables(
            flags.append_to, flags.description, flags.store, keep_other_files=keep
        )
    elif "append_to" in args.given:  # a shell's variable that is not set must not replace the store
        raise ValueError("--append_to: expected a store, got an empty path")
    else:
        graph = build_from_tables(flags.description, flags.store, keep_other_files=keep)
    print(summary(graph))
