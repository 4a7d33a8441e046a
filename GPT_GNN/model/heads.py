"""What is put on top of the encoder: scorers, decoders, the classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

TEMPERATURE = 0.1  # of every cosine score, as published


class Matcher(nn.Module):
    """score(target, source) = cos(dropout(W target + b), source) / 0.1.

    Used to score links, to compare an embedding with a feature vector, and to rank candidates.

    Args:
        n_in: width of the target side.
        n_out: width of the source side.
        dropout: on W's output; the published 0.2.

    Source: equation 8 of the paper in the form of the published ``Matcher``. Literal version:
    ``tests/oracle/edge_scorer.py``.
    """

    def __init__(self, n_in: int, n_out: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.dropout = nn.Dropout(dropout)

    def project(self, target: Tensor) -> Tensor:
        """Unit vectors of the target side, divided by the temperature: [n, n_in] -> [n, n_out]."""
        return unit(self.dropout(self.linear(target))) / TEMPERATURE

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores of pairs: [n, n_in], [n, n_out] -> [n]."""
        return (self.project(target) * unit(source)).sum(-1)


def unit(x: Tensor) -> Tensor:
    """Rows scaled to length 1; a zero row stays zero, so that its cosine is 0."""
    return F.normalize(x, dim=-1, eps=1e-8)


def full_precision(h: Tensor) -> torch.autocast:
    """A block without mixed precision: scores that are divided by 0.1 need all their digits."""
    return torch.autocast(h.device.type, enabled=False)


class Classifier(nn.Module):
    """A linear layer and log-softmax over classes: [n, D] -> [n, C]."""

    def __init__(self, n_hid: int, num_classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_hid, num_classes)

    def forward(self, h: Tensor) -> Tensor:
        """Log-probabilities: [n, D] -> [n, C]."""
        return F.log_softmax(self.linear(h), dim=-1)


class TextDecoder(nn.Module):
    """Generates a node's text word by word from its embedding.

    word vectors (frozen) -> gelu(Linear([word, node embedding])) -> 2-layer LSTM -> dropout ->
    output layer tied to the word vectors, with a bias.

    Args:
        n_hid: D, width of the node embedding.
        word_vectors: [V, W]; kept as a buffer, neither trained nor decayed.
        dropout: before the output layer.

    Source: section 4.3 of the paper in the form of the published ``RNNModel``. Literal version:
    ``tests/oracle/text_decoder.py``.
    """

    word_vectors: Tensor

    def __init__(self, n_hid: int, word_vectors: Tensor, dropout: float = 0.2) -> None:
        super().__init__()
        n_words, width = word_vectors.shape
        self.register_buffer("word_vectors", word_vectors.clone())
        self.adapt = nn.Linear(n_hid + width, width)
        self.rnn = nn.LSTM(width, width, num_layers=2)
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(n_words))

    def hidden(self, tokens: Tensor, node: Tensor) -> Tensor:
        """States that predict the next word: tokens [L, B], node [B, D] -> [L, B, W]."""
        words = self.word_vectors[tokens]
        node = node.expand(len(tokens), -1, -1)
        return self.dropout(self.rnn(F.gelu(self.adapt(torch.cat([words, node], dim=-1))))[0])

    def forward(self, tokens: Tensor, node: Tensor) -> Tensor:
        """Logits of the next word: tokens [L, B], node [B, D] -> [L, B, V]."""
        return F.linear(self.hidden(tokens, node), self.word_vectors, self.bias)

    def loss(self, tokens: Tensor, targets: Tensor, mask: Tensor, node: Tensor) -> Tensor:
        """Mean cross-entropy over the positions where ``mask`` is true; all [L, B]."""
        hidden = self.hidden(tokens, node)[mask]
        train = torch.is_grad_enabled()
        return _TiedCrossEntropy.apply(hidden, self.word_vectors, self.bias, targets[mask], train)

    @torch.no_grad()
    def generate(self, node: Tensor, bos: int, eos: int, max_words: int = 20) -> list[list[int]]:
        """Most likely next word, again and again: [B, D] -> B lists of word ids, without eos."""
        tokens = torch.full((1, len(node)), bos, dtype=torch.long, device=node.device)
        for _ in range(max_words):
            following = self(tokens, node)[-1].argmax(-1)
            tokens = torch.cat([tokens, following[None]])
        rows = tokens[1:].T.tolist()
        return [row[: row.index(eos)] if eos in row else row for row in rows]


class _TiedCrossEntropy(torch.autograd.Function):
    """Cross-entropy of a large softmax in slices of rows.

    The [n, V] logits of a batch of titles would be its largest tensor by far; here a slice is
    scored, its gradient taken, and both are dropped.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, target: Tensor, train: bool
    ) -> Tensor:
        n = max(len(hidden), 1)
        rows = max(1, 2**22 // len(weight))  # 16 MB of float32 logits per slice
        # Float32: divided by n, the gradient of a half would be below its smallest numbers.
        grad_hidden = torch.empty_like(hidden, dtype=bias.dtype)
        grad_bias = torch.zeros_like(bias)
        loss = bias.new_zeros(())
        for a in range(0, len(hidden), rows):
            logits = torch.addmm(bias, hidden[a : a + rows], weight.T).to(bias.dtype)
            index = target[a : a + rows, None]
            log_total = logits.logsumexp(1, keepdim=True)
            loss += (log_total - logits.gather(1, index)).sum() / n
            if not train:
                continue
            grad = logits.sub_(log_total).exp_()
            grad.scatter_add_(1, index, grad.new_full(index.shape, -1.0))
            with full_precision(grad):
                grad_hidden[a : a + rows] = grad @ weight / n
            grad_bias += grad.sum(0) / n
        ctx.save_for_backward(grad_hidden, grad_bias)
        ctx.dtype = hidden.dtype
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, None, None]:
        (grad,) = grads
        grad_hidden, grad_bias = ctx.saved_tensors
        return (grad * grad_hidden).to(ctx.dtype), None, grad * grad_bias, None, None
