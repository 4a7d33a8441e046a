"""Count the batches in which each relation has an edge loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_NAMED = 10  # relations that a warning names


class LossCounts(nn.Module):
    """In how many training batches each relation had a loss; part of the state of a run.

    Args:
        names: of the R relations.
    """

    batches: Tensor
    with_any: Tensor
    with_each: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))
        self.register_buffer("with_any", torch.zeros((), dtype=torch.long))
        self.register_buffer("with_each", torch.zeros(len(names), dtype=torch.long))

    @torch.no_grad()
    def count(self, relations: list[int]) -> None:
        """Add a batch in which these relations had a loss, each by its position."""
        self.batches += 1
        self.with_any += bool(relations)
        self.with_each[relations] += 1

    def record(self) -> dict[str, Any]:
        """The number of batches and the shares without a loss: of any, and of each relation."""
        batches = int(self.batches)
        shares = [1 - with_it / max(batches, 1) for with_it in self.with_each.tolist()]
        return {
            "batches": batches,
            "without_edge_loss": 1 - int(self.with_any) / max(batches, 1),
            "relations_without": dict(zip(self.names, shares, strict=True)),
        }

    def warning(self) -> str:
        """Batches without any loss, and relations that never had one; empty for neither."""
        batches, without = int(self.batches), int(self.batches - self.with_any)
        pairs = zip(self.names, self.with_each.tolist(), strict=True)
        never = [name for name, with_it in pairs if not with_it]
        parts = []
        if without:
            parts.append(
                f"{without} of {batches} batches had no edge loss ({without / batches:.0%})"
            )
        if never and batches:
            more = f" and {len(never) - _NAMED} more" if len(never) > _NAMED else ""
            parts.append(
                f"{len(never)} of {len(self.names)} relations had an edge loss in none: "
                f"{', '.join(never[:_NAMED])}{more}"
            )
        return "; ".join(parts)
