"""score = cos(W target + b, source) / 0.1, with W taken once a pair; published parameter names."""

from __future__ import annotations

from torch import Tensor, nn

TEMPERATURE = 0.1
EPSILON = 1e-8  # the length that a shorter vector is taken to have


class LiteralMatcher(nn.Module):
    """Scores links (both sides embeddings) and attributes (target embedding, source features)."""

    def __init__(self, n_in: int, n_out: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in, n_out)
        self.drop = nn.Dropout(dropout)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        """Scores of pairs: [..., n_in], [..., n_out] -> [...]."""
        projected = self.drop(self.linear(target))
        lengths = projected.norm(dim=-1).clamp(min=EPSILON) * source.norm(dim=-1).clamp(min=EPSILON)
        return (projected * source).sum(-1) / lengths / TEMPERATURE

    def attribute_loss(self, h: Tensor, attributes: Tensor) -> Tensor:
        """Minus the mean score of embeddings [n, n_in] with their own features [n, n_out]."""
        return -self(h, attributes).mean()
