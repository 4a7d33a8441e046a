"""Pickles of other people, read as data: parsed into an inert tree, never executed."""

from GPT_GNN.published.pickles.node import Node
from GPT_GNN.published.pickles.scan import read_pickle
from GPT_GNN.published.pickles.tree import PickleError, Tree, expected_layout

__all__ = ["Node", "PickleError", "Tree", "expected_layout", "read_pickle"]
