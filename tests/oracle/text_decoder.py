"""The LSTM title decoder and its loss, one title and one word at a time.

Parameter names are the published ones; ``encoder.weight`` and ``decoder.weight`` are one tensor, of
word vectors. Legend: V words, W width of a word vector, D width of a node embedding, L words of a
title, B titles.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LiteralTextDecoder(nn.Module):
    """gelu(Linear([word, node])) -> two LSTM layers -> dropout -> tied output layer with bias."""

    def __init__(self, n_hid: int, word_vectors: Tensor, dropout: float = 0.2) -> None:
        super().__init__()
        n_words, width = word_vectors.shape
        self.drop = nn.Dropout(dropout)
        self.rnn = nn.LSTM(width, width, 2)  # holds the parameters; `_cell` computes
        self.encoder = nn.Embedding(n_words, width)
        self.decoder = nn.Linear(width, n_words)
        self.adp = nn.Linear(n_hid + width, width)
        self.encoder.weight.data = word_vectors.clone()
        self.decoder.weight = self.encoder.weight
        self.encoder.weight.requires_grad_(False)

    def forward(self, tokens: Tensor, node: Tensor) -> Tensor:
        """Logits of the next word after each word of one title: [L], [D] -> [L, V]."""
        width = self.rnn.hidden_size
        states = [(node.new_zeros(width), node.new_zeros(width)) for _ in range(2)]
        logits = []
        for token in tokens:
            x = F.gelu(self.adp(torch.cat([self.encoder.weight[token], node])))
            for layer in range(2):
                states[layer] = self._cell(layer, x, *states[layer])
                x = states[layer][0]
            logits.append(self.decoder(self.drop(x)))
        return torch.stack(logits)

    def _cell(self, layer: int, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """One step of one LSTM layer: output and memory, [W] each."""
        weight_x, weight_h, bias_x, bias_h = (
            getattr(self.rnn, f"{name}_l{layer}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        gates = weight_x @ x + bias_x + weight_h @ h + bias_h
        enter, forget, new, leave = gates.chunk(4)
        c = torch.sigmoid(forget) * c + torch.sigmoid(enter) * torch.tanh(new)
        return torch.sigmoid(leave) * torch.tanh(c), c

    def batch(self, tokens: Tensor, nodes: Tensor) -> Tensor:
        """Logits of a padded batch: tokens [L, B], nodes [B, D] -> [L, B, V]."""
        return torch.stack([self(tokens[:, b], nodes[b]) for b in range(len(nodes))], dim=1)

    def loss(self, tokens: Tensor, targets: Tensor, mask: Tensor, nodes: Tensor) -> Tensor:
        """Mean of -log p(target) over the entries where ``mask`` is true; all [L, B]."""
        log_p = torch.log_softmax(self.batch(tokens, nodes), dim=-1)
        terms = [
            -log_p[step, b, targets[step, b]]
            for step in range(tokens.shape[0])
            for b in range(tokens.shape[1])
            if mask[step, b]
        ]
        return torch.stack(terms).mean()

    def title_loss(
        self, titles: Sequence[Sequence[int]], nodes: Tensor, bos: int, eos: int
    ) -> Tensor:
        """The same from titles of any length, unpadded: ``bos title`` predicts ``title eos``."""
        terms = []
        for title, node in zip(titles, nodes, strict=True):
            log_p = torch.log_softmax(self(torch.tensor([bos, *title]), node), dim=-1)
            terms += [-log_p[step, word] for step, word in enumerate([*title, eos])]
        return torch.stack(terms).mean()
