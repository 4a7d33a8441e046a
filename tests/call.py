"""Run a command of the package in the tests' own process."""

from __future__ import annotations

import sys
from unittest import mock

from GPT_GNN.__main__ import main


def call(name: str, *words: object) -> int:
    """Run ``python -m GPT_GNN NAME WORDS``; the exit status. Raises SystemExit at bad flags."""
    with mock.patch.object(sys, "argv", ["GPT_GNN", *name.split(), *map(str, words)]):
        return main()
