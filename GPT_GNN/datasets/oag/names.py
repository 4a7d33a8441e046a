"""SeqName and FHierarchy of an OAG dump: names by type, and how fields belong to each other."""

from __future__ import annotations

import numpy as np

from GPT_GNN.datasets.academic.records import Names, TextRows
from GPT_GNN.datasets.oag.files import Dump
from GPT_GNN.datasets.raw import NONE, distinct, lookup

NODE_TYPE_OF_NAME = {
    "conference": "venue",
    "journal": "venue",
    "repository": "venue",
    "patent": "venue",
    "fos": "field",
    "author": "author",
    "affiliation": "affiliation",
}


def read_names(dump: Dump) -> dict[str, Names]:
    """SeqName: ids and names by node type (venue, field, author, affiliation)."""
    table = dump.table("SeqName")
    node_types = list(dict.fromkeys(NODE_TYPE_OF_NAME.values()))
    expected = f"a type, one of {', '.join(NODE_TYPE_OF_NAME)}"
    ids, types, texts = [], [], TextRows()
    for chunk in table.chunks():
        known = np.array([name in NODE_TYPE_OF_NAME for name in chunk["Type"]], dtype=bool)
        chunk.reject(~known, "Type", expected)
        of_chunk = [node_types.index(NODE_TYPE_OF_NAME[name]) for name in chunk["Type"]]
        types.append(np.array(of_chunk, dtype=np.int8))
        ids.append(chunk["Id"])
        texts.extend(chunk["Name"])
    all_ids, all_types, text = np.concatenate(ids), np.concatenate(types), texts.ragged()
    names = {}
    for position, node_type in enumerate(node_types):
        rows = np.flatnonzero(all_types == position)
        unique, first = np.unique(all_ids[rows], return_index=True)
        table.counts.leave_out("duplicate", len(rows) - len(unique))
        names[node_type] = Names(unique, rows[first], text)
    return names


def read_hierarchy(dump: Dump, fields: Names) -> tuple[np.ndarray, np.ndarray]:
    """FHierarchy; a field has the level of its first row, a row that contradicts it is wrong.

    Returns:
        The level of each named field, NONE where none is given, [fields] int8. The distinct pairs
        (child, parent) as positions in the names, NONE for a field without one, [2, E] int32.
    """
    table = dump.table("FHierarchy")
    level_of: dict[int, int] = {}
    pairs = []
    for chunk in table.chunks():
        for side in ("Child", "Parent"):
            levels = chunk[f"{side}Level"].tolist()
            ids = chunk[f"{side}FosId"].tolist()
            first = [level_of.setdefault(i, at) for i, at in zip(ids, levels, strict=True)]
            expected = f"the level that an earlier row gives this field as {side}Level"
            differs = np.array(first, dtype=np.int64) != levels
            chunk.reject(differs, f"{side}Level", expected, show="L{}".format)
        pairs.append(np.stack([chunk["ChildFosId"], chunk["ParentFosId"]]))
    every = np.concatenate(pairs, axis=1)
    once = distinct(every)
    table.counts.leave_out("duplicate", every.shape[1] - once.shape[1])
    level = np.array([level_of.get(i, NONE) for i in fields.ids.tolist()], dtype=np.int8)
    return level, lookup(fields.ids, once).astype(np.int32)
