"""The temporal encoding: its table against the formula, written out."""

from __future__ import annotations

import math

import pytest
import torch

from GPT_GNN.conv.time_encoding import RelativeTimeEncoding
from tests.oracle.hgt import sinusoid


@pytest.mark.parametrize("n_hid", [1, 4, 10, 64])
def test_the_table_is_the_sinusoid(n_hid):
    """sin and cos in turn of position * 10000^(-k / D), each divided by sqrt(D); not trained."""
    table = RelativeTimeEncoding(n_hid).table
    torch.testing.assert_close(table.data, sinusoid(n_hid), rtol=0, atol=1e-6)
    assert not table.requires_grad and RelativeTimeEncoding(n_hid, True).table.requires_grad


def test_some_entries_by_hand():
    """Of width 4 the frequencies are 1, 1/10, 1/100 and 1/1000, halved by sqrt(4)."""
    table = RelativeTimeEncoding(4).table
    assert table.shape == (240, 8)
    assert table[0].tolist() == [0, 0.5] * 4
    for position in (1, 120, 239):
        want = []
        for frequency in (1, 0.1, 0.01, 0.001):
            want += [math.sin(position * frequency) / 2, math.cos(position * frequency) / 2]
        assert table[position].tolist() == pytest.approx(want, abs=1e-6)
