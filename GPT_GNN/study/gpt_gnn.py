"""GPT-GNN and its variants as methods of a study."""

from __future__ import annotations

from collections.abc import Mapping

from GPT_GNN.study.study import Method

FAMILY = "gpt_gnn"  # of the flags that a preset has for generation


def one_pass(flags: str = "") -> Method:
    """GPT-GNN or a variant, which generates attributes and links in one pass."""
    return Method(flags, FAMILY)


def two_pass(flags: str = "", cost: float = 1.8) -> Method:
    """GPT-GNN or a variant that generates attributes in a second pass.

    In one pass they come back over two hops to what generates them (docs/ORIGINAL.md).
    """
    return Method(f"--two_pass {flags}".rstrip(), FAMILY, cost=cost)


def under_each(changes: Mapping[str, str]) -> dict[str, Method]:
    """No pre-training and GPT-GNN under each change (name -> flags) of fine-tuning, compared."""
    fresh = {f"no pre-train, {what}": Method(finetune=flags) for what, flags in changes.items()}
    pretrained = {
        f"GPT-GNN, {what}": Method(like="GPT-GNN", finetune=flags, against=f"no pre-train, {what}")
        for what, flags in changes.items()
    }
    return fresh | pretrained
