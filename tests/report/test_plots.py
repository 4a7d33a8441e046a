"""Figures are PNG files, small, and the same for the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from GPT_GNN.report.plots import plot_bars, plot_curves, plot_fractions

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


@pytest.mark.parametrize("draw", [curves, fractions, bars])
def test_deterministic_and_small(tmp_path, draw):
    paths = [tmp_path / "a.png", tmp_path / "folder" / "b.png"]
    for path in paths:
        draw(path, np.random.default_rng(0))
    first, second = (path.read_bytes() for path in paths)
    assert first == second and first.startswith(b"\x89PNG")
    assert len(first) < 80_000
