"""What is predicted of a PyG data object: the target type, its classes, the split of its nodes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch_geometric.data import HeteroData
from tqdm import tqdm

from GPT_GNN.builder.arrays import NodeArrays
from GPT_GNN.datasets.pyg.attributes import MASKS, mask_of
from GPT_GNN.graph.split import ALL, SPLITS, ColumnSplit, RandomSplit, Split, TimeSplit
from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.rng import derive

VALID_SHARE = 0.2  # of the training nodes, where no mask says which validate; HGB's share


def target_type(nodes: Mapping[str, NodeArrays], asked: str, label: str) -> str:
    """The target type: as asked, or the only type that has ``label``, or the only type."""
    if asked and asked not in nodes:
        raise ValueError(f"target: no node type {asked!r}; available: {list(nodes)}")
    labelled = [t for t, arrays in nodes.items() if label in arrays.columns]
    for candidates in ([asked] if asked else labelled, list(nodes)):
        if len(candidates) == 1:
            return candidates[0]
    raise ValueError(
        f"target: {labelled or 'no node types'} have a label {label!r}; expected target= to say "
        f"which of {list(nodes)} is pre-trained"
    )


def label_column(nodes: NodeArrays, target: str, asked: str) -> str:
    """The name of the label's column, which is made whole numbers; empty without ``y``.

    Args:
        nodes: of the target type; the column is changed in place, NaN to -1.
        asked: a column's name; empty: ``y``, if there is one.
    """
    name = asked or "y"
    if not asked and name not in nodes.columns:
        return ""
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


def split_of(data: HeteroData, nodes: NodeArrays, target: str, seed: int) -> Split:
    """The split by the masks, which become a column ``split``; else by time, or at random.

    Raises ValueError for masks without ``train_mask``, or a node in two of them.
    """
    masks = {name: mask_of(data, target, mask) for name, mask in MASKS.items()}
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
    nodes.columns["split"] = split_numbers({n: m for n, m in masks.items() if m is not None})
    return ColumnSplit("split", "pretrain" if masks["pretrain"] is not None else ALL)


def split_numbers(masks: Mapping[str, np.ndarray]) -> np.ndarray:
    """The column of a :class:`ColumnSplit`, [N] int8, from a mask [N] per split.

    Raises ValueError for a node in two splits.
    """
    several = np.sum(list(masks.values()), axis=0) > 1
    if several.any():
        node = int(np.argmax(several))
        both = [name for name, mask in masks.items() if mask[node]]
        raise ValueError(f"node {node} is in {' and in '.join(both)}: expected one split at most")
    numbers = np.full(len(several), -1, dtype=np.int8)
    for name, mask in masks.items():
        numbers[mask] = SPLITS.index(name)
    return numbers
