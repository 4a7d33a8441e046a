"""The graph in a pickle of the published code: node types, columns, edges, extra attributes.

Source: ``GPT_GNN/data.py`` and the preprocessing scripts of the published code. A ``Graph`` has
``node_feature`` (type -> DataFrame), ``edge_list`` (target type -> source type -> relation ->
target id -> source id -> year or None), ``times``, and what preprocessing hung onto it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from GPT_GNN.graph.store import NO_TIME
from GPT_GNN.published.pickles import Node, PickleError, arrays, expected_layout, read_pickle
from GPT_GNN.published.pickles import opcodes as o
from GPT_GNN.published.pickles.arrays import NUMPY_GLOBALS
from GPT_GNN.published.pickles.cells import Cells, entry_cells, numbers
from GPT_GNN.published.pickles.frames import PANDAS_GLOBALS, Column, frame, is_new_block_partial
from GPT_GNN.published.pickles.node import nodes_of
from GPT_GNN.published.pickles.tensors import TORCH_GLOBALS, is_tensor, tensor
from GPT_GNN.schema import EdgeType

_MODULES = ("GPT_GNN.data", "pyHGT.data", "data", "__main__")
_DICTS = {"collections.defaultdict", "collections.OrderedDict"}
# Checked by their arguments: the first belongs to frames of pandas 1.3, the second to a class that
# dill wrote itself because it was defined in __main__.
_PARTIAL, _SETATTR = "functools.partial", "builtins.setattr"
_CREATE_TYPE = {"dill._dill._create_type", "dill.dill._create_type"}
_DILL = {
    f"{module}.{name}"
    for module in ("dill._dill", "dill.dill")
    for name in (
        *("_create_cell", "_create_code", "_create_function", "_create_type"),
        *("_get_attr", "_import_module", "_load_type"),
    )
}
_NAMESPACES = {f"{module}.__dict__" for module in _MODULES}
_NAMESPACES |= {"__builtin__.__main__", "builtins.__main__"}
_BUILTINS = {f"builtins.{name}" for name in ("int", "dict", "list")}
_BUILTINS |= {"__builtin__.int", "__builtin__.long"}
GRAPHS = {f"{module}.Graph" for module in _MODULES}
GRAPH_GLOBALS = GRAPHS | _DICTS | _DILL | _NAMESPACES | _BUILTINS | {_PARTIAL, _SETATTR}
GRAPH_GLOBALS |= NUMPY_GLOBALS | PANDAS_GLOBALS | TORCH_GLOBALS
_NUMBERS = ("bool", "int", "float")
_LEAST_BYTES = 3  # of the file for an edge: a source id and a year or None
_CHUNK = 2**17  # edges that are read at once


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
        self.tree, self.name = root.tree, root.tree.name
        self._check(root)
        if root.state is None:
            raise root.error("a graph with content")
        self.attributes = root.state.by_name()
        for needed in ("node_feature", "edge_list"):
            if needed not in self.attributes:
                raise PickleError(
                    f"{self.name}: expected a graph with {needed}, found one with "
                    f"{', '.join(self.attributes) or 'nothing'}"
                )
        self._most_edges = len(root.tree.data) // _LEAST_BYTES
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
        names = root.tree.global_names
        if _PARTIAL in names or _SETATTR in names:
            for call in nodes_of(root.tree, "call"):
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
        """All stored edges of a relation, as its dicts have them."""
        targets, dicts = entry_cells(adjacency)
        self._check_dicts(adjacency, dicts)
        counts = self.tree.counts(dicts.values, o.ENTRIES) // 2
        ends = np.cumsum(counts)
        total = int(ends[-1]) if len(ends) else 0
        self._most_edges -= total
        if self._most_edges < 0:  # one dict that is referred to again and again: a bomb
            raise PickleError(f"{self.name}: more edges than a file of this size can hold")
        src, time = (np.empty(total, dtype=np.int32) for _ in range(2))
        first, done = 0, 0
        while first < len(ends):
            last = max(int(np.searchsorted(ends, done + _CHUNK, "right")), first + 1)
            inner = self.tree.held(dicts.values[first:last], o.ENTRIES)
            edges = slice(done, int(ends[last - 1]))
            src[edges] = _int32(Cells(self.tree, inner[::2]))
            time[edges] = _int32(Cells(self.tree, inner[1::2]), missing=NO_TIME)
            first, done = last, edges.stop
            self.tree.release()
        return Edges(src, np.repeat(_int32(targets), counts), time)

    def _check_dicts(self, adjacency: Node, dicts: Cells) -> None:
        """Raise PickleError unless every row is a dict or a defaultdict."""
        kinds = dicts.kinds()
        calls = self.tree.held(dicts.values[kinds == o.CALL], o.PARTS)
        called = {Node(self.tree, value).reference for value in set(calls[::2].tolist())}
        wrong = np.flatnonzero((kinds != o.DICT) & (kinds != o.CALL))
        if len(wrong):
            raise dicts.node(int(wrong[0])).error("a dict of neighbours")
        if not called <= _DICTS:
            raise adjacency.error("dicts of neighbours")

    def extras(self) -> dict[str, np.ndarray]:
        """Attributes that preprocessing added: arrays, tensors, lists of numbers, e.g. splits.

        Others are left out: closures and what only building needed.
        """
        out = {}
        for name, node in self.attributes.items():
            if is_tensor(node):
                out[name] = tensor(node)
                node.tree.take(out[name].nbytes)
            elif arrays.is_array(node) and not arrays.holds_objects(node):
                out[name] = arrays.array(node)
            elif node.kind == "list" and all(value.kind in _NUMBERS for value in node.values()):
                out[name] = numbers(node)
        return out


def read_graph(path: str, progress: bool = False) -> PublishedGraph:
    """Parse a published graph; nothing in the file is executed."""
    with expected_layout(path):
        return PublishedGraph(read_pickle(path, GRAPH_GLOBALS.__contains__, progress=progress))


def _is_class_of_main(node: Node) -> bool:
    """Whether a node is the class ``Graph`` as dill writes one that cannot be imported."""
    if node.callee not in _CREATE_TYPE or len(node.args) < 2:
        return False
    return node.args[1].kind == "str" and node.args[1].text == "Graph"


def _int32(cells: Cells, missing: int | None = None) -> np.ndarray:
    """Integers, Python's or NumPy's, or floats without a fraction: [N] int32.

    Args:
        missing: what stands for None and NaN.
    """
    kinds = cells.kinds()
    for wrong in np.flatnonzero((kinds == o.BOOL) | (kinds == o.STR))[:1].tolist():
        raise cells.node(wrong).error("an integer")
    values = cells.numbers()
    if values.dtype.kind == "f":
        if missing is not None:
            values = np.where(np.isnan(values), missing, values)
        for wrong in np.flatnonzero(values != np.trunc(values))[:1].tolist():
            raise cells.node(wrong).error("an integer")
    if len(values) and not (-(2**31) <= values.min() and values.max() < 2**31):
        raise PickleError(f"{cells.tree.name}: expected ids and years below 2^31")
    return values.astype(np.int32)
