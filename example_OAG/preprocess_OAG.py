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
from dataclasses import asdict

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.academic.build import Settings
from GPT_GNN.datasets.oag.flags import DumpConfig
from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.system.runner import run_command


def main() -> None:
    args = parse_flags({"dump": DumpConfig, "preprocessing": Settings}, __doc__)
    OAG.preprocess(**asdict(args.dump), **asdict(args.preprocessing))


if __name__ == "__main__":
    sys.exit(run_command(main))
