"""Figures are PNG files, small, and the same for the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.report.plots import plot_bars, plot_curves, plot_fractions
from GPT_GNN.report.text import mean_std

METHODS = ("no pre-train", "GAE", "GraphSAGE", "GPT-GNN (attr)", "w/o adaptive queue", "GPT-GNN")


def curves(path, rng):
    runs = [[(step, rng.random()) for step in range(250, 1251, 250)] for _ in range(3)]
    plot_curves(path, {method: {"loss": runs} for method in METHODS}, dpi=60)


def fractions(path, rng):
    lines = {m: {f: rng.random(3).tolist() for f in (1.0, 0.1, 0.2)} for m in METHODS[:2]}
    lines["GAE"][0.2] = lines["GAE"][0.2][:1]  # its other seeds are not finished
    del lines["GAE"][1.0]
    plot_fractions(path, {task: lines for task in ("PF", "PF, all fields hidden", "PV")})


def bars(path, rng):
    values = {method: rng.random(3).tolist() for method in METHODS}
    panels = {f"setting {number}: test NDCG": values for number in range(10)}
    plot_bars(path, panels | {"PV": {"GAE": [0.5]}, "AD": {"GAE": [0.5, 0.5]}}, METHODS[0])


def drawn(monkeypatch):
    """The figures that are closed from now on."""
    from matplotlib import pyplot as plt

    figures = []
    monkeypatch.setattr(plt, "close", figures.append)
    return figures


def test_bands_and_bars_are_the_deviations_of_the_tables(tmp_path, monkeypatch):
    runs = [0.1, 0.2, 0.6]
    std = float(mean_std(runs).split()[-1])
    figures = drawn(monkeypatch)
    plot_bars(tmp_path / "a.png", {"PF": {"GAE": runs}}, "none")
    plot_fractions(tmp_path / "b.png", {"PF": {"GAE": {0.1: runs, 1.0: runs[:1]}}})
    plot_curves(tmp_path / "c.png", {"PF": {"GAE": [[(1, x), (2, 0.5)] for x in runs]}})
    bars, fractions, curves = (figure.axes[0].collections[0] for figure in figures)
    (low, high), band = bars.get_segments()[0][:, 1], fractions.get_paths()[0].vertices[:, 1]
    assert high - low == pytest.approx(2 * std, abs=1e-3)
    assert np.ptp(band) == pytest.approx(2 * std, abs=1e-3)
    assert np.ptp(curves.get_paths()[0].vertices[:, 1]) == pytest.approx(2 * std, abs=1e-3)


@pytest.mark.parametrize("panels", [2, 4])
def test_titles_stay_within_the_figure_and_off_each_other(tmp_path, monkeypatch, panels):
    figures = drawn(monkeypatch)
    title = "time+field: PV, fields and citations hidden: test NDCG"
    values = {f"{title} {i}": {"none": [0.1], "GAE": [0.2]} for i in range(panels)}
    plot_bars(tmp_path / "a.png", values, "none")
    (figure,) = figures
    boxes = [axis.title.get_window_extent() for axis in figure.axes]
    assert boxes[0].x0 >= 0 and boxes[-1].x1 <= figure.bbox.x1
    assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


@pytest.mark.parametrize("draw", [curves, fractions, bars])
def test_deterministic_and_small(tmp_path, draw):
    paths = [tmp_path / "a.png", tmp_path / "folder" / "b.png"]
    for path in paths:
        draw(path, np.random.default_rng(0))
    first, second = (path.read_bytes() for path in paths)
    assert first == second and first.startswith(b"\x89PNG")
    assert len(first) < 80_000
