"""Kept machine code is used again while its sources are the same, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KERNEL = """
from pathlib import Path

from constants import NUMBER
from GPT_GNN.system.compiler import kernel_of


@kernel_of([Path(__file__).with_name("constants.py")])
def number():
    return NUMBER


print(number(), sum(number.stats.cache_hits.values()))
"""


def test_a_constant_of_another_file(tmp_path):
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"}
    (tmp_path / "kernel.py").write_text(KERNEL)
    printed = []
    for number in (1, 1, 2):
        (tmp_path / "constants.py").write_text(f"NUMBER = {number}\n# {number * 'x'}\n")
        command = [sys.executable, "-B", "kernel.py"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
        printed.append(done.stdout.split())
    assert printed == [["1", "0"], ["1", "1"], ["2", "0"]]
