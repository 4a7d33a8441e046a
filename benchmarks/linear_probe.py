"""A linear classifier on frozen embeddings, chosen by validation accuracy."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

EPOCHS, RATE, DECAY = 300, 0.01, 1e-4  # GraphMAE's for Cora


def linear_probe(
    h: np.ndarray, y: np.ndarray, splits: dict[str, np.ndarray], seed: int
) -> dict[str, float]:
    """Accuracies of the epoch that is best in validation, the first of several.

    Args:
        h: [N, D] float32.
        y: [N] int64 in [0, C).
        splits: ids of ``train``, ``valid`` and ``test``.
        seed: of the classifier's initialisation.

    Returns:
        ``valid`` and ``test`` accuracy.

    Source: the evaluation of GraphMAE's code: full-batch Adam, 300 epochs, the same for all data
        sets here.
    """
    x, classes = torch.from_numpy(h), torch.from_numpy(y)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        head = nn.Linear(x.shape[1], int(y.max()) + 1)
    optimiser = torch.optim.Adam(head.parameters(), lr=RATE, weight_decay=DECAY)
    best = {"valid": -1.0, "test": 0.0}
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        F.cross_entropy(head(x[splits["train"]]), classes[splits["train"]]).backward()
        optimiser.step()
        with torch.no_grad():
            right = (head(x).argmax(1) == classes).double().numpy()
        valid = float(right[splits["valid"]].mean())
        if valid > best["valid"]:
            best = {"valid": valid, "test": float(right[splits["test"]].mean())}
    return best
