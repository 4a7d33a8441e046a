"""Turn an OAG raw dump into a graph store (docs/DATA_FORMAT.md says what both look like).

Examples:
    python preprocess_OAG.py                                   # the built-in graph
    python preprocess_OAG.py --input_dir ../data/oag_raw --output_dir ../data/oag_cs --domain _CS
    python preprocess_OAG.py --input_dir acl_full --output_dir ../data/acl --language any
    python preprocess_OAG.py --input_dir dump --domain _Med --citation_bar 1
    python preprocess_OAG.py --input_dir dump --transfer field --finetune_fields "Machine learning"
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.academic.settings import Settings
from GPT_GNN.datasets.oag.preprocess import DumpConfig, preprocess
from GPT_GNN.datasets.oag.reader import ReaderSettings
from GPT_GNN.system.runner import run_command


def main() -> None:
    parts = {"dump": DumpConfig, "reading": ReaderSettings, "preprocessing": Settings}
    args = parse_flags(parts, __doc__)
    preprocess(args.dump, args.reading, args.preprocessing)


if __name__ == "__main__":
    sys.exit(run_command(main))
