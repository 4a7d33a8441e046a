"""Figures of runs, as PNG files: the same numbers give the same bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from GPT_GNN.system.files import atomic_file

Curve = Sequence[tuple[float, float]]  # (x, value)
_COLUMNS = 4  # panels side by side
_TITLE = 42  # characters in a line of a panel's title
# Figures lie in repositories: few pixels and colours make the files a third as large.
_PIXELS, _COLOURS = 1300, 64


def plot_curves(
    path: Path,
    panels: Mapping[str, Mapping[str, Sequence[Curve]]],
    xlabel: str = "step",
    dpi: int = 130,
) -> None:
    """Draw one panel per title with one line per label.

    Args:
        path: a PNG file.
        panels: title -> label -> curves of that label's runs, all with the same x.
    """
    with _figure(path, panels, dpi) as axes:
        for axis, lines in zip(axes, panels.values(), strict=True):
            for label, curves in lines.items():
                runs = zip(*curves, strict=True)
                _line(axis, label, {at[0][0]: [value for _, value in at] for at in runs})
            axis.set_xlabel(xlabel)
            if len(lines) > 1:
                axis.legend(fontsize="small")


def plot_fractions(
    path: Path, panels: Mapping[str, Mapping[str, Mapping[float, Sequence[float]]]]
) -> None:
    """Draw one panel per title with a line per label over shares of the labels.

    Args:
        path: a PNG file.
        panels: title -> label -> share in (0, 1] -> values of its runs, at least one.
    """
    with _figure(path, panels, dpi=100) as axes:
        for axis, lines in zip(axes, panels.values(), strict=True):
            shares = sorted({100 * share for line in lines.values() for share in line})
            for label, line in lines.items():
                _line(axis, label, {100 * x: line[x] for x in sorted(line)}, marker="o")
            axis.set_xscale("log")
            axis.set_xticks(shares, [f"{share:.0f}" for share in shares])
            axis.minorticks_off()
            axis.set_xlabel("% of the labels")
            axis.legend(fontsize="small")


def plot_bars(
    path: Path, panels: Mapping[str, Mapping[str, Sequence[float]]], baseline: str
) -> None:
    """Draw one panel per title with a bar per label: the mean over runs and one std.

    Args:
        path: a PNG file.
        panels: title -> label -> values of that label's runs, at least one.
        baseline: the label that becomes a horizontal line, where it is there.
    """
    with _figure(path, panels, dpi=100) as axes:
        for axis, values in zip(axes, panels.values(), strict=True):
            bars = {label: runs for label, runs in values.items() if label != baseline}
            mean = np.array([np.mean(runs) for runs in bars.values()])
            std = np.array([_std(runs) for runs in bars.values()])
            axis.bar(range(len(bars)), mean, yerr=std, capsize=3, color="tab:blue", alpha=0.8)
            axis.set_xticks(range(len(bars)), list(bars), rotation=30, ha="right", fontsize="small")
            ends = [*(mean - std), *(mean + std)]
            if baseline in values:
                level = float(np.mean(values[baseline]))
                axis.axhline(level, color="black", linestyle="--", label=baseline)
                axis.legend(fontsize="small", loc="upper right")
                ends.append(level)
            # Differences are small: the axis shows them, and not the way from 0. The legend has
            # room above the bars.
            margin = 0.15 * (max(ends) - min(ends)) or 0.01
            axis.set_ylim(min(ends) - margin, max(ends) + 2 * margin)


@contextmanager
def _figure(path: Path, titles: Mapping[str, Any], dpi: int) -> Iterator[list[Any]]:
    """Axes with these titles, written to the file when the block is left."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from PIL import Image  # comes with matplotlib

    columns = min(len(titles), _COLUMNS)
    rows = -(-len(titles) // _COLUMNS)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.6 * columns, 3.4 * rows), squeeze=False, layout="constrained"
    )
    used, unused = axes.ravel()[: len(titles)], axes.ravel()[len(titles) :]
    for axis, title in zip(used, titles, strict=True):
        axis.set_title(textwrap.fill(title, _TITLE))
        axis.grid(alpha=0.3)
    for axis in unused:
        axis.set_visible(False)
    try:
        yield list(used)
        figure.set_dpi(min(dpi, _PIXELS / (4.6 * columns)))
        canvas: Any = figure.canvas  # Agg's
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        with atomic_file(path) as temporary:
            image.quantize(_COLOURS).save(temporary, format="png", optimize=True)
    finally:
        plt.close(figure)


def _std(runs: Any) -> float:
    """The sample standard deviation, which the tables print; 0 for one run."""
    return float(np.std(runs, ddof=1)) if len(runs) > 1 else 0.0


def _line(axis: Any, label: str, runs: Mapping[float, Sequence[float]], **style: Any) -> None:
    """The mean over runs at each x, and a band of one std."""
    x = list(runs)
    mean, std = (np.array([f(runs[at]) for at in x]) for f in (np.mean, _std))
    (line,) = axis.plot(x, mean, label=label, **style)
    axis.fill_between(x, mean - std, mean + std, alpha=0.2, color=line.get_color())
