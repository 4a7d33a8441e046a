"""Convert a model of the published GPT-GNN code to a checkpoint of this package.

Example:
    python -m GPT_GNN convert model old.pt --data_dir data/oag_cs --output new.pt

The store must be that of the model's graph. A published file has no adaptive queue, optimiser or
schedule: they start afresh, and --resume cannot continue the published run.
"""

import argparse
import zipfile
from pathlib import Path

from GPT_GNN.datasets.oag.oag import OAG
from GPT_GNN.published.models.convert import convert_model
from GPT_GNN.published.models.objective import Scorers
from GPT_GNN.system.parser import Parser


def main() -> None:
    """Read a published model, write a checkpoint, print what is in it."""
    parser = Parser(__doc__)
    parser.add_argument("old", help="file of the published code")
    parser.add_argument("--data_dir", required=True, help="store of the model's graph")
    parser.add_argument("--domain", default="", help="open the store oag<domain> inside data_dir")
    parser.add_argument("--output", required=True, help="checkpoint to write")
    parser.add_argument(
        "--encoder_only", action="store_true", help="leave out scorers, decoder and init_emb"
    )
    parser.add_argument(
        "--scorers",
        type=_scorers,
        help="source:relation of each edge scorer in the file's order, e.g. paper:PP_cite,...; "
        "needed when a relation had none",
    )
    parser.add_argument(
        "--w2v_dir",
        default="",
        help="word vectors of a text decoder, of gensim or word2vec; default: the store's",
    )
    args = parser.parse_args()
    _check_output(args.old, args.output)
    graph = OAG.open(args.data_dir, args.domain)
    settings = {name: getattr(args, name) for name in ("encoder_only", "scorers", "w2v_dir")}
    print("\n".join(convert_model(args.old, args.output, graph, **settings)))


def _check_output(old: str, output: str) -> None:
    if Path(old).resolve() == Path(output).resolve():
        raise ValueError(f"--output {output}: expected another file than the one to convert")
    if Path(output).exists() and not zipfile.is_zipfile(output):
        raise ValueError(f"--output {output}: expected a checkpoint to replace, or nothing there")


def _scorers(text: str) -> Scorers:
    pairs = [tuple(name.split(":")) for name in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs):
        raise argparse.ArgumentTypeError(f"expected source:relation,..., got {text!r}")
    return [(source, relation) for source, relation in pairs]
