"""Turn an OAG raw dump into a graph store (docs/DATA_FORMAT.md says what both look like).

python preprocess_OAG.py                                   # the built-in graph
python preprocess_OAG.py --input_dir ../data/oag_raw --output_dir ../data/oag_cs --domain _CS
python preprocess_OAG.py --input_dir acl_full --output_dir ../data/acl --language any
python preprocess_OAG.py --input_dir dump --domain _Med --citation_bar 1
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))  # a checkout

from GPT_GNN.datasets.oag import OAG  # noqa: E402


def main() -> None:
    """Read the flags and preprocess."""
    parser = argparse.ArgumentParser(
        description=str(__doc__).splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    flag = parser.add_argument
    flag("--input_dir", default="", help="folder of the raw dump; empty: the built-in graph's")
    flag("--output_dir", default="", help="store to write; empty: data/oag<domain> or data/toy_*")
    flag("--domain", default="_CS", help="suffix of the file names: _CS, _Med ... or none")
    flag("--citation_bar", type=int, default=0, help="keep papers cited this often a year")
    flag("--language", default="en", help="DetectedLanguage to keep, or any")
    flag("--text_encoder", default="tfidf", help="tfidf, or a sentence-transformers model")
    flag("--text_dim", type=int, default=256, help="width of the tfidf features")
    flag("--word_dim", type=int, default=100, help="width of the word vectors")
    flag("--word_min_count", type=int, default=5, help="words rarer than this are dropped")
    flag("--word_epochs", type=int, default=5, help="passes of word2vec over the text")
    flag("--skip_bad_rows", action="store_true", help="count wrong rows instead of stopping")
    flag("--toy_papers", type=int, default=4000, help="papers of the built-in graph")
    flag("--seed", type=int, default=0, help="of the built-in graph, tfidf and word2vec")
    OAG.preprocess(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
