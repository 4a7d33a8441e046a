"""Build a graph store of the raw files of an academic source: papers, authors, venues, fields.

Examples:
    python -m GPT_GNN build academic --input_dir dump --output_dir data/oag_cs --domain _CS
    python -m GPT_GNN build academic --source oag --input_dir acl --output_dir data/acl

docs/DATA_FORMAT.md says what OAG's files and the store look like, docs/EXTENDING.md how to add a
source. A transfer between fields gives two stores, in folders of output_dir.
"""

from __future__ import annotations

from dataclasses import dataclass

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.sources import SourceConfig, build_source
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.graph.summary import summary
from GPT_GNN.settings import Checked, setting
from GPT_GNN.system.files import KEEP_OTHER_FILES


@dataclass(frozen=True)
class FilesConfig(Checked):
    """What is read, and where the store goes; both folders have to be given."""

    input_dir: str = setting("", "folder, or file, of the source")
    output_dir: str = setting("", "folder of the store to write")
    keep_other_files: bool = setting(False, KEEP_OTHER_FILES)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("input_dir", "output_dir"):
            if not getattr(self, name):
                raise ValueError(f"--{name}: expected a folder, got none")


def main() -> None:
    """Build the store, or the two of a transfer, and print what is in it."""
    groups = {"data": FilesConfig, "source": SourceConfig, "build": Settings}
    flags = parse_flags(groups, __doc__)
    files = flags.data
    for path in build_source(
        flags.source,
        files.input_dir,
        files.output_dir,
        flags.build,
        keep_other_files=files.keep_other_files,
    ):
        print(f"\n{summary(HeteroGraph.open(path))}")
