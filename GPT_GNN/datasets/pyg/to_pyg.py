"""A store as PyG's ``HeteroData``."""

from __future__ import annotations

import numpy as np
import torch
from torch_geometric.data import HeteroData

from GPT_GNN.datasets.pyg.attributes import MASKS
from GPT_GNN.graph.facts import GraphFacts
from GPT_GNN.graph.split import SPLITS, ColumnSplit
from GPT_GNN.graph.store import HeteroGraph


def to_pyg(graph: HeteroGraph, view: str | None = None) -> HeteroData:
    """Read a whole store into a ``HeteroData``: features ``x``, columns, ``time``, all edges.

    The node and edge types, inverses included, come in the store's order, edges sorted by (target,
    time, source). A column of strings becomes a list, one of splits ``train_mask`` and so on.

    Args:
        view: the features to take; by default the store's first view.
    """
    data = HeteroData()
    view = view or graph.views[0]
    task = GraphFacts.stored(graph)
    for node_type in graph.node_types:
        store, n = data[node_type], graph.num_nodes(node_type)
        store.num_nodes = n
        if graph.feature_dim(node_type):
            store.x = torch.from_numpy(graph.gather_features(node_type, np.arange(n), view))
        for name in graph.columns(node_type):
            if not graph.is_ragged(node_type, name):
                store[name] = torch.from_numpy(np.array(graph.column(node_type, name)))
                continue
            rows = graph.ragged(node_type, name)
            is_text = rows.values.dtype == np.uint8
            store[name] = [rows.text(i) if is_text else rows[i].tolist() for i in range(n)]
        if task and node_type == task.target and isinstance(task.split, ColumnSplit):
            numbers = graph.column(node_type, task.split.column)
            for number, split in enumerate(SPLITS):
                if (numbers == number).any():
                    store[MASKS[split]] = torch.from_numpy(numbers == number)
    for edge_type in graph.edge_types:
        csr = graph.csr(edge_type)
        ends = np.stack([csr.indices, csr.targets()]).astype(np.int64)
        data[edge_type].edge_index = torch.from_numpy(ends)
        if csr.time is not None:
            data[edge_type].time = torch.from_numpy(csr.time.copy())
    return data
