"""Numbers as the tables and figures print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

MISSING = "-"
_NAMES = {"ndcg": "NDCG", "mrr": "MRR", "micro_f1": "micro-F1", "macro_f1": "macro-F1"}


def metric_name(metric: str) -> str:
    """A metric's name in titles."""
    return _NAMES.get(metric, metric)


def percent(fraction: float) -> str:
    """A share in whole per cent."""
    return f"{100 * fraction:.0f} %"


def mean_std(values: Sequence[float], digits: int = 3) -> str:
    """``mean ± std`` over seeds (sample standard deviation), or the value alone for one seed."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def over_seeds(values: Sequence[float]) -> str:
    """``mean ± std (number of seeds)``, or ``-`` where there is none."""
    return f"{mean_std(values)} ({len(values)})" if values else MISSING


def markdown_table(header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    """A Markdown table with aligned columns; the first column holds the rows' names."""
    lines = [list(header), *([name, *cells] for name, cells in rows.items())]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |"
        for line in lines
    ]
    text.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(text)
