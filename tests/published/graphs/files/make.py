"""Write the published form of one small graph, by the Python, dill and pandas that run this.

    python make.py graph_pandas1.5.pk                 # as GPT_GNN.data.Graph
    python make.py graph_main.pk --module __main__    # dill pickles the class itself
    python make.py graph_pyHGT.pk --module pyHGT.data

The files beside this one were made by Python 3.7 with pandas 0.24.2 (dill 0.3.4), 1.1.5
(``graph_main3.7`` and ``graph_pyHGT`` too) and 1.3.5, and by Python 3.11 with pandas 1.5.3
(``graph_main`` too), 2.2.3 and 3.0.0. What they must give is ``tests/published/graphs/content.py``.
"""

import argparse
import sys
import types
from collections import defaultdict
from pathlib import Path

import dill
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from content import AUTHORS, CITES, EMB, FIELDS, NODE_EMB, PAPERS, WRITES, YEARS


class Graph:
    def __init__(self):
        self.node_forward = defaultdict(lambda: {})
        self.node_bacward = defaultdict(lambda: [])
        self.node_feature = defaultdict(lambda: [])
        self.edge_list = defaultdict(
            lambda: defaultdict(
                lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: int)))
            )
        )
        self.times = {}

    def add_edge(self, source, s, target, t, relation, time):
        self.edge_list[target][source][relation][t][s] = time
        self.edge_list[source][target]["rev_" + relation][s][t] = time
        self.times[time] = True


def make_graph():
    graph = Graph()
    for s, t in CITES:
        graph.add_edge("paper", s, "paper", t, "PP_cite", YEARS[s])
    for author, paper in WRITES:
        graph.add_edge("author", author, "paper", paper, "AP_write_first", np.int64(YEARS[paper]))
    for child, parent in FIELDS:
        graph.add_edge("field", child, "field", parent, "FF_in", None)
    papers = pd.DataFrame(
        {
            "id": [f"P{i}" for i in range(len(PAPERS))],
            "title": PAPERS,
            "type": ["paper"] * len(PAPERS),
            "time": YEARS,
            "emb": [list(row) for row in EMB],
            "citation": [0, 1, 2, 3, 4],
        }
    )
    authors = pd.DataFrame(
        {
            "id": [f"A{i}" for i in range(len(AUTHORS))],
            "name": AUTHORS,
            "emb": [np.array(row, dtype=np.float32) for row in EMB[: len(AUTHORS)]],
            "citation": [0.5] * len(AUTHORS),
        }
    )
    fields = pd.DataFrame(
        {
            "id": ["F0", "F1"],
            "attr": ["L0", "L1"],
            "node_emb": [np.array(row) for row in NODE_EMB],
            "emb": [np.array(row) for row in EMB[:2]],
            "citation": [5, 6],
        }
    )
    graph.node_feature = {"paper": papers, "author": authors, "field": fields}
    for node_type, frame in graph.node_feature.items():
        graph.node_forward[node_type] = {key: i for i, key in enumerate(frame["id"])}
    return graph


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--module", default="GPT_GNN.data")
    args = parser.parse_args()
    graph = make_graph()
    if args.module != "__main__":
        package, _, name = args.module.partition(".")
        sys.modules[package] = types.ModuleType(package)
        sys.modules[args.module] = types.ModuleType(args.module)
        setattr(sys.modules[package], name, sys.modules[args.module])
        Graph.__module__ = args.module
        sys.modules[args.module].Graph = Graph
    with open(args.output, "wb") as file:
        dill.dump(graph, file)


if __name__ == "__main__":
    main()
