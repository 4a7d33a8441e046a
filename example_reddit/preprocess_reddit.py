"""Turn GraphSAGE's Reddit files into a graph store (docs/DATA_FORMAT.md says what both look like).

Examples:
    python preprocess_reddit.py                              # the built-in graph
    python preprocess_reddit.py --input_dir ../data/reddit_raw --output_dir ../data/reddit
    python preprocess_reddit.py --input_dir ../data/reddit_raw --download
    python preprocess_reddit.py --input_dir ../data/reddit_raw --split file
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from GPT_GNN.command_line import parse_flags
from GPT_GNN.datasets.reddit.build import Settings
from GPT_GNN.datasets.reddit.preprocess import FilesConfig, preprocess
from GPT_GNN.system.runner import run_command


def main() -> None:
    args = parse_flags({"files": FilesConfig, "preprocessing": Settings}, __doc__)
    preprocess(args.files, args.preprocessing)


if __name__ == "__main__":
    sys.exit(run_command(main, trains=True))
