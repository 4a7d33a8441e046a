"""PyG's ``HeteroData`` and ``Data`` to a store; :mod:`.to_hetero_data` is the way back."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data, HeteroData, TemporalData
from tqdm import tqdm

from GPT_GNN.builder.arrays import (
    EdgeArrays,
    NodeArrays,
    known_nodes,
    split_numbers,
    write_graph,
)
from GPT_GNN.builder.derived import identity_features, text_features_of
from GPT_GNN.builder.output import check_output
from GPT_GNN.datasets.pyg.attributes import array, attribute, check_known, flat, is_column
from GPT_GNN.datasets.pyg.left_out import MASKS, NO_COLUMNS, left_out
from GPT_GNN.datasets.pyg.times import Rules, Times, read_times, rules_fact
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.inputs import FITTED
from GPT_GNN.graph.split import ALL, ColumnSplit, RandomSplit, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME, HeteroGraph
from GPT_GNN.rng import derive
from GPT_GNN.schema import EdgeType

NODE, LINK = "node", "to"  # the types of a graph that has one of each
VALID_SHARE = 0.2  # of the training nodes, where nothing says which validate; HGB's share


def from_hetero_data(
    data: HeteroData,
    path: str | os.PathLike[str],
    target: str = "",
    label: str = "",
    time: Times = None,
    text: Mapping[str, str | Sequence[str]] | None = None,
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

    A node type's ``x`` becomes its features and every other attribute with an entry a node a column
    of that name; a type may have neither. Edge attributes other than times are not used by any
    encoder here. Whatever is left out gets a line that says so, with the setting that would read
    it where there is one. Untimed parallel edges are one edge.

    Args:
        data: the graph; not changed.
        path: the folder to create or replace.
        target: the node type to pre-train and predict; by default the only one that has ``label``,
            or the only one.
        label: attribute of the target's classes: [N] whole numbers, negative or NaN for none (how
            many NaN there are is said), or [N, C] of 0 and 1 for several classes a node. By default
            ``y``, if there is one.
        time: name of the attribute that holds times wherever a type has one, or per node type or
            edge type a name or [N] or [E] values; see ``time_bins``. Edges without one of their own
            take the later of their ends' times.
        text: per node type the name of an attribute that is a list of strings, or such a list. It
            becomes the feature part ``text``, and the target's is what ``--attr_type text``
            generates.
        inverse: per edge type the name of the relation that holds the same links the other way
            round, its own for a symmetric one. By default found in the edges, see
            :func:`GPT_GNN.builder.inverse.find_inverses`.
        multigraph: edge types whose parallel edges at several times are all kept.
        degrees: node types that get the feature part ``degree``: log(1 + number of edges) in each
            relation that they are in, on their side of it, of the edges that pre-training may know.
            For types without other features, whose nodes would otherwise look all the same. They
            count links that a task divides at random and holds out; it then warns.
        identities: node types that get the feature part ``identity``, which tells nodes apart: one
            column a node, or of more than 128 nodes 128 normal numbers a node, whose vectors are
            nearly orthogonal. As for ``degrees``; a node that is appended later is a stranger.
        rel_stop_list: relations that pre-training never masks, see :meth:`Schema.is_named`.
        split: of the target's nodes. By default ``train_mask``, ``val_mask`` and ``test_mask``
            (with ``pretrain_mask`` if there is one, else all nodes pre-train; without ``val_mask``
            a fifth of the training nodes validates, drawn with the seed); or else by time, with 70,
            10, 10 and 10 % of the nodes; or else at random.
        time_bins: how times become whole numbers, one rule or one per node type or edge type, all
            with the same ``bin``; by default they are that already.
        text_features: ``tfidf``, or a sentence-transformers model (name or path).
        text_dim: width of ``tfidf``.
        seed: of the drawn validation nodes, of the random split, text features and word vectors.
        keep_other_files: see :func:`GPT_GNN.builder.builder.build_graph`.

    Raises:
        ValueError: attributes of another shape or kind than said, names that are not there,
            relations of which it is unclear whether they are inverses, times of no unit.
    """
    check_output(path, keep_other_files)
    nodes = {t: _nodes(data, t) for t in data.node_types}
    edges = {
        e: _edges(data, e, (inverse or {}).get(e, ""), e in multigraph) for e in data.edge_types
    }
    check_known("inverse or multigraph", {*(inverse or {}), *multigraph}, edges)
    counts = {t: n.num_nodes for t, n in nodes.items()} | {e: len(a.src) for e, a in edges.items()}
    times = read_times(data, time, time_bins, counts)
    for key, found in times.items():
        (nodes[key] if isinstance(key, str) else edges[key]).time = found
    texts = {t: _texts(data, t, value) for t, value in (text or {}).items()}
    target = target or _only_target(nodes, label or "y")
    if target not in nodes:
        raise ValueError(f"target: no node type {target!r}; available: {list(nodes)}")
    label = _label(nodes[target], target, label)
    masks = set() if split else {(target, mask) for mask in MASKS.values()}
    split = split or _split(data, nodes[target], target, seed)
    for line in left_out(data, time, times, masks):
        tqdm.write(line)
    fitted: dict[str, dict[str, Any]] = {}
    for node_type, values in texts.items():
        if node_type not in nodes:
            raise ValueError(f"text: no node type {node_type!r}; available: {list(nodes)}")
        nodes[node_type].columns["text"] = values
        known = known_nodes(nodes[node_type], split)
        try:
            nodes[node_type].features["text"], text_fitted = text_features_of(
                values, known, text_features, text_dim, seed
            )
        except ValueError as error:
            given = (text or {})[node_type]
            attribute_name = f" ({given!r})" if isinstance(given, str) else ""
            raise ValueError(f"text{attribute_name} of {node_type!r}: {error}") from error
        fitted[node_type] = {"text": text_fitted}
    check_known("degrees or identities", {*degrees, *identities}, nodes)
    for node_type in identities:
        n = nodes[node_type].num_nodes
        nodes[node_type].features["identity"] = identity_features(
            n, derive(seed, "identity", node_type)
        )
    task = GraphFacts(
        target=target,
        rel_stop_list=tuple(rel_stop_list),
        split=split,
        text_part="text" if target in texts else "",
        text_column="text" if target in texts else "",
        label=label,
    )
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


def from_data(
    data: Data | TemporalData, path: str | os.PathLike[str], **settings: Any
) -> HeteroGraph:
    """The same from a ``Data`` or ``TemporalData``: one node type ``node``, one relation ``to``.

    A ``Data`` with ``node_type`` and ``edge_type`` is made a ``HeteroData`` by PyG first.

    Args:
        settings: of :func:`from_hetero_data`.

    Raises:
        ValueError: see there; or a graph without edges.
    """
    edge_type = (NODE, LINK, NODE)
    if isinstance(data, TemporalData):
        events = HeteroData({NODE: {"num_nodes": data.num_nodes}})
        events[edge_type].edge_index = torch.stack([data.src, data.dst])
        for name in data.keys():  # noqa: SIM118 (it is no mapping)
            if name not in ("src", "dst"):
                events[edge_type][name] = data[name]
        return from_hetero_data(events, path, **settings)
    if "edge_type" in data or "node_type" in data:
        return from_hetero_data(data.to_heterogeneous(), path, **settings)
    if data.edge_index is None:
        raise ValueError("expected a Data with edge_index, found none")
    hetero = HeteroData()
    hetero[NODE].num_nodes = data.num_nodes
    for name, value in data.to_dict().items():
        is_edge = name == "edge_index" or data.is_edge_attr(name)
        hetero[edge_type if is_edge else NODE][name] = value
    return from_hetero_data(hetero, path, **settings)


def _nodes(data: HeteroData, node_type: str) -> NodeArrays:
    store = data[node_type]
    n = store.num_nodes
    if n is None:
        raise ValueError(f"{node_type!r}: expected x or num_nodes, found {list(store.keys())}")
    arrays = NodeArrays(int(n))
    for name, value in store.items():
        if name == "y" and "y_index" in store:  # classes of some nodes only
            value = _scattered(node_type, value, store["y_index"], arrays.num_nodes)
        if name == "x":
            x = array(value)
            arrays.features["x"] = x[:, None] if x.ndim == 1 else x
        elif name not in NO_COLUMNS and is_column(value, arrays.num_nodes):
            arrays.columns[name] = value if isinstance(value, list) else flat(value)
    return arrays


def _edges(data: HeteroData, edge_type: EdgeType, inverse: str, multigraph: bool) -> EdgeArrays:
    store = data[edge_type]
    if "edge_index" not in store:
        raise ValueError(f"{edge_type}: expected edge_index, found {list(store.keys())}")
    ends = array(store["edge_index"])
    if ends.ndim != 2 or len(ends) != 2 or ends.dtype.kind not in "iu":
        # An empty list of edges is a float tensor of one dimension in some data sets.
        if ends.size:
            raise ValueError(
                f"{edge_type}: expected edge_index [2, E] of integers, found {ends.dtype} of "
                f"shape {ends.shape}"
            )
        ends = np.empty((2, 0), dtype=np.int64)
    return EdgeArrays(ends[0], ends[1], inverse=inverse, multigraph=multigraph)


def _texts(data: HeteroData, node_type: str, value: str | Sequence[str]) -> list[str]:
    check_known("text", [node_type], data.node_types)
    texts = attribute(data, node_type, value) if isinstance(value, str) else value
    n = data[node_type].num_nodes
    if len(texts) != n or not all(isinstance(text, str) for text in texts):
        raise ValueError(f"text of {node_type!r}: expected {n} strings, found {len(texts)} entries")
    return list(texts)


def _scattered(node_type: str, values: Any, nodes: Any, n: int) -> np.ndarray:
    """Classes of some nodes as a column of all, [n] int64, -1 for none."""
    y, ids = array(values), array(nodes)
    if y.shape != ids.shape or ids.ndim != 1 or (len(ids) and not 0 <= ids.min() <= ids.max() < n):
        raise ValueError(
            f"y_index of {node_type!r}: expected an id in [0, {n}) for each of y, found shapes "
            f"{y.shape} and {ids.shape}"
        )
    out = np.full(n, -1, dtype=np.int64)
    out[ids] = y
    return out


def _label(nodes: NodeArrays, target: str, name: str) -> str:
    """The label's column, as whole numbers; empty where nobody asks for one and there is no y."""
    if not name and "y" not in nodes.columns:
        return ""
    name = name or "y"
    column = nodes.columns.get(name)
    if not isinstance(column, np.ndarray) or column.dtype.kind not in "biuf":
        raise ValueError(
            f"label of {target!r}: expected {name!r} to be numbers, available: "
            f"{[n for n, c in nodes.columns.items() if isinstance(c, np.ndarray)]}"
        )
    if column.ndim == 1 and column.dtype.kind in "bf":
        none = np.isnan(column.astype(np.float64))
        if none.any():
            tqdm.write(
                f"note: label {name!r} of {target!r} is NaN for {int(none.sum())} of {len(none)} "
                f"nodes, the first of them node {int(np.argmax(none))}: they have no class"
            )
        classes = np.where(none, -1, column)
        wrong = ~np.isfinite(classes) | (classes != np.floor(classes))
        if wrong.any():
            node = int(np.argmax(wrong))
            raise ValueError(
                f"label of {target!r}: expected whole numbers in {name!r}, got {column[node]} for "
                f"node {node}"
            )
        nodes.columns[name] = classes.astype(np.int64)
    return name


def _only_target(nodes: Mapping[str, NodeArrays], label: str) -> str:
    labelled = [t for t, arrays in nodes.items() if label in arrays.columns]
    for candidates in (labelled, list(nodes)):
        if len(candidates) == 1:
            return candidates[0]
    raise ValueError(
        f"target: {labelled or 'no node types'} have a label {label!r}; expected target= to say "
        f"which of {list(nodes)} is pre-trained"
    )


def _split(data: HeteroData, nodes: NodeArrays, target: str, seed: int) -> Split:
    """The split that the data have; masks become the target's column ``split``."""
    masks = {name: _mask(data, target, mask) for name, mask in MASKS.items()}
    train = masks["train"]
    if train is None:
        alone = [MASKS[name] for name, mask in masks.items() if mask is not None]
        if alone:
            raise ValueError(f"{target!r} has {' and '.join(alone)}: expected train_mask too")
        if nodes.time is not None and (nodes.time != NO_TIME).any():
            return TimeSplit.at_quantiles(nodes.time)
        return RandomSplit(seed=seed)
    if masks["valid"] is None:
        labelled = derive(seed, "validation").permutation(np.flatnonzero(train))
        valid = np.zeros_like(train)
        valid[labelled[: int(len(labelled) * VALID_SHARE)]] = True
        masks |= {"train": train & ~valid, "valid": valid}
    nodes.columns["split"] = split_numbers(masks)
    return ColumnSplit("split", "pretrain" if masks["pretrain"] is not None else ALL)


def _mask(data: HeteroData, target: str, name: str) -> np.ndarray | None:
    if name not in data[target]:
        return None
    mask = array(data[target][name])
    n = data[target].num_nodes
    if mask.shape != (n,) or mask.dtype != np.bool_:
        raise ValueError(
            f"{name} of {target!r}: expected [{n}] booleans, found {mask.dtype} of shape "
            f"{mask.shape}"
        )
    return mask
