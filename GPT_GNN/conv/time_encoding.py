"""Relative temporal encoding: what a time difference adds to a source's representation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from GPT_GNN.batch.batch import TIME_SPAN
from GPT_GNN.conv.dropout import Dropout


class RelativeTimeEncoding(nn.Module):
    """RTE(dt) = Linear(dropout(table[dt])), for dt in years clipped to [-120, 119].

    Args:
        train_table: whether the sinusoid table is trained.
        dropout: on the table's entries, drawn once per batch for every time difference.

    Source: HGT (Hu et al., WWW 2020), section 3.3.
    Differs: the published table has a precedence slip that leaves one of its frequencies alive;
    ours are 10000^(-k / n_hid). A table found in a checkpoint is used as found. The published code
    draws dropout per edge, which forbids a table; ours draws it per time difference.
    """

    def __init__(self, n_hid: int, train_table: bool = False, dropout: float = 0.2) -> None:
        super().__init__()
        position = torch.arange(TIME_SPAN, dtype=torch.float64)[:, None]
        frequency = 10000.0 ** (-torch.arange(n_hid, dtype=torch.float64) / n_hid)
        table = torch.empty(TIME_SPAN, 2 * n_hid, dtype=torch.float64)
        table[:, 0::2] = torch.sin(position * frequency) / math.sqrt(n_hid)
        table[:, 1::2] = torch.cos(position * frequency) / math.sqrt(n_hid)
        self.table = nn.Parameter(table.float(), requires_grad=train_table)
        self.linear = nn.Linear(2 * n_hid, n_hid)
        self.dropout = Dropout(dropout)

    def forward(self, time_index: Tensor) -> Tensor:
        """Encodings of some time differences: [U] table rows -> [U, D]."""
        return self.linear(self.dropout(self.table[time_index]))
