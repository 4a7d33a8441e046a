"""A store from PyG's ``HeteroData``, ``Data`` or ``TemporalData``."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch_geometric.data import Data, HeteroData, TemporalData
from tqdm import tqdm

from GPT_GNN.builder.arrays import write_graph
from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.pyg.attributes import MASKS, check_known, edge_arrays, left_out, node_arrays
from GPT_GNN.datasets.pyg.features import TEXT, Texts, add_identities, add_texts
from GPT_GNN.datasets.pyg.target import label_column, split_of, target_type
from GPT_GNN.datasets.pyg.times import Rules, Times, read_times, rules_fact
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.inputs import FITTED
from GPT_GNN.graph.split import Split
from GPT_GNN.graph.store import HeteroGraph
from GPT_GNN.schema import EdgeType

NODE, LINK = "node", "to"  # the types of a graph that has one of each


def from_pyg(
    data: HeteroData | Data | TemporalData,
    path: str | os.PathLike[str],
    target: str = "",
    label: str = "",
    time: Times = None,
    text: Texts = None,
    inverse: Mapping[EdgeType, str] | None = None,
    multigraph: Collection[EdgeType] = (),
    degrees: Collection[str] = (),
    identities: Collection[str] = (),
    rel_stop_list: Collection[str] = (),
    split: Split | None = None,
    time_bins: Rules = None,
    text_features: str = "tfidf",
    text_dim: int = 256,
    seed: int = 0,
    keep_other_files: bool = False,
) -> HeteroGraph:
    """Write a store and open it.

    A node type's ``x`` becomes its features, every other attribute per node a column of the same
    name; a type may have neither. Of edge attributes only times are read: no encoder here uses
    others. A line is printed for each attribute that is left out, with the setting that would read
    it, if there is one. Untimed parallel edges become one edge.

    A ``Data`` has one node type ``node`` and one relation ``to``, unless it has ``node_type`` and
    ``edge_type``: then PyG makes it a ``HeteroData`` first. So does a ``TemporalData``, whose
    events are edges.

    Args:
        data: the graph; not changed.
        path: the folder to create or replace.
        target: the target type, whose nodes are pre-trained on and predicted; by default the only
            one that has ``label``, or the only one.
        label: attribute of the target's classes: [N] whole numbers, negative or NaN for none (a
            note counts NaN), or [N, C] of 0 and 1 for several classes per node. By default ``y``,
            if there is one.
        time: name of the attribute that holds times wherever a type has one, or per node type or
            edge type a name or [N] or [E] values; see ``time_bins``. Edges without times of their
            own take the later of their ends' times.
        text: per node type the name of an attribute that is a list of strings, or such a list. It
            becomes the feature part ``text``; ``--attr_type text`` generates the target's.
        inverse: per edge type the name of the relation that holds the same links the other way
            round, its own for a symmetric one. By default found in the edges, see
            :func:`GPT_GNN.builder.inverse.find_inverses`.
        multigraph: edge types whose parallel edges at several times are all kept.
        degrees: node types that get the feature part ``degree``: log(1 + number of edges) in each
            relation that they are in, of the edges that pre-training may know. For types without
            features, whose nodes would otherwise look alike. It counts links that a task divides at
            random and holds out, too; the task then warns.
        identities: node types that get the feature part ``identity``: one column per node, or 128
            normal numbers per node of more than 128 nodes, which are nearly orthogonal. For the
            same types; a node that is appended later is not among them.
        rel_stop_list: relations that pre-training never masks, see :meth:`Schema.is_named`.
        split: of the target's nodes. By default ``train_mask``, ``val_mask`` and ``test_mask``
            (with ``pretrain_mask`` if there is one, else all nodes pre-train; without ``val_mask``
            a fifth of the training nodes validates, drawn with the seed); else by time, with 70,
            10, 10 and 10 % of the nodes; else at random.
        time_bins: how times become whole numbers, one rule or one per node type or edge type, all
            with the same ``bin``; by default they are whole numbers already.
        text_features: ``tfidf``, or a sentence-transformers model (name or path).
        text_dim: width of ``tfidf``.
        seed: of the drawn validation nodes, of the random split, text features and word vectors.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: attributes of another shape or kind than expected, unknown names, a ``Data``
            without edges, relations that may or may not be inverses, times without a unit.
    """
    check_output(path, keep_other_files)
    data, inverse = _hetero_data(data), inverse or {}
    # Nodes, edges and their times.
    nodes = {t: node_arrays(data, t) for t in data.node_types}
    edges = {e: edge_arrays(data, e, inverse.get(e, ""), e in multigraph) for e in data.edge_types}
    check_known("inverse or multigraph", {*inverse, *multigraph}, edges)
    counts = {t: n.num_nodes for t, n in nodes.items()} | {e: len(a.src) for e, a in edges.items()}
    times = read_times(data, time, time_bins, counts)
    for key, values in times.items():
        (nodes[key] if isinstance(key, str) else edges[key]).time = values
    # What is predicted, and how its nodes are divided.
    target = target_type(nodes, target, label or "y")
    label = label_column(nodes[target], target, label)
    masks = set() if split else {(target, mask) for mask in MASKS.values()}
    split = split or split_of(data, nodes[target], target, seed)
    for line in left_out(data, time, times, masks):
        tqdm.write(line)
    # Features beside ``x``; degrees are counted when the edges have their times.
    fitted = add_texts(data, nodes, text, split, text_features, text_dim, seed)
    check_known("degrees or identities", {*degrees, *identities}, nodes)
    add_identities(nodes, identities, seed)
    generated = TEXT if target in fitted else ""
    task = GraphFacts(target, tuple(rel_stop_list), split, generated, generated, label)
    facts: dict[str, Any] = {"dataset": "hetero_data", "time_bins": rules_fact(time_bins)}
    if fitted:
        facts[FITTED] = fitted
    return write_graph(
        path,
        nodes,
        edges,
        task,
        facts,
        times_declared=True,  # or checked where they are read
        degrees=degrees,
        seed=seed,
        keep_other_files=keep_other_files,
    )


def _hetero_data(data: HeteroData | Data | TemporalData) -> HeteroData:
    """Any of PyG's data objects as a ``HeteroData``."""
    if isinstance(data, HeteroData):
        return data
    edge_type, hetero = (NODE, LINK, NODE), HeteroData()
    if isinstance(data, TemporalData):
        hetero[NODE].num_nodes = data.num_nodes
        hetero[edge_type].edge_index = torch.stack([data.src, data.dst])
        for name in data.keys():  # noqa: SIM118 (it is no mapping)
            if name not in ("src", "dst"):
                hetero[edge_type][name] = data[name]
        return hetero
    if "edge_type" in data or "node_type" in data:
        return data.to_heterogeneous()
    if data.edge_index is None:
        raise ValueError("expected a Data with edge_index, found none")
    hetero[NODE].num_nodes = data.num_nodes
    for name, value in data.to_dict().items():
        is_edge = name == "edge_index" or data.is_edge_attr(name)
        hetero[edge_type if is_edge else NODE][name] = value
    return hetero
