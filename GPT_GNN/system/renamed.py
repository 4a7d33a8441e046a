"""Names of older versions that answer until version 1.0."""

from __future__ import annotations

import runpy
import sys
import warnings


def run_renamed(old: str, command: str) -> None:
    """Print the new name of a command, then run it with the flags that were given.

    Args:
        old: the module that ``python -m`` was given.
        command: the command of ``python -m GPT_GNN``.
    """
    note = _new_name(f"python -m {old}", f"python -m GPT_GNN {command}")
    print(f"note: {note}", file=sys.stderr)
    sys.argv[1:1] = command.split()
    runpy.run_module("GPT_GNN", run_name="__main__", alter_sys=True)


def warn_renamed(old: str, new: str) -> None:
    """Warn the caller's caller that what it imports has another name now."""
    warnings.warn(_new_name(old, new), FutureWarning, stacklevel=3)


def _new_name(old: str, new: str) -> str:
    return f"{old} is now {new}; the old name goes away in version 1.0"
