"""What a layer does not have: asking for it is an error, not a flag without effect."""

from __future__ import annotations


def refuse_options(conv_name: str, use_norm: bool, train_time_table: bool) -> None:
    """Refuse the settings that only HGT has.

    Raises:
        ValueError: a LayerNorm or a trained table of times is asked of a layer that has none.
    """
    if use_norm:
        raise ValueError(
            f"conv_name {conv_name!r} has no LayerNorm: expected prev_norm and last_norm to be off"
        )
    if train_time_table:
        raise ValueError(
            f"conv_name {conv_name!r} has no temporal encoding: expected train_time_table to be off"
        )
