"""Figures of runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from GPT_GNN.files import atomic_file

Curve = Sequence[tuple[int, float]]  # (step, value)


def plot_curves(path: Path, panels: Mapping[str, Mapping[str, Sequence[Curve]]]) -> None:
    """Draw one panel per title with one line per label: the mean over runs, a band of one std.

    Args:
        path: a PNG file.
        panels: title -> label -> curves of that label's runs (all with the same steps).
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 3.4), squeeze=False, layout="constrained"
    )
    for axis, (title, lines) in zip(axes[0], panels.items(), strict=True):
        for label, curves in lines.items():
            steps = np.array([step for step, _ in curves[0]])
            values = np.array([[value for _, value in curve] for curve in curves])
            mean, std = values.mean(0), values.std(0)
            (line,) = axis.plot(steps, mean, label=label)
            axis.fill_between(steps, mean - std, mean + std, alpha=0.2, color=line.get_color())
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        if len(lines) > 1:
            axis.legend()
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130)
    plt.close(figure)
