"""The report reads records and knows nothing of running jobs."""

from __future__ import annotations

import subprocess
import sys

RUNNING = ("GPT_GNN.study.grid", "GPT_GNN.study.flags", "GPT_GNN.system.children")


def test_a_report_is_written_without_what_runs_jobs():
    code = "import sys, GPT_GNN.report.report; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "GPT_GNN.study.job" in loaded and not set(RUNNING) & set(loaded)
