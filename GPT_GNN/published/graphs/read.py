"""The graph in a pickle of the published code: node types, columns, edges, extra attributes.

Source: ``GPT_GNN/data.py`` and the preprocessing scripts of the published code. A ``Graph`` has
``node_feature`` (type -> DataFrame), ``edge_list`` (target type -> source type -> relation ->
target id -> source id -> year or None), ``times``, and what preprocessing hung onto it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.published.pickles import (
    Node,
    PickleError,
    arrays,
    expected_layout,
    read_pickle,
    tensors,
)
from GPT_GNN.published.pickles.arrays import NUMPY_GLOBALS
from GPT_GNN.published.pickles.cells import entry_cells
from GPT_GNN.published.pickles.frames import (
    PANDAS_GLOBALS,
    Column,
    frame,
    is_new_block_partial,
)
from GPT_GNN.published.pickles.gather import copy_pairs, count_pairs
from GPT_GNN.published.pickles.heap import CALL, DICT, INT, NO_VALUE, OBJECT
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS
from GPT_GNN.schema import EdgeType

_MODULES = ("GPT_GNN.data", "pyHGT.data", "data", "__main__")
_DICTS = {"collections.defaultdict", "collections.OrderedDict"}
# Checked by their arguments: the first belongs to frames of pandas 1.3, the second to a class that
# dill wrote itself because it was defined in __main__.
_PARTIAL, _SETATTR = "functools.partial", "builtins.setattr"
_DILL = {
    f"{module}.{name}"
    for module in ("dill._dill", "dill.dill")
    for name in (
        "_create_cell",
        "_create_code",
        "_create_function",
        "_create_type",
        "_get_attr",
        "_import_module",
        "_load_type",
    )
}
_CREATE_TYPE = {"dill._dill._create_type", "dill.dill._create_type"}
_NAMESPACES = {f"{module}.__dict__" for module in _MODULES}
_NAMESPACES |= {"__builtin__.__main__", "builtins.__main__"}
_BUILTINS = {
    "builtins.int",
    "builtins.dict",
    "builtins.list",
    "__builtin__.int",
    "__builtin__.long",
}
GRAPHS = {f"{module}.Graph" for module in _MODULES}
GRAPH_GLOBALS = GRAPHS | _DICTS | _DILL | _NAMESPACES | _BUILTINS | {_PARTIAL, _SETATTR}
GRAPH_GLOBALS |= NUMPY_GLOBALS | PANDAS_GLOBALS | TORCH_GLOBALS
_NUMBERS = ("bool", "int", "float")
_LEAST_BYTES = 3  # of the file for an edge: a source id and a year or None


@dataclass(frozen=True)
class Edges:
    """Stored edges of one relation.

    Attributes:
        src, dst: [E] int32.
        time: [E] int32, NO_TIME for None.
    """

    src: np.ndarray
    dst: np.ndarray
    time: np.ndarray

    def __len__(self) -> int:
        return len(self.src)


class PublishedGraph:
    """A published graph, read piece by piece.

    Attributes:
        name: of the file.
        tree: the whole of it.
        attributes: of the ``Graph``, by name.
        frames: the DataFrame of each node type, in the published order of types.
        relations: the adjacency of each edge type, in the order of the published meta graph. One
            without edges counts: old checkpoints have parameters for it.
    """

    def __init__(self, root: Node) -> None:
        self.tree = root.tree
        self.name = root.tree.name
        self._check(root)
        state = root.state
        if state is None:
            raise root.error("a graph with content")
        self.attributes = state.by_name()
        for needed in ("node_feature", "edge_list"):
            if needed not in self.attributes:
                raise PickleError(
                    f"{self.name}: expected a graph with {needed}, found one with "
                    f"{', '.join(self.attributes) or 'nothing'}"
                )
        self._most_edges = len(root.tree.heap.data) // _LEAST_BYTES
        self.frames = self.attributes["node_feature"].by_name()
        self.relations: dict[EdgeType, Node] = {
            (source, relation, target): adjacency
            for target, sources in self.attributes["edge_list"].by_name().items()
            for source, relations in sources.by_name().items()
            for relation, adjacency in relations.by_name().items()
        }

    def _check(self, root: Node) -> None:
        """Raise PickleError unless the root is a Graph and every partial is pandas' own."""
        made_here = root.kind == "new" and _is_class_of_main(root.called)
        if root.callee not in GRAPHS and not made_here:
            raise root.error("a Graph of the published code")
        names = root.tree.global_names()
        if _PARTIAL in names or _SETATTR in names:
            for call in root.tree.nodes("call"):
                wrong = call.callee == _PARTIAL and not is_new_block_partial(call)
                wrong |= call.callee == _SETATTR and not _is_class_of_main(call.args[0])
                if wrong:
                    raise PickleError(
                        f"{self.name} asks for {call.callee} where such a file has no use for it; "
                        "refused"
                    )

    def columns(self, node_type: str) -> dict[str, Column]:
        """The columns of a node type's DataFrame."""
        return frame(self.frames[node_type])

    def edges(self, adjacency: Node) -> Edges:
        """All stored edges of a relation, as its dicts have them.

        Raises:
            PickleError: an id or a year that is none, or more edges than the file has room for.
        """
        keys, dicts = entry_cells(adjacency)
        if (keys.tags != INT).any() or (dicts.tags != OBJECT).any():
            return self._slow_edges(adjacency)
        heap = adjacency.tree.heap
        self._check_dicts(adjacency, dicts.values)
        counts = np.empty(len(keys), dtype=np.int64)
        count_pairs(heap.objects, dicts.values, counts)
        self._count(adjacency, int(counts[counts > 0].sum()))
        src, dst, time = (np.empty(int(counts[counts > 0].sum()), np.int64) for _ in range(3))
        copy_pairs(heap.objects, heap.pairs, dicts.values, counts, keys.values, src, dst, time)
        time[time == NO_VALUE] = NO_TIME
        fast = Edges(*(_int32(adjacency, values) for values in (src, dst, time)))
        others = np.flatnonzero(counts < 0).tolist()
        if not others:
            return fast
        slow = [self._slow_row(keys.node(row), dicts.node(row)) for row in others]
        return _joined([fast, *slow])

    def _check_dicts(self, adjacency: Node, rows: np.ndarray) -> None:
        """Raise PickleError unless every row is a dict or a defaultdict."""
        heap, tree = adjacency.tree.heap, adjacency.tree
        heads = heap.objects[rows]
        calls = heads[heads["kind"] == CALL]
        named = heap.item_tag[calls["start"]] == OBJECT
        called = np.unique(heap.item_value[calls["start"]]).tolist() if named.all() else []
        if not named.all() or not {Node(tree, OBJECT, row).name for row in called} <= _DICTS:
            raise adjacency.error("dicts of neighbours")
        wrong = np.flatnonzero((heads["kind"] != DICT) & (heads["kind"] != CALL))
        if len(wrong):
            raise Node(tree, OBJECT, int(rows[wrong[0]])).error("a dict of neighbours")

    def _slow_edges(self, adjacency: Node) -> Edges:
        """The same for ids that are NumPy's numbers."""
        return _joined([self._slow_row(key, row) for key, row in adjacency.entries()])

    def _slow_row(self, target: Node, row: Node) -> Edges:
        if row.kind != "dict" and row.callee not in _DICTS:
            raise row.error("a dict of neighbours")
        self._count(row, len(row))
        src, time = [], []
        for source, year in row.entries():
            value = arrays.scalar(year)
            src.append(_whole(source))
            time.append(NO_TIME if value is None or value != value else _whole(year))
        dst = np.full(len(src), _whole(target), dtype=np.int64)
        parts = (np.array(src, dtype=np.int64), dst, np.array(time, dtype=np.int64))
        return Edges(*(_int32(row, part) for part in parts))

    def _count(self, node: Node, edges: int) -> None:
        """Refuse one dict that is referred to again and again: a bomb of a few bytes."""
        self._most_edges -= edges
        if self._most_edges < 0:
            raise PickleError(f"{self.name}: more edges than a file of this size can hold")

    def extras(self) -> dict[str, np.ndarray]:
        """Attributes that preprocessing added: arrays, tensors, lists of numbers, e.g. splits.

        Others are left out: closures and what only building needed.
        """
        out = {}
        for name, node in self.attributes.items():
            if tensors.is_tensor(node):
                out[name] = tensors.tensor(node)
                node.tree.take(out[name].nbytes)
            elif arrays.is_array(node) and not arrays.holds_objects(node):
                out[name] = arrays.array(node)
            elif node.kind == "list" and all(value.kind in _NUMBERS for value in node.values()):
                out[name] = arrays.numbers(node)
        return out


def read_graph(path: str, progress: bool = False) -> PublishedGraph:
    """Parse a published graph; nothing in the file is executed.

    Raises:
        PickleError: no such file, no whole pickle, one that asks for what a graph does not, or one
            of something else.
    """
    allowed: Callable[[str], bool] = GRAPH_GLOBALS.__contains__
    with expected_layout(path):
        return PublishedGraph(read_pickle(path, allowed, progress=progress))


def _is_class_of_main(node: Node) -> bool:
    """Whether a node is the class ``Graph`` as dill writes one that cannot be imported."""
    if node.callee not in _CREATE_TYPE or len(node.args) < 2:
        return False
    return node.args[1].kind == "str" and node.args[1].text == "Graph"


def _whole(node: Node) -> int:
    """An integer, Python's or NumPy's, or a float without a fraction."""
    value = arrays.scalar(node)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise node.error("an integer")
    return int(value)


def _int32(node: Node, values: np.ndarray) -> np.ndarray:
    if len(values) and not (-(2**31) <= values.min() and values.max() < 2**31):
        raise node.error("ids and years below 2^31")
    return values.astype(np.int32)


def _joined(parts: list[Edges]) -> Edges:
    empty = np.empty(0, dtype=np.int32)
    return Edges(
        np.concatenate([empty, *(part.src for part in parts)]),
        np.concatenate([empty, *(part.dst for part in parts)]),
        np.concatenate([empty, *(part.time for part in parts)]),
    )
