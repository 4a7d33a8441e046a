"""Graph stores from tables and a description of them."""

from typing import Any

from GPT_GNN.system.renamed import warn_renamed


def __getattr__(name: str) -> Any:
    """``build_from_tables``, which older versions had here. Imported only when it is asked for."""
    if name != "build_from_tables":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from GPT_GNN.datasets.tables.build import build_from_tables

    warn_renamed(f"{__name__}.{name}", f"{__name__}.build.{name}")
    return build_from_tables
