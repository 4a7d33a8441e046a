"""The split of a described graph, as its store holds it."""

from __future__ import annotations

import numpy as np

from GPT_GNN.datasets.tables.description import SPLIT_COLUMN, Description
from GPT_GNN.datasets.tables.source import Table
from GPT_GNN.features.cells import CellError, names
from GPT_GNN.graph.split import SPLITS, ColumnSplit, RandomSplit, Split, TimeSplit

_NUMBERS = {name: i for i, name in enumerate(SPLITS)}
_NUMBERS |= {str(i): i for i in range(-1, len(SPLITS))}


def target_split(
    description: Description, table: Table, time: np.ndarray | None, first: int = 0
) -> tuple[Split, np.ndarray | None]:
    """Divide the nodes of the target type.

    A random split is drawn once and kept as a column: drawn again after nodes were appended, it
    would differ, and test nodes would train.

    Args:
        table: of the target type.
        time: [N] int32 of its nodes.
        first: number of nodes that the graph has already.

    Returns:
        The split; the column that it reads, [N] int8, or None for a split by time.
    """
    rule = description.split
    if rule.by == "time":
        assert time is not None  # checked by the description's reader
        return _time_split(description, time), None
    if rule.by == "random":
        # Appended nodes are another draw of the same shares.
        stream = description.target if not first else f"{description.target} from {first}"
        numbers = RandomSplit(rule.fractions, rule.seed).numbers(table.num_rows, stream)
        return ColumnSplit(SPLIT_COLUMN), numbers
    cells = table.cells(rule.column, description.nodes[description.target].missing)
    with table.named_errors(rule.column):
        found = names(cells)
        for row, name in enumerate(found):
            if name is not None and name not in _NUMBERS:
                raise CellError(row, f"expected one of {list(SPLITS)}, 0 .. 3 or -1, got {name!r}")
    numbers = np.array([_NUMBERS[name or "-1"] for name in found], dtype=np.int8)
    return ColumnSplit(SPLIT_COLUMN, rule.pretrain_on), numbers


def _time_split(description: Description, time: np.ndarray) -> TimeSplit:
    bounds, where = description.split.bounds, f"{description.name}, split"
    try:
        if not bounds:
            return TimeSplit.at_quantiles(time)
        bins = description.bins(description.nodes[description.target])
        values = [str(b) if bins.unit == "dates" else b for b in bounds]
        return TimeSplit(*bins.bounds(values).tolist())
    except CellError as error:
        raise ValueError(f"{where}.bounds[{error.row}]: {error.problem}") from error
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
