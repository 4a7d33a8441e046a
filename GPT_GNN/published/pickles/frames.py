"""Columns of pandas DataFrames, of every pickle format from pandas 0.24 to 3, without pandas.

Source: what the pickles of pandas 0.24, 1.0 to 1.5, 2.2 and 3.0 contain. A frame is a manager of
blocks: a block is an array with a row for each of its columns, and the positions of these.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from GPT_GNN.published.pickles import arrays
from GPT_GNN.published.pickles.cells import Cells, Texts, cells
from GPT_GNN.published.pickles.node import Node
from GPT_GNN.published.pickles.tree import PickleError

Column = np.ndarray | Cells | Texts

_FRAME = {"pandas.core.frame.DataFrame", "pandas.DataFrame"}
_MANAGER = "pandas.core.internals.managers.BlockManager"
_NEW_INDEX = {"pandas.core.indexes.base._new_Index", "pandas.indexes.base._new_Index"}
_RANGE = {"pandas.core.indexes.range.RangeIndex", "pandas.RangeIndex"}
_PARTIAL = "functools.partial"  # pandas 1.3: partial(new_block, ndim=2)
_NEW_BLOCK = "pandas.core.internals.blocks.new_block"
_UNPICKLE_BLOCK = "pandas._libs.internals._unpickle_block"
_STRINGS = {
    "pandas.arrays.StringArray",
    "pandas.core.arrays.string_.StringArray",
    "pandas._libs.arrays.__pyx_unpickle_NDArrayBacked",
}
_ARROW_STRINGS = {
    "pandas.arrays.ArrowStringArray",
    "pandas.core.arrays.string_arrow.ArrowStringArray",
    "pandas.core.arrays.string_arrow.ArrowStringArrayNumpySemantics",
}
_ARROW, _CHUNKED = "pyarrow.lib._restore_array", "pyarrow.lib.chunked_array"
_ARROW_TYPE, _ARROW_BUFFER = "pyarrow.lib.type_for_alias", "pyarrow.lib.py_buffer"
_OFFSETS: dict[str, np.dtype] = {"string": np.dtype("<i4"), "large_string": np.dtype("<i8")}
_SLICE = {"builtins.slice", "__builtin__.slice"}
PANDAS_GLOBALS = {
    *(_MANAGER, _NEW_BLOCK, _UNPICKLE_BLOCK, _ARROW, _CHUNKED, _ARROW_TYPE, _ARROW_BUFFER),
    *_FRAME | _NEW_INDEX | _RANGE | _STRINGS | _ARROW_STRINGS | _SLICE | arrays.BYTE_ARRAY,
    *("pandas.Index", "pandas.Int64Index", "pandas.core.indexes.base.Index"),
    *(f"pandas.core.indexes.numeric.{kind}Index" for kind in ("Int64", "UInt64", "Float64")),
    *arrays.MISSING | {"pandas.StringDtype", "pandas.core.arrays.string_.StringDtype"},
}


def is_new_block_partial(node: Node) -> bool:
    """Whether a call of ``functools.partial`` is the one that pandas 1.3 writes."""
    return node.callee == _PARTIAL and [arg.reference for arg in node.args] == [_NEW_BLOCK]


def frame(node: Node) -> dict[str, Column]:
    """The columns of a DataFrame by name, sorted by the row labels, which must be 0 .. N - 1.

    Returns:
        numbers as [N] arrays, strings of pandas' string types as :class:`Texts`, anything else as
        :class:`Cells`.
    """
    if node.callee not in _FRAME:
        raise node.error("a DataFrame")
    manager = _first(_state(node), "_mgr", "_data")
    if manager.callee != _MANAGER:
        raise node.error("a DataFrame with a block manager")
    axes, blocks = _axes_and_blocks(manager)
    names, labels = map(_index, axes)
    if not isinstance(names, list) or isinstance(labels, list):
        raise node.error("columns with names and rows with numbers")
    order = np.argsort(labels, kind="stable")
    if (labels[order] != np.arange(len(labels))).any():
        raise PickleError(
            f"{node.tree.name}: expected a DataFrame with the row labels 0 .. {len(labels) - 1}, "
            f"found {labels[:4].tolist()} ..."
        )
    in_order = (order[1:] > order[:-1]).all()
    columns: dict[str, Column] = {}
    for positions, values in blocks:
        for position, column in zip(positions, _columns_of(values, len(positions)), strict=True):
            if not 0 <= position < len(names) or len(column) != len(labels):
                raise values.error(f"a column of {len(labels)} rows among {len(names)}")
            columns[names[position]] = column if in_order else column.take(order)
    return {name: columns[name] for name in names if name in columns}


def _state(node: Node) -> Node:
    if node.state is None:
        raise node.error("an object with a state")
    return node.state


def _first(state: Node, *names: str) -> Node:
    """The attribute of a state under the first of its names that is there."""
    attributes = state.by_name()
    return next(attributes[name] for name in names if name in attributes)


def _axes_and_blocks(manager: Node) -> tuple[list[Node], list[tuple[list[int], Node]]]:
    """The axes (names, row labels), and of each block its positions and its values."""
    if (
        manager.state is not None
    ):  # up to pandas 1.2; (axes, values, items, {"0.14.1": the same, better})
        record = list(manager.state.values())[-1].by_name()["0.14.1"].by_name()
        old = [block.by_name() for block in record["blocks"].values()]
        pairs = [(_positions(block["mgr_locs"]), block["values"]) for block in old]
        return list(record["axes"].values()), pairs
    blocks, axes = manager.args[:2]
    pairs = []
    for block in blocks.values():
        partial = block.kind == "call" and is_new_block_partial(block.called)
        if block.callee != _UNPICKLE_BLOCK and not partial:
            raise block.error("a block of a DataFrame")
        pairs.append((_positions(block.args[1]), block.args[0]))
    return list(axes.values()), pairs


def _positions(node: Node) -> list[int]:
    """Of a block's columns: a slice or an array."""
    if node.callee in _SLICE:
        low, high, step = (part.integer(0, 2**16) for part in node.args)
        positions = range(low, high, max(step, 1))
        node.tree.take(8 * len(positions))
        return list(positions)
    return _integers(node).tolist()


def _integers(node: Node) -> np.ndarray:
    found = arrays.array(node)
    if found.ndim != 1 or found.dtype.kind not in "iu":
        raise node.error("an array of integers")
    return found.astype(np.int64)


def _index(node: Node) -> list[str] | np.ndarray:
    """An index: names, or [N] integers."""
    if node.callee not in _NEW_INDEX:
        raise node.error("an index of a DataFrame")
    kind, record = node.args[0].name, node.args[1].by_name()
    if kind in _RANGE:
        bounds = (record[key] for key in ("start", "stop", "step"))
        start, stop, step = (bound.integer(-(2**40), 2**40) for bound in bounds)
        if step == 0 or abs(stop - start) > len(node.tree.data):
            raise node.error("an index that the file has rows for")
        node.tree.take(8 * abs(stop - start))
        return np.arange(start, stop, step)
    data = record["data"]
    if arrays.is_array(data) and not arrays.holds_objects(data):
        return _integers(data)
    column = next(iter(_columns_of(data, 1)))
    if isinstance(column, Cells):
        if len(column) and column.node(0).kind == "int":
            return column.numbers().astype(np.int64)
        column = column.texts()
    if not isinstance(column, Texts):
        raise data.error("names of columns")
    return column.tolist()


def _columns_of(values: Node, count: int) -> Iterator[Column]:
    """The columns of a block."""
    if values.callee in _STRINGS:
        state = _state(values)
        parts = state.by_name().values() if state.kind == "dict" else state.values()
        yield cells(next(part for part in parts if arrays.is_array(part))).texts()
    elif values.callee in _ARROW_STRINGS:
        yield _arrow_strings(values)
    elif arrays.holds_objects(values):
        shape, flat = arrays.shape(values), cells(values)
        rows = len(flat) // max(count, 1)
        if shape not in ((count, rows), (rows,)):
            raise values.error(f"a block of {count} columns")
        for k in range(count):
            yield flat.take(slice(k * rows, (k + 1) * rows))
    else:
        block = np.atleast_2d(arrays.array(values))
        if block.ndim != 2 or len(block) != count or block.dtype.kind not in "biuf":
            raise values.error(f"a block of {count} columns of numbers")
        yield from block


def _arrow_strings(node: Node) -> Texts:
    """pandas' strings in Arrow's layout: validity bits, offsets, bytes."""
    data = _first(_state(node), "_pa_array", "_data")
    lengths, values = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.uint8)]
    for chunk in data.args[0].values() if data.callee == _CHUNKED else [data]:
        offsets, packed = _arrow_array(chunk)
        lengths.append(np.diff(offsets))
        values.append(packed[offsets[0] : offsets[-1]])
        node.tree.take(len(values[-1]) + 8 * len(offsets))
    return Texts(np.cumsum(np.concatenate(lengths), dtype=np.int64), np.concatenate(values))


def _arrow_array(node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and bytes of ``_restore_array((type, length, nulls, offset, buffers, ...))``."""
    if node.callee != _ARROW:
        raise node.error("an Arrow array")
    (parts,) = node.args
    kind, length, _, begin, buffers = parts.values(5)
    alias = kind.args[0].text if kind.callee == _ARROW_TYPE else ""
    if alias not in _OFFSETS or len(buffers) != 3:
        raise kind.error("an Arrow array of strings")
    _, offsets, values = (_arrow_buffer(buffer) for buffer in buffers.values())
    low = begin.integer(0, 2**40)
    high = low + length.integer(0, 2**40)
    aligned = offsets[: len(offsets) // 8 * 8].copy()
    bounds = aligned.view(_OFFSETS[alias])[low : high + 1].astype(np.int64)
    whole = len(bounds) == high - low + 1 and (bounds[1:] >= bounds[:-1]).all()
    if not whole or bounds[0] < 0 or bounds[-1] > len(values):
        raise node.error(f"offsets of {high - low} strings")
    return bounds, values


def _arrow_buffer(node: Node) -> np.ndarray:
    """``py_buffer(bytes)`` or ``py_buffer(bytearray(bytes))``."""
    if node.kind == "none":
        return np.empty(0, dtype=np.uint8)
    if node.callee != _ARROW_BUFFER:
        raise node.error("a buffer of Arrow")
    (data,) = node.args
    return arrays.bytes_of(data)
